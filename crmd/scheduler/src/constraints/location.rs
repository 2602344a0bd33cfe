//! Locations: how much resources like nodes, by name, by rule, by health.
//!
//! Source of the rules: Pacemaker Explained, "Deciding which nodes a resource can run on" and "Tracking node health".

use holdfast_model::config::{self, LocationTarget, ProbeMode};
use holdfast_model::rule::{Input, Rule};
use holdfast_model::{Role, Score};
use regex_lite::Regex;

use super::Placement;
use super::sets::{Named, Names};
use crate::facts::{Facts, HealthStrategy, NodeIx, RscIx};
use crate::index_type;

index_type! {
    /// A location, in order of creation.
    LocationIx
}

/// How much one resource likes some nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// Id of the constraint or rule, or the name of the health strategy.
    pub id: String,
    /// Whose preference.
    pub rsc: RscIx,
    /// Only for this role (`Unknown`: any).
    pub role: Role,
    /// When the resource may be probed on these nodes.
    pub probe: ProbeMode,
    /// Nodes and scores, in node order.
    pub nodes: Vec<(NodeIx, Score)>,
}

impl Location {
    /// The score for `node`, if this location speaks of it.
    pub fn score_on(&self, node: NodeIx) -> Option<Score> {
        self.nodes.iter().find(|(named, _)| *named == node).map(|(_, score)| *score)
    }
}

/// A resource name that matched a pattern: rules may use its parts.
struct Matched<'a> {
    pattern: &'a Regex,
    name: &'a str,
}

impl<'a> Matched<'a> {
    /// What the whole pattern and each group of it matched.
    fn parts(&self) -> Vec<&'a str> {
        let captures = self.pattern.captures(self.name);
        captures.iter().flat_map(|all| all.iter()).map(|part| part.map_or("", |part| part.as_str())).collect()
    }
}

/// Turns the health of nodes into locations of all top-level resources.
pub fn node_health(facts: &Facts<'_>, into: &mut Placement) {
    let strategy = match facts.options.health_strategy {
        HealthStrategy::None => return,
        HealthStrategy::MigrateOnRed => "migrate-on-red",
        HealthStrategy::OnlyGreen => "only-green",
        HealthStrategy::Progressive => "progressive",
        HealthStrategy::Custom => "custom",
    };
    for (node, it) in facts.nodes.iter_enumerated() {
        if it.health == Score::ZERO {
            continue;
        }
        for &rsc in &facts.top {
            let immune = it.health < Score::ZERO
                && holdfast_model::boolean::is_true(facts.rscs[rsc].meta("allow-unhealthy-nodes"));
            if !immune {
                into.locations.push(Location {
                    id: strategy.to_string(),
                    rsc,
                    role: Role::Unknown,
                    probe: ProbeMode::Always,
                    nodes: vec![(node, it.health)],
                });
            }
        }
    }
}

/// Resolves one location constraint for every resource it is about.
pub fn resolve(facts: &Facts<'_>, names: &Names<'_>, constraint: &config::Location, into: &mut Placement) {
    match &constraint.target {
        LocationTarget::Resource(name) => match names.find(name) {
            Some(Named::Resource(rsc)) => one(facts, constraint, rsc, None, None, None, into),
            Some(Named::Many(members)) => {
                for member in members {
                    match names.resource(member) {
                        Some(rsc) => one(facts, constraint, rsc, None, None, None, into),
                        None => return unknown(constraint, member, into),
                    }
                }
            }
            None => unknown(constraint, name, into),
        },
        LocationTarget::Pattern { pattern, negated } => match Regex::new(pattern) {
            Ok(regex) => {
                for &rsc in &facts.top {
                    let name = facts.rscs[rsc].id.as_str();
                    match (regex.is_match(name), negated) {
                        (true, false) => {
                            let matched = Matched { pattern: &regex, name };
                            one(facts, constraint, rsc, None, None, Some(&matched), into);
                        }
                        (false, true) => one(facts, constraint, rsc, None, None, None, into),
                        (true, true) | (false, false) => {}
                    }
                }
            }
            Err(_) => refuse(
                constraint,
                format!("rsc-pattern \"{pattern}\" is not an extended regular expression"),
                into,
            ),
        },
        LocationTarget::Sets(sets) => {
            for set in names.expand(sets).iter() {
                let role = set.role.as_deref();
                for member in &set.members {
                    match names.resource(member) {
                        Some(rsc) => one(facts, constraint, rsc, role, set.score.as_deref(), None, into),
                        None => return unknown(constraint, member, into),
                    }
                }
            }
        }
    }
}

/// Resolves a location constraint for one resource; `role` and `score` are those of a set.
fn one(
    facts: &Facts<'_>,
    constraint: &config::Location,
    rsc: RscIx,
    role: Option<&str>,
    score: Option<&str>,
    matched: Option<&Matched<'_>>,
    into: &mut Placement,
) {
    let probe = probe_mode(constraint, into);
    let score = score.or(constraint.score.as_deref());
    let (Some(node), Some(score)) = (&constraint.node, score) else {
        return match constraint.rules.first() {
            Some(rule) => by_rule(facts, constraint, rule, rsc, probe, matched, into),
            None => refuse(constraint, "it has neither a node with a score nor a rule", into),
        };
    };
    let Some(node) = facts.find_node(node) else { return };
    let Some(score) = facts.parse_score(score) else {
        return refuse(constraint, format!("\"{score}\" is not a score"), into);
    };
    let Some(role) = location_role(role.or(constraint.role.as_deref()).map(Role::parse)) else {
        return invalid_role(constraint, into);
    };
    add(Location { id: constraint.id.clone(), rsc, role, probe, nodes: vec![(node, score)] }, into);
}

/// A location whose nodes (and perhaps scores) a rule decides.
fn by_rule(
    facts: &Facts<'_>,
    constraint: &config::Location,
    rule: &Rule,
    rsc: RscIx,
    probe: ProbeMode,
    matched: Option<&Matched<'_>>,
    into: &mut Placement,
) {
    let Some(role) = location_role(rule.role_text.as_deref().map(Role::parse)) else {
        return invalid_role(constraint, into);
    };
    let parts: Vec<&str> = matched.map(Matched::parts).unwrap_or_default();
    let attribute = rule.score_attribute.as_deref().map(|name| substitute(name, &parts));
    if attribute.is_none() && rule.score.is_none() {
        let message = format!("its rule {} has neither a score nor a score-attribute", rule.id);
        return refuse(constraint, message, into);
    }
    // Here the words for the health of nodes count too.
    let score = rule.score_text.as_deref().and_then(|text| facts.parse_score(text)).unwrap_or_default();
    let it = &facts.rscs[rsc];
    let mut nodes = Vec::new();
    for (node, on) in facts.nodes.iter_enumerated() {
        let parameters = facts.params(rsc, Some(node));
        let input = Input {
            now: facts.now,
            parameters: Some(&parameters),
            node_attributes: Some(&on.attributes),
            meta: Some(&it.meta),
            matches: &parts,
            ..Input::default()
        };
        if !rule.holds(&input, &mut into.recheck_by) {
            continue;
        }
        match &attribute {
            None => nodes.push((node, score)),
            Some(name) => {
                let value = facts.located_attribute(rsc, node, name);
                match value.filter(|value| !value.is_empty()).map(|value| facts.parse_score(value)) {
                    Some(Some(score)) => nodes.push((node, score)),
                    Some(None) => into.doubt(
                        "rsc_location",
                        &constraint.id,
                        format!("attribute {name} of node {} is not a score", facts.nodes[node].name),
                    ),
                    None => {}
                }
            }
        }
    }
    add(Location { id: rule.id.clone(), rsc, role, probe, nodes }, into);
}

fn add(location: Location, into: &mut Placement) {
    if location.probe == ProbeMode::Exclusive {
        into.exclusive.push(location.rsc);
    }
    into.locations.push(location);
}

/// Replaces `%0` ... `%9` in `name` by what the pattern and its groups matched.
fn substitute(name: &str, parts: &[&str]) -> String {
    let mut result = String::with_capacity(name.len());
    let mut rest = name.chars().peekable();
    while let Some(letter) = rest.next() {
        let digit = rest.peek().and_then(|digit| digit.to_digit(10));
        match (letter, digit.filter(|_| !parts.is_empty())) {
            ('%', Some(part)) => {
                rest.next();
                result.push_str(parts.get(part as usize).unwrap_or(&""));
            }
            _ => result.push(letter),
        }
    }
    result
}

/// A promoted instance was unpromoted before, so a preference for a started or unpromoted resource is one for any role.
///
/// `role` is `Some(None)` when something was written that is not a role.
fn location_role(role: Option<Option<Role>>) -> Option<Role> {
    match role {
        None | Some(Some(Role::Started | Role::Unpromoted)) => Some(Role::Unknown),
        Some(None | Some(Role::Unknown)) => None,
        Some(Some(role @ (Role::Stopped | Role::Promoted))) => Some(role),
    }
}

fn probe_mode(constraint: &config::Location, into: &mut Placement) -> ProbeMode {
    let text = constraint.discovery.as_deref().unwrap_or("always");
    if text.eq_ignore_ascii_case("always") {
        ProbeMode::Always
    } else if text.eq_ignore_ascii_case("never") {
        ProbeMode::Never
    } else if text.eq_ignore_ascii_case("exclusive") {
        ProbeMode::Exclusive
    } else {
        into.doubt(
            "rsc_location",
            &constraint.id,
            format!("resource-discovery \"{text}\" is not always, never or exclusive; always is used"),
        );
        ProbeMode::Always
    }
}

fn unknown(constraint: &config::Location, name: &str, into: &mut Placement) {
    refuse(constraint, format!("\"{name}\" is not a resource, template or tag"), into);
}

fn invalid_role(constraint: &config::Location, into: &mut Placement) {
    refuse(constraint, "a role in it is not a role", into);
}

fn refuse(constraint: &config::Location, why: impl Into<String>, into: &mut Placement) {
    into.refuse("rsc_location", &constraint.id, format!("ignored: {}", why.into()));
}
