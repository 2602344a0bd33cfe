//! Fence devices as configured: resources of class `stonith`, their `pcmk_*` parameters, fencing levels.
//!
//! Source of the parameters' meaning: pacemaker-fenced(7).

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::fence::FenceAction;
use holdfast_model::attributes::evaluate;
use holdfast_model::config::{Constraint, FencingTarget, LocationTarget, ResourceConfig};
use holdfast_model::duration::checked_interval_ms;
use holdfast_model::rule::Input;
use holdfast_model::{Cib, Score};

use crate::pattern::Pattern;
use crate::time::Span;

/// How it is found out whether a device can fence a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostCheck {
    /// `pcmk_host_list` and `pcmk_host_map` say it.
    Static,
    /// The agent's `list` says it.
    Dynamic,
    /// The agent's `status` for the node says it.
    Status,
    /// It can fence every node.
    None,
}

/// One device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Id of the resource.
    pub id: String,
    /// Type of the agent.
    pub agent: String,
    /// Parameters as configured.
    pub parameters: BTreeMap<String, String>,
    /// How its targets are found out.
    pub check: HostCheck,
    /// Node name to port.
    pub map: BTreeMap<String, String>,
    /// Nodes it can fence by their own name.
    pub list: BTreeSet<String>,
    /// Node names from which it must not be used.
    pub banned: BTreeSet<String>,
    /// Higher is tried first.
    pub priority: i64,
    /// It is to be used at all.
    pub enabled: bool,
    /// A node has to be let in by it before anything may run there (`provides=unfencing`).
    pub unfences: bool,
}

/// All devices and levels of one configuration.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// By id.
    pub devices: BTreeMap<String, Device>,
    levels: Vec<(u8, FencingTarget, Vec<String>)>,
}

impl Registry {
    /// Reads devices and levels that hold at `now`.
    #[must_use]
    pub fn read(cib: &Cib, now: i64) -> Self {
        let mut registry = Self::default();
        for resource in &cib.resources {
            registry.add(cib, resource, now, true);
        }
        for level in &cib.fencing_levels {
            registry.levels.push((level.index, level.target.clone(), level.devices.clone()));
        }
        for constraint in &cib.constraints.all {
            let Constraint::Location(location) = constraint else { continue };
            let (LocationTarget::Resource(rsc), Some(node), Some(score)) =
                (&location.target, &location.node, &location.score)
            else {
                continue;
            };
            if Score::parse(score).is_some_and(Score::is_minus_infinite)
                && let Some(device) = registry.devices.get_mut(rsc)
            {
                device.banned.insert(node.clone());
            }
        }
        registry
    }

    fn add(&mut self, cib: &Cib, resource: &ResourceConfig, now: i64, enabled: bool) {
        let template = resource.template.as_ref().and_then(|id| cib.templates.iter().find(|t| t.id == *id));
        let meta = merged(&resource.meta, template.map(|t| t.meta.as_slice()), now);
        let stopped = meta.get("target-role").is_some_and(|role| role.eq_ignore_ascii_case("stopped"));
        let enabled = enabled && !stopped;
        for child in resource.children() {
            self.add(cib, child, now, enabled);
        }
        let agent = resource.agent().filter(|agent| agent.class == "stonith");
        let Some(agent) = agent else { return };
        let parameters = merged(&resource.params, template.map(|t| t.params.as_slice()), now);
        let map = parameters.get("pcmk_host_map").map(|text| host_map(text)).unwrap_or_default();
        let list: BTreeSet<String> = parameters.get("pcmk_host_list").map(|t| words(t)).unwrap_or_default();
        let check = match parameters.get("pcmk_host_check").map(String::as_str) {
            Some("static-list") => HostCheck::Static,
            Some("dynamic-list") => HostCheck::Dynamic,
            Some("status") => HostCheck::Status,
            Some("none") => HostCheck::None,
            _ if !map.is_empty() || !list.is_empty() => HostCheck::Static,
            _ => HostCheck::Dynamic,
        };
        let priority = meta.get("priority").and_then(|p| p.trim().parse().ok()).unwrap_or(0);
        let device = Device {
            id: resource.id.clone(),
            agent: agent.agent_type.clone(),
            parameters,
            check,
            map,
            list,
            banned: BTreeSet::new(),
            priority,
            enabled,
            unfences: meta.get("provides").is_some_and(|what| what.eq_ignore_ascii_case("unfencing")),
        };
        self.devices.insert(resource.id.clone(), device);
    }

    /// The levels that apply to a node, in order; `None` when no level speaks about it. Of the kinds of target the
    /// most specific that matches decides: name, then pattern, then attribute.
    #[must_use]
    pub fn levels(
        &self,
        target: &str,
        attribute: impl Fn(&str) -> Option<String>,
    ) -> Option<Vec<Vec<String>>> {
        let by_name = |t: &FencingTarget| matches!(t, FencingTarget::Name(name) if name == target);
        let by_pattern = |t: &FencingTarget| match t {
            FencingTarget::Pattern(pattern) => Pattern::new(pattern).is_some_and(|p| p.matches(target)),
            FencingTarget::Name(_) | FencingTarget::Attribute { .. } => false,
        };
        let by_attribute = |t: &FencingTarget| match t {
            FencingTarget::Attribute { name, value } => attribute(name).as_ref() == Some(value),
            FencingTarget::Name(_) | FencingTarget::Pattern(_) => false,
        };
        let kinds: [&dyn Fn(&FencingTarget) -> bool; 3] = [&by_name, &by_pattern, &by_attribute];
        for applies in kinds {
            let mut found: BTreeMap<u8, Vec<String>> = BTreeMap::new();
            for (index, level_target, devices) in &self.levels {
                if applies(level_target) && (1..=9).contains(index) {
                    let level = found.entry(*index).or_default();
                    for device in devices {
                        if !level.contains(device) {
                            level.push(device.clone());
                        }
                    }
                }
            }
            if !found.is_empty() {
                return Some(found.into_values().collect());
            }
        }
        None
    }

    /// Devices that have to let a node in, best first.
    #[must_use]
    pub fn unfencing(&self, target: &str) -> Vec<String> {
        let mut found = self.candidates(target);
        found.retain(|id| self.devices.get(id).is_some_and(|device| device.unfences));
        found
    }

    /// Devices that may be able to fence a node, best first.
    #[must_use]
    pub fn candidates(&self, target: &str) -> Vec<String> {
        let mut found: Vec<&Device> =
            self.devices.values().filter(|d| d.enabled && d.may_fence(target) != Some(false)).collect();
        found.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.id.cmp(&b.id)));
        found.into_iter().map(|d| d.id.clone()).collect()
    }
}

fn merged(
    own: &[holdfast_model::AttributeSet],
    template: Option<&[holdfast_model::AttributeSet]>,
    now: i64,
) -> BTreeMap<String, String> {
    let mut table = BTreeMap::new();
    let input = Input { now, ..Input::default() };
    evaluate(own, &input, &mut table, &mut None);
    evaluate(template.unwrap_or_default(), &input, &mut table, &mut None);
    table
}

impl Device {
    /// Whether it can fence a node; `None` = the agent has to be asked.
    #[must_use]
    pub fn may_fence(&self, target: &str) -> Option<bool> {
        match self.check {
            HostCheck::None => Some(true),
            HostCheck::Static => Some(self.list.contains(target) || self.map.contains_key(target)),
            HostCheck::Dynamic | HostCheck::Status => None,
        }
    }

    /// What the device calls a node.
    #[must_use]
    pub fn port<'a>(&'a self, target: &'a str) -> &'a str {
        self.map.get(target).map_or(target, String::as_str)
    }

    /// The agent's word for an action.
    #[must_use]
    pub fn action_word(&self, action: &str) -> String {
        self.parameters.get(&format!("pcmk_{action}_action")).cloned().unwrap_or_else(|| action.to_owned())
    }

    /// Time for one run.
    #[must_use]
    pub fn timeout(&self, action: &str, default: Span) -> Span {
        let own = self.parameters.get(&format!("pcmk_{action}_timeout"));
        own.and_then(|t| checked_interval_ms(t)).map_or(default, |ms| Span::millis(ms.into()))
    }

    /// How often it is tried in all.
    #[must_use]
    pub fn tries(&self, action: &str) -> u32 {
        let own = self.parameters.get(&format!("pcmk_{action}_retries"));
        own.and_then(|t| t.trim().parse().ok()).unwrap_or(2).clamp(1, 100)
    }

    /// The fixed delay for a target, and how much may be added at random.
    #[must_use]
    pub fn delay(&self, target: &str) -> (Span, Span) {
        let base = self.parameters.get("pcmk_delay_base").map(|text| {
            if text.contains([':', '=']) {
                host_map(text).get(target).cloned().unwrap_or_default()
            } else {
                text.clone()
            }
        });
        let span = |text: Option<&str>| text.and_then(checked_interval_ms).map_or(0, u64::from);
        let (base, most) =
            (span(base.as_deref()), span(self.parameters.get("pcmk_delay_max").map(String::as_str)));
        if most == 0 {
            (Span::millis(base), Span::ZERO)
        } else {
            (Span::millis(base.min(most)), Span::millis(most.saturating_sub(base)))
        }
    }

    /// What the agent is given on its standard input.
    #[must_use]
    pub fn agent_parameters(&self, action: &str, target: Option<&str>) -> Vec<(String, String)> {
        let mut all: BTreeMap<String, String> = self
            .parameters
            .iter()
            .filter(|(name, _)| !name.starts_with("pcmk_") && !name.starts_with("CRM_meta_"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        all.insert("action".to_owned(), self.action_word(action));
        if let Some(target) = target {
            all.insert("nodename".to_owned(), target.to_owned());
            let argument = self.parameters.get("pcmk_host_argument").map_or("port", String::as_str);
            if argument != "none" && !argument.is_empty() {
                all.entry(argument.to_owned()).or_insert_with(|| self.port(target).to_owned());
            }
        }
        all.into_iter().collect()
    }

    /// A reboot by this device ends with off.
    #[must_use]
    pub fn skips_on(&self) -> bool {
        self.parameters
            .get("pcmk_reboot_action")
            .is_some_and(|a| FenceAction::from_word(a) == Some(FenceAction::Off))
    }
}

/// Words separated by blanks, commas or semicolons.
fn words(text: &str) -> BTreeSet<String> {
    text.split([' ', '\t', '\n', ',', ';']).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// `node:port;other=port2`.
fn host_map(text: &str) -> BTreeMap<String, String> {
    text.split([' ', '\t', '\n', ';'])
        .filter_map(|pair| pair.split_once([':', '=']))
        .filter(|(node, port)| !node.is_empty() && !port.is_empty())
        .map(|(node, port)| (node.to_owned(), port.to_owned()))
        .collect()
}

/// Whether the output of a `list` action names a node (or its port).
#[must_use]
pub fn listed(output: &str, device: &Device, target: &str) -> bool {
    let port = device.port(target);
    output
        .split(['\n', ' ', '\t', ';'])
        .flat_map(|line| line.split(','))
        .any(|word| word.trim() == target || word.trim() == port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(parameters: &[(&str, &str)]) -> Device {
        let pairs: String = parameters
            .iter()
            .enumerate()
            .map(|(i, (n, v))| format!("<nvpair id=\"p{i}\" name=\"{n}\" value=\"{v}\"/>"))
            .collect();
        let xml = format!(
            "<cib><configuration><crm_config/><nodes/><resources><primitive id=\"f\" class=\"stonith\" type=\"fence_x\">\
             <instance_attributes id=\"a\">{pairs}</instance_attributes></primitive></resources><constraints/>\
             </configuration><status/></cib>"
        );
        let document = holdfast_xml::Document::parse_default(&xml).unwrap();
        let registry = Registry::read(&holdfast_model::read::cib(&document).0, 0);
        registry.devices["f"].clone()
    }

    #[test]
    fn targets_come_from_lists_maps_or_the_agent() {
        let check = |parameters: &[(&str, &str)], expected| {
            assert_eq!(device(parameters).may_fence("alpha"), expected, "{parameters:?}");
        };
        check(&[], None);
        check(&[("pcmk_host_list", "alpha,beta")], Some(true));
        check(&[("pcmk_host_list", "beta gamma")], Some(false));
        check(&[("pcmk_host_map", "alpha:3;beta:4")], Some(true));
        check(&[("pcmk_host_map", "beta=4"), ("pcmk_host_check", "dynamic-list")], None);
        check(&[("pcmk_host_check", "none")], Some(true));
    }

    #[test]
    fn agents_get_the_port_and_no_pcmk_parameter() {
        let one =
            device(&[("pcmk_host_map", "alpha:3"), ("ip", "10.0.0.9"), ("pcmk_off_action", "poweroff")]);
        let expected = [("action", "poweroff"), ("ip", "10.0.0.9"), ("nodename", "alpha"), ("port", "3")];
        let expected: Vec<(String, String)> =
            expected.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        assert_eq!(one.agent_parameters("off", Some("alpha")), expected);
    }

    #[test]
    fn delays_are_bounded_by_the_longest() {
        let check = |parameters: &[(&str, &str)], expected: (u64, u64)| {
            let (base, random) = device(parameters).delay("alpha");
            assert_eq!((base.as_millis(), random.as_millis()), expected, "{parameters:?}");
        };
        check(&[], (0, 0));
        check(&[("pcmk_delay_base", "5")], (5000, 0));
        check(&[("pcmk_delay_base", "alpha:2;beta:9")], (2000, 0));
        check(&[("pcmk_delay_max", "10s"), ("pcmk_delay_base", "4s")], (4000, 6000));
        check(&[("pcmk_delay_max", "3s"), ("pcmk_delay_base", "4s")], (3000, 0));
    }
}
