//! What a clean-up has to say: which resource is clean on which node.
//!
//! Knows the configuration and which nodes are online. Does not ask for the clean-up.

use holdfast_scheduler::facts;
use holdfast_xml::{Document, Element};

/// `(resource, node)` for every primitive of a resource on every online node, also where there was nothing to forget:
/// whoever asked for the resource wants to know that it is clean there. `cut` are those whose history was cut, by the
/// names of their instances.
pub fn covered(
    document: &Document,
    now: i64,
    rsc: &str,
    node: Option<&str>,
    cut: &[(String, String)],
) -> Vec<(String, String)> {
    let (cib, _) = holdfast_model::read::cib(document);
    let facts = facts::unpack(&cib, now);
    let mut all = Vec::new();
    let element = document.root().descendants().find(|e| e.attr("id") == Some(rsc));
    let primitives = element.into_iter().flat_map(Element::self_and_descendants);
    for id in primitives.filter(|e| e.name() == "primitive").filter_map(|e| e.attr("id")) {
        for place in facts.nodes.iter().filter(|n| n.online && node.is_none_or(|only| only == n.name)) {
            let base =
                |name: &str| name == id || name.strip_prefix(id).is_some_and(|rest| rest.starts_with(':'));
            let before = all.len();
            all.extend(cut.iter().filter(|(name, on)| base(name) && *on == place.name).cloned());
            if all.len() == before {
                all.push((id.to_owned(), place.name.clone()));
            }
        }
    }
    // A resource that is not configured any more is known by its history alone.
    for pair in cut {
        if !all.contains(pair) {
            all.push(pair.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::covered;
    use holdfast_xml::Document;

    #[test]
    fn every_member_on_every_online_node() {
        let text = "<cib validate-with='pacemaker-3.9' epoch='1' admin_epoch='0' num_updates='0' have-quorum='1'>\
            <configuration><crm_config/><nodes><node id='1' uname='a'/><node id='2' uname='b'/></nodes><resources>\
            <group id='g'><primitive id='x' class='lsb' type='t'/><primitive id='y' class='lsb' type='t'/></group>\
            </resources><constraints/></configuration><status>\
            <node_state id='1' uname='a' in_ccm='true' crmd='online' join='member' expected='member'/>\
            </status></cib>";
        let document = Document::parse_default(text).unwrap();
        let pair = |rsc: &str, node: &str| (rsc.to_owned(), node.to_owned());
        assert_eq!(covered(&document, 1, "g", None, &[]), [pair("x", "a"), pair("y", "a")]);
        assert_eq!(covered(&document, 1, "g", Some("b"), &[]), []);
        let cut = [pair("x:0", "a"), pair("old", "b")];
        assert_eq!(
            covered(&document, 1, "g", None, &cut),
            [pair("x:0", "a"), pair("y", "a"), pair("old", "b")]
        );
    }
}
