//! One fencing operation as the decision maker drives it: levels, devices, retries, off and on in place of reboot.

use std::collections::BTreeMap;

use holdfast_api::fence::FenceAction;

use super::device::{HostCheck, Registry, listed};
use crate::message::FenceOrder;
use crate::time::{Instant, Span};

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait for an answer or a time.
    Wait,
    /// Run an agent.
    Step(Step),
    /// It is done, by these devices.
    Done(Vec<String>),
    /// It cannot be done.
    Failed(String),
}

/// One run of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Number of the step.
    pub number: u32,
    /// Device.
    pub device: String,
    /// `list`, `status`, `reboot`, `off`, `on`.
    pub action: &'static str,
    /// Time for it.
    pub timeout: Span,
    /// Wait before it.
    pub delay: Span,
    /// Wait at most so much more, at random.
    pub random_delay: Span,
}

/// How a reboot is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// As asked.
    Plain,
    /// Off, with on to follow.
    Off,
    /// On, after all are off. Failures do not count.
    On,
}

/// One operation.
#[derive(Debug)]
pub struct FenceRun {
    /// What was asked.
    pub order: FenceOrder,
    levels: Vec<Vec<String>>,
    topology: bool,
    /// Every device of the level that can, lets the target in; those that cannot are passed over.
    unfencing: bool,
    level: usize,
    device: usize,
    phase: Phase,
    tries: u32,
    steps: u32,
    /// Numbers of steps begin after this one: an answer to an earlier run of the same operation is no answer to this.
    base: u32,
    in_flight: Option<(Step, Instant)>,
    able: BTreeMap<String, bool>,
    used: Vec<String>,
    delayed: Vec<String>,
    reasons: Vec<String>,
    not_before: Instant,
    until: Option<Instant>,
    watchdog: Option<Instant>,
}

/// Grace on top of an agent's own time-out before its executor is given up.
const GRACE: Span = Span::secs(10);

impl FenceRun {
    /// Begins an operation. `levels` are those of the topology; without one every candidate is its own level.
    /// `watchdog` is when the target's own watchdog has surely fired, if it has one.
    #[must_use]
    pub fn new(
        order: FenceOrder,
        levels: Option<Vec<Vec<String>>>,
        candidates: Vec<String>,
        watchdog: Option<Instant>,
        now: Instant,
    ) -> Self {
        let topology = levels.is_some();
        let unfencing = topology && order.action == FenceAction::On;
        let levels = levels.unwrap_or_else(|| candidates.into_iter().map(|d| vec![d]).collect());
        let wait = u64::try_from(order.delay_ms).unwrap_or(0);
        let until = (order.timeout_ms > 0).then(|| now + Span::millis(u64::from(order.timeout_ms) + wait));
        Self {
            levels,
            topology,
            unfencing,
            level: 0,
            device: 0,
            phase: Phase::Plain,
            tries: 0,
            steps: 0,
            base: 0,
            in_flight: None,
            able: BTreeMap::new(),
            used: Vec::new(),
            delayed: Vec::new(),
            reasons: Vec::new(),
            not_before: now + Span::millis(wait),
            until,
            watchdog,
            order,
        }
    }

    /// Begins the numbers of its steps after this one.
    #[must_use]
    pub fn numbered_from(mut self, base: u32) -> Self {
        self.base = base;
        self
    }

    /// Whether its agent may be at work: what is only waited for is begun afresh by whoever decides next.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        self.in_flight
            .as_ref()
            .is_some_and(|(step, _)| step.delay == Span::ZERO && step.random_delay == Span::ZERO)
    }

    /// When time matters next.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let step = self.in_flight.as_ref().map(|(_, at)| *at);
        let begin = (step.is_none() && self.steps == 0).then_some(self.not_before);
        [step, begin, self.until, self.watchdog].into_iter().flatten().min()
    }

    /// What to do next.
    pub fn next(&mut self, registry: &Registry, default_timeout: Span, now: Instant) -> Next {
        if self.watchdog.is_some_and(|at| at <= now) {
            return Next::Done(vec!["watchdog".to_owned()]);
        }
        if let Some((step, at)) = &self.in_flight {
            if *at > now && self.until.is_none_or(|until| until > now) {
                return Next::Wait;
            }
            let reason = format!("{} of {} took too long", step.action, step.device);
            self.in_flight = None;
            self.device_failed(registry, reason, false);
        }
        if self.until.is_some_and(|until| until <= now) {
            self.reasons.push("the whole operation took too long".to_owned());
            return Next::Failed(self.reasons.join("; "));
        }
        if self.not_before > now {
            return Next::Wait;
        }
        loop {
            let Some(level) = self.levels.get(self.level) else {
                if self.watchdog.is_some() {
                    return Next::Wait;
                }
                if self.reasons.is_empty() {
                    self.reasons.push(format!("no device can fence {}", self.order.target));
                }
                return Next::Failed(self.reasons.join("; "));
            };
            if self.phase == Phase::Plain && self.order.action == FenceAction::Reboot && level.len() > 1 {
                self.phase = Phase::Off;
            }
            let Some(name) = level.get(self.device).cloned() else {
                if self.phase == Phase::Off && !self.off_is_enough(registry) {
                    self.phase = Phase::On;
                    self.device = 0;
                    self.tries = 0;
                    continue;
                }
                if self.used.is_empty() {
                    self.level += 1;
                    self.device = 0;
                    continue;
                }
                return Next::Done(self.used.clone());
            };
            let unable = registry
                .devices
                .get(&name)
                .and_then(|device| device.may_fence(&self.order.target))
                .or_else(|| self.able.get(&name).copied())
                == Some(false);
            if self.unfencing && unable {
                self.device += 1;
                self.tries = 0;
                continue;
            }
            match self.step(registry, &name, default_timeout, now) {
                Ok(step) => return Next::Step(step),
                Err(reason) => self.device_failed(registry, reason, false),
            }
        }
    }

    /// A reboot remapped to off stays off when a device of the level is told to.
    fn off_is_enough(&self, registry: &Registry) -> bool {
        let level = self.levels.get(self.level).map_or(&[][..], Vec::as_slice);
        level.iter().filter_map(|d| registry.devices.get(d)).any(super::device::Device::skips_on)
    }

    fn step(&mut self, registry: &Registry, name: &str, default: Span, now: Instant) -> Result<Step, String> {
        let device = registry.devices.get(name).ok_or_else(|| format!("there is no device {name}"))?;
        if !device.enabled {
            return Err(format!("device {name} is disabled"));
        }
        let target = self.order.target.clone();
        let able = match (device.may_fence(&target), self.able.get(name)) {
            (Some(able), _) => Some(able),
            (None, Some(able)) => Some(*able),
            (None, None) => None,
        };
        let action = match able {
            Some(false) if !self.topology => return Err(format!("device {name} cannot fence {target}")),
            Some(_) => match self.phase {
                Phase::Plain => self.order.action.word(),
                Phase::Off => "off",
                Phase::On => "on",
            },
            None if device.check == HostCheck::Status => "status",
            None => "list",
        };
        let acts = !matches!(action, "list" | "status");
        let (delay, random_delay) =
            if acts && self.order.delay_ms >= 0 && !self.delayed.iter().any(|d| d == name) {
                self.delayed.push(name.to_owned());
                device.delay(&target)
            } else {
                (Span::ZERO, Span::ZERO)
            };
        self.steps += 1;
        let timeout = device.timeout(action, default);
        let number = self.base.wrapping_add(self.steps);
        let step = Step { number, device: name.to_owned(), action, timeout, delay, random_delay };
        self.in_flight = Some((step.clone(), now + timeout + delay + random_delay + GRACE));
        Ok(step)
    }

    /// An agent answered. False when it was not waited for.
    pub fn answered(
        &mut self,
        registry: &Registry,
        number: u32,
        ok: bool,
        rc: i32,
        output: &str,
        why: &str,
    ) -> bool {
        let Some((step, _)) = self.in_flight.take_if(|(step, _)| step.number == number) else { return false };
        match step.action {
            "list" => match registry.devices.get(&step.device) {
                Some(device) if ok => {
                    let able = listed(output, device, &self.order.target);
                    self.able.insert(step.device, able);
                }
                // Where the list cannot be had, the status of the target decides; without it the device is tried.
                _ => {
                    self.able.insert(step.device, true);
                }
            },
            "status" => {
                let able = ok || rc == 2 || rc == 7;
                self.able.insert(step.device, able);
            }
            _ if ok => {
                if !self.used.contains(&step.device) {
                    self.used.push(step.device);
                }
                self.device += 1;
                self.tries = 0;
            }
            _ => self.device_failed(
                registry,
                format!("{} of {} failed: {why}", step.action, step.device),
                rc == 3,
            ),
        }
        true
    }

    fn device_failed(&mut self, registry: &Registry, reason: String, not_supported: bool) {
        if self.phase == Phase::On {
            // The node is off; that it does not come on again is told, but does not matter.
            self.reasons.push(reason);
            self.device += 1;
            self.tries = 0;
            return;
        }
        let name = self.levels.get(self.level).and_then(|l| l.get(self.device)).cloned().unwrap_or_default();
        let device = registry.devices.get(&name);
        if not_supported && self.phase == Phase::Plain && self.order.action == FenceAction::Reboot {
            self.phase = Phase::Off;
            self.tries = 0;
            return;
        }
        self.tries += 1;
        self.reasons.push(reason);
        let known = device.filter(|d| d.enabled && (self.topology || self.able.get(&name) != Some(&false)));
        if known.is_some_and(|d| self.tries < d.tries(self.order.action.word()))
            && self.steps > 0
            && !not_supported
        {
            return;
        }
        self.level += 1;
        self.device = 0;
        self.tries = 0;
        self.phase = Phase::Plain;
        self.used.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_totem::NodeId;

    fn registry(devices: &[(&str, &str)]) -> Registry {
        let devices: String = devices
            .iter()
            .map(|(id, pairs)| {
                let pairs: String = pairs
                    .split_whitespace()
                    .filter_map(|p| p.split_once('='))
                    .map(|(n, v)| format!("<nvpair id=\"{id}-{n}\" name=\"{n}\" value=\"{v}\"/>"))
                    .collect();
                format!(
                    "<primitive id=\"{id}\" class=\"stonith\" type=\"fence_x\"><instance_attributes id=\"{id}-a\">{pairs}\
                     </instance_attributes></primitive>"
                )
            })
            .collect();
        let xml = format!(
            "<cib><configuration><crm_config/><nodes/><resources>{devices}</resources><constraints/></configuration>\
             <status/></cib>"
        );
        let document = holdfast_xml::Document::parse_default(&xml).unwrap();
        Registry::read(&holdfast_model::read::cib(&document).0, 0)
    }

    fn order(action: FenceAction) -> FenceOrder {
        FenceOrder {
            id: "1".into(),
            target: "alpha".into(),
            action,
            origin: NodeId(1),
            client: "test".into(),
            request: 0,
            timeout_ms: 0,
            delay_ms: 0,
            at: 0,
            manual: false,
        }
    }

    /// Drives a run: each step is answered as the script says (`device action` -> ok); the transcript is returned.
    fn play(
        registry: &Registry,
        levels: Option<Vec<Vec<String>>>,
        action: FenceAction,
        mut answer: impl FnMut(&str, &str) -> (bool, i32, &'static str),
    ) -> Vec<String> {
        let candidates = registry.candidates("alpha");
        let mut run = FenceRun::new(order(action), levels, candidates, None, Instant(0));
        let mut lines = Vec::new();
        for _ in 0..50 {
            match run.next(registry, Span::secs(60), Instant(1)) {
                Next::Step(step) => {
                    let (ok, rc, output) = answer(&step.device, step.action);
                    lines.push(format!(
                        "{} {} {}",
                        step.device,
                        step.action,
                        if ok { "ok" } else { "fails" }
                    ));
                    run.answered(registry, step.number, ok, rc, output, "no");
                }
                Next::Done(devices) => {
                    lines.push(format!("done by {}", devices.join(" ")));
                    return lines;
                }
                Next::Failed(_) => {
                    lines.push("failed".into());
                    return lines;
                }
                Next::Wait => panic!("waits"),
            }
        }
        panic!("does not end: {lines:?}");
    }

    #[test]
    fn devices_are_tried_one_by_one_with_retries() {
        let two = registry(&[("a", "pcmk_host_list=alpha"), ("b", "pcmk_host_list=alpha")]);
        let lines = play(&two, None, FenceAction::Off, |device, _| (device == "b", 1, ""));
        assert_eq!(lines, ["a off fails", "a off fails", "b off ok", "done by b"]);
        let lines = play(&two, None, FenceAction::Off, |_, _| (false, 1, ""));
        assert_eq!(lines.last().unwrap(), "failed");
    }

    #[test]
    fn a_level_of_several_devices_goes_off_then_on() {
        let two = registry(&[("a", "pcmk_host_check=none"), ("b", "pcmk_host_check=none")]);
        let levels = Some(vec![vec!["a".to_owned(), "b".to_owned()]]);
        let lines = play(&two, levels.clone(), FenceAction::Reboot, |_, action| (action == "off", 1, ""));
        assert_eq!(lines, ["a off ok", "b off ok", "a on fails", "b on fails", "done by a b"]);
    }

    #[test]
    fn the_next_level_comes_when_one_device_of_a_level_fails() {
        let three = registry(&[
            ("a", "pcmk_host_check=none"),
            ("b", "pcmk_host_check=none pcmk_off_retries=1"),
            ("c", "pcmk_host_check=none"),
        ]);
        let levels = Some(vec![vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]]);
        let lines = play(&three, levels, FenceAction::Off, |device, _| (device != "b", 1, ""));
        assert_eq!(lines, ["a off ok", "b off fails", "c off ok", "done by c"]);
    }

    #[test]
    fn a_device_without_reboot_is_switched_off_and_on() {
        let one = registry(&[("a", "pcmk_host_list=alpha")]);
        let lines = play(&one, None, FenceAction::Reboot, |_, action| (action != "reboot", 3, ""));
        assert_eq!(lines, ["a reboot fails", "a off ok", "a on ok", "done by a"]);
    }

    #[test]
    fn every_device_that_unfences_a_node_has_to() {
        let three = registry(&[("a", "pcmk_host_list=alpha"), ("b", "pcmk_host_list=beta"), ("c", "")]);
        let all = Some(vec![vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]]);
        let lines = play(&three, all.clone(), FenceAction::On, |_, _| (true, 0, "alpha"));
        assert_eq!(lines, ["a on ok", "c list ok", "c on ok", "done by a c"]);
        let lines = play(&three, all, FenceAction::On, |device, _| (device == "a", 1, ""));
        assert_eq!(lines.last().unwrap(), "failed");
        let none = Some(vec![vec!["b".to_owned()]]);
        assert_eq!(play(&three, none, FenceAction::On, |_, _| (true, 0, "")), ["failed"]);
    }

    #[test]
    fn a_device_that_has_to_be_asked_is_asked() {
        let two = registry(&[("a", ""), ("b", "")]);
        let list = |device: &str, _: &str| (true, 0, if device == "b" { "beta,\nalpha,on" } else { "beta" });
        let lines = play(&two, None, FenceAction::Off, list);
        assert_eq!(lines, ["a list ok", "b list ok", "b off ok", "done by b"]);
    }
}
