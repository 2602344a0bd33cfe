//! Settings of operations: which configured operation an action uses, its settled meta attributes, and what its
//! failure means.

use std::collections::BTreeMap;

use holdfast_model::boolean::parse_bool;
use holdfast_model::config::OperationConfig;
use holdfast_model::duration::{parse_interval_ms, parse_milliseconds, seconds_at_least_one};
use holdfast_model::iso8601::DateTime;
use holdfast_model::rule::Input;
use holdfast_model::{Role, Score};

use super::types::{Facts, Flags, NodeIx, OnFail, Requires, Rsc, RscIx};

/// Timeout of operations that have none.
pub const DEFAULT_TIMEOUT_MS: i64 = 20_000;

/// The interval of a configured operation in milliseconds.
pub fn interval_of(op: &OperationConfig) -> u32 {
    parse_interval_ms(op.attribute("interval"))
}

/// Whether a configured operation is switched on (only the XML attribute counts).
pub fn is_enabled(op: &OperationConfig) -> bool {
    op.attribute("enabled").and_then(parse_bool) != Some(false)
}

/// A monitor without interval.
pub fn is_probe(task: &str, interval_ms: u32) -> bool {
    interval_ms == 0 && task == "monitor"
}

impl Rsc {
    /// The configured operation for an action; `migrate_to` and `migrate_from` may also be configured as `migrate`.
    pub fn op_config(
        &self,
        task: &str,
        interval_ms: u32,
        include_disabled: bool,
    ) -> Option<&OperationConfig> {
        let exact = |task: &str, interval_ms: u32| {
            self.ops().iter().find(|op| {
                op.name == task && (include_disabled || is_enabled(op)) && interval_of(op) == interval_ms
            })
        };
        exact(task, interval_ms).or_else(|| match task {
            "migrate_to" | "migrate_from" => exact("migrate", 0),
            _ => None,
        })
    }

    /// The enabled recurring monitor with the shortest interval.
    fn most_frequent_monitor(&self) -> Option<&OperationConfig> {
        let mut found: Option<(u32, &OperationConfig)> = None;
        for op in self.ops().iter().filter(|op| op.name == "monitor" && is_enabled(op)) {
            let interval = interval_of(op);
            if interval > 0 && found.is_none_or(|(shortest, _)| interval < shortest) {
                found = Some((interval, op));
            }
        }
        found.map(|(_, op)| op)
    }
}

impl Facts<'_> {
    /// Settled meta attributes of an operation: interval, timeout and start delay in milliseconds.
    ///
    /// `config` is the configured operation, usually from [`Rsc::op_config`].
    pub fn op_meta(
        &self,
        rsc: RscIx,
        node: Option<NodeIx>,
        task: &str,
        interval_ms: u32,
        config: Option<&OperationConfig>,
    ) -> BTreeMap<String, String> {
        let this = &self.rscs[rsc];
        let input = Input {
            now: self.now,
            agent: this
                .agent
                .as_ref()
                .map(|agent| (agent.class.as_str(), agent.provider.as_deref(), agent.agent_type.as_str())),
            operation: Some((task, interval_ms)),
            ..Input::default()
        };
        let mut meta = BTreeMap::new();
        if let Some(config) = config {
            self.evaluate(&config.meta, &input, &mut meta);
            for (name, value) in &config.attributes {
                meta.insert(name.clone(), value.clone());
            }
        }
        let probe = is_probe(task, interval_ms);
        if probe
            && !meta.contains_key("timeout")
            && let Some(timeout) = this.most_frequent_monitor().and_then(|op| op.attribute("timeout"))
        {
            meta.insert("timeout".to_owned(), timeout.to_owned());
        }
        self.evaluate(&self.cib.op_defaults, &input, &mut meta);
        meta.remove("id");
        if interval_ms > 0 {
            meta.insert("interval".to_owned(), interval_ms.to_string());
        } else {
            meta.remove("interval");
        }
        if this.is(Flags::FENCE_DEVICE)
            && (task == "start" || probe)
            && let Some(timeout) = self.params(rsc, node).remove("pcmk_monitor_timeout")
        {
            meta.insert("timeout".to_owned(), timeout);
        }
        let timeout = meta.get("timeout").and_then(|text| parse_milliseconds(text)).filter(|&ms| ms > 0);
        let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT_MS).min(i64::from(i32::MAX));
        meta.insert("timeout".to_owned(), timeout.to_string());
        check_on_fail(this, task, config, &mut meta);
        if let Some(delay) = meta.get("start-delay") {
            let delay = parse_milliseconds(delay).unwrap_or(0).clamp(0, i64::from(i32::MAX));
            meta.insert("start-delay".to_owned(), delay.to_string());
        } else if let Some(delay) =
            meta.get("interval-origin").and_then(|origin| self.origin_delay(origin, interval_ms))
        {
            meta.insert("start-delay".to_owned(), delay.to_string());
        }
        meta
    }

    /// Milliseconds from now to the next whole interval after the origin.
    fn origin_delay(&self, origin: &str, interval_ms: u32) -> Option<i64> {
        if interval_ms == 0 {
            return None;
        }
        let interval = seconds_at_least_one(u64::from(interval_ms));
        let origin = DateTime::parse(origin, self.now)?.epoch_seconds;
        let since = self.now.saturating_sub(origin) % interval;
        let delay = if since <= 0 { -since } else { interval - since };
        Some(delay * 1000)
    }

    /// What an action needs before it may run.
    pub fn action_requires(&self, rsc: RscIx, task: &str) -> Requires {
        let this = &self.rscs[rsc];
        match task {
            "start" | "promote" if this.is(Flags::NEEDS_FENCING) => Requires::Fencing,
            "start" | "promote" if this.is(Flags::NEEDS_QUORUM) => Requires::Quorum,
            _ => Requires::Nothing,
        }
    }

    /// What a failure leads to, from the value of `on-fail`.
    pub fn on_fail(&self, rsc: RscIx, task: &str, interval_ms: u32, value: Option<&str>) -> OnFail {
        let this = &self.rscs[rsc];
        let explicit = match value.map(str::to_ascii_lowercase).as_deref() {
            Some("block") => Some(OnFail::Block),
            Some("fence") if self.options.fencing => Some(OnFail::FenceNode),
            Some("fence") => Some(OnFail::Stop),
            Some("standby") => Some(OnFail::StandbyNode),
            Some("ignore" | "nothing") => Some(OnFail::Ignore),
            Some("migrate") => Some(OnFail::Ban),
            Some("stop") => Some(OnFail::Stop),
            Some("restart") => Some(OnFail::Restart),
            Some("restart-container") if this.launcher.is_some() => Some(OnFail::RestartContainer),
            Some("demote") => Some(OnFail::Demote),
            _ => None,
        };
        let to_remote = this.is(Flags::REMOTE_CONNECTION)
            && self.node_named(&this.id).is_some_and(|node| self.is_remote(node))
            && !is_probe(task, interval_ms)
            && task != "start";
        let managed = this.is(Flags::MANAGED);
        match explicit {
            Some(on_fail) if managed || !to_remote => on_fail,
            Some(_) | None if this.launcher.is_some() => OnFail::RestartContainer,
            Some(_) | None if to_remote => {
                if managed {
                    OnFail::ResetRemote
                } else {
                    OnFail::Stop
                }
            }
            Some(_) | None if task == "stop" => {
                if self.options.fencing {
                    OnFail::FenceNode
                } else {
                    OnFail::Block
                }
            }
            Some(_) | None => OnFail::Restart,
        }
    }

    /// The role a resource has to take after a failure of an action.
    pub fn role_after_failure(&self, rsc: RscIx, task: &str, on_fail: OnFail) -> Role {
        let stays_stopped =
            on_fail == OnFail::Stop || (on_fail == OnFail::ResetRemote && self.rscs[rsc].reconnect_ms != 0);
        if stays_stopped {
            Role::Stopped
        } else if task == "promote" {
            Role::Unpromoted
        } else {
            Role::Started
        }
    }

    /// A score that may be one of the health words.
    pub fn score(&self, text: &str) -> Option<Score> {
        Score::parse_with_health(text, self.options.health_scores)
    }
}

fn is_promoted_role(role: Option<&str>) -> bool {
    role.and_then(Role::parse) == Some(Role::Promoted)
}

/// Takes out values of `on-fail` that the action cannot have, and puts in special defaults.
fn check_on_fail(
    rsc: &Rsc,
    task: &str,
    config: Option<&OperationConfig>,
    meta: &mut BTreeMap<String, String>,
) {
    let value = meta.get("on-fail").map(|value| value.to_ascii_lowercase());
    match (task, value.as_deref()) {
        ("stop", Some("standby" | "demote" | "stop")) => {
            meta.remove("on-fail");
        }
        ("demote", None) => {
            // The last applicable monitor of the promoted role decides.
            for op in rsc.ops() {
                let Some(on_fail) = op.attribute("on-fail") else { continue };
                if op.name == "monitor"
                    && is_promoted_role(op.attribute("role"))
                    && interval_of(op) > 0
                    && is_enabled(op)
                    && !on_fail.eq_ignore_ascii_case("demote")
                {
                    meta.insert("on-fail".to_owned(), on_fail.to_owned());
                }
            }
        }
        ("lrm_delete", value) if value != Some("ignore") => {
            meta.insert("on-fail".to_owned(), "ignore".to_owned());
        }
        (_, Some("demote")) => {
            let allowed = config.is_some_and(|op| {
                op.name == "promote"
                    || (op.name == "monitor" && interval_of(op) > 0 && is_promoted_role(op.attribute("role")))
            });
            if !allowed {
                meta.remove("on-fail");
            }
        }
        _ => {}
    }
}
