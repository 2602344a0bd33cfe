//! Colocations: which resource shall be (or not be) where another is.
//!
//! Source of the rules: Pacemaker Explained, "Placing resources relative to other resources" and "Resource sets".

use holdfast_model::config::{self, ColocationSets, ResourceSet};
use holdfast_model::{Role, Score};

use super::sets::{Named, Names, is_critical, is_sequential};
use super::{Origin, Placement};
use crate::facts::{Facts, RscIx};
use crate::index_type;

index_type! {
    /// A colocation, in order of creation.
    ColocationIx
}

/// The node attribute that means "the same node".
pub const SAME_NODE: &str = "#uname";

/// A colocation of one resource with one other.
#[derive(Debug, Clone, PartialEq)]
pub struct Colocation {
    /// Id of the constraint or set, or a name with `#` for implied ones.
    pub id: String,
    /// The resource that goes where the other is.
    pub dependent: RscIx,
    /// The other.
    pub primary: RscIx,
    /// How much; never zero.
    pub score: Score,
    /// Only in this role of the dependent (`Unknown`: any).
    pub dependent_role: Role,
    /// Only with this role of the primary (`Unknown`: any).
    pub primary_role: Role,
    /// Nodes count as the same place when they agree on this attribute.
    pub node_attribute: String,
    /// Wishes of the dependent may move a running primary.
    pub influence: bool,
    /// Written by the user, not implied by a group or container.
    pub explicit: bool,
    /// Where it came from.
    pub origin: Origin,
}

/// One constraint being resolved: what all its pairs have in common.
struct Source<'a> {
    facts: &'a Facts<'a>,
    position: usize,
    constraint: &'a str,
    influence: Option<&'a str>,
    node_attribute: Option<&'a str>,
}

/// Roles as written for both sides of a pair.
type Roles<'a> = (Option<&'a str>, Option<&'a str>);

impl Source<'_> {
    fn add(
        &self,
        id: &str,
        score: Score,
        (dependent, primary): (RscIx, RscIx),
        (dependent_role, primary_role): Roles<'_>,
        influence: bool,
        into: &mut Placement,
    ) {
        let (Some(dependent_role), Some(primary_role)) =
            (constraint_role(dependent_role), constraint_role(primary_role))
        else {
            into.refuse("rsc_colocation", id, "ignored: a role in it is not a role");
            return;
        };
        if score == Score::ZERO {
            return;
        }
        into.colocations.push(Colocation {
            id: id.to_string(),
            dependent,
            primary,
            score,
            dependent_role,
            primary_role,
            node_attribute: self.node_attribute.unwrap_or(SAME_NODE).to_string(),
            influence,
            explicit: true,
            origin: Origin::Configured(self.position),
        });
    }

    /// `influence`, or by default whether the resource is critical.
    fn influence(&self, rsc: RscIx, into: &mut Placement) -> bool {
        if let Some(text) = self.influence {
            match holdfast_model::boolean::parse_bool(text) {
                Some(influence) => return influence,
                None => into.doubt(
                    "rsc_colocation",
                    self.constraint,
                    format!("influence \"{text}\" is neither true nor false; the default is used"),
                ),
            }
        }
        is_critical(self.facts, rsc)
    }
}

/// A role in a colocation, ordering or ticket constraint: `Started` is any role; `None` when it is not a role.
pub fn constraint_role(text: Option<&str>) -> Option<Role> {
    match text.map(Role::parse) {
        None => Some(Role::Unknown),
        Some(None | Some(Role::Unknown)) => None,
        Some(Some(Role::Started)) => Some(Role::Unknown),
        Some(Some(role)) => Some(role),
    }
}

/// Resolves a colocation of two names.
pub fn resolve(
    facts: &Facts<'_>,
    names: &Names<'_>,
    position: usize,
    constraint: &config::Colocation,
    into: &mut Placement,
) {
    let (Some(dependent), Some(primary)) = (names.find(&constraint.rsc), names.find(&constraint.with_rsc))
    else {
        let (rsc, with) = (&constraint.rsc, &constraint.with_rsc);
        into.refuse(
            "rsc_colocation",
            &constraint.id,
            format!("ignored: \"{rsc}\" or \"{with}\" is not a resource, template or tag"),
        );
        return;
    };
    let source = Source {
        facts,
        position,
        constraint: &constraint.id,
        influence: constraint.influence.as_deref(),
        node_attribute: constraint.node_attribute.as_deref(),
    };
    let Some(score) = score(constraint.score.as_deref(), Score::ZERO, &constraint.id, into) else { return };
    match (dependent, primary) {
        (Named::Resource(dependent), Named::Resource(primary)) => {
            let influence = source.influence(dependent, into);
            let roles = (constraint.rsc_role.as_deref(), constraint.with_rsc_role.as_deref());
            source.add(&constraint.id, score, (dependent, primary), roles, influence, into);
        }
        (Named::Many(_), Named::Many(_)) => {
            into.refuse(
                "rsc_colocation",
                &constraint.id,
                "ignored: two templates or tags cannot be colocated; use resource sets",
            );
        }
        _ => {
            let sets = [
                names.as_set(&constraint.rsc, constraint.rsc_role.as_deref()),
                names.as_set(&constraint.with_rsc, constraint.with_rsc_role.as_deref()),
            ];
            let source = Source { node_attribute: None, ..source };
            let sets: Vec<ResourceSet> = sets.into_iter().flatten().collect();
            resolve_each_set(&source, names, &sets, score, into);
        }
    }
}

/// Resolves a colocation made of sets.
pub fn resolve_sets(
    facts: &Facts<'_>,
    names: &Names<'_>,
    position: usize,
    constraint: &ColocationSets,
    into: &mut Placement,
) {
    let Some(score) = score(constraint.score.as_deref(), Score::ZERO, &constraint.id, into) else { return };
    let source = Source {
        facts,
        position,
        constraint: &constraint.id,
        influence: constraint.influence.as_deref(),
        node_attribute: None,
    };
    resolve_each_set(&source, names, &names.expand(&constraint.sets), score, into);
}

/// Each set in itself, and each set with the one after it.
fn resolve_each_set(
    source: &Source<'_>,
    names: &Names<'_>,
    sets: &[ResourceSet],
    score: Score,
    into: &mut Placement,
) {
    let mut last: Option<&ResourceSet> = None;
    for set in sets {
        within_set(source, names, set, score, into);
        if let Some(last) = last {
            between_sets(source, names, last, set, score, into);
        }
        last = Some(set);
    }
}

/// Colocates the members of one set with each other.
fn within_set(
    source: &Source<'_>,
    names: &Names<'_>,
    set: &ResourceSet,
    default: Score,
    into: &mut Placement,
) {
    let Some(score) = score(set.score.as_deref(), default, &set.id, into) else { return };
    if score == Score::ZERO || !is_sequential(set) {
        return;
    }
    let role = set.role.as_deref();
    let with_previous = set.ordering.as_deref().is_none_or(|ordering| ordering.eq_ignore_ascii_case("group"));
    let mut last: Option<RscIx> = None;
    for member in &set.members {
        let Some(rsc) = names.resource(member) else {
            into.refuse(
                "resource_set",
                &set.id,
                unknown_member(member, "it and what follows it are ignored"),
            );
            return;
        };
        let influence = source.influence(rsc, into);
        if score > Score::ZERO {
            // A chain: each with the one before it.
            if let Some(previous) = last {
                let (dependent, primary) = if with_previous { (rsc, previous) } else { (previous, rsc) };
                source.add(&set.id, score, (dependent, primary), (role, role), influence, into);
            }
        } else {
            // Everybody away from everybody: only pairs can say that. Something inside a clone stands for the clone and
            // is not found under its own name, so it is also kept apart from what follows, and from itself.
            let others = set.members.iter().take_while(|name| **name != names.id(rsc));
            for other in others.filter_map(|name| names.resource(name)) {
                source.add(&set.id, score, (rsc, other), (role, role), influence, into);
            }
        }
        last = Some(rsc);
    }
}

/// Colocates what is in `set` with what is in `with`.
fn between_sets(
    source: &Source<'_>,
    names: &Names<'_>,
    set: &ResourceSet,
    with: &ResourceSet,
    score: Score,
    into: &mut Placement,
) {
    if score == Score::ZERO {
        return;
    }
    // Of a sequential set only the end that the chain inside it hangs from takes part.
    let dependents = match is_sequential(set) {
        true => set.members.first().into_iter().collect::<Vec<_>>(),
        false => set.members.iter().collect(),
    };
    let primaries = match is_sequential(with) {
        true => with.members.last().into_iter().collect::<Vec<_>>(),
        false => with.members.iter().collect(),
    };
    let roles = (set.role.as_deref(), with.role.as_deref());
    for dependent_name in dependents {
        let Some(dependent) = names.resource(dependent_name) else {
            into.refuse("resource_set", &set.id, unknown_member(dependent_name, "it is ignored"));
            continue;
        };
        let influence = source.influence(dependent, into);
        for primary_name in &primaries {
            match names.resource(primary_name) {
                Some(primary) => {
                    source.add(source.constraint, score, (dependent, primary), roles, influence, into);
                }
                None => into.refuse("resource_set", &with.id, unknown_member(primary_name, "it is ignored")),
            }
        }
    }
}

fn unknown_member(member: &str, consequence: &str) -> String {
    format!("\"{member}\" is not a resource; {consequence}")
}

/// A score as written, or `default`; `None` (with a problem) when it is not a score.
fn score(text: Option<&str>, default: Score, id: &str, into: &mut Placement) -> Option<Score> {
    match text {
        None => Some(default),
        Some(text) => {
            let score = Score::parse(text);
            if score.is_none() {
                into.refuse("rsc_colocation", id, format!("ignored: \"{text}\" is not a score"));
            }
            score
        }
    }
}
