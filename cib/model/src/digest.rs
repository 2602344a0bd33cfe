//! Digests of operation parameters, so that a changed definition can be told from an unchanged one.
//!
//! The text that is hashed is Pacemaker's, because histories written by it carry such digests:
//! `" <parameters a=\"1\" b=\"2\"/>\n"` with names sorted, MD5, lower-case hexadecimal.

use std::collections::BTreeMap;

use md5::{Digest, Md5};

/// The digest of a parameter table.
pub fn of_parameters(parameters: &BTreeMap<String, String>) -> String {
    let pairs = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    md5_hex(text_of(pairs).as_bytes())
}

/// The text whose MD5 is the digest of parameters; they have to come sorted by name.
pub fn text_of<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::from(" <parameters");
    for (name, value) in parameters {
        text.push(' ');
        text.push_str(name);
        text.push_str("=\"");
        escape_attribute(value, &mut text);
        text.push('"');
    }
    text.push_str("/>\n");
    text
}

/// MD5 as lower-case hexadecimal.
pub fn md5_hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    Md5::digest(bytes).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn escape_attribute(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
}

/// Whether a parameter is left out of digests: everything the cluster adds by itself.
pub fn is_internal(name: &str) -> bool {
    name.starts_with("CRM_meta_")
        || matches!(
            name,
            "id" | "crm_feature_set" | "op-digest" | "on_node" | "on_node_uuid" | "pcmk_external_ip"
        )
}

/// Parameters as they are hashed: internal ones removed, but recurring operations keep their timeout, because a
/// changed timeout means that the executor has to be told.
pub fn filtered(mut parameters: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let recurring = parameters
        .get("CRM_meta_interval")
        .is_some_and(|interval| interval.parse::<u32>().is_ok_and(|i| i > 0));
    let timeout = if recurring { parameters.remove("CRM_meta_timeout") } else { None };
    parameters.retain(|name, _| !is_internal(name));
    if let Some(timeout) = timeout {
        parameters.insert("CRM_meta_timeout".to_owned(), timeout);
    }
    parameters
}

/// The environment name of a meta attribute: `CRM_meta_` and the name with `-` as `_`.
pub fn meta_name(name: &str) -> String {
    format!("CRM_meta_{}", name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_parameters() {
        assert_eq!(of_parameters(&BTreeMap::new()), "f2317cad3d54cec5d7d7aa7d0bf35cf8");
    }

    #[test]
    fn timeouts_count_for_recurring_operations_only() {
        let table = |interval: &str| -> BTreeMap<String, String> {
            [("CRM_meta_interval", interval), ("CRM_meta_timeout", "20000"), ("ip", "10.0.0.1"), ("id", "x")]
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        };
        let names = |interval: &str| filtered(table(interval)).into_keys().collect::<Vec<_>>();
        assert_eq!(names("0"), ["ip"]);
        assert_eq!(names("10000"), ["CRM_meta_timeout", "ip"]);
    }
}
