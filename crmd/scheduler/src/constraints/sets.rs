//! Names in constraints: resources, instances, templates and tags, and the resource sets they expand to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use holdfast_model::config::ResourceSet;

use crate::facts::{Facts, Flags, RscIx};

/// What a name in a constraint stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'f> {
    /// One resource.
    Resource(RscIx),
    /// The ids of the resources made from a template or tagged.
    Many(&'f [String]),
}

/// Finds resources, templates and tags by name.
pub struct Names<'f> {
    facts: &'f Facts<'f>,
    by_name: BTreeMap<&'f str, RscIx>,
}

impl<'f> Names<'f> {
    /// Indexes all names once.
    pub fn new(facts: &'f Facts<'_>) -> Names<'f> {
        let mut by_name = BTreeMap::new();
        for &top in &facts.top {
            enter(facts, top, &mut by_name);
        }
        Names { facts, by_name }
    }

    /// The resource that `name` means in a constraint: an instance of a clone stands for the clone when it was found
    /// by the name that the history knows it by.
    pub fn resource(&self, name: &str) -> Option<RscIx> {
        let mut rsc = *self.by_name.get(name)?;
        if self.facts.rscs[rsc].id != name {
            while let Some(parent) = self.facts.rscs[rsc].parent {
                if self.facts.rscs[parent].is_bundle() {
                    break;
                }
                rsc = parent;
            }
        }
        Some(rsc)
    }

    /// The name of a resource.
    pub fn id(&self, rsc: RscIx) -> &str {
        &self.facts.rscs[rsc].id
    }

    /// What `name` stands for; `None` when nothing is called so, or a template or tag is not used.
    pub fn find(&self, name: &str) -> Option<Named<'f>> {
        if let Some(rsc) = self.resource(name) {
            return Some(Named::Resource(rsc));
        }
        let many = self.facts.templates.get(name).or_else(|| self.facts.tags.get(name))?;
        (!many.is_empty()).then_some(Named::Many(many))
    }

    /// Replaces templates and tags among the members of sets by what they stand for.
    ///
    /// When a member is not known at all, the sets are returned as they are: the unknown member is then reported where
    /// it is used.
    pub fn expand<'s>(&self, sets: &'s [ResourceSet]) -> Cow<'s, [ResourceSet]> {
        let found: Option<Vec<Vec<Named<'f>>>> =
            sets.iter().map(|set| set.members.iter().map(|member| self.find(member)).collect()).collect();
        let Some(found) = found else { return Cow::Borrowed(sets) };
        if found.iter().flatten().all(|named| matches!(named, Named::Resource(_))) {
            return Cow::Borrowed(sets);
        }
        let expanded = sets.iter().zip(found).map(|(set, found)| {
            let members = set.members.iter().zip(found).flat_map(|(member, named)| match named {
                Named::Resource(_) => vec![member.clone()],
                Named::Many(many) => many.to_vec(),
            });
            ResourceSet { members: members.collect(), ..set.clone() }
        });
        Cow::Owned(expanded.collect())
    }

    /// The set that a name in a simple constraint turns into when a template or tag is involved: its resources, not
    /// sequential.
    pub fn as_set(&self, name: &str, role: Option<&str>) -> Option<ResourceSet> {
        let (members, sequential) = match self.find(name)? {
            Named::Resource(_) => (vec![name.to_string()], None),
            Named::Many(many) => (many.to_vec(), Some("false".to_string())),
        };
        Some(ResourceSet {
            id: name.to_string(),
            sequential,
            role: role.map(str::to_string),
            members,
            ..ResourceSet::default()
        })
    }
}

/// Enters the names of `rsc` and everything in it; the first resource found under a name keeps it.
fn enter<'f>(facts: &'f Facts<'_>, rsc: RscIx, by_name: &mut BTreeMap<&'f str, RscIx>) {
    let it = &facts.rscs[rsc];
    by_name.entry(&it.id).or_insert(rsc);
    if let Some(history) = &it.history_id {
        by_name.entry(history).or_insert(rsc);
    }
    for &child in &it.children {
        enter(facts, child, by_name);
    }
}

/// Whether a set is sequential (the default).
pub fn is_sequential(set: &ResourceSet) -> bool {
    set.sequential.as_deref().and_then(holdfast_model::boolean::parse_bool) != Some(false)
}

/// Whether colocations with `rsc` influence others by default.
pub fn is_critical(facts: &Facts<'_>, rsc: RscIx) -> bool {
    facts.rscs[rsc].is(Flags::CRITICAL)
}
