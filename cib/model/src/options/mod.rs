//! Option tables: one row an option. Help, completion, validation and the scheduler all read the same row.

mod cluster;
mod operation;
mod resource;

use std::collections::BTreeMap;

pub use cluster::CLUSTER;
pub use operation::OPERATION;
pub use resource::RESOURCE;

use crate::boolean::parse_bool;
use crate::duration::checked_interval_ms;
use crate::score::parse_leading_integer;

/// What values an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false` in any of their spellings.
    Boolean,
    /// A length of time such as `20s` or `PT5M`.
    Duration,
    /// A whole number.
    Integer,
    /// A whole number above 0.
    PositiveInteger,
    /// A whole number or `[-]INFINITY`.
    Score,
    /// A share such as `80%`.
    Percentage,
    /// One of some words.
    Select(&'static [&'static str]),
    /// A TCP port.
    Port,
    /// A program version.
    Version,
    /// Any text.
    Text,
}

impl Kind {
    /// The name of the type in agent metadata.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Boolean => "boolean",
            Kind::Duration => "duration",
            Kind::Integer | Kind::PositiveInteger => "integer",
            Kind::Score => "score",
            Kind::Percentage => "percentage",
            Kind::Select(_) => "select",
            Kind::Port => "port",
            Kind::Version => "version",
            Kind::Text => "string",
        }
    }

    /// Whether `value` is one that the option takes.
    pub fn accepts(self, value: &str) -> bool {
        let infinite = |text: &str| text.trim_start_matches(['+', '-']).eq_ignore_ascii_case("INFINITY");
        match self {
            Kind::Boolean => parse_bool(value).is_some(),
            Kind::Duration => checked_interval_ms(value).is_some(),
            Kind::Integer | Kind::Score => infinite(value) || parse_leading_integer(value).is_some(),
            Kind::PositiveInteger => {
                (infinite(value) && !value.starts_with('-'))
                    || parse_leading_integer(value).is_some_and(|n| n > 0)
            }
            Kind::Percentage => {
                value.strip_suffix('%').unwrap_or(value).parse::<f32>().is_ok_and(|n| n >= 0.0)
            }
            Kind::Select(words) => words.iter().any(|word| value.eq_ignore_ascii_case(word)),
            Kind::Port => value.parse::<u16>().is_ok(),
            Kind::Version | Kind::Text => true,
        }
    }
}

/// Who should care about an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody.
    Normal,
    /// People who know why.
    Advanced,
    /// Written by the cluster itself.
    Generated,
    /// Nobody any more; still understood.
    Deprecated,
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct OptionInfo {
    /// Name.
    pub name: &'static str,
    /// Former name, still understood when the new one is not set.
    pub old_name: Option<&'static str>,
    /// Type.
    pub kind: Kind,
    /// Value when not set; `None` when that depends (the description says on what).
    pub default: Option<&'static str>,
    /// Version of Pacemaker that had it first.
    pub since: &'static str,
    /// Who should care.
    pub audience: Audience,
    /// One line.
    pub summary: &'static str,
    /// The rest that is worth knowing; may be empty.
    pub details: &'static str,
}

/// Finds an option by its name or former name, letter case ignored.
pub fn find(table: &'static [OptionInfo], name: &str) -> Option<&'static OptionInfo> {
    table.iter().find(|option| {
        option.name.eq_ignore_ascii_case(name)
            || option.old_name.is_some_and(|old| old.eq_ignore_ascii_case(name))
    })
}

/// The value of a cluster option: as configured under its name or former name if valid, else the default.
///
/// # Panics
/// When the name is not in [`CLUSTER`]: names are constants of the program.
pub fn cluster_value<'v>(configured: &'v BTreeMap<String, String>, name: &str) -> Option<&'v str> {
    let option = find(CLUSTER, name).expect("options are looked up by names of the table");
    configured_value(configured, option).or(option.default)
}

fn configured_value<'v>(configured: &'v BTreeMap<String, String>, option: &OptionInfo) -> Option<&'v str> {
    [Some(option.name), option.old_name]
        .into_iter()
        .flatten()
        .find_map(|name| configured.get(name))
        .map(String::as_str)
        .filter(|value| option.kind.accepts(value))
}

/// What is wrong with configured cluster options: name and sentence.
pub fn check_cluster(configured: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut findings = Vec::new();
    for (name, value) in configured {
        let Some(option) = find(CLUSTER, name) else { continue };
        if !option.kind.accepts(value) {
            let default = option.default.unwrap_or("no value");
            let expected = match option.kind {
                Kind::Select(words) => format!("one of {}", words.join(", ")),
                other => format!("a value of type {}", other.name()),
            };
            findings.push((
                name.clone(),
                format!("\"{value}\" is not {expected}; the default \"{default}\" is used"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sound() {
        for table in [CLUSTER, RESOURCE, OPERATION] {
            for option in table {
                if let Some(default) = option.default {
                    assert!(option.kind.accepts(default), "{}: default {default:?}", option.name);
                }
                assert!(option.summary.ends_with('.') || option.summary.ends_with('?'), "{}", option.name);
                assert_eq!(
                    table.iter().filter(|other| other.name == option.name).count(),
                    1,
                    "{}",
                    option.name
                );
            }
        }
    }

    #[test]
    fn former_names_and_defaults() {
        let check = |name: &str, value: &str, asked: &str, expected: Option<&str>| {
            let configured = [(name.to_owned(), value.to_owned())].into();
            assert_eq!(cluster_value(&configured, asked), expected, "{name}={value}");
        };
        check("stonith-enabled", "false", "fencing-enabled", Some("false"));
        check("fencing-enabled", "maybe", "fencing-enabled", Some("true"));
        check("unrelated", "x", "batch-limit", Some("0"));
        check("unrelated", "x", "cluster-name", None);
    }
}
