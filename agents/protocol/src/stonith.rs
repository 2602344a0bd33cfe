//! Class `stonith`: `fence_*` agents, which read `name=value` lines, and `external/*` plugins of cluster-glue, which
//! read their parameters from the environment and are told action and node as arguments.

use std::collections::BTreeMap;
use std::path::Path;

use crate::call::{Call, Environment, Prepared, Task, base_environment};
use crate::metadata::Metadata;
use crate::outcome::{Outcome, Reading};
use crate::rc::Rc;

/// Parameters that are meant for the cluster, not for the agent.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    if matches!(name, "provides" | "stonith-timeout" | "crm_feature_set") || name.starts_with("CRM_meta_") {
        return true;
    }
    let Some(rest) = name.strip_prefix("pcmk_") else { return false };
    matches!(
        rest,
        "host_argument"
            | "host_map"
            | "host_list"
            | "host_check"
            | "delay_max"
            | "delay_base"
            | "action_limit"
    ) || rest.ends_with("_action")
        || rest.ends_with("_timeout")
        || rest.ends_with("_retries")
}

/// The parameter by which an agent wants to hear of its target: `plug`, else `port`, as far as its metadata lists
/// them (safety: none means that the agent knows by its own configuration).
#[must_use]
pub fn host_argument(metadata: &Metadata) -> Option<&'static str> {
    ["plug", "port"]
        .into_iter()
        .find(|wanted| {
            metadata.parameters.iter().any(|parameter| parameter.name == *wanted && !parameter.deprecated)
        })
        .or_else(|| {
            ["plug", "port"]
                .into_iter()
                .find(|wanted| metadata.parameters.iter().any(|parameter| parameter.name == *wanted))
        })
}

/// `pcmk_host_map`: node name to what the device calls it. Pairs are separated by `;` or blanks, name and value by
/// `:` or `=`; commas belong to the value; names are compared without regard to case.
#[must_use]
pub fn host_map(text: &str) -> BTreeMap<String, String> {
    text.split([';', ' ', '\t', '\n'])
        .filter_map(|pair| pair.split_once([':', '=']))
        .filter(|(node, value)| !node.is_empty() && !value.is_empty())
        .map(|(node, value)| (node.to_lowercase(), value.to_owned()))
        .collect()
}

/// The call of a fence agent or plugin.
pub(crate) fn prepare(task: &Task<'_>, path: &Path, machine: &crate::call::Machine) -> Prepared {
    // A fence device is no service: starting and watching it asks the agent whether the device answers.
    let action = match task.action {
        "start" => "monitor",
        "stop" => return Prepared::Already(Outcome::done(Rc::OK)),
        "meta-data" => "metadata",
        other => other,
    };
    let environment = base_environment(task, machine);
    if task.agent.kind.contains('/') {
        Prepared::Run(plugin(task, action, path, environment))
    } else {
        Prepared::Run(Call {
            program: path.to_owned(),
            arguments: Vec::new(),
            environment,
            input: Some(lines(task, action)),
            reading: Reading::Fence,
        })
    }
}

/// What the device calls the target.
fn alias(task: &Task<'_>, target: &str) -> String {
    task.parameters
        .get("pcmk_host_map")
        .and_then(|map| host_map(map).remove(&target.to_lowercase()))
        .unwrap_or_else(|| target.to_owned())
}

/// Standard input of a `fence_*` agent. Passwords go here and never on a command line.
fn lines(task: &Task<'_>, action: &str) -> String {
    let word =
        task.parameters.get(&format!("pcmk_{action}_action")).map_or(action, String::as_str).to_owned();
    let mut list: Vec<(String, String)> = vec![("action".into(), word)];
    let argument = match task.parameters.get("pcmk_host_argument").map(String::as_str) {
        Some(none) if none.eq_ignore_ascii_case("none") => None,
        Some(name) => Some(name),
        None => task.host_argument,
    };
    let mut replaced = None;
    if let Some(target) = task.target {
        list.push(("nodename".into(), target.to_owned()));
        if let Some(name) = argument {
            let configured = task.parameters.get(name);
            if configured.is_none_or(|value| value.eq_ignore_ascii_case("dynamic")) {
                list.push((name.to_owned(), alias(task, target)));
                replaced = Some(name);
            }
        }
    }
    for (name, value) in task.parameters {
        let told = task.target.is_some() && name == "nodename";
        let skip =
            told || name.eq_ignore_ascii_case("action") || is_ours(name) || Some(name.as_str()) == replaced;
        if !skip {
            list.push((name.clone(), value.clone()));
        }
    }
    let mut text = String::new();
    for (name, value) in list {
        // One line a parameter: a line break in a value would smuggle in another one.
        if !name.contains(['\n', '=']) && !value.contains('\n') {
            text.push_str(&format!("{name}={value}\n"));
        }
    }
    text
}

fn plugin(task: &Task<'_>, action: &str, path: &Path, environment: Vec<(String, String)>) -> Call {
    let word = match action {
        "reboot" => "reset",
        "monitor" => "status",
        "list" => "gethosts",
        "metadata" => "getinfo-xml",
        other => other,
    };
    let word = task.parameters.get(&format!("pcmk_{action}_action")).map_or(word, String::as_str);
    let mut arguments = vec![word.to_owned()];
    if let Some(target) = task.target {
        arguments.push(alias(task, target));
    }
    let mut list = Environment { entries: environment };
    for (name, value) in task.parameters {
        if !is_ours(name)
            && !matches!(name.as_str(), "PATH" | "LD_PRELOAD" | "LD_LIBRARY_PATH" | "IFS" | "BASH_ENV")
        {
            list.set(name, value);
        }
    }
    Call {
        program: path.to_owned(),
        arguments,
        environment: list.entries,
        input: None,
        reading: Reading::Fence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Agent;
    use crate::call::tests::{machine, map};

    fn check(agent: &str, action: &str, target: Option<&str>, pairs: &[(&str, &str)]) -> Prepared {
        let agent = Agent::parse(agent).unwrap();
        let parameters = map(pairs);
        let task = Task {
            resource: "device",
            agent: &agent,
            action,
            parameters: &parameters,
            target,
            host_argument: Some("port"),
        };
        prepare(&task, Path::new("/usr/sbin/agent"), &machine())
    }

    fn input(prepared: Prepared) -> String {
        match prepared {
            Prepared::Run(call) => call.input.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fence_agents_read_lines() {
        let text = input(check(
            "stonith:fence_x",
            "off",
            Some("beta"),
            &[
                ("ipaddr", "10.0.0.9"),
                ("passwd", "secret"),
                ("pcmk_host_map", "alpha:1;BETA:2,3"),
                ("pcmk_off_timeout", "10"),
                ("CRM_meta_timeout", "1"),
                ("action", "reboot"),
                ("bad", "a\nb=c"),
            ],
        ));
        assert_eq!(text, "action=off\nnodename=beta\nport=2,3\nipaddr=10.0.0.9\npasswd=secret\n");
        let text =
            input(check("stonith:fence_x", "off", Some("b"), &[("port", "7"), ("pcmk_off_action", "kill")]));
        assert_eq!(text, "action=kill\nnodename=b\nport=7\n");
        let text = input(check("stonith:fence_x", "off", Some("b"), &[("pcmk_host_argument", "none")]));
        assert_eq!(text, "action=off\nnodename=b\n");
        assert_eq!(input(check("stonith:fence_x", "start", None, &[])), "action=monitor\n");
    }

    #[test]
    fn plugins_read_the_environment() {
        match check(
            "stonith:external/ssh",
            "reboot",
            Some("beta"),
            &[("hostlist", "alpha beta"), ("PATH", "/evil")],
        ) {
            Prepared::Run(call) => {
                assert_eq!(call.arguments, ["reset", "beta"]);
                assert!(call.environment.contains(&("hostlist".into(), "alpha beta".into())));
                assert!(!call.environment.contains(&("PATH".into(), "/evil".into())));
                assert_eq!(call.input, None);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn stopping_a_device_runs_nothing() {
        assert_eq!(check("stonith:fence_x", "stop", None, &[]), Prepared::Already(Outcome::done(Rc::OK)));
    }
}
