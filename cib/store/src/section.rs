//! The sections of a document that requests name.

use holdfast_xml::{Document, NodeIx};

/// Sections below `<configuration>`.
pub const CONFIGURATION: &[&str] = &[
    "crm_config",
    "nodes",
    "resources",
    "constraints",
    "op_defaults",
    "rsc_defaults",
    "acls",
    "fencing-topology",
    "tags",
    "alerts",
];

pub(crate) fn names() -> String {
    format!("configuration, status, {}", CONFIGURATION.join(", "))
}

/// Whether a name stands for a section or the whole document.
pub fn is_known(name: &str) -> bool {
    matches!(name, "cib" | "all" | "status" | "configuration") || CONFIGURATION.contains(&name)
}

/// The element of a section; the root for `None`, `cib` and `all`.
pub fn find(document: &Document, section: Option<&str>) -> Option<NodeIx> {
    let root = document.root();
    match section {
        None | Some("cib" | "all") => (root.name() == "cib").then_some(root.ix()),
        Some(name @ ("status" | "configuration")) => root.child(name).map(|element| element.ix()),
        Some(name) if CONFIGURATION.contains(&name) => {
            root.child("configuration")?.child(name).map(|element| element.ix())
        }
        Some(_) => None,
    }
}

/// Makes a known section where it is missing.
pub(crate) fn ensure(document: &mut Document, section: &str) -> Option<NodeIx> {
    if let Some(found) = find(document, Some(section)) {
        return Some(found);
    }
    let parent = match section {
        "status" | "configuration" => document.root().ix(),
        name if CONFIGURATION.contains(&name) => find(document, Some("configuration"))?,
        _ => return None,
    };
    Some(document.append(parent, section))
}

/// A document without content, as `cibadmin --empty` prints it.
pub fn empty_document(epoch: u32, schema: &str) -> Document {
    let mut document = Document::new("cib");
    let root = document.root().ix();
    document.set_attr(root, "crm_feature_set", crate::FEATURE_SET);
    document.set_attr(root, "validate-with", schema);
    document.set_attr(root, "admin_epoch", "0");
    document.set_attr(root, "epoch", &epoch.to_string());
    document.set_attr(root, "num_updates", "0");
    let configuration = document.append(root, "configuration");
    document.append(root, "status");
    for name in ["crm_config", "nodes", "resources", "constraints"] {
        document.append(configuration, name);
    }
    document
}
