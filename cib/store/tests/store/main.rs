//! What a store does with requests, rights, old schemas and torn journals.
#![allow(clippy::unwrap_used)]

mod access;
mod applying;
mod journal;
mod merging;
mod upgrading;
mod validating;

use holdfast_store::{Operation, Request, Rules, Store, Target};
use holdfast_xml::Document;

/// A document with the given configuration parts inside its sections.
fn cib(schema: &str, sections: &[(&str, &str)]) -> Document {
    let mut text = format!(
        "<cib admin_epoch=\"0\" epoch=\"1\" num_updates=\"0\" validate-with=\"{schema}\"><configuration>"
    );
    for name in ["crm_config", "nodes", "resources", "constraints"] {
        let inside = sections.iter().find(|(section, _)| *section == name).map_or("", |(_, inside)| inside);
        text.push_str(&format!("<{name}>{inside}</{name}>"));
    }
    for (name, inside) in sections {
        if !["crm_config", "nodes", "resources", "constraints"].contains(name) {
            text.push_str(&format!("<{name}>{inside}</{name}>"));
        }
    }
    text.push_str("</configuration><status/></cib>");
    Document::parse_default(text).unwrap()
}

fn store(sections: &[(&str, &str)]) -> Store {
    Store::new(cib("pacemaker-4.0", sections), Rules::CLUSTER).unwrap()
}

fn request(operation: Operation, target: &str, input: &str) -> Request {
    let target = match target {
        "" => Target::Whole,
        path if path.starts_with('/') => Target::XPath(path.to_owned()),
        name => Target::Section(name.to_owned()),
    };
    let input = (!input.is_empty()).then(|| Document::parse_default(input).unwrap());
    Request::new(operation, target, input)
}

/// What stands in a section, on one line.
fn inside(store: &Store, section: &str) -> String {
    let document = store.document();
    let ix = holdfast_store::section::find(document, Some(section)).unwrap();
    document.element(ix).children().map(|child| child.to_string_compact()).collect()
}
