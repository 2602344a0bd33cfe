//! Fencing: what failed, what runs, what succeeded.

use holdfast_api::fence::{FenceAction, FenceRecord, FenceState};
use holdfast_xml::NodeIx as ElementIx;

use super::xml::Builder;
use super::{Picture, Section, universal_iso};
use crate::list::List;

fn action(record: &FenceRecord) -> &'static str {
    match record.action {
        FenceAction::Off => "turning off",
        FenceAction::On => "unfencing",
        FenceAction::Reboot => "reboot",
    }
}

fn seconds(micros: i64) -> i64 {
    micros.div_euclid(1_000_000)
}

/// Newest first; unless all are wanted, only the newest of those that have target, action, client and state in common.
fn selected<'a>(picture: &Picture<'a>, states: &[FenceState]) -> Vec<&'a FenceRecord> {
    let mut chosen: Vec<&FenceRecord> = Vec::new();
    for record in picture.fencing.unwrap_or_default() {
        let same = |other: &&FenceRecord| {
            other.target == record.target
                && other.action == record.action
                && other.state == record.state
                && other.client == record.client
        };
        let shown = states.contains(&record.state) && picture.show.nodes.has_node(&record.target);
        if shown && (picture.full_fencing || !chosen.iter().any(same)) {
            chosen.push(record);
        }
    }
    chosen
}

fn line(record: &FenceRecord, picture: &Picture<'_>) -> String {
    let show = picture.show;
    let mut text = format!("{} of {}", action(record), record.target);
    let ended = record.state != FenceState::Pending;
    let when = (ended && record.completed_at > 0).then(|| show.time(seconds(record.completed_at)));
    let state = match record.state {
        FenceState::Pending => "is pending",
        FenceState::Done => "successful",
        FenceState::Failed => "failed",
    };
    let delegate = record.delegate.as_ref().filter(|_| ended);
    let reason = record.reason.as_ref().filter(|_| record.state == FenceState::Failed);
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    if show.failed_detail {
        text.push_str(&format!(" {state}{reason}: "));
        if let Some(delegate) = delegate {
            text.push_str(&format!("delegate={delegate}, "));
        }
        text.push_str(&format!("client={}, origin={}", record.client, record.origin));
        let word = match (picture.full_fencing, record.state) {
            (true, _) => "completed",
            (false, FenceState::Failed) => "last-failed",
            (false, FenceState::Done | FenceState::Pending) => "last-successful",
        };
        if let Some(when) = when {
            text.push_str(&format!(", {word}='{when}'"));
        }
        return text;
    }
    if let Some(delegate) = delegate {
        text.push_str(&format!(" by {delegate}"));
    }
    text.push_str(&format!(" for {}@{}", record.client, record.origin));
    if !picture.full_fencing {
        text.push_str(" last");
    }
    text.push_str(&format!(" {state}{reason}"));
    if let Some(when) = when {
        text.push_str(&format!(" at {when}"));
    }
    text
}

fn list(title: &str, states: &[FenceState], picture: &Picture<'_>) -> Option<List> {
    let records = selected(picture, states);
    let mut list = List::titled(title);
    for record in records {
        list.line(line(record, picture));
    }
    (!list.is_empty()).then_some(list)
}

/// Failed fencing, if that section is wanted.
pub fn failed_fencing_list(picture: &Picture<'_>) -> Option<List> {
    if !picture.wanted.contains(&Section::FencingFailed) {
        return None;
    }
    list("Failed Fencing Actions", &[FenceState::Failed], picture)
}

/// Successful fencing and fencing in progress, as far as wanted.
pub fn fencing_list(picture: &Picture<'_>) -> Option<List> {
    if picture.wanted.contains(&Section::FencingSucceeded) {
        list("Fencing History", &[FenceState::Pending, FenceState::Done], picture)
    } else if picture.wanted.contains(&Section::FencingPending) {
        list("Pending Fencing Actions", &[FenceState::Pending], picture)
    } else {
        None
    }
}

/// Fencing as XML.
pub fn add_fencing(builder: &mut Builder, parent: ElementIx, picture: &Picture<'_>) {
    let wants = |section: Section| picture.wanted.contains(&section);
    let mut states = Vec::new();
    for (section, state) in [
        (Section::FencingFailed, FenceState::Failed),
        (Section::FencingPending, FenceState::Pending),
        (Section::FencingSucceeded, FenceState::Done),
    ] {
        if wants(section) {
            states.push(state);
        }
    }
    if states.is_empty() || picture.fencing.is_none() {
        return;
    }
    let list = builder.add(parent, "fence_history", &[("status", Some("0"))]);
    for record in selected(picture, &states) {
        let status = match record.state {
            FenceState::Pending => "pending",
            FenceState::Done => "success",
            FenceState::Failed => "failed",
        };
        let completed = (record.completed_at > 0).then(|| universal_iso(seconds(record.completed_at)));
        let reason = record.reason.as_deref().filter(|_| record.state == FenceState::Failed);
        builder.add(
            list,
            "fence_event",
            &[
                ("target", Some(&record.target)),
                ("action", Some(record.action.word())),
                ("delegate", record.delegate.as_deref()),
                ("client", Some(&record.client)),
                ("origin", Some(&record.origin)),
                ("status", Some(status)),
                ("exit-reason", reason),
                ("completed", completed.as_deref()),
            ],
        );
    }
}
