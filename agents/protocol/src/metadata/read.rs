//! The reader of agents' metadata. Lenient about what is missing, strict about what is no XML.

use holdfast_xml::{Document, Element, Limits};
use thiserror::Error;

use super::{Action, Metadata, Parameter};

/// Why metadata could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MetadataError {
    #[error("the metadata is no XML: {0}")]
    Xml(#[from] holdfast_xml::ParseError),
    #[error("the metadata starts with <{0}>, expected <resource-agent>")]
    Root(String),
}

/// Far above any real agent (the largest known has 90 KiB).
const LIMITS: Limits =
    Limits { document_bytes: 2 << 20, depth: 32, attribute_bytes: 64 << 10, attributes: 64, nodes: 100_000 };

/// Reads the XML that an agent prints for `meta-data`.
///
/// # Errors
/// No XML, or another document.
pub fn parse(text: &str) -> Result<Metadata, MetadataError> {
    let document = Document::parse(without_doctype(text), &LIMITS)?;
    let root = document.root();
    if root.name() != "resource-agent" {
        return Err(MetadataError::Root(root.name().to_owned()));
    }
    let mut metadata = Metadata {
        name: root.attr("name").unwrap_or_default().to_owned(),
        version: root.attr("version").filter(|version| !version.is_empty()).map(str::to_owned),
        shortdesc: root
            .attr("shortdesc")
            .map(str::to_owned)
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| description(root, "shortdesc")),
        longdesc: description(root, "longdesc"),
        ..Metadata::default()
    };
    if let Some(list) = root.child("parameters") {
        metadata.parameters = list.children_named("parameter").map(parameter).collect();
    }
    if let Some(list) = root.child("actions") {
        metadata.actions = list.children_named("action").map(action).collect();
    }
    Ok(metadata)
}

/// Old agents name the DTD of the standard. It defines nothing, so the line goes; one with definitions of its own is
/// left to the reader, which refuses it.
fn without_doctype(text: &str) -> String {
    let text = text.trim_start();
    let Some(start) = text.find("<!DOCTYPE") else { return text.to_owned() };
    match text[start..].find('>') {
        Some(length) if !text[start..start + length].contains('[') => {
            format!("{}{}", &text[..start], &text[start + length + 1..])
        }
        _ => text.to_owned(),
    }
}

fn parameter(element: Element<'_>) -> Parameter {
    let content = element.child("content");
    let attribute = |name: &str| content.and_then(|content| content.attr(name)).map(str::to_owned);
    let group = element.attr("unique-group").filter(|group| !group.is_empty());
    Parameter {
        name: element.attr("name").unwrap_or_default().to_owned(),
        required: element.attr("required").is_some_and(truth),
        unique: element.attr("unique").is_some_and(truth) || group.is_some(),
        unique_group: group.map(str::to_owned),
        reloadable: element.attr("reloadable").map(truth),
        private: element.attr("private").is_some_and(truth),
        deprecated: element.attr("deprecated").is_some_and(truth) || element.child("deprecated").is_some(),
        obsoletes: element.attr("obsoletes").map(words).unwrap_or_default(),
        replaced_with: element
            .child("deprecated")
            .map(|old| {
                old.children_named("replaced-with")
                    .filter_map(|new| new.attr("name"))
                    .map(str::to_owned)
                    .collect()
            })
            .unwrap_or_default(),
        kind: attribute("type").unwrap_or_else(|| "string".to_owned()),
        default: attribute("default").or_else(|| element.attr("default").map(str::to_owned)),
        options: content
            .map(|content| {
                content
                    .children_named("option")
                    .filter_map(|option| option.attr("value"))
                    .map(str::to_owned)
                    .collect()
            })
            .unwrap_or_default(),
        shortdesc: description(element, "shortdesc"),
        longdesc: description(element, "longdesc"),
    }
}

fn action(element: Element<'_>) -> Action {
    let attribute = |name: &str| element.attr(name).map(str::to_owned);
    Action {
        name: element.attr("name").unwrap_or_default().to_owned(),
        timeout: attribute("timeout"),
        interval: attribute("interval"),
        start_delay: attribute("start-delay"),
        role: attribute("role"),
        depth: attribute("depth"),
        automatic: element.attr("automatic").is_some_and(truth),
        on_target: element.attr("on_target").is_some_and(truth),
    }
}

/// The English text, or the first there is.
fn description(element: Element<'_>, name: &str) -> String {
    let mut found = element.children_named(name);
    let first = found.next();
    let english = element
        .children_named(name)
        .find(|text| text.attr("lang").is_some_and(|lang| lang.starts_with("en")));
    english.or(first).and_then(Element::text).map(|text| text.trim().to_owned()).unwrap_or_default()
}

fn truth(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on" | "y")
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="Sample" version="0.9">
<version>1.1</version>
<longdesc lang="de">Lang</longdesc><longdesc lang="en"> Long text </longdesc>
<shortdesc lang="en">Short</shortdesc>
<parameters>
<parameter name="ip" unique="1" required="1"><longdesc lang="en">x</longdesc><content type="string" default=""/></parameter>
<parameter name="mode" reloadable="1"><content type="select" default="a"><option value="a"/><option value="b"/></content></parameter>
<parameter name="ipaddr" deprecated="1" obsoletes="old"/>
<parameter name="user" unique-group="login" private="true"><deprecated><replaced-with name="login"/></deprecated></parameter>
</parameters>
<actions><action name="start" timeout="20s"/><action name="monitor" depth="0" timeout="20s" interval="10s"/><action name="reload-agent"/></actions>
</resource-agent>"#;

    #[test]
    fn a_whole_agent_is_read() {
        let metadata = parse(SAMPLE).unwrap();
        assert_eq!((metadata.name.as_str(), metadata.version.as_deref()), ("Sample", Some("0.9")));
        assert_eq!((metadata.shortdesc.as_str(), metadata.longdesc.as_str()), ("Short", "Long text"));
        let ip = metadata.parameter("ip").unwrap();
        assert!(ip.required && ip.unique && ip.reloadable.is_none());
        assert_eq!(metadata.parameter("mode").unwrap().options, ["a", "b"]);
        assert!(metadata.parameter("ipaddr").unwrap().deprecated);
        let user = metadata.parameter("user").unwrap();
        assert!(user.private && user.deprecated && user.unique);
        assert_eq!(user.replaced_with, ["login"]);
        assert_eq!(metadata.action("monitor").unwrap().interval.as_deref(), Some("10s"));
        assert!(metadata.reloads());
        assert_eq!(metadata.restart_parameters(), ["ip", "ipaddr", "user"]);
    }

    #[test]
    fn other_documents_are_refused() {
        let check = |text: &str, expected: &str| {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        check("usage: agent start", "no XML");
        check("<cib/>", "expected <resource-agent>");
        check("<!DOCTYPE x [<!ENTITY a \"b\">]><resource-agent/>", "DOCTYPE");
    }
}
