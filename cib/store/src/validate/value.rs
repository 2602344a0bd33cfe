//! The types of attribute values.

/// A type of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    /// A name unique in the configuration.
    Id,
    Reference,
    Score,
    Integer,
    Boolean,
    Level,
    Devices,
    Words(&'static [&'static str]),
}

const WORDS: &[(&str, &[&str])] = &[
    ("and-or", &["and", "or"]),
    ("comparison", &["lt", "gt", "lte", "gte", "eq", "ne", "defined", "not_defined"]),
    ("value-type", &["string", "integer", "number", "version"]),
    ("value-source", &["literal", "param", "meta"]),
    ("date-operation", &["in_range", "gt", "lt", "date_spec"]),
    ("node-type", &["member", "remote", "ping", "normal"]),
    ("class", &["ocf", "lsb", "heartbeat", "stonith", "service", "systemd", "upstart", "nagios"]),
    ("role", &["Stopped", "Started", "Promoted", "Unpromoted", "Master", "Slave"]),
    ("requires", &["nothing", "quorum", "fencing", "unfencing"]),
    ("on-fail", &["ignore", "block", "demote", "stop", "restart", "standby", "fence", "restart-container"]),
    ("discovery", &["always", "never", "exclusive"]),
    ("kind", &["Optional", "Mandatory", "Serialize"]),
    ("action", &["start", "promote", "demote", "stop"]),
    ("loss-policy", &["stop", "demote", "fence", "freeze"]),
    ("ordering", &["group", "listed"]),
    ("permission", &["read", "write", "deny"]),
];

impl Type {
    pub(super) fn named(name: &str) -> Type {
        match name {
            "id" => Type::Id,
            "ref" => Type::Reference,
            "score" => Type::Score,
            "integer" => Type::Integer,
            "boolean" => Type::Boolean,
            "level" => Type::Level,
            "devices" => Type::Devices,
            _ => WORDS
                .iter()
                .find(|(word, _)| *word == name)
                .map_or(Type::Text, |(_, words)| Type::Words(words)),
        }
    }

    /// Why a value does not have this type, as what was expected.
    pub(super) fn complaint(self, value: &str) -> Option<String> {
        let ok = match self {
            Type::Text => true,
            Type::Id | Type::Reference => is_name(value),
            Type::Score => matches!(value, "INFINITY" | "+INFINITY" | "-INFINITY") || is_integer(value),
            Type::Integer => is_integer(value),
            Type::Boolean => matches!(value.trim(), "true" | "false" | "1" | "0"),
            Type::Level => value.trim().parse::<u64>().is_ok_and(|level| level >= 1),
            Type::Devices => {
                !value.is_empty()
                    && value.split(',').all(|device| {
                        !device.is_empty()
                            && device.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
                    })
            }
            Type::Words(words) => words.contains(&value),
        };
        if ok {
            return None;
        }
        Some(match self {
            Type::Id | Type::Reference => "an id: a letter or _, then letters, digits, - _ .".to_owned(),
            Type::Score => "an integer, INFINITY or -INFINITY".to_owned(),
            Type::Integer => "an integer".to_owned(),
            Type::Boolean => "true or false".to_owned(),
            Type::Level => "a number from 1 to 9".to_owned(),
            Type::Devices => "names of fence devices, separated by commas".to_owned(),
            Type::Words(words) => format!("one of {}", words.join(", ")),
            Type::Text => "text".to_owned(),
        })
    }
}

fn is_integer(value: &str) -> bool {
    let value = value.trim();
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// An XML name without colon, as the type ID demands.
fn is_name(value: &str) -> bool {
    let mut characters = value.chars();
    characters.next().is_some_and(|c| c != ':' && holdfast_xml::is_name_start(c))
        && characters.all(|c| c != ':' && holdfast_xml::is_name_character(c))
}
