//! Objects as lines: the reverse of the grammar.
//!
//! Knows the printing rules of `configure show`.

use super::lexer::quoted;
use super::working;
use holdfast_xml::{Document, Element};

/// Continuation of an object's further parts.
const JOIN: &str = " \\\n\t";

/// All objects in the order of `show`.
pub fn all(doc: &Document) -> String {
    let mut objects: Vec<(usize, String, String)> = working::objects(doc)
        .into_iter()
        .filter(|e| !is_empty_set(*e))
        .map(|e| (rank(e), e.attr("id").unwrap_or_default().to_owned(), object(e)))
        .collect();
    if let Some(topology) = doc.root().child("configuration").and_then(|c| c.child("fencing-topology")) {
        let text = fencing(topology);
        objects.extend(text.map(|t| (7, String::new(), t)));
    }
    objects.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    objects.into_iter().map(|(_, _, text)| text + "\n").collect()
}

fn is_empty_set(element: Element<'_>) -> bool {
    matches!(element.name(), "cluster_property_set" | "meta_attributes")
        && element.children().next().is_none()
}

fn rank(element: Element<'_>) -> usize {
    match element.name() {
        "node" => 0,
        "template" => 1,
        "primitive" => 2,
        "bundle" => 3,
        "group" => 4,
        "clone" | "master" if is_promotable(element) => 5,
        "clone" | "master" => 5,
        "tag" => 6,
        "rsc_location" | "rsc_colocation" | "rsc_order" => 6,
        "rsc_ticket" => 7,
        "cluster_property_set" => 8,
        "meta_attributes" => match element.parent().map(Element::name) {
            Some("rsc_defaults") => 9,
            _ => 10,
        },
        "acl_role" => 11,
        "acl_target" | "acl_group" => 12,
        _ => 13,
    }
}

/// One object as its line.
pub fn object(element: Element<'_>) -> String {
    let id = element.attr("id").unwrap_or_default();
    let mut parts: Vec<String> = Vec::new();
    let head = match element.name() {
        "primitive" | "template" => {
            let kind = if element.name() == "template" { "rsc_template" } else { "primitive" };
            let agent = match element.attr("template") {
                Some(template) => format!("@{template}"),
                None => agent(element),
            };
            resource_parts(element, &mut parts);
            format!("{kind} {id} {agent}")
        }
        "group" => {
            sets(element, &mut parts);
            format!("group {id} {}", members(element).join(" "))
        }
        "clone" | "master" => {
            sets(element, &mut parts);
            format!("clone {id} {}", members(element).join(" "))
        }
        "node" => node_head(element, &mut parts),
        "rsc_location" => location_head(element, &mut parts),
        "rsc_colocation" => {
            let score = element
                .attr("score")
                .map(short)
                .or_else(|| element.attr("score-attribute").map(str::to_owned));
            let attribute = element.attr("node-attribute").map(|a| format!(" node-attribute={}", quoted(a)));
            format!(
                "colocation {id} {}: {}{}",
                score.unwrap_or_else(|| "inf".to_owned()),
                operands(element, [("rsc", "rsc-role"), ("with-rsc", "with-rsc-role")], "role"),
                attribute.unwrap_or_default()
            )
        }
        "rsc_order" => {
            let kind =
                element.attr("kind").or(element.attr("score")).map(|k| format!("{k}: ")).unwrap_or_default();
            let symmetrical =
                element.attr("symmetrical").map(|s| format!(" symmetrical={s}")).unwrap_or_default();
            format!(
                "order {id} {kind}{}{symmetrical}",
                operands(element, [("first", "first-action"), ("then", "then-action")], "action")
            )
        }
        "rsc_ticket" => {
            let policy = element.attr("loss-policy").map(|p| format!(" loss-policy={p}")).unwrap_or_default();
            format!(
                "rsc_ticket {id} {}: {}{policy}",
                element.attr("ticket").unwrap_or_default(),
                operands(element, [("rsc", "rsc-role"), ("", "")], "role")
            )
        }
        "cluster_property_set" => options("property", "cib-bootstrap-options", element, &mut parts),
        "meta_attributes" => {
            let defaults = element.parent().map(Element::name) == Some("rsc_defaults");
            let (command, usual) =
                if defaults { ("rsc_defaults", "rsc-options") } else { ("op_defaults", "op-options") };
            options(command, usual, element, &mut parts)
        }
        "tag" => {
            let references: Vec<&str> = element.children().filter_map(|r| r.attr("id")).collect();
            format!("tag {id} {}", references.join(" "))
        }
        _ => format!("xml {}", element.to_string_compact().trim()),
    };
    parts.insert(0, head);
    parts.join(JOIN)
}

fn agent(element: Element<'_>) -> String {
    let class = element.attr("class").unwrap_or_default();
    let kind = element.attr("type").unwrap_or_default();
    match element.attr("provider") {
        // The usual provider goes without saying.
        Some("heartbeat") if class == "ocf" => kind.to_owned(),
        Some(provider) => format!("{class}:{provider}:{kind}"),
        None => format!("{class}:{kind}"),
    }
}

fn is_promotable(element: Element<'_>) -> bool {
    element.name() == "master"
        || element
            .children_named("meta_attributes")
            .flat_map(|m| m.children())
            .any(|n| n.attr("name") == Some("promotable") && n.attr("value") == Some("true"))
}

fn members(element: Element<'_>) -> Vec<&str> {
    element
        .children()
        .filter(|e| matches!(e.name(), "primitive" | "group"))
        .filter_map(|e| e.attr("id"))
        .collect()
}

fn pairs(set: Element<'_>) -> String {
    let mut out: Vec<String> = Vec::new();
    if let Some(reference) = set.attr("id-ref") {
        out.push(format!("$id-ref={reference}"));
    }
    if let Some(score) = set.attr("score") {
        out.push(format!("{}:", short(score)));
    }
    for child in set.children() {
        match child.name() {
            "rule" => out.push(rule(child, false)),
            _ => out.push(match child.attr("value") {
                Some(value) => format!("{}={}", child.attr("name").unwrap_or_default(), quoted(value)),
                None => child.attr("name").unwrap_or_default().to_owned(),
            }),
        }
    }
    out.join(" ")
}

/// `params`, `meta`, `utilization` lines.
fn sets(element: Element<'_>, parts: &mut Vec<String>) {
    if let Some(description) = element.attr("description") {
        parts.push(format!("description={}", quoted(description)));
    }
    for set in element.children() {
        let word = match set.name() {
            "instance_attributes" => "params",
            "meta_attributes" => "meta",
            "utilization" => "utilization",
            _ => continue,
        };
        parts.push(format!("{word} {}", pairs(set)));
    }
}

fn resource_parts(element: Element<'_>, parts: &mut Vec<String>) {
    sets(element, parts);
    let Some(operations) = element.child("operations") else { return };
    for op in operations.children_named("op") {
        let mut out = vec![format!("op {}", op.attr("name").unwrap_or_default())];
        for (name, value) in op.attrs().filter(|(n, _)| !matches!(*n, "id" | "name")) {
            out.push(format!("{name}={}", quoted(value)));
        }
        for set in op.children_named("instance_attributes") {
            out.push(pairs(set));
        }
        for set in op.children_named("meta_attributes") {
            out.push(format!("op_meta {}", pairs(set)));
        }
        parts.push(out.join(" "));
    }
}

fn node_head(element: Element<'_>, parts: &mut Vec<String>) -> String {
    let (id, uname) = (element.attr("id").unwrap_or_default(), element.attr("uname").unwrap_or_default());
    for set in element.children() {
        let word = if set.name() == "utilization" { "utilization" } else { "attributes" };
        if set.children().next().is_some() {
            parts.push(format!("{word} {}", pairs(set)));
        }
    }
    let prefix = if id == uname || id.is_empty() { String::new() } else { format!("{id}: ") };
    let kind = element.attr("type").filter(|t| *t != "normal" && *t != "member").map(|t| format!(":{t}"));
    format!("node {prefix}{uname}{}", kind.unwrap_or_default())
}

fn location_head(element: Element<'_>, parts: &mut Vec<String>) -> String {
    let id = element.attr("id").unwrap_or_default();
    let target = match (element.attr("rsc"), element.attr("rsc-pattern")) {
        (Some(rsc), _) => rsc.to_owned(),
        (None, Some(pattern)) => format!("/{pattern}/"),
        (None, None) => format!("{{ {} }}", set_words(element, "role")),
    };
    let mut options = String::new();
    for name in ["role", "resource-discovery"] {
        if let Some(value) = element.attr(name) {
            options.push_str(&format!(" {name}={value}"));
        }
    }
    let rules: Vec<String> = element.children_named("rule").map(|r| rule(r, true)).collect();
    if rules.is_empty() {
        let score = element.attr("score").map(short).unwrap_or_else(|| "inf".to_owned());
        return format!(
            "location {id} {target}{options} {score}: {}",
            element.attr("node").unwrap_or_default()
        );
    }
    parts.extend(rules);
    format!("location {id} {target}{options}")
}

fn rule(element: Element<'_>, scored: bool) -> String {
    if let Some(reference) = element.attr("id-ref") {
        return format!("rule $id-ref={reference}");
    }
    let mut out = vec!["rule".to_owned()];
    if let Some(role) = element.attr("role") {
        out.push(format!("$role={role}"));
    }
    match (element.attr("score"), element.attr("score-attribute")) {
        (Some(score), _) if scored && score != "INFINITY" => out.push(format!("{}:", short(score))),
        (None, Some(attribute)) => out.push(format!("{attribute}:")),
        _ => {}
    }
    let boolean = format!(" {} ", element.attr("boolean-op").unwrap_or("and"));
    let expressions: Vec<String> = element.children().map(expression).collect();
    out.push(expressions.join(&boolean));
    out.join(" ")
}

fn expression(element: Element<'_>) -> String {
    let attr = |name: &str| element.attr(name).unwrap_or_default();
    let fields = |of: Element<'_>| -> String {
        of.attrs().filter(|(n, _)| *n != "id").map(|(n, v)| format!(" {n}={}", quoted(v))).collect()
    };
    match (element.name(), attr("operation")) {
        ("date_expression", "lt") => format!("date lt {}", quoted(attr("end"))),
        ("date_expression", "gt") => format!("date gt {}", quoted(attr("start"))),
        ("date_expression", "in_range") => {
            let mut out = "date in".to_owned();
            for name in ["start", "end"] {
                if let Some(value) = element.attr(name) {
                    out.push_str(&format!(" {name}={}", quoted(value)));
                }
            }
            out + &element.child("duration").map(fields).unwrap_or_default()
        }
        ("date_expression", _) => {
            format!("date spec{}", element.child("date_spec").map(fields).unwrap_or_default())
        }
        (_, operation @ ("defined" | "not_defined")) => format!("{operation} {}", attr("attribute")),
        (_, operation) => {
            let kind = element.attr("type").map(|t| format!("{t}:")).unwrap_or_default();
            format!("{} {kind}{operation} {}", attr("attribute"), quoted(attr("value")))
        }
    }
}

fn operands(element: Element<'_>, names: [(&str, &str); 2], qualifier: &str) -> String {
    if element.child("resource_set").is_some() {
        return set_words(element, qualifier);
    }
    let words: Vec<String> = names
        .iter()
        .filter(|(name, _)| !name.is_empty())
        .filter_map(|(name, qualifier)| {
            let rsc = element.attr(name)?;
            Some(element.attr(qualifier).map_or_else(|| rsc.to_owned(), |q| format!("{rsc}:{q}")))
        })
        .collect();
    words.join(" ")
}

fn set_words(element: Element<'_>, qualifier: &str) -> String {
    let sets: Vec<String> = element
        .children_named("resource_set")
        .map(|set| {
            let quality = set.attr(qualifier).map(|q| format!(":{q}")).unwrap_or_default();
            let words: Vec<String> =
                set.children().filter_map(|r| r.attr("id")).map(|id| format!("{id}{quality}")).collect();
            let words = words.join(" ");
            match (set.attr("require-all"), set.attr("sequential")) {
                (Some("false"), _) => format!("[ {words} ]"),
                (_, Some("false")) => format!("( {words} )"),
                _ => words,
            }
        })
        .collect();
    let text = sets.join(" ");
    // Fewer than three members would be read as a plain pair.
    if sets.len() == 1
        && element.descendants().filter(|e| e.name() == "resource_ref").count() < 3
        && !text.starts_with(['(', '['])
    {
        format!("_rsc_set_ {text}")
    } else {
        text
    }
}

fn options(command: &str, usual: &str, element: Element<'_>, parts: &mut Vec<String>) -> String {
    let id = element.attr("id").unwrap_or_default();
    for child in element.children() {
        parts.push(match child.name() {
            "rule" => rule(child, false),
            _ => match child.attr("value") {
                Some(value) => format!("{}={}", child.attr("name").unwrap_or_default(), quoted(value)),
                None => child.attr("name").unwrap_or_default().to_owned(),
            },
        });
    }
    format!("{command} {}:", if id.is_empty() { usual } else { id })
}

fn fencing(topology: Element<'_>) -> Option<String> {
    let mut parts = Vec::new();
    let mut target = String::new();
    for level in topology.children_named("fencing-level") {
        let now = match (level.attr("target"), level.attr("target-pattern"), level.attr("target-attribute")) {
            (Some(node), ..) => node.to_owned(),
            (_, Some(pattern), _) => format!("pattern:{pattern}"),
            (.., Some(attribute)) => {
                format!("attr:{attribute}={}", level.attr("target-value").unwrap_or_default())
            }
            _ => String::new(),
        };
        let devices = level.attr("devices").unwrap_or_default();
        if now == target {
            if let Some(last) = parts.last_mut() {
                let last: &mut String = last;
                last.push_str(&format!(" {devices}"));
            }
        } else {
            parts.push(format!("{now}: {devices}"));
            target = now;
        }
    }
    (!parts.is_empty()).then(|| format!("fencing_topology{JOIN}{}", parts.join(JOIN)))
}

fn short(score: &str) -> String {
    score.replace("+INFINITY", "inf").replace("INFINITY", "inf")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::{grammar, lexer};

    #[test]
    fn what_is_typed_is_what_is_shown() {
        for line in [
            "primitive webip IPaddr \\\n\tparams ip=192.168.41.222 nic=eth0 \\\n\top monitor interval=10s timeout=20s",
            "primitive httpd lsb:httpd",
            "primitive d ocf:pacemaker:Dummy \\\n\tmeta target-role=Stopped",
            "colocation c inf: a b",
            "order o Mandatory: a b",
            "order o2 Optional: a:promote b:start symmetrical=false",
            "location l r 100: n1",
            "location l2 r \\\n\trule 100: #uname eq node1.example.com",
            "location l3 r \\\n\trule #uname eq a or defined pingd",
            "order sets ( a b ) c",
            "rsc_ticket t ticketA: a loss-policy=fence",
            "tag t1 a b",
        ] {
            let joined = line.replace("\\\n\t", " ");
            let words = lexer::words(&joined).unwrap();
            let parsed = grammar::parse(&words[0], &words[1..]).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(object(parsed.element.root()), line.replace(" \\\n\t", JOIN), "{line}");
        }
    }
}
