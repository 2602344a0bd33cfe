//! `stonith_admin`: fences nodes, asks about fencing devices and past fencing.
//!
//! Devices and levels are part of the configuration; commands that would hide them elsewhere are refused with what
//! to type instead.

mod history;
mod options;

use std::time::Duration;

use holdfast_api::agent::{AgentReply, AgentRequest};
use holdfast_api::fence::{FenceAction, FenceReply, FenceRequest};
use holdfast_api::resource::{ResourceReply, RunResult};
use holdfast_api::{NodeRequest, Reply, Request};
use holdfast_client::{ClientError, Connection};

use self::history::Wanted;
use self::options::{COMMANDS, SYNTAX, Settings};
use crate::arguments::Parsed;
use crate::crm_mon::local_time;
use crate::crm_resource::agents;
use crate::exit;
use crate::output::{Failure, Output, run_tool};

/// Time that an answer may take beyond the operation itself.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&SYNTAX, &args, stonith_admin)
}

/// One run of the tool.
struct Admin<'a> {
    parsed: &'a Parsed,
    settings: Settings,
}

impl Admin<'_> {
    /// Asks, and waits as long as the operation may take.
    fn ask(&self, request: Request) -> Result<Reply, ClientError> {
        let name = match self.parsed.value("tag") {
            Some(tag) => format!("{}.{tag}", SYNTAX.name),
            None => SYNTAX.name.to_owned(),
        };
        let mut connection = Connection::open(&name)?;
        let delay = u64::try_from(self.settings.delay_ms).unwrap_or(0);
        let whole = Duration::from_millis(u64::from(self.settings.timeout_ms).saturating_add(delay));
        connection.set_patience(whole.saturating_add(GRACE));
        connection.request(request)
    }

    fn fence(&self, request: FenceRequest, what: &str) -> Result<Reply, Failure> {
        self.ask(Request::Fence(request)).map_err(|error| failed(&error, what))
    }
}

/// A failure in the words of the old tool, then what exactly is wrong.
fn failed(error: &ClientError, what: &str) -> Failure {
    let status = error.exit_status();
    let what = if status == exit::DISCONNECTED { "Could not connect to fencer" } else { what };
    let mut text = format!("{what}: {}", exit::words(status));
    let detail = error.to_string();
    if detail != exit::words(status) {
        text.push_str(&format!(" ({detail})"));
    }
    for hint in error.hints() {
        text.push_str(&format!("\n  {hint}"));
    }
    Failure::new(status, text)
}

fn other_kind() -> Failure {
    Failure::new(exit::PROTOCOL, "the cluster gave an answer of another kind")
}

/// What is to be done: the command that counts, and its value.
fn chosen(parsed: &Parsed) -> Option<(&'static str, &str)> {
    let command = COMMANDS.iter().rev().find(|command| parsed.has(command))?;
    Some((command, parsed.value(command).unwrap_or("")))
}

fn stonith_admin(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    let settings = Settings::read(parsed)?;
    let Some((command, value)) = chosen(parsed) else {
        return Err(Failure::usage(format!("Must specify a command option\n{}", SYNTAX.help())));
    };
    if matches!(command, "register" | "metadata" | "validate") && parsed.value("agent").is_none() {
        return Err(Failure::usage("Please specify an agent to query using -a,--agent [value]"));
    }
    output.set_quiet(parsed.has("quiet"));
    if let Some(instead) = belongs_elsewhere(command, value, parsed) {
        return Err(Failure::new(exit::UNIMPLEMENTED, instead));
    }
    let admin = Admin { parsed, settings };
    match command {
        "list-installed" => installed(&admin, output),
        "list-registered" => devices(&admin, None, output),
        "list" => devices(&admin, Some(value), output),
        "list-targets" => targets(&admin, value, output),
        "query" => query(&admin, value, output),
        "metadata" => metadata(&admin, output),
        "validate" => validate(&admin, output),
        "history" => past(&admin, value, output),
        "last" => last(&admin, value, output),
        "confirm" => {
            let target = value.to_owned();
            admin.fence(FenceRequest::Confirm { target }, &format!("Couldn't confirm {value}"))?;
            Ok(exit::OK)
        }
        "fence" => act(&admin, value, FenceAction::Off),
        "reboot" => act(&admin, value, FenceAction::Reboot),
        _ => act(&admin, value, FenceAction::On),
    }
}

/// Commands whose work is done in the configuration: why, and what to type.
fn belongs_elsewhere(command: &str, value: &str, parsed: &Parsed) -> Option<String> {
    let level = parsed.value("index").unwrap_or("1");
    let (what, instead) = match command {
        "register" => {
            let mut line = format!(
                "crm configure primitive {value} stonith:{}",
                parsed.value("agent").unwrap_or("AGENT")
            );
            let given: Vec<&str> = parsed
                .options
                .iter()
                .filter(|(key, _)| *key == "option")
                .filter_map(|(_, value)| value.as_deref())
                .collect();
            if !given.is_empty() {
                line.push_str(&format!(" params {}", given.join(" ")));
            }
            ("Fencing devices belong into the CIB, where every node sees them", line)
        }
        "deregister" => (
            "Fencing devices belong into the CIB; delete the resource there",
            format!("crm configure delete {value}"),
        ),
        "register-level" => {
            let devices: Vec<&str> = parsed
                .options
                .iter()
                .filter(|(key, _)| *key == "device")
                .filter_map(|(_, value)| value.as_deref())
                .collect();
            let devices = if devices.is_empty() { "DEVICE".to_owned() } else { devices.join(",") };
            (
                "Fencing levels belong into the CIB, where every node sees them",
                format!("crm configure fencing_topology {value}: {devices}"),
            )
        }
        "deregister-level" => (
            "Fencing levels belong into the CIB; delete the level there",
            format!(
                "cibadmin --delete --force --xpath \
                 \"//fencing-level[@target='{value}'][@index='{level}']\""
            ),
        ),
        _ => return None,
    };
    Some(format!("{what}. Type:\n  {instead}"))
}

/// A counted list.
fn list(output: &mut Output, title: &str, noun: &str, item: Option<&str>, names: &[String]) {
    output.open("list", &[("name", title), ("count", &names.len().to_string())]);
    for name in names {
        output.text(format!("{name}\n"));
        let attributes: Vec<(&str, &str)> = item.iter().map(|item| ("name", *item)).collect();
        output.text_element("item", &attributes, name);
    }
    output.close();
    let plural = if names.len() == 1 { "" } else { "s" };
    output.text(format!("{} {noun}{plural} found\n", names.len()));
}

/// The agents that the daemon finds, or what is seen from here when it does not run.
fn installed(admin: &Admin<'_>, output: &mut Output) -> Result<i32, Failure> {
    let request = AgentRequest::List { class: Some("stonith".to_owned()), provider: None };
    let names: Vec<String> = match admin.ask(Request::Agent(request)) {
        Ok(Reply::Agent(AgentReply::List(names))) => {
            names.iter().map(|name| name.trim_start_matches("stonith:").to_owned()).collect()
        }
        Ok(_) => return Err(other_kind()),
        Err(error) if error.exit_status() == exit::DISCONNECTED => {
            agents::agents("stonith", None).into_iter().collect()
        }
        Err(error) => return Err(failed(&error, "Failed to list installed devices")),
    };
    list(output, "installed fence devices", "fence device", Some("device"), &names);
    Ok(exit::OK)
}

fn devices(admin: &Admin<'_>, target: Option<&str>, output: &mut Output) -> Result<i32, Failure> {
    let request = FenceRequest::Devices { target: target.map(str::to_owned) };
    let Reply::Fence(FenceReply::Devices(found)) =
        admin.fence(request, "Failed to list registered devices")?
    else {
        return Err(other_kind());
    };
    let names: Vec<String> = found.into_iter().map(|device| device.id).collect();
    list(output, "registered fence devices", "fence device", Some("device"), &names);
    Ok(exit::OK)
}

/// What a device said, if it was asked.
fn ran(reply: &Reply) -> Option<&RunResult> {
    match reply {
        Reply::Agent(AgentReply::Ran(result)) | Reply::Resource(ResourceReply::Ran(result)) => Some(result),
        _ => None,
    }
}

/// How an agent that was asked failed.
fn agent_failed(what: &str, result: &RunResult) -> Failure {
    let reason = result.reason.as_deref().unwrap_or(result.stderr.trim());
    let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    let timed_out = result.status.eq_ignore_ascii_case("timed out");
    let status = if timed_out { exit::TIMEOUT } else { exit::ERROR };
    Failure::new(status, format!("{what}: {}{reason}", exit::words(status)))
}

/// Names in the first word of each line, as agents print them: `NAME`, `NAME,ALIAS` or `ID NAME,STATE`.
fn target_names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for word in text.split(['\n', '\t', ' ', ',', ';']).filter(|word| !word.is_empty()) {
        if !names.iter().any(|known| known == word) {
            names.push(word.to_owned());
        }
    }
    names
}

fn targets(admin: &Admin<'_>, device: &str, output: &mut Output) -> Result<i32, Failure> {
    const WHAT: &str = "Couldn't list targets";
    let reply = admin.fence(FenceRequest::Targets { device: device.to_owned() }, WHAT)?;
    let names = match (&reply, ran(&reply)) {
        (Reply::Fence(FenceReply::Targets(names)), _) => names.clone(),
        (_, Some(result)) if result.rc == 0 => target_names(&result.stdout),
        (_, Some(result)) => return Err(agent_failed(WHAT, result)),
        _ => return Err(other_kind()),
    };
    list(output, "fence targets", "fence target", None, &names);
    Ok(exit::OK)
}

fn query(admin: &Admin<'_>, device: &str, output: &mut Output) -> Result<i32, Failure> {
    let what = format!("Device {device} does not work");
    let reply = admin.fence(FenceRequest::Monitor { device: device.to_owned() }, &what)?;
    match ran(&reply) {
        Some(result) if result.rc != 0 => return Err(agent_failed(&what, result)),
        Some(result) if admin.parsed.has("verbose") => output.info(result.stdout.trim_end()),
        _ => {}
    }
    Ok(exit::OK)
}

fn metadata(admin: &Admin<'_>, output: &mut Output) -> Result<i32, Failure> {
    let agent = admin.parsed.value("agent").unwrap_or("").trim_start_matches("stonith:");
    let request =
        AgentRequest::Metadata { class: "stonith".to_owned(), provider: None, agent: agent.to_owned() };
    match admin.ask(Request::Agent(request)) {
        Ok(Reply::Agent(AgentReply::Metadata(text))) => {
            output.document("metadata", &text);
            Ok(exit::OK)
        }
        Ok(_) => Err(other_kind()),
        Err(error) if error.exit_status() == exit::DISCONNECTED => {
            agents::metadata(&format!("stonith:{agent}"), output)
        }
        Err(error) => Err(failed(&error, "Can't get fence agent meta-data")),
    }
}

fn validate(admin: &Admin<'_>, output: &mut Output) -> Result<i32, Failure> {
    let agent = admin.parsed.value("agent").unwrap_or("").trim_start_matches("stonith:");
    let device = admin.parsed.value("device");
    let request = AgentRequest::Validate {
        class: "stonith".to_owned(),
        provider: None,
        agent: agent.to_owned(),
        parameters: admin.settings.parameters.clone(),
    };
    let reply = admin
        .ask(Request::Agent(request))
        .map_err(|error| failed(&error, &format!("Validation of {agent} failed")))?;
    let Some(result) = ran(&reply) else { return Err(other_kind()) };
    let valid = result.rc == 0;
    let on = device.map(|device| format!(" on {device}")).unwrap_or_default();
    output.info(format!("Validation of {agent}{on} {}", if valid { "succeeded" } else { "failed" }));
    if !output.is_quiet() {
        output.text(&result.stdout);
        if !output.is_xml() && !result.stderr.is_empty() {
            output.error(result.stderr.trim_end());
        }
    }
    let mut attributes = vec![("agent", agent), ("valid", if valid { "true" } else { "false" })];
    attributes.extend(device.map(|device| ("device", device)));
    output.open("validate", &attributes);
    if !result.stdout.is_empty() || !result.stderr.is_empty() {
        output.open("command", &[("code", &result.rc.to_string())]);
        for (source, text) in [("stdout", &result.stdout), ("stderr", &result.stderr)] {
            if !text.is_empty() {
                output.text_element("output", &[("source", source)], text);
            }
        }
        output.close();
    }
    output.close();
    Ok(if valid { exit::OK } else { exit::ERROR })
}

fn records(
    admin: &Admin<'_>,
    target: Option<String>,
) -> Result<Vec<holdfast_api::fence::FenceRecord>, Failure> {
    match admin.fence(FenceRequest::History { target }, "Couldn't get fencing history")? {
        Reply::Fence(FenceReply::History(records)) => Ok(records),
        _ => Err(other_kind()),
    }
}

fn past(admin: &Admin<'_>, value: &str, output: &mut Output) -> Result<i32, Failure> {
    let target = (value != "*" && !value.is_empty()).then(|| value.to_owned());
    if admin.parsed.has("cleanup") {
        output.info(format!("cleaning up fencing-history for node {value}"));
    }
    if admin.parsed.has("broadcast") {
        output.info("gather fencing-history from all nodes");
    }
    if admin.parsed.has("cleanup") {
        admin.fence(FenceRequest::HistoryCleanup { target }, "Couldn't clean up fencing history")?;
        return Ok(exit::OK);
    }
    let wanted = if output.is_quiet() {
        Wanted::LastTime
    } else if admin.parsed.has("verbose") {
        Wanted::All
    } else {
        Wanted::Last
    };
    history::print(&records(admin, target)?, wanted, output);
    Ok(exit::OK)
}

fn last(admin: &Admin<'_>, value: &str, output: &mut Output) -> Result<i32, Failure> {
    let mut target = value.to_owned();
    if admin.parsed.has("as-node-id") {
        let what = "Couldn't find the node";
        let reply = admin.ask(Request::Node(NodeRequest::List)).map_err(|error| failed(&error, what))?;
        let Reply::Nodes(nodes) = reply else { return Err(other_kind()) };
        let known = nodes.into_iter().find(|node| node.id.to_string() == value);
        target = known.map(|node| node.name).ok_or_else(|| {
            Failure::new(exit::NO_HOST, format!("there is no node with id {value}; see crm_node -l"))
        })?;
    }
    let records = records(admin, Some(target))?;
    match history::last_success(&records).map(|record| history::seconds(record.completed_at)) {
        Some(at) => {
            output.text(format!("Node {value} last fenced at: {}\n", local_time::text(at)));
            let when = holdfast_view::status::universal_iso(at);
            output.element("last-fenced", &[("target", value), ("when", &when)]);
        }
        None => output.text(format!("Node {value} has never been fenced\n")),
    }
    Ok(exit::OK)
}

fn act(admin: &Admin<'_>, target: &str, action: FenceAction) -> Result<i32, Failure> {
    let what = if action == FenceAction::On { "unfence" } else { "fence" };
    let request = FenceRequest::Act {
        target: target.to_owned(),
        target_is_id: false,
        action,
        timeout_ms: admin.settings.timeout_ms,
        delay_ms: admin.settings.delay_ms,
        tolerance_ms: admin.settings.tolerance_ms,
    };
    admin.fence(request, &format!("Couldn't {what} {target}"))?;
    Ok(exit::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Parsed {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        SYNTAX.parse(&args).unwrap()
    }

    #[test]
    fn one_command_counts() {
        let check = |line: &str, expected| assert_eq!(chosen(&parse(line)), expected, "{line}");
        check("stonith_admin -L", Some(("list-registered", "")));
        check("stonith_admin -F alpha -L", Some(("fence", "alpha")));
        check("stonith_admin -H * -V -F alpha", Some(("history", "*")));
        check("stonith_admin --reboot=alpha -t 5", Some(("reboot", "alpha")));
        check("stonith_admin -t 5", None);
    }

    #[test]
    fn the_configuration_has_the_devices() {
        let check = |line: &str, expected: &str| {
            let parsed = parse(line);
            let (command, value) = chosen(&parsed).unwrap();
            let text = belongs_elsewhere(command, value, &parsed).unwrap();
            assert_eq!(text.lines().last().unwrap().trim(), expected, "{line}");
        };
        check(
            "stonith_admin -R ipmi -a fence_ipmilan -o ip=10.0.0.9 -o user=x",
            "crm configure primitive ipmi stonith:fence_ipmilan params ip=10.0.0.9 user=x",
        );
        check("stonith_admin -D ipmi", "crm configure delete ipmi");
        check("stonith_admin -r alpha -i 1 -v ipmi -v pdu", "crm configure fencing_topology alpha: ipmi,pdu");
        check(
            "stonith_admin -d alpha -i 2",
            "cibadmin --delete --force --xpath \"//fencing-level[@target='alpha'][@index='2']\"",
        );
        assert_eq!(belongs_elsewhere("fence", "alpha", &parse("stonith_admin -F alpha")), None);
    }

    #[test]
    fn targets_of_an_agent() {
        let check = |text: &str, expected: &[&str]| assert_eq!(target_names(text), expected, "{text:?}");
        check("alpha\nbeta\n", &["alpha", "beta"]);
        check("alpha,beta;alpha gamma", &["alpha", "beta", "gamma"]);
        check("", &[]);
    }
}
