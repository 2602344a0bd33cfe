//! The schema names of Pacemaker and the way from one to the next.

mod upgrade;
mod upgrade_2;

use std::fmt;

use holdfast_xml::Document;

use crate::refusal::Refusal;
use crate::validate;

/// The newest schema.
pub const NEWEST: &str = "pacemaker-4.0";

/// A schema version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Schema {
    pub major: u8,
    pub minor: u8,
}

/// Last minor version of each major.
const LAST_MINOR: [(u8, u8); 4] = [(1, 3), (2, 10), (3, 10), (4, 0)];

impl Schema {
    pub const NEWEST: Schema = Schema { major: 4, minor: 0 };
    /// What documents without a usable name are read as: everything that ever was allowed.
    pub const OLDEST: Schema = Schema { major: 1, minor: 0 };

    /// A schema by the value of `validate-with`. `none` and the names from before 1.0 count as the oldest.
    pub fn named(name: &str) -> Option<Schema> {
        match name {
            "none" | "pacemaker-0.6" | "pacemaker-0.7" | "transitional-0.6" => return Some(Schema::OLDEST),
            // A development name of 2.0 that some clusters still carry.
            "pacemaker-next" => return Some(Schema { major: 2, minor: 0 }),
            _ => {}
        }
        let (major, minor) = name.strip_prefix("pacemaker-")?.split_once('.')?;
        let schema = Schema { major: major.parse().ok()?, minor: minor.parse().ok()? };
        LAST_MINOR
            .iter()
            .any(|(major, last)| schema.major == *major && schema.minor <= *last)
            .then_some(schema)
    }

    /// All schemas from the oldest.
    pub fn all() -> impl Iterator<Item = Schema> {
        LAST_MINOR.into_iter().flat_map(|(major, last)| (0..=last).map(move |minor| Schema { major, minor }))
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pacemaker-{}.{}", self.major, self.minor)
    }
}

/// Orders names: unknown ones first, `none` after every real one as in the old programs.
pub fn rank(name: &str) -> (u8, u8) {
    if name == "none" {
        return (u8::MAX, 0);
    }
    Schema::named(name).map_or((0, 0), |schema| (schema.major, schema.minor))
}

/// Brings a document to the newest schema it can have, at most `limit`.
///
/// A document that is valid for the newest schema as it stands only gets its name.
///
/// # Errors
/// An unknown schema name, or a document that is still invalid afterwards.
pub fn upgrade(document: &mut Document, limit: Option<&str>) -> Result<(), Refusal> {
    let name = document.root().attr("validate-with").unwrap_or("").to_owned();
    let Some(from) = Schema::named(&name) else { return Err(Refusal::UnknownSchema(name)) };
    let to = limit.and_then(Schema::named).unwrap_or(Schema::NEWEST);
    if from >= to && name != "none" {
        return Ok(());
    }
    // A copy is made only when something has to change: most documents only get the name.
    let mut changed: Option<Document> = None;
    let mut valid_as = None;
    for major in from.major..to.major {
        let schema = Schema { major: major + 1, minor: 0 };
        // Names of options do not make a document invalid here, but 3.0 knows the new ones only.
        if major != 2 && valid_for(changed.as_ref().unwrap_or(document), schema) {
            valid_as = Some(schema);
        } else {
            let next = changed.get_or_insert_with(|| document.clone());
            upgrade::from_major(next, major);
            valid_as = None;
        }
    }
    if changed.is_none() && valid_as == Some(to) {
        let root = document.root().ix();
        document.set_attr(root, "validate-with", &to.to_string());
        return Ok(());
    }
    let mut next = changed.unwrap_or_else(|| document.clone());
    let root = next.root().ix();
    next.set_attr(root, "validate-with", &to.to_string());
    let findings = invalid(&next, to);
    if !findings.is_empty() {
        return Err(Refusal::Invalid { schema: to.to_string(), findings });
    }
    *document = next;
    Ok(())
}

fn invalid(document: &Document, schema: Schema) -> Vec<validate::Finding> {
    let mut findings = validate::form(document, schema);
    findings.retain(|finding| finding.severity == validate::Severity::Invalid);
    findings
}

/// Whether a document would be valid under another schema.
pub fn valid_for(document: &Document, schema: Schema) -> bool {
    invalid(document, schema).is_empty()
}
