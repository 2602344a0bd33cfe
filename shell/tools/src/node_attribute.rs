//! Named values in attribute sets: of nodes (permanent or until restart), of the cluster, of defaults and tickets.
//!
//! Finds where a value stands or would stand, and changes it there. Knows the shapes of the sets; the document itself
//! is behind [`CibSource`].

use holdfast_store::{Answer, Operation, Options, Request, Target};
use holdfast_xml::{Document, Element};

use crate::cib_source::{CibError, CibSource};
use crate::exit;

/// Where a value belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// `nodes`, `status`, `crm_config`, `rsc_defaults`, `op_defaults` or `tickets`.
    pub section: String,
    /// Id of the node, for `nodes` and `status`.
    pub node: Option<String>,
    /// The node is a remote one.
    pub remote: bool,
    /// Kind of set, if not the usual one of the section (`utilization`).
    pub set_type: Option<String>,
    /// Id of the set.
    pub set_name: Option<String>,
}

/// A value found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub id: String,
    pub name: String,
    pub value: Option<String>,
}

/// Why a value cannot be read or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeError {
    /// Several values have this name.
    Several(Vec<Value>),
    Cib(CibError),
}

impl From<CibError> for AttributeError {
    fn from(error: CibError) -> AttributeError {
        AttributeError::Cib(error)
    }
}

/// A string as XPath writes it.
pub fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') { '"' } else { '\'' };
    format!("{quote}{text}{quote}")
}

impl Scope {
    pub fn new(section: &str, node: Option<&str>) -> Scope {
        Scope { section: section.to_owned(), node: node.map(str::to_owned), ..Scope::default() }
    }

    fn xpath(&self, id: Option<&str>, name: Option<&str>) -> Result<String, CibError> {
        let set = self.set_type.as_deref().unwrap_or("instance_attributes");
        let place = match self.section.as_str() {
            "crm_config" => "//cib/configuration/crm_config//cluster_property_set".to_owned(),
            section @ ("rsc_defaults" | "op_defaults") => {
                format!("//cib/configuration/{section}//meta_attributes")
            }
            "tickets" => format!("//cib/status//tickets//{set}"),
            section => {
                let Some(node) = &self.node else {
                    return Err(CibError::new(exit::SOFTWARE, "Invalid argument").detail("a node is needed"));
                };
                let node = quoted(node);
                match section {
                    "nodes" => format!("//cib/configuration/nodes//node[@id={node}]//{set}"),
                    "status" => format!("//cib/status//node_state[@id={node}]//transient_attributes"),
                    _ => {
                        return Err(CibError::new(exit::PROTOCOL, "No message of desired type")
                            .detail(format!("there is no section {section} with attributes")));
                    }
                }
            }
        };
        let set_name =
            self.set_name.as_ref().map(|name| format!("[@id={}]", quoted(name))).unwrap_or_default();
        let mut conditions = Vec::new();
        if let Some(id) = id {
            conditions.push(format!("@id={}", quoted(id)));
        }
        if let Some(name) = name {
            conditions.push(format!("@name={}", quoted(name)));
        }
        let conditions =
            if conditions.is_empty() { String::new() } else { format!("[{}]", conditions.join(" and ")) };
        Ok(format!("{place}{set_name}//nvpair{conditions}"))
    }

    /// The values there, by id, by name, or all.
    ///
    /// # Errors
    /// [`exit::NO_SUCH`] if there is none.
    pub fn find(
        &self,
        source: &mut CibSource,
        id: Option<&str>,
        name: Option<&str>,
    ) -> Result<Vec<Value>, CibError> {
        let target = Target::XPath(self.xpath(id, name)?);
        let Answer::Xml(answer) = source.query(target, Options::default(), None)? else {
            return Ok(Vec::new());
        };
        let root = answer.root();
        let pairs: Vec<Element<'_>> =
            if root.name() == "nvpair" { vec![root] } else { root.children_named("nvpair").collect() };
        Ok(pairs
            .into_iter()
            .map(|pair| Value {
                id: pair.id().unwrap_or("").to_owned(),
                name: pair.attr("name").unwrap_or("").to_owned(),
                value: pair.attr("value").map(str::to_owned),
            })
            .collect())
    }

    fn find_one(
        &self,
        source: &mut CibSource,
        id: Option<&str>,
        name: Option<&str>,
    ) -> Result<Option<Value>, AttributeError> {
        match self.find(source, id, name) {
            Ok(mut all) if all.len() < 2 => Ok(all.pop()),
            Ok(all) => Err(AttributeError::Several(all)),
            Err(error) if error.status == exit::NO_SUCH => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets a value where it stands, or makes it with the sets around it.
    ///
    /// # Errors
    /// Several values of this name, or the document is not changed.
    pub fn update(
        &self,
        source: &mut CibSource,
        id: Option<&str>,
        name: Option<&str>,
        value: &str,
    ) -> Result<(), AttributeError> {
        let existing = self.find_one(source, id, name)?;
        let input = match &existing {
            Some(found) => pair(&found.id, name, value),
            None => self.new_value(id, name, value),
        };
        let section = if self.section == "tickets" { "status" } else { &self.section };
        let mut request = Request::new(Operation::Modify, Target::Section(section.to_owned()), Some(input));
        request.options.can_create = true;
        request.options.score_update = true;
        source.apply(request, None)?;
        Ok(())
    }

    /// Removes a value; `None` if it is not there.
    ///
    /// # Errors
    /// As [`Scope::update`].
    pub fn delete(
        &self,
        source: &mut CibSource,
        id: Option<&str>,
        name: Option<&str>,
    ) -> Result<Option<String>, AttributeError> {
        let known = match id {
            Some(id) => id.to_owned(),
            None => match self.find_one(source, None, name)? {
                Some(found) => found.id,
                None => return Ok(None),
            },
        };
        let mut input = Document::new("nvpair");
        let root = input.root().ix();
        input.set_attr(root, "id", &known);
        if let Some(name) = name {
            input.set_attr(root, "name", name);
        }
        let section = if self.section == "tickets" { "status" } else { &self.section };
        let request = Request::new(Operation::Delete, Target::Section(section.to_owned()), Some(input));
        source.apply(request, None)?;
        Ok(Some(known))
    }

    /// The tree that has to be merged so that a value exists.
    fn new_value(&self, id: Option<&str>, name: Option<&str>, value: &str) -> Document {
        let node = self.node.as_deref().unwrap_or("");
        let set_name = self.set_name.clone().unwrap_or_else(|| match self.section.as_str() {
            "crm_config" => "cib-bootstrap-options".to_owned(),
            "tickets" => "status-tickets".to_owned(),
            section @ ("nodes" | "status") => match &self.set_type {
                Some(kind) => format!("{section}-{node}-{kind}"),
                None => format!("{section}-{node}"),
            },
            section => format!("{section}-options"),
        });
        let id = id.map_or_else(|| sanitized(&format!("{set_name}-{}", name.unwrap_or(""))), str::to_owned);
        let set = self.set_type.as_deref().unwrap_or("instance_attributes");
        let path: &[(&str, &str)] = match self.section.as_str() {
            "crm_config" => &[("crm_config", ""), ("cluster_property_set", &set_name)],
            "tickets" => &[("status", ""), ("tickets", ""), (set, &set_name)],
            "nodes" if self.remote => &[("nodes", ""), ("node", node), (set, &set_name)],
            "nodes" => &[("node", node), (set, &set_name)],
            "status" => &[("node_state", node), ("transient_attributes", node), (set, &set_name)],
            section => &[(section, ""), ("meta_attributes", &set_name)],
        };
        let mut document = Document::new(path[0].0);
        let mut here = document.root().ix();
        for (at, (element, element_id)) in path.iter().enumerate() {
            if at > 0 {
                here = document.append(here, element);
            }
            if *element == "node" && self.remote {
                document.set_attr(here, "type", "remote");
                document.set_attr(here, "id", element_id);
                document.set_attr(here, "uname", element_id);
            } else if !element_id.is_empty() {
                document.set_attr(here, "id", element_id);
            }
        }
        let new = pair(&id, name.or(Some(&id)), value);
        document.append_copy(here, &new, new.root().ix());
        document
    }
}

fn pair(id: &str, name: Option<&str>, value: &str) -> Document {
    let mut document = Document::new("nvpair");
    let root = document.root().ix();
    document.set_attr(root, "id", id);
    if let Some(name) = name {
        document.set_attr(root, "name", name);
    }
    document.set_attr(root, "value", value);
    document
}

/// An id made of any text: what an id may not contain becomes a dot.
pub fn sanitized(text: &str) -> String {
    let mut id = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        let allowed = c != ':'
            && if at == 0 { holdfast_xml::is_name_start(c) } else { holdfast_xml::is_name_character(c) };
        match (allowed, at) {
            (true, _) => id.push(c),
            (false, 0) => id.push('_'),
            (false, _) => id.push('.'),
        }
    }
    id
}

/// A node as attributes are kept for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeId {
    pub id: String,
    pub remote: bool,
}

/// The id of a node by its name, whatever the case.
pub fn node_id(document: &Document, name: &str) -> Option<NodeId> {
    let same = |value: Option<&str>| value.is_some_and(|value| value.eq_ignore_ascii_case(name));
    let configuration = document.root().child("configuration")?;
    let node = configuration
        .child("nodes")
        .into_iter()
        .flat_map(|nodes| nodes.children_named("node"))
        .find(|node| same(node.attr("uname")));
    if let Some(node) = node {
        let remote = node.attr("type") == Some("remote");
        let id = if remote { node.attr("uname") } else { node.id() };
        return Some(NodeId { id: id.unwrap_or(name).to_owned(), remote });
    }
    let remote = |id: &str| Some(NodeId { id: id.to_owned(), remote: true });
    if let Some(resources) = configuration.child("resources") {
        for primitive in resources.children_named("primitive") {
            let connection = primitive.attr("class") == Some("ocf")
                && primitive.attr("provider") == Some("pacemaker")
                && primitive.attr("type") == Some("remote");
            if connection && same(primitive.id()) {
                return remote(primitive.id().unwrap_or(name));
            }
            let guest = primitive
                .children_named("meta_attributes")
                .flat_map(|set| set.children_named("nvpair"))
                .find(|pair| pair.attr("name") == Some("remote-node") && same(pair.attr("value")));
            if let Some(guest) = guest {
                return remote(guest.attr("value").unwrap_or(name));
            }
        }
    }
    let status = document.root().child("status")?;
    let state = status
        .children_named("node_state")
        .find(|state| state.attr("remote_node") == Some("true") && same(state.id()));
    state.and_then(|state| remote(state.id().unwrap_or(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_values_bring_their_sets() {
        let check = |scope: Scope, expected: &str| {
            let document = scope.new_value(None, Some("a:b"), "v");
            assert_eq!(document.to_string_compact(), expected);
        };
        let value = |id: &str| format!("<nvpair id=\"{id}\" name=\"a:b\" value=\"v\"/>");
        check(
            Scope::new("crm_config", None),
            &format!(
                "<crm_config><cluster_property_set id=\"cib-bootstrap-options\">{}</cluster_property_set></crm_config>",
                value("cib-bootstrap-options-a.b")
            ),
        );
        check(
            Scope::new("nodes", Some("7")),
            &format!(
                "<node id=\"7\"><instance_attributes id=\"nodes-7\">{}</instance_attributes></node>",
                value("nodes-7-a.b")
            ),
        );
        check(
            Scope::new("status", Some("7")),
            &format!(
                "<node_state id=\"7\"><transient_attributes id=\"7\"><instance_attributes id=\"status-7\">{}</instance_attributes></transient_attributes></node_state>",
                value("status-7-a.b")
            ),
        );
        let utilization =
            Scope { set_type: Some("utilization".to_owned()), ..Scope::new("nodes", Some("7")) };
        check(
            utilization,
            &format!(
                "<node id=\"7\"><utilization id=\"nodes-7-utilization\">{}</utilization></node>",
                value("nodes-7-utilization-a.b")
            ),
        );
    }
}
