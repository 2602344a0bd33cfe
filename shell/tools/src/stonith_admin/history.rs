//! What was fenced, when, and by whom: as text for people and as elements for programs.

use holdfast_api::fence::{FenceAction, FenceRecord, FenceState};
use holdfast_view::status::universal_iso;

use crate::output::Output;

/// What of the history is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The last success.
    Last,
    /// When the last success was, in seconds since the epoch.
    LastTime,
    /// Everything.
    All,
}

pub(super) fn seconds(micros: i64) -> i64 {
    micros.div_euclid(1_000_000)
}

/// `2023-11-14 22:13:20.000005Z`
fn precise(micros: i64) -> String {
    let whole = universal_iso(seconds(micros));
    format!("{}.{:06}Z", whole.trim_end_matches('Z'), micros.rem_euclid(1_000_000))
}

/// The newest success; records come newest first.
pub(super) fn last_success(records: &[FenceRecord]) -> Option<&FenceRecord> {
    records.iter().filter(|record| record.state == FenceState::Done).max_by_key(|record| record.completed_at)
}

/// The node from which a later attempt at the same succeeded.
fn later_success<'a>(record: &FenceRecord, records: &'a [FenceRecord]) -> Option<&'a str> {
    let same = |other: &&FenceRecord| {
        other.state == FenceState::Done
            && other.target.eq_ignore_ascii_case(&record.target)
            && other.action == record.action
            && other.completed_at > record.completed_at
    };
    (record.state == FenceState::Failed)
        .then(|| records.iter().filter(same).max_by_key(|other| other.completed_at))?
        .map(|other| other.delegate.as_deref().unwrap_or("some node"))
}

fn line(record: &FenceRecord, full: bool, later: Option<&str>) -> String {
    let action = match record.action {
        FenceAction::Off => "turning off",
        FenceAction::On => "unfencing",
        FenceAction::Reboot => "reboot",
    };
    let (state, word) = match record.state {
        FenceState::Pending => ("pending", ""),
        FenceState::Done => ("successful", "last-successful"),
        FenceState::Failed => ("failed", "last-failed"),
    };
    let ended = record.state != FenceState::Pending;
    let mut text = format!("{action} of {} {state}", record.target);
    if let Some(reason) = record.reason.as_ref().filter(|_| record.state == FenceState::Failed) {
        text.push_str(&format!(" ({reason})"));
    }
    text.push_str(": ");
    if let Some(delegate) = record.delegate.as_ref().filter(|_| ended) {
        text.push_str(&format!("delegate={delegate}, "));
    }
    text.push_str(&format!("client={}, origin={}", record.client, record.origin));
    if ended {
        let word = if full { "completed" } else { word };
        text.push_str(&format!(", {word}='{}'", precise(record.completed_at)));
    }
    if let Some(later) = later {
        text.push_str(&format!(" (a later attempt from {later} succeeded)"));
    }
    text
}

fn element(record: &FenceRecord, output: &mut Output) {
    let completed = precise(record.completed_at);
    let mut attributes = vec![
        ("action", record.action.word()),
        ("target", record.target.as_str()),
        ("client", record.client.as_str()),
        ("origin", record.origin.as_str()),
    ];
    match record.state {
        FenceState::Pending => attributes.extend([("status", "pending"), ("extended-status", "0")]),
        FenceState::Done => attributes.push(("status", "success")),
        FenceState::Failed => {
            attributes.push(("status", "failed"));
            attributes.extend(record.reason.as_deref().map(|reason| ("exit-reason", reason)));
        }
    }
    attributes.extend(record.delegate.as_deref().map(|delegate| ("delegate", delegate)));
    if record.state != FenceState::Pending {
        attributes.push(("completed", &completed));
    }
    output.element("fence_event", &attributes);
}

/// The lines of the text form.
fn lines(records: &[FenceRecord], wanted: Wanted) -> Vec<String> {
    let last = last_success(records);
    match wanted {
        Wanted::LastTime => last.iter().map(|record| seconds(record.completed_at).to_string()).collect(),
        Wanted::Last => last.iter().map(|record| line(record, false, None)).collect(),
        Wanted::All => {
            records.iter().map(|record| line(record, true, later_success(record, records))).collect()
        }
    }
}

/// Prints the history.
pub(super) fn print(records: &[FenceRecord], wanted: Wanted, output: &mut Output) {
    let lines = lines(records, wanted);
    for line in &lines {
        output.text(format!("{line}\n"));
    }
    // A bare time stands in no list that counts.
    let count = if wanted == Wanted::LastTime { 0 } else { lines.len() };
    output.text(format!("{count} {} found\n", if count == 1 { "event" } else { "events" }));
    let shown: Vec<&FenceRecord> = match wanted {
        Wanted::All => records.iter().collect(),
        Wanted::Last | Wanted::LastTime => last_success(records).into_iter().collect(),
    };
    output.open("list", &[("name", "fencing history"), ("count", &shown.len().to_string())]);
    for record in shown {
        element(record, output);
    }
    output.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: FenceState, at: i64) -> FenceRecord {
        FenceRecord {
            id: at.to_string(),
            target: "beta".into(),
            action: FenceAction::Reboot,
            state,
            origin: "alpha".into(),
            client: "stonith_admin".into(),
            delegate: Some("gamma".into()),
            devices: vec!["ipmi".into()],
            boot_id: None,
            requested_at: at,
            completed_at: at,
            reason: Some("no answer".into()),
        }
    }

    fn check(records: &[FenceRecord], wanted: Wanted, expected: &[&str]) {
        assert_eq!(lines(records, wanted), expected, "{wanted:?}");
    }

    #[test]
    fn shapes() {
        const AT: i64 = 1_700_000_000_000_005;
        let records = [
            record(FenceState::Pending, AT + 2),
            record(FenceState::Done, AT),
            record(FenceState::Failed, AT - 1_000_000),
        ];
        check(&records, Wanted::LastTime, &["1700000000"]);
        check(
            &records,
            Wanted::Last,
            &["reboot of beta successful: delegate=gamma, client=stonith_admin, origin=alpha, \
               last-successful='2023-11-14 22:13:20.000005Z'"],
        );
        check(
            &records,
            Wanted::All,
            &[
                "reboot of beta pending: client=stonith_admin, origin=alpha",
                "reboot of beta successful: delegate=gamma, client=stonith_admin, origin=alpha, \
                 completed='2023-11-14 22:13:20.000005Z'",
                "reboot of beta failed (no answer): delegate=gamma, client=stonith_admin, origin=alpha, \
                 completed='2023-11-14 22:13:19.000005Z' (a later attempt from gamma succeeded)",
            ],
        );
        check(&[], Wanted::Last, &[]);
    }
}
