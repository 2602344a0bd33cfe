//! The document with its version, and the one way to change it.

use holdfast_xml::patch::Compare;
use holdfast_xml::{Document, Element, Patch, Version, diff};

use crate::acl::Access;
use crate::refusal::Refusal;
use crate::request::{Operation, Origin, Request, Target};
use crate::validate::{self, Finding, Severity};
use crate::{digest, operation, schema};

/// How strict a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Refuse a document that a newer program wrote. Files are read whatever wrote them.
    pub check_feature_set: bool,
}

impl Rules {
    pub const CLUSTER: Rules = Rules { check_feature_set: true };
    pub const FILE: Rules = Rules { check_feature_set: false };
}

/// What a query gives.
#[derive(Clone, Debug)]
pub enum Answer {
    Xml(Document),
    /// One path for each place found.
    Paths(Vec<String>),
}

/// What a request did.
#[derive(Clone, Debug)]
pub struct Change {
    pub before: Version,
    pub after: Version,
    /// The whole difference, bookkeeping attributes included.
    pub patch: Patch,
    /// Something below `<configuration>` changed.
    pub configuration: bool,
    /// For a query.
    pub answer: Option<Answer>,
    /// What is suspicious in the new document but not refused.
    pub warnings: Vec<Finding>,
}

impl Change {
    /// Whether anything at all is different.
    pub fn is_empty(&self) -> bool {
        self.patch.is_empty()
    }
}

/// A versioned document.
#[derive(Clone, Debug)]
pub struct Store {
    document: Document,
    rules: Rules,
}

impl Store {
    /// A store that begins with a document, whatever its state: it is checked when it is changed.
    ///
    /// # Errors
    /// [`Refusal::WrongRoot`] if this is no `<cib>`.
    pub fn new(document: Document, rules: Rules) -> Result<Store, Refusal> {
        if document.root().name() != "cib" {
            return Err(Refusal::WrongRoot { expected: "<cib>", found: document.root().name().to_owned() });
        }
        let mut document = document;
        // Every reader relies on both parts being there.
        for part in ["configuration", "status"] {
            if document.root().child(part).is_none() {
                let root = document.root().ix();
                document.append(root, part);
            }
        }
        Ok(Store { document, rules })
    }

    /// A store with an empty document at version 0.0.0.
    pub fn empty(rules: Rules) -> Store {
        Store { document: crate::section::empty_document(0, schema::NEWEST), rules }
    }

    pub fn document(&self) -> &Document {
        &self.document
    }

    pub fn into_document(self) -> Document {
        self.document
    }

    pub fn version(&self) -> Version {
        Version::of(self.document.root())
    }

    /// The checksum that replicas compare.
    pub fn digest(&self) -> String {
        digest::versioned(self.document.root())
    }

    /// Answers a query, without what the asker may not read.
    ///
    /// # Errors
    /// Nothing found, or nothing of it readable.
    pub fn query(&self, request: &Request) -> Result<Answer, Refusal> {
        match Access::of(&self.document, request.origin.user.as_ref())? {
            Some(access) => {
                let visible = access.visible(&self.document)?;
                operation::query(&visible, request)
            }
            None => operation::query(&self.document, request),
        }
    }

    /// Carries out a request: afterwards the document is changed, or it is as it was and the refusal says why.
    ///
    /// # Errors
    /// Whatever keeps the request from being carried out as a whole.
    pub fn apply(&mut self, request: &Request) -> Result<Change, Refusal> {
        let before = self.version();
        if request.operation == Operation::Query {
            let answer = Some(self.query(request)?);
            let patch = Patch::default();
            return Ok(Change {
                before,
                after: before,
                patch,
                configuration: false,
                answer,
                warnings: Vec::new(),
            });
        }
        let (next, change) = self.prepare(request)?;
        if !request.options.dry_run {
            self.document = if next.wants_compaction() { next.compacted() } else { next };
        }
        Ok(change)
    }

    fn prepare(&self, request: &Request) -> Result<(Document, Change), Refusal> {
        let before = self.version();
        let mut next = self.document.clone();
        operation::perform(&mut next, request)?;
        for part in ["configuration", "status"] {
            if next.root().child(part).is_none() {
                let root = next.root().ix();
                next.append(root, part);
            }
        }
        let raw = diff(&self.document, &next, Compare::AttributeValues);
        if let Some(access) = Access::of(&self.document, request.origin.user.as_ref())? {
            access.check(&self.document, &next, &raw)?;
        }
        if self.rules.check_feature_set {
            check_feature_set(next.root())?;
        }
        check_forward(before, Version::of(next.root()), request)?;
        let put_back = replaced(&self.document, request);
        let configuration = raw.changes_configuration() || put_back == Some(Place::Configuration);
        if raw.is_empty() && put_back.is_none() {
            let change = Change {
                before,
                after: before,
                patch: raw,
                configuration,
                answer: None,
                warnings: Vec::new(),
            };
            return Ok((next, change));
        }
        if !request.options.keep_versions {
            raise(&mut next, configuration);
        }
        if configuration && !request.options.keep_origin {
            stamp(&mut next, &request.origin);
        }
        let warnings = validate_for(&self.document, &next, request)?;
        let patch = diff(&self.document, &next, Compare::AttributeOrder);
        let after = Version::of(next.root());
        Ok((next, Change { before, after, patch, configuration, answer: None, warnings }))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Configuration,
    Elsewhere,
}

/// Where a replacement happens. It counts as a change even if the new part is like the old one.
fn replaced(old: &Document, request: &Request) -> Option<Place> {
    if request.operation != Operation::Replace {
        return None;
    }
    let root = request.input.as_ref()?.root();
    let in_configuration = |ix: holdfast_xml::NodeIx| {
        old.element(ix).ancestors().any(|above| above.name() == "configuration")
            || old.element(ix).name() == "configuration"
    };
    let inside = match &request.target {
        Target::Section(name) if !matches!(name.as_str(), "all" | "cib") => name != "status",
        Target::XPath(expression) => {
            old.select(expression).is_ok_and(|all| all.first().is_some_and(|ix| in_configuration(*ix)))
        }
        Target::Section(_) | Target::Whole => {
            let same = |element: &Element<'_>| {
                element.name() == root.name() && root.id().is_none_or(|id| element.id() == Some(id))
            };
            old.root().descendants().find(same).is_some_and(|element| in_configuration(element.ix()))
        }
    };
    Some(if inside { Place::Configuration } else { Place::Elsewhere })
}

/// A configuration change raises `epoch` and resets `num_updates`; anything else raises `num_updates`.
fn raise(document: &mut Document, configuration: bool) {
    let root = document.root().ix();
    let version = Version::of(document.root());
    let (name, value) = if configuration {
        document.set_attr(root, "num_updates", "0");
        ("epoch", version.epoch.saturating_add(1))
    } else {
        ("num_updates", version.num_updates.saturating_add(1))
    };
    document.set_attr(root, name, &value.to_string());
}

fn stamp(document: &mut Document, origin: &Origin) {
    let root = document.root().ix();
    let user = origin.user.as_ref().map(|user| user.name.as_str());
    let values = [
        ("cib-last-written", origin.written.as_deref()),
        ("update-origin", origin.node.as_deref()),
        ("update-client", origin.client.as_deref()),
        ("update-user", user),
    ];
    let modern =
        schema::rank(document.root().attr("validate-with").unwrap_or("")) >= schema::rank("pacemaker-1.2");
    for (name, value) in values {
        match value {
            Some(value) if modern || name == "cib-last-written" => document.set_attr(root, name, value),
            Some(_) => {}
            None => {
                document.remove_attr(root, name);
            }
        }
    }
}

/// `admin_epoch` and, at the same `admin_epoch`, `epoch` never decrease.
fn check_forward(from: Version, to: Version, request: &Request) -> Result<(), Refusal> {
    if request.options.keep_versions || to.admin_epoch > from.admin_epoch {
        return Ok(());
    }
    if to.admin_epoch < from.admin_epoch {
        return Err(Refusal::Backwards {
            counter: "admin_epoch",
            from: from.admin_epoch,
            to: to.admin_epoch,
        });
    }
    if to.epoch < from.epoch {
        return Err(Refusal::Backwards { counter: "epoch", from: from.epoch, to: to.epoch });
    }
    Ok(())
}

fn check_feature_set(root: Element<'_>) -> Result<(), Refusal> {
    let parts = |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().unwrap_or(0)).collect() };
    match root.attr("crm_feature_set") {
        Some(needed) if parts(needed) > parts(crate::FEATURE_SET) => {
            Err(Refusal::FeatureSet { needed: needed.to_owned() })
        }
        Some(_) | None => Ok(()),
    }
}

/// Anything may stand in the status; everything else must be valid. What was wrong before already may stay, so that a
/// document that was taken over as it was can be mended in steps.
fn validate_for(old: &Document, next: &Document, request: &Request) -> Result<Vec<Finding>, Refusal> {
    if matches!(&request.target, Target::Section(name) if name.eq_ignore_ascii_case("status")) {
        return Ok(Vec::new());
    }
    let schema = next.root().attr("validate-with").unwrap_or("").to_owned();
    if schema::Schema::named(&schema).is_none() {
        return Err(Refusal::UnknownSchema(schema));
    }
    let findings = validate::document(next);
    if findings.iter().all(|finding| finding.severity == Severity::Warning) {
        return Ok(findings);
    }
    let before = validate::document(old);
    let known = |finding: &Finding| {
        before
            .iter()
            .any(|b| b.element == finding.element && b.id == finding.id && b.problem == finding.problem)
    };
    let (new, rest): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|f| f.severity == Severity::Invalid && !known(f));
    if new.is_empty() { Ok(rest) } else { Err(Refusal::Invalid { schema, findings: new }) }
}
