//! Makes a CIB smaller while something stays true of it.
//!
//! Knows elements and attributes, no meaning: what must not go is the caller's business.

use holdfast_xml::{Document, NodeIx};

const LASTING: [&str; 12] = [
    "cib",
    "configuration",
    "crm_config",
    "nodes",
    "resources",
    "constraints",
    "status",
    "cluster_property_set",
    "lrm",
    "lrm_resources",
    "operations",
    "node_state",
];

/// Removes elements, then attributes, as long as `holds` says yes; asks at most `limit` times.
pub fn shrink(text: &str, mut limit: usize, mut holds: impl FnMut(&str) -> bool) -> String {
    let mut best = text.to_owned();
    let mut try_ = |candidate: String, best: &mut String, limit: &mut usize| -> bool {
        if *limit == 0 || candidate == *best {
            return false;
        }
        *limit -= 1;
        let smaller = holds(&candidate);
        if smaller {
            *best = candidate;
        }
        smaller
    };
    loop {
        let before = best.len();
        // Large pieces first: whole elements in document order, skipping what went with an earlier one.
        let mut at = 0;
        loop {
            let Ok(mut document) = Document::parse_default(&best) else { return best };
            let all: Vec<NodeIx> = document.root().descendants().map(|element| element.ix()).collect();
            let Some(element) = all.get(at) else { break };
            let removable = !LASTING[..8].contains(&document.element(*element).name());
            if removable {
                document.remove(*element);
                if try_(document.compacted().to_string_pretty(), &mut best, &mut limit) {
                    continue;
                }
            }
            at += 1;
        }
        let mut at = 0;
        loop {
            let Ok(mut document) = Document::parse_default(&best) else { return best };
            let all: Vec<(NodeIx, String)> = document
                .root()
                .self_and_descendants()
                .flat_map(|element| element.attrs().map(move |(name, _)| (element.ix(), name.to_owned())))
                .collect();
            let Some((element, name)) = all.get(at) else { break };
            let kept = ["id", "uname", "validate-with", "name", "value", "execution-date"];
            if !kept.contains(&name.as_str()) {
                document.remove_attr(*element, name);
                if try_(document.compacted().to_string_pretty(), &mut best, &mut limit) {
                    continue;
                }
            }
            at += 1;
        }
        if best.len() == before || limit == 0 {
            return best;
        }
    }
}
