//! What a simulated cluster runs: its configuration, its clients.

use std::fmt::Write;

use holdfast_api::Request;
use holdfast_api::cib::{CibOperation, CibRequest, Target};

/// Resources of every run.
pub const RESOURCES: usize = 4;

/// The configuration that a fresh cluster is given.
#[must_use]
pub fn configuration(fencing: bool) -> Request {
    let mut xml =
        String::from("<configuration><crm_config><cluster_property_set id=\"cib-bootstrap-options\">");
    let options = [("stonith-enabled", if fencing { "true" } else { "false" }), ("dc-deadtime", "5s")];
    for (name, value) in options {
        // Writing to a string cannot fail.
        let _ =
            write!(xml, "<nvpair id=\"cib-bootstrap-options-{name}\" name=\"{name}\" value=\"{value}\"/>");
    }
    xml.push_str("</cluster_property_set></crm_config><resources>");
    for number in 0..RESOURCES {
        let _ = write!(
            xml,
            "<primitive id=\"{0}\" class=\"ocf\" provider=\"heartbeat\" type=\"Dummy\"><operations>",
            rsc(number)
        );
        // One is not watched: what is known of it is known from its start alone.
        if number > 0 {
            let _ = write!(
                xml,
                "<op id=\"{}-monitor\" name=\"monitor\" interval=\"10s\" timeout=\"20s\"/>",
                rsc(number)
            );
        }
        xml.push_str("</operations></primitive>");
    }
    if fencing {
        xml.push_str("<primitive id=\"power\" class=\"stonith\" type=\"fence_sim\"/>");
    }
    xml.push_str("</resources></configuration>");
    let mut request =
        CibRequest::with_xml(CibOperation::Modify, Target::Section("configuration".into()), xml);
    request.options.can_create = true;
    Request::Cib(request)
}

/// Name of a resource.
#[must_use]
pub fn rsc(number: usize) -> String {
    format!("r{number}")
}

/// A small change that can be found again.
#[must_use]
pub fn write(id: u64) -> Request {
    let xml = format!("<tags><tag id=\"write-{id}\"><obj_ref id=\"r0\"/></tag></tags>");
    let mut request = CibRequest::with_xml(CibOperation::Modify, Target::Section("tags".into()), xml);
    request.options.can_create = true;
    Request::Cib(request)
}

/// Whether a document holds the change.
#[must_use]
pub fn holds(document: &holdfast_xml::Document, id: u64) -> bool {
    document.by_id(&format!("write-{id}")).is_some()
}

/// Intervals of monitors that edits choose from, in seconds; a fresh cluster has the first.
pub const INTERVALS: [u64; 3] = [10, 7, 3];

/// An edit of a monitor's interval: the old one is cancelled. Refused for the resource that has none.
#[must_use]
pub fn monitor(number: usize, seconds: u64) -> Request {
    let xml = format!(
        "<resources><primitive id=\"{0}\"><operations><op id=\"{0}-monitor\" interval=\"{seconds}s\"/></operations>\
         </primitive></resources>",
        rsc(number)
    );
    Request::Cib(CibRequest::with_xml(CibOperation::Modify, Target::Section("resources".into()), xml))
}

/// The interval of a resource's monitor in a document, in ms.
#[must_use]
pub fn interval_ms(document: &holdfast_xml::Document, number: usize) -> Option<u32> {
    let monitor = document.element(document.by_id(&format!("{}-monitor", rsc(number)))?);
    holdfast_model::duration::parse_milliseconds(monitor.attr("interval")?)?.try_into().ok()
}
