//! Settling cluster options.

use std::collections::BTreeMap;

use holdfast_model::attributes::evaluate;
use holdfast_model::boolean::is_true;
use holdfast_model::config::{Cib, ResourceConfig};
use holdfast_model::duration::parse_interval_ms;
use holdfast_model::options::{check_cluster, cluster_value};
use holdfast_model::rule::Input;
use holdfast_model::score::HealthScores;
use holdfast_model::{AttributeSet, Level, Problem, Score};

use super::types::{HealthStrategy, NoQuorumPolicy, Options, PlacementStrategy};

/// Evaluates `crm_config` and settles every option the scheduler knows.
pub(super) fn settle(
    cib: &Cib,
    now: i64,
    next_change: &mut Option<i64>,
    problems: &mut Vec<Problem>,
) -> Options {
    let mut raw = BTreeMap::new();
    evaluate(&cib.options, &Input { now, ..Input::default() }, &mut raw, next_change);
    for (name, message) in check_cluster(&raw) {
        problems.push(Problem {
            level: Level::Error,
            element: "nvpair".to_owned(),
            id: name,
            line: 0,
            message,
        });
    }
    let text = |name: &str| cluster_value(&raw, name).map(str::to_owned);
    let flag = |name: &str| is_true(cluster_value(&raw, name));
    let milliseconds = |name: &str| u64::from(parse_interval_ms(cluster_value(&raw, name)));
    let fencing = flag("fencing-enabled");
    let quorate = cib.header.have_quorum;
    let health_strategy = match text("node-health-strategy").unwrap_or_default().to_ascii_lowercase().as_str()
    {
        "migrate-on-red" => HealthStrategy::MigrateOnRed,
        "only-green" => HealthStrategy::OnlyGreen,
        "progressive" => HealthStrategy::Progressive,
        "custom" => HealthStrategy::Custom,
        _ => HealthStrategy::None,
    };
    let score = |name: &str| cluster_value(&raw, name).and_then(Score::parse).unwrap_or_default();
    let health_scores = match health_strategy {
        HealthStrategy::None => HealthScores::default(),
        HealthStrategy::MigrateOnRed => {
            HealthScores { red: Score::MINUS_INFINITY, ..HealthScores::default() }
        }
        HealthStrategy::OnlyGreen => {
            HealthScores { red: Score::MINUS_INFINITY, yellow: Score::MINUS_INFINITY, green: Score::ZERO }
        }
        HealthStrategy::Progressive | HealthStrategy::Custom => HealthScores {
            red: score("node-health-red"),
            yellow: score("node-health-yellow"),
            green: score("node-health-green"),
        },
    };
    let shutdown_lock = flag("shutdown-lock");
    let mut options = Options {
        quorate,
        symmetric: flag("symmetric-cluster"),
        maintenance: flag("maintenance-mode"),
        fencing,
        have_fencing: flag("have-watchdog"),
        unfencing: wants_unfencing(cib),
        concurrent_fencing: flag("concurrent-fencing"),
        stop_removed_resources: flag("stop-removed-resources"),
        cancel_removed_actions: flag("cancel-removed-actions"),
        stop_all: flag("stop-all-resources"),
        start_failure_fatal: flag("start-failure-is-fatal"),
        startup_fencing: fencing && flag("startup-fencing"),
        shutdown_lock,
        shutdown_lock_limit_ms: if shutdown_lock { milliseconds("shutdown-lock-limit") } else { 0 },
        probe_resources: flag("enable-startup-probes"),
        fence_remote_without_quorum: flag("fence-remote-without-quorum"),
        have_remote_nodes: false,
        no_quorum: NoQuorumPolicy::Stop,
        fence_action: if text("fencing-action").is_some_and(|word| word.eq_ignore_ascii_case("off")) {
            "off"
        } else {
            "reboot"
        },
        fence_timeout_ms: milliseconds("fencing-timeout"),
        priority_fencing_ms: milliseconds("priority-fencing-delay"),
        node_pending_ms: milliseconds("node-pending-timeout"),
        placement: match text("placement-strategy").unwrap_or_default().to_ascii_lowercase().as_str() {
            "utilization" => PlacementStrategy::Utilization,
            "balanced" => PlacementStrategy::Balanced,
            "minimal" => PlacementStrategy::Minimal,
            _ => PlacementStrategy::Default,
        },
        sanitized: false,
        health_strategy,
        health_scores,
        health_base: if health_strategy == HealthStrategy::Progressive {
            score("node-health-base")
        } else {
            Score::ZERO
        },
        cluster_name: raw.get("cluster-name").cloned(),
        dc: None,
        raw,
    };
    options.no_quorum = no_quorum_policy(&options, cib.header.no_quorum_panic);
    options
}

fn no_quorum_policy(options: &Options, had_quorum: bool) -> NoQuorumPolicy {
    let word = cluster_value(&options.raw, "no-quorum-policy").unwrap_or_default().to_ascii_lowercase();
    match word.as_str() {
        "ignore" => NoQuorumPolicy::Ignore,
        "freeze" => NoQuorumPolicy::Freeze,
        "demote" => NoQuorumPolicy::Demote,
        // A partition that never had quorum must not fence itself away while it is starting.
        "fence" | "suicide" if options.fencing && (had_quorum || options.quorate) => NoQuorumPolicy::Fence,
        _ => NoQuorumPolicy::Stop,
    }
}

/// Whether any resource or resource default mentions unfencing; rules and references are not looked at, because this is
/// wanted before anything is evaluated.
fn wants_unfencing(cib: &Cib) -> bool {
    fn in_sets(sets: &[AttributeSet]) -> bool {
        sets.iter()
            .flat_map(|set| &set.pairs)
            .any(|pair| matches!(pair.name.as_str(), "provides" | "requires") && pair.value == "unfencing")
    }
    fn in_resource(rsc: &ResourceConfig) -> bool {
        in_sets(&rsc.meta)
            || rsc.operations.iter().any(|op| in_sets(&op.meta))
            || rsc.children().iter().any(in_resource)
    }
    cib.resources.iter().chain(&cib.templates).any(in_resource) || in_sets(&cib.rsc_defaults)
}
