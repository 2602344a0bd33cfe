//! Constraints: those that move and ban make, their removal, and those that concern a resource.

use holdfast_model::iso8601::{DateTime, Duration};
use holdfast_scheduler::facts::{Flags, RscIx};
use holdfast_store::{Operation, Request, Target};
use holdfast_xml::{Document, Element, NodeIx};

use super::{Work, not_found, operation_failed, places};
use crate::cib_source::CibSource;
use crate::exit;
use crate::output::{Failure, Output};

/// Makes the constraint of `--move` or `--ban`.
pub(super) fn make(
    work: &Work<'_>,
    source: &mut CibSource,
    rsc: RscIx,
    name: &str,
    command: &str,
    output: &mut Output,
) -> Result<i32, Failure> {
    let facts = work.facts;
    if facts.rscs[rsc].id == name && name != work.config_id(rsc) {
        return Err(Failure::new(
            exit::INVALID_PARAMETER,
            format!("Cannot operate on clone resource instance '{name}'"),
        ));
    }
    // Instances of an anonymous clone are one for a constraint.
    let top = facts.top_resource(rsc, false);
    let id = if facts.rscs[top].is(Flags::UNIQUE) { name } else { work.config_id(rsc) };
    let promoted = work.parsed.has("promoted");
    if promoted && !facts.rscs[top].is(Flags::PROMOTABLE) {
        return Err(Failure::usage(format!("--promoted is only for promotable clones, '{name}' is none")));
    }
    let places = places::of(work, rsc);
    let node = match work.parsed.value("node") {
        Some(node) => match facts.node_named(node) {
            Some(node) => Some(node),
            None => return Err(not_found(output, "Node", node)),
        },
        None => None,
    };
    if let (Some(node), "move") = (node, command) {
        let current: Vec<_> = places.iter().filter(|place| !promoted || place.promoted).collect();
        let there = current.iter().any(|place| place.node == node);
        if current.len() == 1 && there && !work.parsed.has("force") {
            return Err(Failure::new(
                exit::EXISTS,
                "Error performing operation: Requested item already exists",
            ));
        }
        clear_constraints(work, source, Some(id), Some(&facts.nodes[node].name), true, output)?;
        prefer(work, source, id, &facts.nodes[node].name, promoted, output)?;
        if current.len() > 1 {
            output.info(format!(
                "Resource '{name}' is active in {} locations: it moves from all of them",
                current.len()
            ));
        }
        return Ok(exit::OK);
    }
    let node = match node {
        Some(node) => node,
        None => {
            let candidates: Vec<_> = places.iter().filter(|place| !promoted || place.promoted).collect();
            let [only] = candidates.as_slice() else {
                let (verb, count) = (if command == "move" { "moved" } else { "banned" }, candidates.len());
                let role = if promoted { " in the promoted role" } else { "" };
                return Err(Failure::usage(format!(
                    "Resource '{name}' not {verb}: active in {count} locations{role}.\nTo prevent '{name}' from running \
                     on a specific location, specify a node."
                )));
            };
            only.node
        }
    };
    ban(work, source, id, &facts.nodes[node].name, promoted, output)?;
    Ok(exit::OK)
}

/// The end of `--lifetime`, as it is written into a rule.
fn end(work: &Work<'_>, output: &mut Output) -> Result<Option<String>, Failure> {
    let Some(text) = work.parsed.value("lifetime") else { return Ok(None) };
    let Some(duration) = Duration::parse(text) else {
        return Err(Failure::usage(format!(
            "Invalid duration specified: {text}\nPlease refer to https://en.wikipedia.org/wiki/ISO_8601#Durations for \
             examples of valid durations"
        )));
    };
    let end = DateTime::from_epoch(super::now(work.facts.cib)).plus(&duration).to_string();
    output.info(format!("Migration will take effect until: {end}"));
    Ok(Some(end))
}

fn prefer(
    work: &Work<'_>,
    source: &mut CibSource,
    id: &str,
    node: &str,
    promoted: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let end = end(work, output)?;
    let draft =
        Draft { id: format!("cli-prefer-{id}"), kind: "prefer", of: id.to_owned(), score: "INFINITY" };
    add(work, source, &draft, id, node, promoted, end.as_deref())
}

fn ban(
    work: &Work<'_>,
    source: &mut CibSource,
    id: &str,
    node: &str,
    promoted: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let end = end(work, output)?;
    let constraint = format!("cli-ban-{id}-on-{node}");
    if !output.is_quiet() {
        let what = if promoted { " in the promoted role" } else { "" };
        output.info(format!(
            "WARNING: Creating rsc_location constraint '{constraint}' with a score of -INFINITY for resource {id} on \
             {node}.\n\tThis will prevent {id} from {} on {node} until the constraint is removed using the clear option \
             or by editing the CIB with an appropriate tool.\n\tThis will be the case even if {node} is the last node in \
             the cluster",
            if what.is_empty() { "running" } else { "being promoted" }
        ));
    }
    let of = format!("{id}-on-{node}");
    let draft = Draft { id: constraint, kind: "ban", of, score: "-INFINITY" };
    add(work, source, &draft, id, node, promoted, end.as_deref())
}

/// A constraint to be made.
struct Draft {
    id: String,
    kind: &'static str,
    /// What the ids of the parts end in.
    of: String,
    score: &'static str,
}

fn add(
    work: &Work<'_>,
    source: &mut CibSource,
    draft: &Draft,
    rsc: &str,
    node: &str,
    promoted: bool,
    end: Option<&str>,
) -> Result<(), Failure> {
    let mut input = Document::new("constraints");
    let root = input.root().ix();
    let location = element(&mut input, root, "rsc_location", &[("id", &draft.id), ("rsc", rsc)]);
    input.set_attr(location, "role", if promoted { "Promoted" } else { "Started" });
    match end {
        None => {
            input.set_attr(location, "node", node);
            input.set_attr(location, "score", draft.score);
        }
        Some(end) => {
            let id = |part: &str| match draft.kind {
                "ban" => format!("cli-ban-{}-{part}", draft.of),
                kind => format!("cli-{kind}-{part}-{}", draft.of),
            };
            let rule = element(
                &mut input,
                location,
                "rule",
                &[("id", &id("rule")), ("score", draft.score), ("boolean-op", "and")],
            );
            let uname = [
                ("id", &*id("expr")),
                ("attribute", "#uname"),
                ("operation", "eq"),
                ("value", node),
                ("type", "string"),
            ];
            element(&mut input, rule, "expression", &uname);
            let until = [("id", &*id("lifetime")), ("operation", "lt"), ("end", end)];
            let until_prefer = [("id", &*id("lifetime-end")), ("operation", "lt"), ("end", end)];
            let until = if draft.kind == "prefer" { until_prefer } else { until };
            element(&mut input, rule, "date_expression", &until);
        }
    }
    // An older constraint of that name may have another shape: this one takes its place.
    remove(work, source, &draft.id)?;
    let mut request = Request::new(Operation::Modify, Target::Section("constraints".to_owned()), Some(input));
    request.options.can_create = true;
    source.apply(request, None).map_err(|error| operation_failed(&error, work.parsed))
}

fn element(document: &mut Document, parent: NodeIx, name: &str, attributes: &[(&str, &str)]) -> NodeIx {
    let new = document.append(parent, name);
    for (attribute, value) in attributes {
        document.set_attr(new, attribute, value);
    }
    new
}

fn remove(work: &Work<'_>, source: &mut CibSource, id: &str) -> Result<(), Failure> {
    let mut input = Document::new("rsc_location");
    let root = input.root().ix();
    input.set_attr(root, "id", id);
    let request = Request::new(Operation::Delete, Target::Section("constraints".to_owned()), Some(input));
    source.apply(request, None).map_err(|error| operation_failed(&error, work.parsed))
}

/// Removes constraints made by `--move` and `--ban`.
pub(super) fn clear(work: &Work<'_>, source: &mut CibSource, output: &mut Output) -> Result<i32, Failure> {
    let node = match work.parsed.value("node") {
        Some(node) => match work.facts.node_named(node) {
            Some(node) => Some(work.facts.nodes[node].name.as_str()),
            None => return Err(not_found(output, "Node", node)),
        },
        None => None,
    };
    let rsc = match work.parsed.value("resource") {
        Some(name) => match work.find(name) {
            Some(rsc) => Some(work.config_id(rsc)),
            None => return Err(not_found(output, "Resource", name)),
        },
        None if work.parsed.has("expired") => None,
        None => return Err(Failure::usage("Must supply a resource ID with -r/--resource")),
    };
    let removed = clear_constraints(work, source, rsc, node, false, output)?;
    if !output.is_quiet() {
        for id in removed {
            output.info(format!("Removing constraint: {id}"));
        }
    }
    Ok(exit::OK)
}

/// Removes what move and ban made for a resource (or all), on a node (or all); gives the ids.
fn clear_constraints(
    work: &Work<'_>,
    source: &mut CibSource,
    rsc: Option<&str>,
    node: Option<&str>,
    quiet: bool,
    _output: &mut Output,
) -> Result<Vec<String>, Failure> {
    let constraints = work.document.root().child("configuration").and_then(|all| all.child("constraints"));
    let mut removed = Vec::new();
    for location in constraints.into_iter().flat_map(|all| all.children_named("rsc_location")) {
        let id = location.id().unwrap_or("");
        let ours = match rsc {
            Some(rsc) => {
                let bans = format!("cli-ban-{rsc}-on-");
                let prefer = [format!("cli-prefer-{rsc}"), format!("cli-standby-{rsc}")];
                match node {
                    // A preference goes whatever node it is for when a resource is moved elsewhere.
                    Some(node) => {
                        id == format!("{bans}{node}")
                            || prefer.iter().any(|wanted| wanted == id)
                                && (quiet || node_of(location) == Some(node))
                    }
                    None => id.starts_with(&bans) || prefer.iter().any(|wanted| wanted == id),
                }
            }
            None => {
                id.starts_with("cli-ban-") || id.starts_with("cli-prefer-") || id.starts_with("cli-standby-")
            }
        };
        let wanted = ours && (!work.parsed.has("expired") || expired(work, location));
        if wanted {
            remove(work, source, id)?;
            removed.push(id.to_owned());
        }
    }
    Ok(removed)
}

/// The node a constraint is about.
fn node_of(location: Element<'_>) -> Option<&str> {
    location.attr("node").or_else(|| {
        location
            .descendants()
            .find(|element| element.name() == "expression" && element.attr("attribute") == Some("#uname"))
            .and_then(|element| element.attr("value"))
    })
}

fn expired(work: &Work<'_>, location: Element<'_>) -> bool {
    let now = super::now(work.facts.cib);
    location
        .descendants()
        .filter(|element| element.name() == "date_expression" && element.attr("operation") == Some("lt"))
        .filter_map(|element| element.attr("end").and_then(|end| DateTime::parse(end, now)))
        .any(|end| end.epoch_seconds < now)
}

/// The constraints of a resource; with `--stack` also those of the resources bound to it.
pub(super) fn show(work: &Work<'_>, rsc: RscIx, output: &mut Output) -> Result<i32, Failure> {
    let top = if work.parsed.has("force") { rsc } else { work.facts.top_resource(rsc, false) };
    let constraints = work.document.root().child("configuration").and_then(|all| all.child("constraints"));
    let mut listing = Listing {
        all: constraints.into_iter().flat_map(Element::children).collect(),
        stack: work.parsed.last_of(&["constraints", "stack"]).is_some_and(|(name, _)| name == "stack"),
        output,
    };
    let id = work.config_id(top);
    listing.output.open("constraints", &[]);
    listing.locations(id, 0);
    listing.bound(id, Side::Dependents, 0, &mut vec![id]);
    listing.bound(id, Side::Primaries, 0, &mut vec![id]);
    listing.output.close();
    Ok(exit::OK)
}

/// Which way colocations are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// What must be where the resource is.
    Dependents,
    /// Where the resource must be.
    Primaries,
}

struct Listing<'a, 'o> {
    all: Vec<Element<'a>>,
    stack: bool,
    output: &'o mut Output,
}

impl<'a> Listing<'a, '_> {
    fn line(&mut self, level: usize, text: &str) {
        let indent = match level {
            0 => String::new(),
            level => format!("{}* ", "  ".repeat(level)),
        };
        self.output.text(format!("{indent}{text}\n"));
    }

    fn locations(&mut self, id: &str, level: usize) {
        let found: Vec<(Element<'a>, &'a str, &'a str)> = self
            .all
            .iter()
            .filter(|one| one.name() == "rsc_location" && one.attr("rsc") == Some(id))
            .filter_map(|one| {
                let rule = one.child("rule").and_then(|rule| rule.attr("score"));
                Some((*one, node_of(*one)?, one.attr("score").or(rule).unwrap_or("0")))
            })
            .collect();
        if found.is_empty() {
            return;
        }
        self.line(level, "Locations:");
        for (one, node, score) in found {
            let own = one.id().unwrap_or("");
            self.line(level + 1, &format!("Node {node} (score={score}, id={own}, rsc={id})"));
            self.output
                .element("rsc_location", &[("node", node), ("rsc", id), ("id", own), ("score", score)]);
        }
    }

    fn bound(&mut self, id: &'a str, side: Side, level: usize, seen: &mut Vec<&'a str>) {
        let (mine, theirs) = match side {
            Side::Dependents => ("with-rsc", "rsc"),
            Side::Primaries => ("rsc", "with-rsc"),
        };
        let mut found: Vec<(Element<'a>, &'a str)> = self
            .all
            .iter()
            .filter(|one| one.name() == "rsc_colocation" && one.attr(mine) == Some(id))
            .filter_map(|one| Some((*one, one.attr(theirs)?)))
            .collect();
        found.sort_by_key(|(_, other)| *other);
        if found.is_empty() {
            return;
        }
        let title = match side {
            Side::Dependents => format!("Resources colocated with {id}:"),
            Side::Primaries => format!("Resources {id} is colocated with:"),
        };
        self.line(level, &title);
        for (one, other) in found {
            let (own, score) = (one.id().unwrap_or(""), one.attr("score").unwrap_or("INFINITY"));
            let (dependent, primary) = (one.attr("rsc").unwrap_or(""), one.attr("with-rsc").unwrap_or(""));
            let attribute = one.attr("node-attribute").unwrap_or("#uname");
            self.output.element(
                "rsc_colocation",
                &[
                    ("id", own),
                    ("rsc", dependent),
                    ("with-rsc", primary),
                    ("score", score),
                    ("node-attribute", attribute),
                ],
            );
            if seen.contains(&other) {
                self.line(level + 1, &format!("{other} (id={own} - loop)"));
                continue;
            }
            self.line(level + 1, &format!("{other} (score={score}, id={own})"));
            self.locations(other, level + 2);
            if self.stack {
                seen.push(other);
                self.bound(other, side, level + 2, seen);
                seen.pop();
            }
        }
    }
}
