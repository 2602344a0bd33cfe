//! Placing a primitive.

use std::cmp::Ordering;

use holdfast_model::{Role, Score};

use super::judge::{Judge, nodes_to_sort};
use super::lists::Side;
use super::{Assigner, Given, Why, merge_sort};
use crate::constraints::colocation::ColocationIx;
use crate::facts::{Flags, NoQuorumPolicy, NodeIx, RscIx};

impl Assigner<'_> {
    pub(super) fn place_primitive(
        &mut self,
        rsc: RscIx,
        prefer: Option<NodeIx>,
        stop_if_fail: bool,
    ) -> Option<NodeIx> {
        if let Some(parent) = self.parent(rsc)
            && !self.work[parent].assigning
        {
            self.place(parent, prefer, stop_if_fail);
        }
        if !self.work[rsc].unassigned {
            return self.work[rsc].given.map(|given| given.node);
        }
        if self.work[rsc].assigning {
            return None;
        }
        self.work[rsc].assigning = true;
        self.apply_colocations(rsc);
        self.settle_next_role(rsc);
        self.show_scores(rsc, "pcmk__primitive_assign");

        let options = &self.facts.options;
        if options.fencing && !options.have_fencing {
            self.work[rsc].managed = false;
        }
        if !self.managed(rsc) {
            self.work[rsc].next_role = self.work[rsc].role;
            let stay = self.current_node(rsc).map(|node| self.base(node));
            self.give(rsc, stay, true, stop_if_fail);
        } else if options.stop_all {
            self.give(rsc, None, true, stop_if_fail);
        } else {
            self.give_best_node(rsc, prefer, stop_if_fail);
        }
        self.work[rsc].assigning = false;
        if self.is(rsc, Flags::REMOTE_CONNECTION) {
            self.connection_placed(rsc);
        }
        self.work[rsc].given.map(|given| given.node)
    }

    /// A node with its base score.
    fn base(&self, node: NodeIx) -> Given {
        Given { node, score: self.facts.nodes[node].score }
    }

    /// Mandatory colocations first, so that as many as possible are satisfied; then the optional ones.
    fn apply_colocations(&mut self, rsc: RscIx) {
        let this_with = self.colocations(rsc, Side::ThisWith);
        let with_this = self.colocations(rsc, Side::WithThis);
        let mandatory = |assigner: &Self, colocation: ColocationIx| {
            let score = assigner.colocations[colocation].score;
            score.is_infinite() || score.is_minus_infinite()
        };
        for wanted in [true, false] {
            for &colocation in &this_with {
                if mandatory(self, colocation) == wanted {
                    self.apply_this_with(rsc, colocation);
                }
            }
            for &colocation in &with_this {
                if mandatory(self, colocation) == wanted {
                    self.add_dependent_scores(rsc, colocation);
                }
            }
        }
    }

    /// Places what `rsc` depends on and takes its place into account.
    fn apply_this_with(&mut self, rsc: RscIx, colocation: ColocationIx) {
        let it = &self.colocations[colocation];
        let primary = it.primary;
        let revocable = it.dependent_role >= Role::Promoted
            || (it.score < Score::ZERO && it.score > Score::MINUS_INFINITY);
        let before = revocable.then(|| (self.tables.row(rsc).to_vec(), self.tables.copies(rsc)));
        if self.work[primary].unassigned {
            self.place(primary, None, true);
        }
        self.apply_as_dependent(rsc, primary, colocation);
        if let Some((before, copies)) = before
            && !self.any_available(self.tables.row(rsc))
        {
            self.tables.set_copies(rsc, copies.saturating_add(1));
            self.set_row(rsc, &before, Why::Colocation(colocation));
        }
    }

    fn settle_next_role(&mut self, rsc: RscIx) {
        let options = &self.facts.options;
        if self.work[rsc].next_role == Role::Stopped {
            self.prefer(rsc, None, Score::MINUS_INFINITY, Why::TargetRole);
        } else if self.work[rsc].next_role > self.work[rsc].role
            && !options.quorate
            && options.no_quorum == NoQuorumPolicy::Freeze
        {
            self.work[rsc].next_role = self.work[rsc].role;
        }
    }

    fn give_best_node(&mut self, rsc: RscIx, prefer: Option<NodeIx>, stop_if_fail: bool) {
        let most_free = self.ban_insufficient_capacity(rsc);
        if !self.work[rsc].unassigned {
            return;
        }
        let current = self.current_node(rsc);
        let nodes = self.sorted_nodes(rsc, current);
        let best = nodes.first().copied();
        let score_of = |assigner: &Self, node: NodeIx| assigner.tables.get(rsc, node).map(|slot| slot.score);
        let preferred = prefer.or(most_free).and_then(|node| {
            let score = score_of(self, node)?;
            let suitable = best.and_then(|best| score_of(self, best)).is_some_and(|best| score >= best)
                && score >= Score::ZERO
                && self.node_available(node);
            suitable.then_some(node)
        });
        let chosen =
            preferred.or_else(|| best.map(|best| self.stay_among_equals(rsc, best, &nodes, current)));
        let given = chosen.and_then(|node| Some(Given { node, score: score_of(self, node)? }));
        self.give(rsc, given, false, stop_if_fail);
    }

    /// Prefers the current node if it is as good as the best one.
    fn stay_among_equals(
        &self,
        rsc: RscIx,
        best: NodeIx,
        nodes: &[NodeIx],
        current: Option<NodeIx>,
    ) -> NodeIx {
        let score = |node: NodeIx| self.tables.get(rsc, node).map(|slot| slot.score);
        // Unique instances were given their current nodes before; the rest must not crowd there.
        let unique =
            self.parent(rsc).is_some_and(|parent| self.is_clone(parent) && self.is(parent, Flags::UNIQUE));
        if unique || score(best) <= Some(Score::ZERO) || !self.node_available(best) {
            return best;
        }
        match current.filter(|&current| self.node_open(current)) {
            Some(current) if nodes.contains(&current) && score(current) == score(best) => current,
            _ => best,
        }
    }

    /// Allowed nodes of `rsc`, best first.
    pub(super) fn sorted_nodes(&self, rsc: RscIx, active: Option<NodeIx>) -> Vec<NodeIx> {
        let nodes = nodes_to_sort(self.facts, &self.tables, rsc);
        let score =
            |node: NodeIx| self.tables.get(rsc, node).map_or(Score::MINUS_INFINITY, |slot| slot.score);
        merge_sort(&nodes, &mut |a, b| self.compare_nodes(a, b, &score, active))
    }

    /// Which of two nodes is better: score, capacity, load, where it is now, name.
    pub(super) fn compare_nodes(
        &self,
        a: NodeIx,
        b: NodeIx,
        score: &impl Fn(NodeIx) -> Score,
        active: Option<NodeIx>,
    ) -> Ordering {
        Judge { facts: self.facts, nodes: &self.nodes, capacity: &self.capacity }.compare(a, b, score, active)
    }

    /// A remote node is up when its connection will be.
    fn connection_placed(&mut self, rsc: RscIx) {
        let Some(node) = self.facts.rscs[rsc].remote_node else { return };
        let outlook = &mut self.nodes[node];
        if self.work[rsc].given.is_some() && self.work[rsc].next_role != Role::Stopped {
            outlook.online = true;
            if !self.facts.nodes[node].seen {
                outlook.unclean = false;
            }
        } else {
            outlook.shutdown = true;
        }
    }
}
