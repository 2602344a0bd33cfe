//! Which colocations concern a resource, its own and those it inherits, in the order in which they are applied.
//!
//! Two lists per resource: "this with" (it depends on another) and "with this" (others depend on it). Members of
//! groups, instances and containers take part in the colocations of what they belong to.

use std::cmp::Ordering;

use holdfast_model::Score;

use super::Assigner;
use crate::constraints::colocation::ColocationIx;
use crate::facts::RscIx;

/// Which side of its colocations a resource is looked at from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// It is the dependent.
    ThisWith,
    /// It is the primary.
    WithThis,
}

impl Assigner<'_> {
    /// All colocations of `rsc` on one side, in order of importance.
    pub(super) fn colocations(&self, rsc: RscIx, side: Side) -> Vec<ColocationIx> {
        let mut list = Vec::new();
        self.gather(rsc, rsc, side, &mut list);
        list
    }

    /// Records a colocation on both its resources.
    pub(super) fn enlist(&mut self, colocation: ColocationIx) {
        let (dependent, primary) = {
            let it = &self.colocations[colocation];
            (it.dependent, it.primary)
        };
        for (rsc, side) in [(dependent, Side::ThisWith), (primary, Side::WithThis)] {
            let mut list = std::mem::take(self.own_list_mut(rsc, side));
            self.insert(&mut list, colocation, side);
            *self.own_list_mut(rsc, side) = list;
        }
    }

    fn own_list(&self, rsc: RscIx, side: Side) -> &[ColocationIx] {
        match side {
            Side::ThisWith => &self.this_with[rsc],
            Side::WithThis => &self.with_this[rsc],
        }
    }

    fn own_list_mut(&mut self, rsc: RscIx, side: Side) -> &mut Vec<ColocationIx> {
        match side {
            Side::ThisWith => &mut self.this_with[rsc],
            Side::WithThis => &mut self.with_this[rsc],
        }
    }

    /// Adds to `list` what concerns `asker`, looking at `rsc`, which is `asker` or something it belongs to or
    /// a fellow member.
    fn gather(&self, rsc: RscIx, asker: RscIx, side: Side, list: &mut Vec<ColocationIx>) {
        if self.is_primitive(rsc) {
            self.gather_primitive(rsc, asker, side, list);
        } else if self.is_group(rsc) {
            match side {
                Side::WithThis => self.gather_with_group(rsc, asker, list),
                Side::ThisWith => self.gather_group_with(rsc, asker, list),
            }
        } else if self.is_clone(rsc) {
            self.add_all(list, rsc, side);
            if let Some(parent) = self.parent(rsc) {
                self.gather(parent, asker, side, list);
            }
        } else {
            self.gather_bundle(rsc, asker, side, list);
        }
    }

    fn gather_primitive(&self, rsc: RscIx, asker: RscIx, side: Side, list: &mut Vec<ColocationIx>) {
        if rsc == asker {
            self.add_all(list, rsc, side);
            if let Some(parent) = self.parent(rsc) {
                self.gather(parent, asker, side, list);
            }
        } else {
            // A fellow member hands on only what was configured for it, not the chain inside the group.
            for &colocation in self.own_list(rsc, side) {
                if self.colocations[colocation].explicit {
                    self.insert(list, colocation, side);
                }
            }
        }
    }

    /// Only the group and its last member are what others are colocated with; the rest follows by the chain.
    fn gather_with_group(&self, group: RscIx, asker: RscIx, list: &mut Vec<ColocationIx>) {
        let members = self.children(group);
        let Some(&last) = members.last() else { return };
        if asker != group && asker != last {
            return;
        }
        self.add_all(list, group, Side::WithThis);
        self.gather_group_relatives(group, asker, Side::WithThis, list);
    }

    /// Only the group and its first member are colocated with others; the rest follows by the chain.
    fn gather_group_with(&self, group: RscIx, asker: RscIx, list: &mut Vec<ColocationIx>) {
        let members = self.children(group);
        let Some(&first) = members.first() else { return };
        if asker == group || asker == first {
            self.add_all(list, group, Side::ThisWith);
            self.gather_group_relatives(group, asker, Side::ThisWith, list);
            return;
        }
        // An unmanaged earlier member breaks the chain, so later members need the mandatory ones themselves.
        if members.iter().take_while(|&&member| member != asker).any(|&member| !self.managed(member)) {
            for &colocation in self.own_list(group, Side::ThisWith) {
                if self.colocations[colocation].score == Score::INFINITY {
                    self.insert(list, colocation, Side::ThisWith);
                }
            }
        }
    }

    fn gather_group_relatives(&self, group: RscIx, asker: RscIx, side: Side, list: &mut Vec<ColocationIx>) {
        if let Some(parent) = self.parent(group) {
            self.gather(parent, asker, side, list);
        }
        if self.group_colocated(group) {
            for &member in self.children(group) {
                if member != asker {
                    self.gather(member, asker, side, list);
                }
            }
        }
    }

    /// The bundle and its containers take part; the primitive inside only once roles are being chosen.
    fn gather_bundle(&self, bundle: RscIx, asker: RscIx, side: Side, list: &mut Vec<ColocationIx>) {
        if asker == bundle || self.is_container(asker) {
            self.add_all(list, bundle, side);
            return;
        }
        let Some(inner) = self.bundled(bundle) else { return };
        if !self.promotable(inner) || self.top(asker) != inner {
            return;
        }
        let choosing_roles = match asker == inner {
            true => self.work[asker].promotion_sorted,
            false => !self.work[asker].unassigned,
        };
        if choosing_roles {
            self.add_all(list, bundle, side);
        }
    }

    fn add_all(&self, list: &mut Vec<ColocationIx>, rsc: RscIx, side: Side) {
        if list.is_empty() {
            list.extend_from_slice(self.own_list(rsc, side));
        } else {
            for &colocation in self.own_list(rsc, side) {
                self.insert(list, colocation, side);
            }
        }
    }

    /// Inserts before the first entry that is not more important.
    fn insert(&self, list: &mut Vec<ColocationIx>, colocation: ColocationIx, side: Side) {
        let place = list
            .iter()
            .position(|&other| self.importance(colocation, other, side) != Ordering::Greater)
            .unwrap_or(list.len());
        list.insert(place, colocation);
    }

    fn importance(&self, a: ColocationIx, b: ColocationIx, side: Side) -> Ordering {
        let other_end = |colocation: ColocationIx| match side {
            Side::ThisWith => self.colocations[colocation].primary,
            Side::WithThis => self.colocations[colocation].dependent,
        };
        let (a, b) = (other_end(a), other_end(b));
        let rank = |rsc: RscIx| (self.work[rsc].priority, self.variant(rsc));
        rank(b)
            .cmp(&rank(a))
            .then_with(|| match self.is_clone(a) && self.is_clone(b) {
                true => self.promotable(b).cmp(&self.promotable(a)),
                false => Ordering::Equal,
            })
            .then_with(|| self.id(a).cmp(self.id(b)))
    }
}
