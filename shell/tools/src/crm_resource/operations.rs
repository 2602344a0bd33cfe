//! The operations that the history knows of resources.

use holdfast_model::OperationRecord;
use holdfast_model::status::ExecStatus;
use holdfast_scheduler::facts::{RscIx, RscKind};
use holdfast_view::list::{Item, List};
use holdfast_view::status::{Show, printable_id, show_resource};

use super::Work;
use crate::crm_mon::local_time;
use crate::exit;
use crate::output::{Failure, Output};

/// Words for an execution status, as the old tools print them.
fn status_words(code: i32) -> &'static str {
    match ExecStatus::from_code(code) {
        ExecStatus::Pending => "pending",
        ExecStatus::Done => "complete",
        ExecStatus::Cancelled => "Cancelled",
        ExecStatus::Timeout => "Timed Out",
        ExecStatus::NotSupported => "NOT SUPPORTED",
        ExecStatus::Error => "Error",
        ExecStatus::HardError => "Hard error",
        ExecStatus::FatalError => "Fatal error",
        ExecStatus::NotInstalled => "Not installed",
        ExecStatus::NotConnected => "Internal communication failure",
        ExecStatus::Invalid => "Cannot execute now",
        ExecStatus::NoFenceDevice => "No fence device",
        ExecStatus::NoSecrets => "CIB secrets unavailable",
        ExecStatus::Unknown | ExecStatus::Other(_) => "UNKNOWN!",
    }
}

/// Operations by call; only those of the present activity (since the last start, nothing after a stop) if `active`.
fn chosen(operations: &[OperationRecord], active: bool) -> Vec<&OperationRecord> {
    let mut all: Vec<&OperationRecord> = operations.iter().collect();
    all.sort_by_key(|op| op.call_id);
    if !active {
        return all;
    }
    let succeeded = |op: &OperationRecord, rcs: &[i32]| op.op_status == 0 && rcs.contains(&op.rc_code);
    let last = |wanted: &dyn Fn(&OperationRecord) -> bool| all.iter().rposition(|op| wanted(op));
    let stop = last(&|op| op.operation == "stop" && succeeded(op, &[0]));
    let start = last(&|op| matches!(op.operation.as_str(), "start" | "migrate_from") && succeeded(op, &[0]))
        // The record of the start gives way to that of a change of role, which says the same.
        .or_else(|| last(&|op| matches!(op.operation.as_str(), "promote" | "demote")))
        .or_else(|| last(&|op| op.is_probe() && succeeded(op, &[0, 8])));
    match (start, stop) {
        (Some(start), Some(stop)) if stop > start => Vec::new(),
        (Some(start), _) => all.split_off(start),
        (None, _) => Vec::new(),
    }
}

/// The resource that a history entry is about.
fn resource(work: &Work<'_>, name: &str) -> Option<RscIx> {
    let rscs = &work.facts.rscs;
    let primitive = |ix: &RscIx| matches!(rscs[*ix].kind, RscKind::Primitive);
    let found = rscs.iter_enumerated().find(|(_, rsc)| rsc.history_id.as_deref() == Some(name));
    found.map(|(ix, _)| ix).or_else(|| work.find(name)).filter(primitive)
}

/// One line: the resource as listings show it.
fn title(work: &Work<'_>, rsc: Option<RscIx>, name: &str) -> String {
    let show = Show { resource_only: true, ..super::show_all() };
    match rsc.and_then(|rsc| show_resource(work.facts, rsc, &show)) {
        Some(Item::Line(line)) => line,
        Some(item) => {
            let mut list = List::default();
            list.items.push(item);
            let mut text = String::new();
            list.write_text(0, &mut text);
            text.trim().trim_start_matches("* ").to_owned()
        }
        None => format!("Unknown resource {name}"),
    }
}

pub(super) fn show(work: &Work<'_>, active: bool, output: &mut Output) -> Result<i32, Failure> {
    let only = work.parsed.value("resource");
    let node = work.parsed.value("node");
    let mut lines: Vec<String> = Vec::new();
    output.open("operations", &[]);
    for state in &work.facts.cib.status.nodes {
        let Some((_, known)) = work.facts.nodes.iter_enumerated().find(|(_, known)| known.id == state.id)
        else {
            continue;
        };
        if node.is_some_and(|node| node != known.name) || !(known.online || work.facts.options.fencing) {
            continue;
        }
        for history in &state.resources {
            let rsc = resource(work, &history.id);
            let named = |only: &str| {
                history.id == only
                    || rsc.is_some_and(|rsc| {
                        only == work.facts.rscs[rsc].id || only == printable_id(work.facts, rsc)
                    })
            };
            if only.is_some_and(|only| !named(only)) {
                continue;
            }
            for op in chosen(&history.operations, active) {
                lines.push(one(work, rsc, &history.id, &known.name, op, output));
            }
        }
    }
    output.close();
    for line in lines {
        output.text(format!("{line}\n"));
    }
    Ok(exit::OK)
}

/// Adds one operation to the XML form; its line for the text form.
fn one(
    work: &Work<'_>,
    rsc: Option<RscIx>,
    name: &str,
    node: &str,
    op: &OperationRecord,
    output: &mut Output,
) -> String {
    let key = op.operation_key.as_deref().unwrap_or(&op.id);
    let status = status_words(op.op_status);
    let (call, rc) = (op.call_id.to_string(), op.rc_code.to_string());
    let changed = op.last_rc_change.filter(|at| *at > 0).map(local_time::text);
    let took = op.exec_time_ms.map(|ms| ms.to_string()).unwrap_or_default();
    let mut attributes = vec![("op", key), ("node", node), ("call", &call), ("rc", &rc), ("status", status)];
    let agent = rsc.and_then(|rsc| work.facts.rscs[rsc].agent.as_ref()).map(ToString::to_string);
    if let (Some(rsc), Some(agent)) = (rsc, &agent) {
        attributes.extend([("rsc", printable_id(work.facts, rsc)), ("agent", agent.as_str())]);
    }
    if let Some(changed) = &changed {
        attributes.extend([("last-rc-change", changed.as_str()), ("exec-time", took.as_str())]);
    }
    output.element("operation", &attributes);
    let changed = changed.map(|at| format!(", last-rc-change='{at}', exec={took}ms")).unwrap_or_default();
    let title = title(work, rsc, name);
    format!("{title}: {key} (node={node}, call={call}, rc={rc}{changed}): {status}")
}

#[cfg(test)]
mod tests {
    use holdfast_model::read;
    use holdfast_xml::{Document, Limits};

    use super::*;

    fn check(operations: &[(&str, i32)], active: bool, expected: &[i32]) {
        let list: String = operations
            .iter()
            .enumerate()
            .map(|(at, (task, rc))| {
                format!(
                    "<lrm_rsc_op id=\"o{at}\" operation=\"{task}\" call-id=\"{}\" rc-code=\"{rc}\" op-status=\"0\" interval=\"0\"/>",
                    at + 1
                )
            })
            .collect();
        let text = format!(
            "<cib validate-with=\"pacemaker-4.0\" admin_epoch=\"0\" epoch=\"1\" num_updates=\"0\"><configuration><crm_config/>\
             <nodes/><resources/><constraints/></configuration><status><node_state id=\"1\" uname=\"a\"><lrm id=\"1\">\
             <lrm_resources><lrm_resource id=\"r\" class=\"lsb\" type=\"x\">{list}</lrm_resource></lrm_resources></lrm>\
             </node_state></status></cib>"
        );
        let document = Document::parse(text.as_bytes(), &Limits::default()).unwrap();
        let (cib, _) = read::cib(&document);
        let found: Vec<i32> = chosen(&cib.status.nodes[0].resources[0].operations, active)
            .iter()
            .map(|op| op.call_id)
            .collect();
        assert_eq!(found, expected, "{operations:?} active: {active}");
    }

    #[test]
    fn present_activity() {
        let all = [("monitor", 7), ("start", 0), ("stop", 0)];
        check(&all, false, &[1, 2, 3]);
        check(&all, true, &[]);
        check(&[("monitor", 7), ("stop", 0), ("start", 0)], true, &[3]);
        check(&[("monitor", 0)], true, &[1]);
        check(&[("monitor", 7)], true, &[]);
    }
}
