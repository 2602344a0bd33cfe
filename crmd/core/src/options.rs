//! Cluster options that the core itself needs, read once for each version of the configuration.

use std::collections::BTreeMap;

use holdfast_api::fence::FenceAction;
use holdfast_model::Cib;
use holdfast_model::attributes::evaluate;
use holdfast_model::boolean::parse_bool;
use holdfast_model::duration::checked_interval_ms;
use holdfast_model::rule::Input;

use crate::time::Span;

/// What happens without quorum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoQuorumPolicy {
    /// Stop everything.
    #[default]
    Stop,
    /// Keep what runs.
    Freeze,
    /// Demote what is promoted, stop the rest.
    Demote,
    /// Carry on as if there were quorum.
    Ignore,
    /// Fence this partition.
    Fence,
}

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `fencing-enabled`, `stonith-enabled`.
    pub fencing_enabled: bool,
    /// `fencing-action`, `stonith-action`.
    pub fencing_action: FenceAction,
    /// `fencing-timeout`, `stonith-timeout`.
    pub fencing_timeout: Span,
    /// `fencing-watchdog-timeout`, `stonith-watchdog-timeout`; negative = twice the watchdog's own.
    pub watchdog_timeout_ms: i64,
    /// `stonith-max-attempts`, `fencing-max-attempts`.
    pub fencing_attempts: u32,
    /// `fence-reaction`: a node that hears that it was fenced stops, or panics.
    pub fence_reaction_panic: bool,
    /// `no-quorum-policy`.
    pub no_quorum: NoQuorumPolicy,
    /// `start-failure-is-fatal`.
    pub start_failure_is_fatal: bool,
    /// `dc-deadtime`.
    pub dc_deadtime: Span,
    /// `startup-fencing`.
    pub startup_fencing: bool,
    /// `cluster-recheck-interval`; zero = never.
    pub recheck_interval: Span,
    /// `transition-delay`.
    pub transition_delay: Span,
    /// `cluster-delay`.
    pub cluster_delay: Span,
    /// `shutdown-escalation`.
    pub shutdown_escalation: Span,
    /// `enable-acl`.
    pub acl: bool,
    /// `maintenance-mode`.
    pub maintenance: bool,
    /// `node-action-limit`; 0 = automatic.
    pub node_action_limit: u32,
}

impl Options {
    /// Reads the options that hold at `now` (seconds since the epoch).
    #[must_use]
    pub fn read(cib: &Cib, now: i64) -> Self {
        let mut table = BTreeMap::new();
        let mut next_change = None;
        let input = Input { now, ..Input::default() };
        evaluate(&cib.options, &input, &mut table, &mut next_change);
        let text = |names: &[&str]| names.iter().find_map(|name| table.get(*name)).map(String::as_str);
        let flag = |names: &[&str], default: bool| text(names).and_then(parse_bool).unwrap_or(default);
        let span = |names: &[&str], default: Span| {
            text(names).and_then(checked_interval_ms).map_or(default, |ms| Span::millis(ms.into()))
        };
        let number =
            |names: &[&str], default: u32| text(names).and_then(|t| t.trim().parse().ok()).unwrap_or(default);
        Self {
            fencing_enabled: flag(&["fencing-enabled", "stonith-enabled"], true),
            fencing_action: text(&["fencing-action", "stonith-action"])
                .and_then(FenceAction::from_word)
                .unwrap_or(FenceAction::Reboot),
            fencing_timeout: span(&["fencing-timeout", "stonith-timeout"], Span::secs(60)),
            watchdog_timeout_ms: text(&["fencing-watchdog-timeout", "stonith-watchdog-timeout"])
                .and_then(holdfast_model::duration::parse_milliseconds)
                .unwrap_or(0),
            fencing_attempts: match text(&["fencing-max-attempts", "stonith-max-attempts"]) {
                Some("INFINITY") => u32::MAX,
                Some(text) => text.trim().parse().unwrap_or(10),
                None => 10,
            },
            fence_reaction_panic: text(&["fencing-reaction", "fence-reaction"]) == Some("panic"),
            no_quorum: match text(&["no-quorum-policy"]) {
                Some("freeze") => NoQuorumPolicy::Freeze,
                Some("demote") => NoQuorumPolicy::Demote,
                Some("ignore") => NoQuorumPolicy::Ignore,
                Some("suicide" | "fence") => NoQuorumPolicy::Fence,
                _ => NoQuorumPolicy::Stop,
            },
            start_failure_is_fatal: flag(&["start-failure-is-fatal"], true),
            dc_deadtime: span(&["dc-deadtime"], Span::secs(20)),
            startup_fencing: flag(&["startup-fencing"], true),
            recheck_interval: span(&["cluster-recheck-interval"], Span::secs(15 * 60)),
            transition_delay: span(&["transition-delay", "crmd-transition-delay"], Span::ZERO),
            cluster_delay: span(&["cluster-delay"], Span::secs(60)),
            shutdown_escalation: span(&["shutdown-escalation"], Span::secs(20 * 60)),
            acl: flag(&["enable-acl"], false),
            maintenance: flag(&["maintenance-mode"], false),
            node_action_limit: number(&["node-action-limit"], 0),
        }
    }
}
