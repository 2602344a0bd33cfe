//! Failed operations.

use holdfast_model::OperationRecord;
use holdfast_model::status::ExecStatus;
use holdfast_scheduler::facts::{Facts, FailedOp};

use super::Show;
use super::when::duration_ms;
use crate::exit_text::exit_text;
use crate::list::List;

/// The execution status of an operation in words.
pub fn status_text(status: ExecStatus) -> &'static str {
    match status {
        ExecStatus::Pending => "Pending",
        ExecStatus::Done => "Done",
        ExecStatus::Cancelled => "Cancelled",
        ExecStatus::Timeout => "Timed out",
        ExecStatus::NotSupported => "Unsupported",
        ExecStatus::Error => "Error",
        ExecStatus::HardError => "Hard error",
        ExecStatus::FatalError => "Fatal error",
        ExecStatus::NotInstalled => "Not installed",
        ExecStatus::NotConnected => "Internal communication failure",
        ExecStatus::Invalid => "Cannot execute now",
        ExecStatus::NoFenceDevice => "No fence device",
        ExecStatus::NoSecrets => "CIB secrets unavailable",
        ExecStatus::Unknown | ExecStatus::Other(_) => "Unrecognized status",
    }
}

/// Resource, task and interval of an operation key.
pub fn parse_key(key: &str) -> Option<(&str, &str, u64)> {
    let (rest, interval) = key.rsplit_once('_')?;
    let interval = interval.parse().ok()?;
    let task = ["migrate_to", "migrate_from"]
        .into_iter()
        .find(|task| rest.strip_suffix(task).is_some_and(|rest| rest.ends_with('_')));
    let (rsc, task) = match task {
        Some(task) => (&rest[..rest.len() - task.len() - 1], task),
        None => rest.rsplit_once('_')?,
    };
    // Notifications carry their type between resource and task.
    let rsc = match (task, rsc.rsplit_once('_')) {
        ("notify", Some((rsc, "pre" | "post" | "confirmed-pre" | "confirmed-post"))) => rsc,
        _ => rsc,
    };
    Some((rsc, task, interval))
}

/// Failed operations worth showing.
pub fn shown_failures<'a>(
    facts: &'a Facts<'_>,
    show: &'a Show,
) -> impl Iterator<Item = (&'a FailedOp, &'a OperationRecord)> {
    facts.failed_ops.iter().filter_map(|failed| {
        let op = facts.operation(failed.op)?;
        let (rsc, ..) = parse_key(op.key())?;
        let shown = show.nodes.has_node(&facts.nodes[failed.node].name)
            && !op.is_masked_probe_failure()
            && show.resources.has(rsc);
        shown.then_some((failed, op))
    })
}

/// The list of failed operations.
pub fn failure_list(facts: &Facts<'_>, show: &Show) -> Option<List> {
    let mut list = List::titled("Failed Resource Actions");
    for (failed, op) in shown_failures(facts, show) {
        let node = &facts.nodes[failed.node].name;
        list.line(match show.failed_detail {
            true => technical(op, node, show),
            false => friendly(op, node, show),
        });
    }
    (!list.is_empty()).then_some(list)
}

fn friendly(op: &OperationRecord, node: &str, show: &Show) -> String {
    let (rsc, task, interval) = parse_key(op.key()).unwrap_or(("unknown resource", "unknown action", 0));
    let mut text = format!("{rsc} ");
    if interval != 0 {
        text.push_str(&format!("{}-interval ", duration_ms(interval)));
    }
    let task = if task == "monitor" && interval == 0 { "probe" } else { task };
    text.push_str(&format!("{task} on {node}"));
    let reason = op.exit_reason.as_deref().filter(|reason| !reason.is_empty());
    match (op.status(), reason) {
        (ExecStatus::Done, None) => text.push_str(&format!(" returned '{}'", exit_text(op.rc_code))),
        (ExecStatus::Done, Some(reason)) => {
            text.push_str(&format!(" returned '{}' ({reason})", exit_text(op.rc_code)));
        }
        (status, None) => text.push_str(&format!(" could not be executed ({})", status_text(status))),
        (status, Some(reason)) => {
            text.push_str(&format!(" could not be executed ({}: {reason})", status_text(status)));
        }
    }
    if let Some(changed) = op.last_rc_change {
        text.push_str(&format!(" at {}", show.time(changed)));
    }
    if let Some(ms) = op.exec_time_ms.filter(|&ms| ms > 0) {
        text.push_str(&format!(" after {}", duration_ms(ms)));
    }
    text
}

fn technical(op: &OperationRecord, node: &str, show: &Show) -> String {
    let mut text = format!(
        "{} on {node} '{}' ({}): call={}, status='{}'",
        op.key(),
        exit_text(op.rc_code),
        op.rc_code,
        op.call_id,
        status_text(op.status())
    );
    if let Some(reason) = op.exit_reason.as_deref().filter(|reason| !reason.is_empty()) {
        text.push_str(&format!(", exitreason='{reason}'"));
    }
    if let Some(changed) = op.last_rc_change {
        text.push_str(&format!(", last-rc-change='{}'", show.time(changed)));
    }
    if let Some(ms) = op.queue_time_ms {
        text.push_str(&format!(", queued={ms}ms"));
    }
    if let Some(ms) = op.exec_time_ms {
        text.push_str(&format!(", exec={ms}ms"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let check = |key: &str, expected| assert_eq!(parse_key(key), expected, "{key}");
        check("db_monitor_10000", Some(("db", "monitor", 10_000)));
        check("my_db_start_0", Some(("my_db", "start", 0)));
        check("vm_migrate_to_0", Some(("vm", "migrate_to", 0)));
        check("db_pre_notify_start_0", Some(("db_pre_notify", "start", 0)));
        check("nonsense", None);
    }
}
