//! Simple questions about the tables.

use std::cmp::Ordering;

use holdfast_model::Score;
use holdfast_model::status::OperationRecord;

use super::failcount::Count;
use super::{Facts, Flags, NodeIx, OpRef, RscIx};

/// Natural order of node names: letter case is not significant, runs of digits count as numbers, and of equal numbers
/// the one with fewer digits comes first.
pub fn compare_names(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (run_a, run_b) = (digits(a), digits(b));
        let order = if run_a > 0 && run_b > 0 {
            let number = |run: &[u8]| run.iter().position(|&digit| digit != b'0').unwrap_or(run.len());
            let (value_a, value_b) = (&a[number(&a[..run_a])..run_a], &b[number(&b[..run_b])..run_b]);
            let order = value_a
                .len()
                .cmp(&value_b.len())
                .then_with(|| value_a.cmp(value_b))
                .then_with(|| run_a.cmp(&run_b));
            (a, b) = (&a[run_a..], &b[run_b..]);
            order
        } else {
            match (a.split_first(), b.split_first()) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => return Ordering::Less,
                (Some(_), None) => return Ordering::Greater,
                (Some((first_a, rest_a)), Some((first_b, rest_b))) => {
                    (a, b) = (rest_a, rest_b);
                    first_a.to_ascii_lowercase().cmp(&first_b.to_ascii_lowercase())
                }
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

impl Facts<'_> {
    /// The node called `name` (letter case is not significant).
    pub fn find_node(&self, name: &str) -> Option<NodeIx> {
        self.node_named(name)
    }

    /// A history entry.
    pub fn operation(&self, at: OpRef) -> Option<&OperationRecord> {
        let node = self.cib.status.nodes.get(at.node_state as usize)?;
        node.resources.get(at.resource as usize)?.operations.get(at.op as usize)
    }

    /// The outermost resource around `rsc`; a bundle counts only with `include_bundle`.
    pub fn top_resource(&self, rsc: RscIx, include_bundle: bool) -> RscIx {
        let mut top = rsc;
        while let Some(parent) = self.rscs[top].parent {
            if !include_bundle && self.rscs[parent].is_bundle() {
                break;
            }
            top = parent;
        }
        top
    }

    /// Whether `rsc` is a connection to a remote or guest node.
    pub fn is_connection(&self, rsc: RscIx) -> bool {
        self.rscs[rsc].is(Flags::REMOTE_CONNECTION)
    }

    /// A score as written, with the health words as the health options define them.
    pub fn parse_score(&self, text: &str) -> Option<Score> {
        Score::parse_with_health(text, self.options.health_scores)
    }

    /// An attribute of `node` for `rsc`, taken from the node's host if the resource keeps its attributes there.
    pub fn located_attribute(&self, rsc: RscIx, node: NodeIx, name: &str) -> Option<&str> {
        let it = &self.nodes[node];
        let on_host = it.is_guest()
            && self.rscs[rsc]
                .meta("container-attribute-target")
                .is_some_and(|target| target.eq_ignore_ascii_case("host"));
        let node = match on_host {
            false => node,
            true => {
                let launcher = self.rscs[it.connection?].launcher?;
                *self.rscs[launcher].running_on.first()?
            }
        };
        self.nodes[node].attributes.get(name).map(String::as_str)
    }

    /// The node that counts as where `rsc` is now, and the number of nodes where it is: the source of a migration in
    /// progress, else the first node for which `happy` holds (online and clean), else the first.
    pub fn active_node_among(&self, rsc: RscIx, happy: impl Fn(NodeIx) -> bool) -> (Option<NodeIx>, usize) {
        let it = &self.rscs[rsc];
        if let Some(bundle) = it.bundle_data() {
            let mut active = bundle
                .replicas
                .iter()
                .map(|replica| replica.container)
                .filter(|&container| !self.rscs[container].running_on.is_empty());
            return match (active.next(), active.next()) {
                (None, _) => (None, 0),
                (Some(only), None) => self.active_node_among(only, happy),
                (Some(first), Some(second)) => {
                    let mut nodes: Vec<NodeIx> = Vec::new();
                    for container in [first, second].into_iter().chain(active) {
                        for &node in &self.rscs[container].running_on {
                            if !nodes.contains(&node) {
                                nodes.push(node);
                            }
                        }
                    }
                    (self.pick_active(rsc, &nodes, happy), nodes.len())
                }
            };
        }
        (self.pick_active(rsc, &it.running_on, happy), it.running_on.len())
    }

    fn pick_active(&self, rsc: RscIx, nodes: &[NodeIx], happy: impl Fn(NodeIx) -> bool) -> Option<NodeIx> {
        let it = &self.rscs[rsc];
        let mut active: Option<NodeIx> = None;
        for &node in nodes {
            if let Some(source) = it.migration_source {
                if node == source {
                    active = Some(node);
                }
            } else if !it.is(Flags::NEEDS_FENCING) && happy(node) && !active.is_some_and(&happy) {
                active = Some(node);
            }
            active = active.or(Some(node));
        }
        active
    }

    /// Whether the fail count of `rsc` on `node` is going to be cleared.
    pub fn clears_failures(&self, rsc: RscIx, node: NodeIx) -> bool {
        self.cleared.contains(&(rsc, node))
    }

    /// Failures of `rsc` on `node` that still count, with those of what it launched.
    pub fn failures_with_launched(&self, rsc: RscIx, node: NodeIx) -> i32 {
        self.failures(rsc, node, Count::EFFECTIVE_LAUNCHED, None).count
    }

    /// Failures of `rsc` on `node`: all, or only those that did not expire.
    pub fn fail_count(&self, node: NodeIx, rsc: RscIx, effective: bool) -> i32 {
        self.failures(rsc, node, Count { effective, launched: false }, None).count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order() {
        let check = |names: &[&str]| {
            for pair in names.windows(2) {
                assert_eq!(compare_names(pair[0], pair[1]), Ordering::Less, "{pair:?}");
                assert_eq!(compare_names(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
            }
        };
        check(&["a", "B", "c1", "c01", "c2", "C10", "c10b", "node-9", "node-10"]);
        assert_eq!(compare_names("Node1", "node1"), Ordering::Equal);
    }
}
