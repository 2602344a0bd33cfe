//! What was done to resources: operations and fail counts, by node.

use std::collections::BTreeMap;

use holdfast_model::OperationRecord;
use holdfast_model::status::ResourceHistory;
use holdfast_scheduler::facts::failcount::Count;
use holdfast_scheduler::facts::{Facts, NodeIx, RscIx};

use super::Show;
use super::activity::{is_filtered, printable_id};
use super::nodes::node_title;
use crate::exit_text::exit_text;
use crate::list::List;

/// The fail count of a resource on a node and when it failed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    /// Fail count.
    pub count: i32,
    /// Seconds since the epoch.
    pub last: Option<i64>,
}

/// Nodes with a state in the order of the document, with what is known of resources that are still configured.
pub fn histories<'a>(
    facts: &'a Facts<'_>,
    show: &'a Show,
) -> impl Iterator<Item = (NodeIx, Vec<(&'a ResourceHistory, RscIx)>)> {
    let by_name = by_history_name(facts);
    facts.cib.status.nodes.iter().enumerate().filter_map(move |(position, state)| {
        let (node, it) = facts.nodes.iter_enumerated().find(|(_, node)| node.state == Some(position))?;
        if !it.online || !show.nodes.has_node(&it.name) {
            return None;
        }
        let known = state.resources.iter().filter_map(|history| {
            let rsc = *by_name.get(history.id.as_str())?;
            shown(facts, rsc, show).then_some((history, rsc))
        });
        Some((node, known.collect()))
    })
}

/// Resources by their name and by the name that histories use; the first in scheduling order keeps a name.
fn by_history_name<'a>(facts: &'a Facts<'_>) -> BTreeMap<&'a str, RscIx> {
    fn enter<'a>(facts: &'a Facts<'_>, rsc: RscIx, names: &mut BTreeMap<&'a str, RscIx>) {
        let it = &facts.rscs[rsc];
        names.entry(&it.id).or_insert(rsc);
        if let Some(name) = &it.history_id {
            names.entry(name).or_insert(rsc);
        }
        for &child in &it.children {
            enter(facts, child, names);
        }
    }
    let mut names = BTreeMap::new();
    for &rsc in &facts.top {
        enter(facts, rsc, &mut names);
    }
    names
}

fn shown(facts: &Facts<'_>, rsc: RscIx, show: &Show) -> bool {
    let top = facts.top_resource(rsc, false);
    match facts.rscs[top].is_group() {
        true => show.resources.has(printable_id(facts, rsc)) || show.resources.has(printable_id(facts, top)),
        false => !is_filtered(facts, rsc, &show.resources, true),
    }
}

/// Operations worth showing, oldest call first: no notifications, no probes that found nothing.
pub fn shown_operations(history: &ResourceHistory) -> Vec<&OperationRecord> {
    let mut shown: Vec<&OperationRecord> = history
        .operations
        .iter()
        .filter(|op| op.operation != "notify" && !(op.is_probe() && op.rc_code == 7))
        .collect();
    shown.sort_by_key(|op| op.call_id);
    shown
}

/// The task as listings call it.
pub fn shown_task(op: &OperationRecord) -> &str {
    if op.is_probe() { "probe" } else { &op.operation }
}

/// Operations by node and resource, or only fail counts.
pub fn history_list(facts: &Facts<'_>, show: &Show, operations: bool) -> Option<List> {
    if facts.cib.status.nodes.is_empty() {
        return None;
    }
    let mut list = List::titled(if operations { "Operations" } else { "Migration Summary" });
    let mut any = false;
    for (node, known) in histories(facts, show) {
        any = true;
        let mut inside = List::titled(format!("Node: {}", node_title(facts, node, show.node_id)));
        for (history, rsc) in known {
            let failures = failures(facts, rsc, node);
            if !operations {
                if failures.count > 0 {
                    inside.line(resource_line(facts, rsc, &history.id, failures, show));
                }
                continue;
            }
            let shown = shown_operations(history);
            if shown.is_empty() {
                continue;
            }
            let title = resource_line(facts, rsc, printable_id(facts, rsc), failures, show);
            let mut lines = List::titled(title);
            for op in shown {
                lines.line(operation_line(op, show));
            }
            inside.list(lines);
        }
        if !inside.is_empty() {
            list.list(inside);
        }
    }
    any.then_some(list)
}

/// Fail count and last failure of a resource on a node.
pub fn failures(facts: &Facts<'_>, rsc: RscIx, node: NodeIx) -> Failures {
    let failures = facts.failures(rsc, node, Count::ALL, None);
    Failures { count: failures.count, last: Some(failures.last).filter(|&last| last > 0) }
}

fn resource_line(facts: &Facts<'_>, rsc: RscIx, name: &str, failures: Failures, show: &Show) -> String {
    let mut text = format!("{name}: migration-threshold={}", facts.rscs[rsc].migration_threshold);
    if failures.count > 0 {
        text.push_str(&format!(" fail-count={}", failures.count));
    }
    if let Some(last) = failures.last.filter(|&last| last > 0) {
        text.push_str(&format!(" last-failure='{}'", show.time(last)));
    }
    text
}

fn operation_line(op: &OperationRecord, show: &Show) -> String {
    let mut text = format!("({}) {}", op.call_id, shown_task(op));
    let interval = (op.interval_ms != 0).then(|| format!(" interval=\"{}ms\"", op.interval_ms));
    if !show.timing {
        if let Some(interval) = interval {
            text.push(':');
            text.push_str(&interval);
        }
        return text;
    }
    text.push(':');
    text.push_str(&interval.unwrap_or_default());
    if let Some(changed) = op.last_rc_change.filter(|&changed| changed > 0) {
        text.push_str(&format!(" last-rc-change=\"{}\"", show.time(changed)));
    }
    if let Some(ms) = op.exec_time_ms {
        text.push_str(&format!(" exec-time=\"{ms}ms\""));
    }
    if let Some(ms) = op.queue_time_ms {
        text.push_str(&format!(" queue-time=\"{ms}ms\""));
    }
    text.push_str(&format!(" rc={} ({})", op.rc_code, exit_text(op.rc_code)));
    text
}
