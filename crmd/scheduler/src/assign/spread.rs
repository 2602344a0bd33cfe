//! How the wishes of colocated resources reach each other: scores of one resource's nodes are added, weakened by the
//! strength of the colocation, to the table of another, along chains of colocations.

use holdfast_model::Score;

use super::lists::Side;
use super::table::{Row, Slot};
use super::{Assigner, Why};
use crate::constraints::colocation::ColocationIx;
use crate::facts::{NodeIx, RscIx};
use crate::index::Idx;

/// How scores are merged.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Select {
    /// Follow the colocations in which the source is the dependent (instead of the primary).
    pub this_with: bool,
    /// Never make a node worse than useless; used when the target is a clone.
    pub nonnegative: bool,
    /// Leave the result alone when it would have no available node.
    pub active: bool,
}

/// What is being merged on whose behalf.
struct Merge {
    target: RscIx,
    colocation: ColocationIx,
    factor: f32,
    nonnegative: bool,
}

/// A score as a fraction of infinity.
pub(super) fn fraction(score: Score) -> f32 {
    score.get() as f32 / Score::INFINITY.get() as f32
}

/// `factor` times `score`, rounded half away from zero; never rounded down to nothing.
pub(super) fn attenuate(factor: f32, score: Score) -> Score {
    let product = factor * score.get() as f32;
    let rounded = if product < 0.0 { f64::from(product) - 0.5 } else { f64::from(product) + 0.5 } as i64;
    if rounded == 0 && score != Score::ZERO {
        if factor > 0.0 {
            return Score::new(1);
        }
        if factor < 0.0 {
            return Score::new(-1);
        }
    }
    Score::from_i64(rounded)
}

impl Assigner<'_> {
    /// Lets a resource that is colocated with `primary` say where it would like `primary` to be.
    pub(super) fn add_dependent_scores(&mut self, primary: RscIx, colocation: ColocationIx) {
        if !self.has_influence(colocation, None) {
            return;
        }
        let (dependent, score) = {
            let it = &self.colocations[colocation];
            (it.dependent, it.score)
        };
        let select = Select { active: true, nonnegative: self.is_clone(primary), this_with: false };
        self.spread_into(dependent, primary, colocation, fraction(score), select);
    }

    /// Merges the wishes of `source` into the table of `target`.
    pub(super) fn spread_into(
        &mut self,
        source: RscIx,
        target: RscIx,
        colocation: ColocationIx,
        factor: f32,
        select: Select,
    ) {
        let before = self.tables.row(target).to_vec();
        self.copied = 0;
        let after = self.spread(source, target, before, colocation, factor, select);
        self.tables.count_copies(target, self.copied);
        self.set_row(target, &after, Why::Dependents(colocation));
    }

    /// Merges the wishes of `source` and of what is colocated with it into `nodes`, which belongs to `target`.
    pub(super) fn spread(
        &mut self,
        source: RscIx,
        target: RscIx,
        nodes: Row,
        colocation: ColocationIx,
        factor: f32,
        select: Select,
    ) -> Row {
        if self.work[source].merging {
            return nodes;
        }
        self.work[source].merging = true;
        let result = if self.is_group(source) {
            // The first member collects the rest of the group through the chain inside it.
            match self.children(source).first().copied() {
                Some(first) => self.spread(first, target, nodes, colocation, factor, select),
                None => nodes,
            }
        } else {
            let copied = self.copied;
            self.copied = copied.saturating_add(1);
            let mut merged = nodes.clone();
            let merge = Merge { target, colocation, factor, nonnegative: select.nonnegative };
            self.add_matching_scores(&mut merged, source, &merge);
            if self.any_available(&merged) {
                merged = self.spread_colocated(source, target, merged, factor, select);
                restore_unusable(&mut merged, select);
                merged
            } else if select.active {
                self.copied = copied;
                nodes
            } else {
                restore_unusable(&mut merged, select);
                merged
            }
        };
        self.work[source].merging = false;
        result
    }

    /// The table of `source` together with what its own colocations (as dependent) add: its standing among all
    /// resources when they are put in order.
    pub(super) fn standing(&mut self, source: RscIx) -> Option<Row> {
        if self.work[source].merging {
            return None;
        }
        self.work[source].merging = true;
        let result = if self.is_group(source) {
            match self.children(source).last().copied() {
                Some(last) => self.standing(last),
                None => None,
            }
        } else {
            let mut nodes = self.tables.row(source).to_vec();
            if self.any_available(&nodes) {
                let select = Select { this_with: true, ..Select::default() };
                nodes = self.spread_colocated(source, source, nodes, 1.0, select);
            }
            Some(nodes)
        };
        self.work[source].merging = false;
        result
    }

    /// Goes on along the colocations of `source`.
    fn spread_colocated(
        &mut self,
        source: RscIx,
        target: RscIx,
        mut nodes: Row,
        factor: f32,
        select: Select,
    ) -> Row {
        let side = if select.this_with { Side::ThisWith } else { Side::WithThis };
        let select = Select { active: true, ..select };
        for colocation in self.colocations(source, side) {
            let it = &self.colocations[colocation];
            let other_factor = factor * it.score.get() as f32 / Score::INFINITY.get() as f32;
            let other = if select.this_with {
                it.primary
            } else if self.has_influence(colocation, None) {
                it.dependent
            } else {
                continue;
            };
            nodes = self.spread(other, target, nodes, colocation, other_factor, select);
        }
        nodes
    }

    /// Adds to each node the best score `source` has on a node with the same value of the colocation's attribute.
    fn add_matching_scores(&self, nodes: &mut Row, source: RscIx, merge: &Merge) {
        let it = &self.colocations[merge.colocation];
        let with_group_scores = self.row_with_group_scores(merge.colocation, source);
        let source_row: &[Slot] = match &with_group_scores {
            Some(row) => row,
            None => self.tables.row(source),
        };
        let best_by_value = BestByValue::new(self, source, source_row, &it.node_attribute);
        for (index, slot) in nodes.iter_mut().enumerate() {
            if !slot.present {
                continue;
            }
            let node = NodeIx::new(index);
            let score = best_by_value.get(self, node, merge.target, &it.node_attribute);
            if merge.factor < 0.0 && score < Score::ZERO && !self.avoidance_counts(merge.colocation, score) {
                continue;
            }
            if slot.unusable {
                continue;
            }
            let sum = slot.score + attenuate(merge.factor, score);
            if merge.nonnegative && sum < Score::ZERO {
                if slot.score > Score::ZERO {
                    slot.unusable = true;
                    continue;
                }
                if slot.score == Score::ZERO {
                    continue;
                }
            }
            slot.score = sum;
        }
    }

    /// Whether the primary of an anti-colocation shall be drawn to nodes that the dependent avoids: only if the
    /// dependent has nowhere else to go and the primary does not mind moving.
    fn avoidance_counts(&self, colocation: ColocationIx, score: Score) -> bool {
        let it = &self.colocations[colocation];
        self.stickiness(it.primary).get() < -score.get()
            && self.has_influence(colocation, None)
            && self.tables.present(it.dependent).filter(|(_, slot)| slot.score >= Score::ZERO).count() == 1
    }

    /// Locations of a group reach only its first member; a later member that was colocated by the user counts them too.
    fn row_with_group_scores(&self, colocation: ColocationIx, source: RscIx) -> Option<Row> {
        let it = &self.colocations[colocation];
        let group = self.parent(source).filter(|&parent| self.is_group(parent))?;
        if source != it.dependent || !it.explicit || self.children(group).first() == Some(&source) {
            return None;
        }
        let mut row = self.tables.row(source).to_vec();
        for location in self.constraints.locations.iter().rev().filter(|location| location.rsc == group) {
            self.add_location(source, location, &mut row);
        }
        Some(row)
    }

    /// Whether the preferences of the dependent matter for the primary (or the instance `primary` of it).
    pub(super) fn has_influence(&self, colocation: ColocationIx, primary: Option<RscIx>) -> bool {
        let it = &self.colocations[colocation];
        let primary = primary.unwrap_or(it.primary);
        // A running container is not moved just because its connection would like to be elsewhere.
        if self.remote_nesting_allowed(it.dependent)
            && !self.failed(primary)
            && self.active(primary).len() == 1
        {
            return false;
        }
        it.influence || self.active(primary).is_empty()
    }
}

fn restore_unusable(row: &mut Row, select: Select) {
    if select.nonnegative {
        for slot in row.iter_mut().filter(|slot| slot.unusable) {
            slot.unusable = false;
            slot.score = Score::new(1);
        }
    }
}

/// The best score of a resource for each value of a node attribute.
enum BestByValue<'row> {
    /// The attribute is the node itself.
    Node(&'row [Slot]),
    /// Values (lower case) with the best score of their nodes.
    Value(Vec<(Option<String>, Score)>),
}

impl<'row> BestByValue<'row> {
    fn new(assigner: &Assigner<'_>, source: RscIx, row: &'row [Slot], attribute: &str) -> BestByValue<'row> {
        if attribute == "#uname" && assigner.names_tell_nodes_apart && !assigner.attribute_on_host(source) {
            return BestByValue::Node(row);
        }
        let mut best: Vec<(Option<String>, Score)> = Vec::new();
        for (index, slot) in row.iter().enumerate() {
            let node = NodeIx::new(index);
            if !slot.present || slot.unusable || !assigner.node_available(node) {
                continue;
            }
            let value = assigner.colocation_value(node, attribute, Some(source)).map(str::to_ascii_lowercase);
            match best.iter_mut().find(|(known, _)| *known == value) {
                Some((_, score)) => *score = (*score).max(slot.score),
                None => best.push((value, slot.score)),
            }
        }
        BestByValue::Value(best)
    }

    fn get(&self, assigner: &Assigner<'_>, node: NodeIx, target: RscIx, attribute: &str) -> Score {
        match self {
            BestByValue::Node(row) if !assigner.attribute_on_host(target) => {
                let slot = row[node.index()];
                match slot.present && assigner.node_available(node) {
                    true => slot.score.max(Score::MINUS_INFINITY),
                    false => Score::MINUS_INFINITY,
                }
            }
            BestByValue::Node(row) => {
                let wanted = assigner.colocation_value(node, attribute, Some(target));
                row.iter()
                    .enumerate()
                    .map(|(index, slot)| (NodeIx::new(index), slot))
                    .filter(|(other, slot)| {
                        slot.present
                            && assigner.node_available(*other)
                            && same_value(assigner.node_attribute(*other, attribute), wanted)
                    })
                    .map(|(_, slot)| slot.score)
                    .max()
                    .unwrap_or(Score::MINUS_INFINITY)
            }
            BestByValue::Value(best) => {
                let wanted = assigner.colocation_value(node, attribute, Some(target));
                best.iter()
                    .find(|(value, _)| same_value(value.as_deref(), wanted))
                    .map_or(Score::MINUS_INFINITY, |(_, score)| *score)
            }
        }
    }
}

/// Whether two attribute values are equal; two missing ones are.
pub(super) fn same_value(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(factor: f32, score: Score, expected: i32) {
        assert_eq!(attenuate(factor, score), Score::new(expected), "{factor} times {score}");
    }

    #[test]
    fn attenuation() {
        check(1.0, Score::INFINITY, 1_000_000);
        check(-1.0, Score::INFINITY, -1_000_000);
        check(0.5, Score::new(3), 2);
        check(-0.5, Score::new(3), -2);
        check(0.000_01, Score::new(10), 1);
        check(-0.000_01, Score::new(10), -1);
        check(0.000_01, Score::new(-10), 1);
        check(0.5, Score::ZERO, 0);
    }
}
