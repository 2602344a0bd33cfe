//! The line of a primitive: its agent, then sections of names and values.
//!
//! Knows classes, providers, types, parameters, operations. Does not know other lines.

use super::world::World;
use holdfast_agent_protocol::metadata::{Action, Metadata, Parameter};
use holdfast_model::options::{self, Audience, Kind, OptionInfo};

const SECTIONS: &[&str] = &["params", "meta", "op", "utilization", "operations"];

/// Names of agents, part by part: classes, providers of `ocf`, types.
pub fn agent(typed: &str, world: &dyn World) -> Vec<String> {
    match typed.split(':').collect::<Vec<_>>().as_slice() {
        ["ocf", _] => world.providers().iter().map(|provider| format!("ocf:{provider}:")).collect(),
        ["ocf", provider, _] => {
            let types = world.types("ocf", Some(provider));
            types.iter().map(|kind| format!("ocf:{provider}:{kind}")).collect()
        }
        [class, _] => world.types(class, None).iter().map(|kind| format!("{class}:{kind}")).collect(),
        _ => world.classes().iter().map(|class| format!("{class}:")).collect(),
    }
}

/// The section that the words end in.
pub fn section<'a>(given: &[&'a str]) -> Option<&'a str> {
    given.iter().rev().find(|word| SECTIONS.contains(word)).copied()
}

/// What may follow an agent, or a template with `@` before its name.
pub fn rest(agent: &str, given: &[&str], typed: &str, world: &dyn World) -> Vec<String> {
    let agent = match agent.strip_prefix('@') {
        Some(template) => {
            let found = world.objects().iter().find(|o| o.kind == "template" && o.name == template);
            found.and_then(|o| o.agent.clone())
        }
        None => Some(agent.to_owned()),
    };
    let data = || agent.as_deref().and_then(|agent| world.metadata(agent)).unwrap_or_default();
    let sections = || SECTIONS.iter().map(|word| (*word).to_owned());
    let own: Vec<String> = match section(given) {
        None => return sections().collect(),
        Some("params") => parameters(&data(), given, typed),
        Some("meta") => named(options::RESOURCE, given, typed),
        Some("op") => {
            let at = given.iter().rposition(|word| *word == "op").map_or(0, |at| at + 1);
            match &given[at..] {
                [] => return actions(&data()),
                [action, given @ ..] => operation(&data(), action, given, typed),
            }
        }
        Some(_) => Vec::new(),
    };
    // Before the first value of a section no other begins.
    let begun = given.last().is_some_and(|word| !SECTIONS.contains(word));
    if begun && !typed.contains('=') { own.into_iter().chain(sections()).collect() } else { own }
}

fn parameters(data: &Metadata, given: &[&str], typed: &str) -> Vec<String> {
    match typed.split_once('=') {
        Some((name, _)) => data.parameter(name).map(values).unwrap_or_default(),
        None => {
            let fresh = data.parameters.iter().filter(|p| !p.deprecated && !is_given(given, &p.name));
            fresh.map(|p| p.name.clone() + "=").collect()
        }
    }
}

/// Values that an agent names, its default among them.
fn values(parameter: &Parameter) -> Vec<String> {
    let mut values = parameter.options.clone();
    if parameter.kind == "boolean" {
        values.extend(["true".to_owned(), "false".to_owned()]);
    }
    values.extend(parameter.default.clone().filter(|v| !v.is_empty() && !v.contains(char::is_whitespace)));
    values.iter().map(|value| format!("{}={value}", parameter.name)).collect()
}

fn actions(data: &Metadata) -> Vec<String> {
    let aside = ["meta-data", "validate-all"];
    let names = data.actions.iter().map(|action| action.name.clone());
    names.filter(|name| !aside.contains(&name.as_str())).collect()
}

/// The agent's advice for an operation, then every other setting.
fn operation(data: &Metadata, action: &str, given: &[&str], typed: &str) -> Vec<String> {
    let advised = |action: &Action| {
        [
            ("timeout", &action.timeout),
            ("interval", &action.interval),
            ("start-delay", &action.start_delay),
            ("role", &action.role),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)))
        .collect::<Vec<_>>()
    };
    let mut out: Vec<String> = data.actions.iter().filter(|a| a.name == action).flat_map(advised).collect();
    if typed.contains('=') {
        out.extend(value_of(options::OPERATION, typed));
        return out;
    }
    let known: Vec<String> = names_of(&out);
    let others =
        options::OPERATION.iter().filter(|row| row.name != "name" && row.audience == Audience::Normal);
    out.extend(others.map(|row| format!("{}=", row.name)).filter(|name| !known.contains(name)));
    out.retain(|pair| !is_given(given, pair.split('=').next().unwrap_or_default()));
    out
}

/// `NAME=` of pairs.
fn names_of(pairs: &[String]) -> Vec<String> {
    pairs.iter().filter_map(|pair| pair.split_once('=')).map(|(name, _)| format!("{name}=")).collect()
}

fn is_given(given: &[&str], name: &str) -> bool {
    given.iter().any(|word| word.split_once('=').is_some_and(|(n, _)| n == name))
}

/// Names of a table as `NAME=`, or the values of the one that is typed.
pub fn named(table: &'static [OptionInfo], given: &[&str], typed: &str) -> Vec<String> {
    if typed.contains('=') {
        return value_of(table, typed);
    }
    let wanted = |row: &&OptionInfo| {
        matches!(row.audience, Audience::Normal | Audience::Advanced) && !is_given(given, row.name)
    };
    let names = table.iter().filter(wanted).flat_map(|row| [Some(row.name), row.old_name]);
    names.flatten().map(|name| format!("{name}=")).collect()
}

/// Values of the option that is typed.
fn value_of(table: &'static [OptionInfo], typed: &str) -> Vec<String> {
    let Some((name, _)) = typed.split_once('=') else { return Vec::new() };
    let Some(row) = options::find(table, name) else { return Vec::new() };
    let mut values: Vec<&str> = match row.kind {
        Kind::Boolean => vec!["true", "false"],
        Kind::Select(words) => words.to_vec(),
        Kind::Score => vec!["INFINITY", "-INFINITY"],
        Kind::Duration
        | Kind::Integer
        | Kind::PositiveInteger
        | Kind::Percentage
        | Kind::Port
        | Kind::Version
        | Kind::Text => Vec::new(),
    };
    values.extend(row.default);
    values.iter().filter(|value| !value.is_empty()).map(|value| format!("{name}={value}")).collect()
}
