//! Groups and clones, and the making of instances.

use std::sync::Arc;

use holdfast_model::Level;
use holdfast_model::boolean::{is_true, parse_bool};

use super::Unpack;
use super::resources::scan_min_zero;
use super::template::Template;
use crate::facts::types::{CloneData, Flags, GroupData, RscIx, RscKind};

/// More instances than this, and than there are nodes, are a mistake, and would only cost time and memory.
const MAX_INSTANCES: usize = 1024;

impl Unpack<'_> {
    pub(super) fn unpack_group(&mut self, rsc: RscIx, template: &Template, number: Option<usize>) -> bool {
        // Both are on unless switched off; nonsense counts as on.
        let on = |name: &str| self.facts.rscs[rsc].meta(name).and_then(parse_bool) != Some(false);
        let data = GroupData { ordered: on("ordered"), colocated: on("collocated") };
        self.facts.rscs[rsc].kind = RscKind::Group(data);
        for member in &template.children {
            if let Some(member) = self.unpack_resource(member, number, Some(rsc)) {
                self.facts.rscs[rsc].children.push(member);
            }
        }
        let empty = self.facts.rscs[rsc].children.is_empty();
        if empty {
            let id = self.facts.rscs[rsc].id.clone();
            self.problem(Level::Error, "group", &id, "ignored: a group needs members");
        }
        !empty
    }

    pub(super) fn unpack_clone(&mut self, rsc: RscIx, template: &Template) -> bool {
        let this = &self.facts.rscs[rsc];
        let number = |name: &str, old: &str, default: i64| -> usize {
            let value = this.meta(name).or_else(|| if old.is_empty() { None } else { this.meta(old) });
            let number = value.map_or(default, |text| scan_min_zero(text).unwrap_or(0));
            usize::try_from(number).unwrap_or(0)
        };
        let nodes = i64::try_from(self.facts.nodes.len()).unwrap_or(i64::MAX).max(1);
        let promotable = this.is(Flags::PROMOTABLE);
        let unique = this.is(Flags::UNIQUE);
        let mut data = CloneData {
            max: number("clone-max", "", nodes),
            node_max: number("clone-node-max", "", 1),
            promoted_max: if promotable { number("promoted-max", "master-max", 1) } else { 0 },
            promoted_node_max: if promotable { number("promoted-node-max", "master-node-max", 1) } else { 0 },
            interleave: is_true(this.meta("interleave")),
            ordered: is_true(this.meta("ordered")),
            total: 0,
            child_id: String::new(),
        };
        let id = this.id.clone();
        if !unique && data.node_max > 1 {
            let message = format!("clone-node-max {} is ignored: instances are not unique", data.node_max);
            self.problem(Level::Error, "clone", &id, message);
            data.node_max = 1;
        }
        let most = MAX_INSTANCES.max(self.facts.nodes.len());
        if data.max > most {
            let message = format!("clone-max {} is too large; {most} is used", data.max);
            self.problem(Level::Error, "clone", &id, message);
            data.max = most;
        }
        let Some(child) = template.children.first() else {
            self.problem(Level::Error, "clone", &id, "ignored: there is nothing to clone");
            return false;
        };
        data.child_id.clone_from(&child.config.id);
        let this = &mut self.facts.rscs[rsc];
        this.kind = RscKind::Clone(data);
        // Slightly sticky, so that instances are not shuffled around without need.
        this.meta.entry("resource-stickiness".to_owned()).or_insert_with(|| "1".to_owned());
        let word = if unique { "true" } else { "false" };
        this.meta.insert("globally-unique".to_owned(), word.to_owned());
        self.clone_children.insert(rsc, Arc::clone(child));
        // One instance exists even for clone-max=0, so that histories find their clone.
        if self.clone_max(rsc) == 0 {
            return self.create_instance(rsc).is_some();
        }
        let mut made = 0;
        while made < self.clone_max(rsc) {
            if self.create_instance(rsc).is_none() {
                return false;
            }
            made += 1;
        }
        true
    }

    fn clone_max(&self, clone: RscIx) -> usize {
        self.facts.rscs[clone].clone_data().map_or(0, |data| data.max)
    }

    /// Makes the next instance of a clone; beyond `clone-max` it counts as removed.
    pub(super) fn create_instance(&mut self, clone: RscIx) -> Option<RscIx> {
        let template = Arc::clone(self.clone_children.get(&clone)?);
        let data = self.facts.rscs[clone].clone_data()?;
        let (number, max) = (data.total, data.max);
        let instance = self.unpack_resource(&template, Some(number), Some(clone))?;
        if let RscKind::Clone(data) = &mut self.facts.rscs[clone].kind {
            data.total += 1;
        }
        self.facts.rscs[clone].children.push(instance);
        if number >= max {
            self.mark_removed(instance);
        }
        // The number known when it was made, even if a later instance lowers it.
        self.facts.rscs[instance].meta.insert("clone-max".to_owned(), max.to_string());
        Some(instance)
    }

    fn mark_removed(&mut self, rsc: RscIx) {
        self.facts.rscs[rsc].flags.set(Flags::REMOVED);
        for child in self.facts.rscs[rsc].children.clone() {
            self.mark_removed(child);
        }
    }

    /// Instances of agents that cannot be unique: at most one a node.
    pub(super) fn force_anonymous(&mut self, clone: RscIx) {
        let nodes = self.facts.nodes.len();
        let id = self.facts.rscs[clone].id.clone();
        if let RscKind::Clone(data) = &mut self.facts.rscs[clone].kind {
            data.node_max = 1;
            data.max = data.max.min(nodes);
        }
        self.problem(
            Level::Warning,
            "clone",
            &id,
            "globally-unique is ignored: the agent cannot have unique instances",
        );
    }

    pub(super) fn clear_unique(&mut self, rsc: RscIx) {
        let this = &mut self.facts.rscs[rsc];
        this.flags.clear(Flags::UNIQUE);
        this.meta.insert("globally-unique".to_owned(), "false".to_owned());
        for child in this.children.clone() {
            self.clear_unique(child);
        }
    }
}
