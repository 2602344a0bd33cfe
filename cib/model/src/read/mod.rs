//! From a document to typed values. Never fails: what cannot be understood is left out and reported.
//!
//! Expects a document of the newest shape (see `cib/store` for upgrades), but reads what older shapes have in common.

mod constraint;
mod resource;
mod rule;
mod sets;

use holdfast_xml::{Document, Element};

use crate::config::{
    AlertConfig, AlertRecipient, AlertSelect, Cib, FencingLevel, FencingTarget, Header, NodeConfig, Tag,
};
use crate::problem::{Level, Problem};
use crate::status;

pub use rule::rule;
pub use sets::sets;

/// Collects problems while reading.
pub struct Reader<'d> {
    document: &'d Document,
    problems: Vec<Problem>,
}

impl<'d> Reader<'d> {
    /// A reader for one document.
    pub fn new(document: &'d Document) -> Reader<'d> {
        Reader { document, problems: Vec::new() }
    }

    /// What was found so far.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    fn problem(&mut self, level: Level, element: Element<'_>, message: impl Into<String>) {
        self.problems.push(Problem {
            level,
            element: element.name().to_owned(),
            id: element.attr("id").unwrap_or_default().to_owned(),
            line: element.line(),
            message: message.into(),
        });
    }

    /// Follows an `id-ref` to the element of the same name that it points at.
    fn resolve<'e>(&mut self, element: Element<'e>) -> Option<Element<'e>>
    where
        'd: 'e,
    {
        let Some(target) = element.attr("id-ref") else { return Some(element) };
        let document = self.document;
        let found = document
            .all_by_id(target)
            .into_iter()
            .map(|ix| document.element(ix))
            .find(|candidate| candidate.name() == element.name());
        if found.is_none() {
            let message = format!("ignored: there is no <{}> with id \"{target}\"", element.name());
            self.problem(Level::Error, element, message);
        }
        found
    }
}

/// Reads a whole CIB.
pub fn cib(document: &Document) -> (Cib, Vec<Problem>) {
    let mut reader = Reader::new(document);
    let mut cib = Cib { header: header(document.root()), ..Cib::default() };
    for section in document.root().children() {
        match section.name() {
            "configuration" => reader.configuration(section, &mut cib),
            "status" => cib.status = status::from_xml(section),
            _ => {}
        }
    }
    (cib, reader.into_problems())
}

fn header(root: Element<'_>) -> Header {
    let number = |name: &str| root.attr(name).and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    Header {
        admin_epoch: number("admin_epoch"),
        epoch: number("epoch"),
        num_updates: number("num_updates"),
        validate_with: root.attr("validate-with").unwrap_or_default().to_owned(),
        feature_set: root.attr("crm_feature_set").map(str::to_owned),
        have_quorum: crate::boolean::is_true(root.attr("have-quorum")),
        no_quorum_panic: root
            .attr("no-quorum-panic")
            .and_then(crate::score::parse_leading_integer)
            .is_some_and(|value| value != 0),
        dc_uuid: root.attr("dc-uuid").map(str::to_owned),
        execution_date: root.attr("execution-date").and_then(crate::score::parse_leading_integer),
    }
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

impl<'d> Reader<'d> {
    fn configuration(&mut self, configuration: Element<'d>, cib: &mut Cib) {
        for section in configuration.children() {
            match section.name() {
                "crm_config" => {
                    cib.options =
                        sets::sets_first(self, section, "cluster_property_set", "cib-bootstrap-options");
                }
                "nodes" => {
                    for element in section.children_named("node") {
                        if let Some(node) = self.node(element) {
                            cib.nodes.push(node);
                        }
                    }
                }
                "resources" => self.resources(section, cib),
                "constraints" => self.constraints(section, &mut cib.constraints),
                "fencing-topology" => {
                    for element in section.children_named("fencing-level") {
                        if let Some(level) = self.fencing_level(element) {
                            cib.fencing_levels.push(level);
                        }
                    }
                }
                "tags" => {
                    for element in section.children_named("tag") {
                        let objects =
                            element.children_named("obj_ref").filter_map(|object| owned(object.attr("id")));
                        match element.attr("id") {
                            Some(id) => cib.tags.push(Tag { id: id.to_owned(), objects: objects.collect() }),
                            None => self.problem(Level::Error, element, "ignored: it has no id"),
                        }
                    }
                }
                "rsc_defaults" => cib.rsc_defaults = sets(self, section, "meta_attributes"),
                "op_defaults" => cib.op_defaults = sets(self, section, "meta_attributes"),
                "alerts" => {
                    for element in section.children_named("alert") {
                        cib.alerts.push(self.alert(element));
                    }
                }
                "acls" => {}
                other => {
                    let message = format!("ignored: <{other}> is no section of the configuration");
                    self.problem(Level::Warning, section, message);
                }
            }
        }
    }

    fn node(&mut self, element: Element<'d>) -> Option<NodeConfig> {
        let Some(id) = element.attr("id") else {
            self.problem(Level::Error, element, "ignored: a node needs an id");
            return None;
        };
        if let Some(score) = element.attr("score")
            && crate::Score::parse(score).is_none()
        {
            let message = format!("score \"{score}\" is not a score (a number or INFINITY); 0 is used");
            self.problem(Level::Warning, element, message);
        }
        Some(NodeConfig {
            id: id.to_owned(),
            name: element.attr("uname").unwrap_or_default().to_owned(),
            node_type: element.attr("type").unwrap_or_default().to_owned(),
            score: owned(element.attr("score")),
            attributes: sets(self, element, "instance_attributes"),
            utilization: sets(self, element, "utilization"),
        })
    }

    fn fencing_level(&mut self, element: Element<'_>) -> Option<FencingLevel> {
        let id = element.attr("id").unwrap_or_default();
        if id.is_empty() {
            self.problem(Level::Error, element, "ignored: a fencing level needs an id");
            return None;
        }
        let index = element.attr("index").unwrap_or_default();
        let Some(number) = index.parse::<u8>().ok().filter(|number| (1..=9).contains(number)) else {
            self.problem(
                Level::Error,
                element,
                format!("ignored: index \"{index}\" is not a number from 1 to 9"),
            );
            return None;
        };
        let target = if let Some(name) = element.attr("target") {
            FencingTarget::Name(name.to_owned())
        } else if let Some(pattern) = element.attr("target-pattern") {
            FencingTarget::Pattern(pattern.to_owned())
        } else if let (Some(name), Some(value)) =
            (element.attr("target-attribute"), element.attr("target-value"))
        {
            FencingTarget::Attribute { name: name.to_owned(), value: value.to_owned() }
        } else {
            self.problem(
                Level::Error,
                element,
                "ignored: it has neither target nor target-pattern nor target-attribute with target-value",
            );
            return None;
        };
        let devices = element.attr("devices").unwrap_or_default();
        Some(FencingLevel {
            id: id.to_owned(),
            index: number,
            target,
            devices: devices
                .split(',')
                .map(str::trim)
                .filter(|device| !device.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }

    fn alert(&mut self, element: Element<'d>) -> AlertConfig {
        let mut select = AlertSelect::default();
        for event in element.child("select").into_iter().flat_map(Element::children) {
            match event.name() {
                "select_nodes" => select.nodes = true,
                "select_fencing" => select.fencing = true,
                "select_resources" => select.resources = true,
                "select_attributes" => {
                    select.attributes = true;
                    let names = event
                        .children_named("attribute")
                        .filter_map(|attribute| owned(attribute.attr("name")));
                    select.attribute_names.extend(names);
                }
                _ => {}
            }
        }
        AlertConfig {
            id: element.attr("id").unwrap_or_default().to_owned(),
            path: element.attr("path").unwrap_or_default().to_owned(),
            select,
            params: sets(self, element, "instance_attributes"),
            meta: sets(self, element, "meta_attributes"),
            recipients: element
                .children_named("recipient")
                .map(|recipient| AlertRecipient {
                    id: recipient.attr("id").unwrap_or_default().to_owned(),
                    value: recipient.attr("value").unwrap_or_default().to_owned(),
                    params: sets(self, recipient, "instance_attributes"),
                    meta: sets(self, recipient, "meta_attributes"),
                })
                .collect(),
        }
    }
}
