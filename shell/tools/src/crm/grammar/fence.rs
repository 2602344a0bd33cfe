//! `fencing_topology [TARGET:] DEVICES...`.

use super::{Element, Parsed, Syntax, Words};

/// Reads the levels: words behind a target are its levels, a comma joins the devices of one level.
pub fn topology(words: &mut Words<'_>) -> Result<Parsed, Syntax> {
    let mut built = Element::new("fencing-topology", "");
    let root = built.root;
    built.doc.remove_attr(root, "id");
    let mut target: Option<&str> = None;
    let mut index = 0;
    let mut count = 0;
    while let Some(word) = words.next() {
        if let Some(name) = word.strip_suffix(':') {
            target = Some(name);
            index = 0;
            continue;
        }
        index += 1;
        count += 1;
        let target = target.ok_or_else(|| {
            words.complain(format!(
                "name the node before its devices: `NODE: {word}` (levels for all nodes are written per node)"
            ))
        })?;
        let level = built.doc.append(root, "fencing-level");
        match target.split_once('=') {
            Some((attribute, value)) => {
                built.doc.set_attr(level, "target-attribute", attribute.trim_start_matches("attr:"));
                built.doc.set_attr(level, "target-value", value);
            }
            None => match target.strip_prefix("pattern:") {
                Some(pattern) => built.doc.set_attr(level, "target-pattern", pattern),
                None => built.doc.set_attr(level, "target", target),
            },
        }
        built.doc.set_attr(level, "devices", word);
        built.doc.set_attr(level, "index", &index.to_string());
        built.doc.set_attr(level, "id", &format!("fencing-{target}-{index}"));
    }
    if count == 0 {
        return Err(words.complain("devices expected: NODE: DEVICE[,DEVICE] ..."));
    }
    Ok(built.into("fencing-topology"))
}
