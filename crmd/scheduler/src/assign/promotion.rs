//! Promotion scores: how much agents want an instance to be promoted on a node.

use holdfast_model::Score;

use super::{Assigner, Why};
use crate::facts::{Flags, NodeIx, RscIx};

impl Assigner<'_> {
    /// Adds promotion scores to the node scores of the instances, once.
    pub(super) fn add_promotion_scores(&mut self, clone: RscIx) {
        if std::mem::replace(&mut self.work[clone].promotion_added, true) {
            return;
        }
        for instance in self.work[clone].children.clone() {
            let nodes: Vec<NodeIx> = self.tables.present(instance).map(|(node, _)| node).collect();
            // A node that cannot run anything will not have a promoted instance; its score would only shuffle.
            for node in nodes.into_iter().filter(|&node| self.node_available(node)).collect::<Vec<_>>() {
                let score = self.promotion_score(instance, node).unwrap_or(0);
                if score > 0 {
                    let sum = self.tables.slot_mut(instance, node).score + Score::new(score);
                    self.set_score(instance, node, sum, Why::PromotionScore);
                }
                if score > self.work[instance].priority {
                    self.work[instance].priority = score;
                }
            }
        }
    }

    /// The promotion score of an instance on a node, summed up over members; `None` when no agent set one.
    pub(super) fn promotion_score(&self, rsc: RscIx, node: NodeIx) -> Option<i32> {
        let children = self.children(rsc);
        if !children.is_empty() {
            return children
                .iter()
                .filter_map(|&child| self.promotion_score(child, node))
                .reduce(i32::saturating_add);
        }
        if !self.promotion_score_applies(rsc, node) {
            return None;
        }
        let it = &self.facts.rscs[rsc];
        let value_for = |name: &str| self.agent_attribute(rsc, node, &format!("master-{name}"));
        let known_as = it.history_id.as_deref().unwrap_or(&it.id);
        let value = value_for(known_as).or_else(|| {
            let plain = plain_name(&it.id);
            (!it.is(Flags::UNIQUE) && plain != it.id).then(|| value_for(plain)).flatten()
        })?;
        Some(self.facts.parse_score(value).unwrap_or(Score::ZERO).get())
    }

    /// Whether the score on this node says something about this instance: it is active there, or its state there is
    /// known, or nothing is known anywhere.
    fn promotion_score_applies(&self, rsc: RscIx, node: NodeIx) -> bool {
        let it = &self.facts.rscs[rsc];
        let applies = || {
            if !it.is(Flags::UNIQUE) {
                let active = self.active_instance(self.top(rsc), plain_name(&it.id), node);
                if active == Some(rsc)
                    || (active.is_none() && self.known_instance(self.top(rsc), plain_name(&it.id), node))
                {
                    return true;
                }
            }
            (it.running_on.is_empty() && it.known_on.is_empty())
                || it.known_on.contains(&node)
                || it.running_on.contains(&node)
        };
        let allowed = || self.tables.get(rsc, node).is_some_and(|slot| slot.score >= Score::ZERO);
        applies() && allowed()
    }

    /// The instance of the primitive `id` inside `clone` that is active on `node`.
    fn active_instance(&self, clone: RscIx, id: &str, node: NodeIx) -> Option<RscIx> {
        self.children(clone).iter().find_map(|&child| {
            self.find_inside(child, id, &|rsc| self.facts.rscs[rsc].running_on.contains(&node))
        })
    }

    /// Whether the state of the primitive `id` inside any instance of `clone` is known on `node`.
    fn known_instance(&self, clone: RscIx, id: &str, node: NodeIx) -> bool {
        self.children(clone).iter().any(|&child| {
            self.find_inside(child, id, &|_| true)
                .is_some_and(|found| self.facts.rscs[found].known_on.contains(&node))
        })
    }

    fn find_inside(&self, rsc: RscIx, id: &str, wanted: &impl Fn(RscIx) -> bool) -> Option<RscIx> {
        let it = &self.facts.rscs[rsc];
        if self.is_clone(self.top(rsc)) && (it.id == id || it.config_id == id) && wanted(rsc) {
            return Some(rsc);
        }
        self.children(rsc).iter().find_map(|&child| self.find_inside(child, id, wanted))
    }
}

/// A name without its instance number.
fn plain_name(id: &str) -> &str {
    match id.rsplit_once(':') {
        Some((name, number)) if !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()) => {
            name
        }
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names() {
        let check = |id: &str, expected: &str| assert_eq!(plain_name(id), expected);
        check("db:0", "db");
        check("db:12", "db");
        check("db", "db");
        check("db:x", "db:x");
        check("db:", "db:");
    }
}
