//! What may follow a command, by what was typed behind it.
//!
//! Knows the commands of every level. Does not know terminals; the rest of a resource's line is in `primitive`.

use super::super::levels;
use super::primitive::{self, named};
use super::world::{Object, World};
use holdfast_model::options;

const RESOURCES: &[&str] = &["primitive", "group", "clone", "master", "bundle"];
/// Words of `status`, each an option of `crm_mon`.
const STATUS: &[&str] = &[
    "bynode",
    "inactive",
    "ops",
    "timing",
    "failcounts",
    "verbose",
    "quiet",
    "tickets",
    "noheaders",
    "detail",
    "brief",
    "full",
    "xml",
    "html",
    "simple",
];
const VALUES: &[&str] = &["set", "delete", "show"];
const SCORES: &[&str] = &["inf:", "-inf:"];

/// Candidates for the word `typed` behind a command and its arguments so far.
pub fn of(level: &str, command: &str, given: &[&str], typed: &str, world: &dyn World) -> Vec<String> {
    let Ok(row) = levels::command(level, command) else { return Vec::new() };
    match level {
        "configure" => configure(row.name, given, typed, world),
        "node" => node(row.name, given, world),
        "resource" => resource(row.name, given, world),
        "ra" => match (row.name, given) {
            ("list", []) => world.classes(),
            ("list", ["ocf"]) => world.providers(),
            ("info", []) => primitive::agent(typed, world),
            ("providers", []) => world.types("ocf", None),
            _ => Vec::new(),
        },
        "cib" => match (row.name, given) {
            ("use", []) => joined(world.shadows(), &["live"]),
            ("delete" | "reset" | "commit", []) => world.shadows(),
            ("new", [_]) => words(&["force"]),
            _ => Vec::new(),
        },
        _ if row.name == "status" => words(STATUS),
        _ => Vec::new(),
    }
}

fn node(command: &str, given: &[&str], world: &dyn World) -> Vec<String> {
    match (command, given) {
        ("standby", [_]) => words(&["forever", "reboot"]),
        ("attribute" | "utilization" | "status-attr", [_]) => words(VALUES),
        (_, []) => nodes(world),
        _ => Vec::new(),
    }
}

fn resource(command: &str, given: &[&str], world: &dyn World) -> Vec<String> {
    match (command, given) {
        ("start" | "stop" | "restart", several) => without(resources(world), several),
        ("move" | "ban", [_]) => joined(nodes(world), &["force"]),
        ("clear" | "cleanup" | "refresh", [_]) => nodes(world),
        ("maintenance", [_]) => words(&["on", "off"]),
        ("param" | "meta" | "utilization", [_]) => words(VALUES),
        ("meta", [_, _]) => options::RESOURCE.iter().map(|row| row.name.to_owned()).collect(),
        ("param", [rsc, _]) => parameters(rsc, world),
        ("failcount", [_]) => words(&["show", "delete"]),
        ("failcount", [_, _]) => nodes(world),
        (_, []) => resources(world),
        _ => Vec::new(),
    }
}

/// Names of the parameters of a resource's agent.
fn parameters(rsc: &str, world: &dyn World) -> Vec<String> {
    let agent = world.objects().iter().find(|o| o.name == rsc).and_then(|o| o.agent.clone());
    let data = agent.and_then(|agent| world.metadata(&agent));
    data.map(|data| data.parameters.into_iter().map(|p| p.name).collect()).unwrap_or_default()
}

fn configure(command: &str, given: &[&str], typed: &str, world: &dyn World) -> Vec<String> {
    match (command, given) {
        ("show", []) => [joined(all(world), &["xml", "changed"]), kinds(world)].concat(),
        ("show", several) => without(all(world), several),
        ("edit", []) => joined(all(world), &["xml"]),
        ("edit" | "delete", several) => without(all(world), several),
        ("save", []) => words(&["xml"]),
        ("save", ["xml"]) => Vec::new(),
        ("save", several) => without(all(world), several),
        ("rename", []) => all(world),
        ("set", []) => all(world).into_iter().map(|id| id + ".").collect(),
        ("load", []) => words(&["xml", "replace", "update"]),
        ("load", ["xml"]) => words(&["replace", "update"]),
        ("commit", []) => words(&["force"]),
        ("modgroup", _) => modgroup(given, world),
        ("monitor", []) => of_kind(world, &["primitive"]),
        ("get-property", several) => {
            let names = options::CLUSTER.iter().flat_map(|row| [Some(row.name), row.old_name]);
            without(names.flatten().map(str::to_owned).collect(), several)
        }
        ("node", []) => nodes(world),
        ("node", [_, ..]) => words(&["attributes", "utilization"]),
        ("primitive" | "rsc_template", [_]) => {
            let mut names = primitive::agent(typed, world);
            if command == "primitive" {
                names.extend(of_kind(world, &["template"]).iter().map(|name| format!("@{name}")));
            }
            names
        }
        ("primitive" | "rsc_template", [_, agent, rest @ ..]) => primitive::rest(agent, rest, typed, world),
        ("group", [_, rest @ ..]) => match primitive::section(rest) {
            Some("meta") => metas(rest, typed),
            Some(_) => Vec::new(),
            None => {
                let free = without(free(world, &["primitive"]), rest);
                if rest.is_empty() { free } else { joined(free, &["meta", "params"]) }
            }
        },
        ("clone" | "ms", [_]) => free(world, &["primitive", "group"]),
        ("clone" | "ms", [_, _, rest @ ..]) => match primitive::section(rest) {
            Some("meta") => joined(metas(rest, typed), &["params"]),
            _ => words(&["meta", "params"]),
        },
        ("location", _) => location(given, world),
        ("colocation", [_]) => words(SCORES),
        ("order", [_]) => words(&["Mandatory:", "Optional:", "Serialize:"]),
        ("colocation" | "order" | "rsc_ticket", [_, _, several @ ..]) => {
            let more: &[&str] = match command {
                "colocation" => &["node-attribute="],
                "order" => &["symmetrical="],
                _ => &["loss-policy="],
            };
            let last = match typed.split_once('=').map(|(name, _)| name) {
                Some("symmetrical") => words(&["symmetrical=true", "symmetrical=false"]),
                Some("loss-policy") => {
                    ["fence", "stop", "freeze", "demote"].map(|w| format!("loss-policy={w}")).into()
                }
                _ => joined(top(world), if several.is_empty() { &[] } else { more }),
            };
            without(last, several)
        }
        ("tag", [_, several @ ..]) => without(all(world), several),
        ("property", several) => named(options::CLUSTER, several, typed),
        ("rsc_defaults", several) => metas(several, typed),
        ("op_defaults", several) => named(options::OPERATION, several, typed),
        ("fencing_topology", several) => {
            let devices = world.objects().iter().filter(|o| {
                o.kind == "primitive" && o.agent.as_deref().is_some_and(|a| a.starts_with("stonith:"))
            });
            let targets = nodes(world).into_iter().map(|node| node + ":");
            without(devices.map(|o| o.name.clone()).chain(targets).collect(), several)
        }
        _ => Vec::new(),
    }
}

fn metas(given: &[&str], typed: &str) -> Vec<String> {
    named(options::RESOURCE, given, typed)
}

fn modgroup(given: &[&str], world: &dyn World) -> Vec<String> {
    let members = |group: &str| {
        let inside = world.objects().iter().filter(|o| o.inside.as_deref() == Some(group));
        inside.map(|o| o.name.clone()).collect()
    };
    match given {
        [] => of_kind(world, &["group"]),
        [_] => words(&["add", "remove"]),
        [_, "add"] => free(world, &["primitive"]),
        [group, "remove"] => members(group),
        [_, "add", _] => words(&["before", "after"]),
        [group, "add", _, "before" | "after"] => members(group),
        _ => Vec::new(),
    }
}

fn location(given: &[&str], world: &dyn World) -> Vec<String> {
    match given {
        [_] => top(world),
        [_, _] => [words(SCORES), words(&["rule"])].concat(),
        [_, _, score] if score.ends_with(':') => nodes(world),
        [_, _, "rule"] => words(SCORES),
        [_, _, "rule", .., "#uname", "eq" | "ne"] => nodes(world),
        [_, _, "rule", .., "#uname"] => words(&["eq", "ne"]),
        [_, _, "rule", .., "defined" | "not_defined" | "and" | "or"] => words(&["#uname"]),
        [_, _, "rule", .., score] if score.ends_with(':') => {
            words(&["#uname", "defined", "not_defined", "date"])
        }
        [_, _, "rule", ..] => words(&["and", "or", "eq", "ne", "lt", "lte", "gt", "gte", "rule"]),
        _ => Vec::new(),
    }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

fn joined(mut names: Vec<String>, more: &[&str]) -> Vec<String> {
    names.extend(words(more));
    names
}

/// Nothing is offered twice in one line.
fn without(mut names: Vec<String>, given: &[&str]) -> Vec<String> {
    names.retain(|name| !given.contains(&name.as_str()));
    names
}

fn select(world: &dyn World, wanted: impl Fn(&Object) -> bool) -> Vec<String> {
    world.objects().iter().filter(|o| wanted(o)).map(|o| o.name.clone()).collect()
}

fn all(world: &dyn World) -> Vec<String> {
    select(world, |_| true)
}

fn of_kind(world: &dyn World, kinds: &[&str]) -> Vec<String> {
    select(world, |o| kinds.contains(&o.kind.as_str()))
}

fn nodes(world: &dyn World) -> Vec<String> {
    of_kind(world, &["node"])
}

fn resources(world: &dyn World) -> Vec<String> {
    of_kind(world, RESOURCES)
}

fn free(world: &dyn World, kinds: &[&str]) -> Vec<String> {
    select(world, |o| kinds.contains(&o.kind.as_str()) && o.inside.is_none())
}

/// Resources that are in no other.
fn top(world: &dyn World) -> Vec<String> {
    free(world, RESOURCES)
}

/// `type:primitive` and its like, for the kinds that there are.
fn kinds(world: &dyn World) -> Vec<String> {
    let mut kinds: Vec<String> = world
        .objects()
        .iter()
        .map(|o| format!("type:{}", super::super::configure::kind_of(&o.kind)))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
