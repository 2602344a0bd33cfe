//! The command line of `stonith_admin`, as data, and the values in it.

use holdfast_model::duration::parse_milliseconds;

use crate::arguments::{Group, Parsed, Syntax, flag, valued};
use crate::cib_source::variable;
use crate::output::Failure;

/// What can be asked. Of several the later in this list is done, wherever it stands on the command line.
pub(super) const COMMANDS: &[&str] = &[
    "validate",
    "list-installed",
    "list-registered",
    "register",
    "query",
    "deregister",
    "list-targets",
    "list",
    "metadata",
    "reboot",
    "fence",
    "unfence",
    "confirm",
    "last",
    "history",
    "register-level",
    "deregister-level",
];

/// Seconds that an operation may take when nothing is said.
const USUAL_TIMEOUT: u32 = 120;

pub(super) const SYNTAX: Syntax = Syntax {
    name: "stonith_admin",
    summary: "fence nodes, ask about fencing devices and past fencing",
    operands: "<command>",
    output: true,
    groups: &[
        Group {
            heading: "Device Definition Commands (devices and levels belong into the configuration; these say how):",
            options: &[
                valued("register", Some('R'), "DEVICE", "Refused: see `crm configure primitive`"),
                valued("deregister", Some('D'), "DEVICE", "Refused: see `crm configure delete`"),
                valued(
                    "register-level",
                    Some('r'),
                    "TARGET",
                    "Refused: see `crm configure fencing_topology`",
                ),
                valued("deregister-level", Some('d'), "TARGET", "Refused: see `crm configure delete`"),
            ],
        },
        Group {
            heading: "Queries:",
            options: &[
                valued("list", Some('l'), "HOST", "List devices that can fence a node"),
                flag("list-registered", Some('L'), "List all devices that are configured and enabled"),
                flag("list-installed", Some('I'), "List all fence agents on this machine"),
                valued("list-targets", Some('s'), "DEVICE", "List the nodes that a device can fence"),
                flag("metadata", Some('M'), "Show what an agent says of itself (with --agent)"),
                valued("query", Some('Q'), "DEVICE", "Check that a device works"),
                valued(
                    "history",
                    Some('H'),
                    "NODE",
                    "Show the last successful fencing of a node, or of any ('*')\n(--verbose: all operations, --quiet: only seconds since the epoch)",
                ),
                valued("last", Some('h'), "NODE", "Show when a node was fenced last"),
                flag("validate", Some('K'), "Let an agent check parameters (with --agent, --option)"),
            ],
        },
        Group {
            heading: "Fencing Commands:",
            options: &[
                valued("fence", Some('F'), "HOST", "Turn a node off"),
                valued("unfence", Some('U'), "HOST", "Turn a node on, or give it back its access"),
                valued("reboot", Some('B'), "HOST", "Turn a node off and on again"),
                valued("confirm", Some('C'), "HOST", "Vouch that a node is down: be sure of it"),
            ],
        },
        Group {
            heading: "Additional Options:",
            options: &[
                flag("cleanup", Some('c'), "Forget ended operations (with --history)"),
                flag("broadcast", Some('b'), "Accepted: every node knows the whole history"),
                valued("agent", Some('a'), "AGENT", "The agent, such as fence_xvm"),
                valued("option", Some('o'), "NAME=VALUE", "A parameter (with --validate; repeatable)"),
                valued("env-option", Some('e'), "NAME", "A parameter with the value of OCF_RESKEY_NAME"),
                valued("tag", Some('T'), "TAG", "Name fencing in logs and history `stonith_admin.TAG`"),
                valued("device", Some('v'), "DEVICE", "Name of the device in the result of --validate"),
                valued("index", Some('i'), "LEVEL", "Level (with --register-level, --deregister-level)"),
                valued("timeout", Some('t'), "SECONDS", "Longest time for the operation (default 120)"),
                valued(
                    "delay",
                    Some('y'),
                    "SECONDS",
                    "Wait before fencing; -1 leaves out configured delays as well",
                ),
                flag("as-node-id", Some('n'), "The node is given by its id (with --last)"),
                valued("tolerance", None, "SECONDS", "An equal success at most this long ago is enough"),
                flag("quiet", Some('q'), "Be less descriptive in output"),
            ],
        },
    ],
    epilogue: "",
};

/// Values that several commands use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) timeout_ms: u32,
    pub(super) delay_ms: i64,
    pub(super) tolerance_ms: u32,
    pub(super) parameters: Vec<(String, String)>,
}

impl Settings {
    pub(super) fn read(parsed: &Parsed) -> Result<Settings, Failure> {
        Settings::with(parsed, variable)
    }

    fn with(parsed: &Parsed, variable: impl Fn(&str) -> Option<String>) -> Result<Settings, Failure> {
        let whole = |key: &str, short: &str| match parsed.value(key) {
            None => Ok(None),
            Some(text) => text
                .parse::<i64>()
                .map(Some)
                .map_err(|_| Failure::usage(format!("Cannot parse integer value '{text}' for {short}"))),
        };
        let seconds = whole("timeout", "-t")?.unwrap_or(USUAL_TIMEOUT.into());
        let timeout_ms = seconds
            .checked_mul(1000)
            .and_then(|ms| u32::try_from(ms).ok())
            .ok_or_else(|| Failure::usage(format!("Integer value \"{seconds}\" for -t out of range")))?;
        let tolerance_ms = parsed
            .value("tolerance")
            .map_or(Some(0), |text| parse_milliseconds(text).and_then(|ms| u32::try_from(ms).ok()))
            .ok_or_else(|| {
                let given = parsed.value("tolerance").unwrap_or("");
                Failure::usage(format!("Invalid tolerance '{given}': expected a duration such as 30s"))
            })?;
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (key, value) in &parsed.options {
            let Some(value) = value.as_deref() else { continue };
            let (name, value) = match *key {
                "option" => value
                    .split_once('=')
                    .filter(|(name, value)| !name.is_empty() && !value.is_empty())
                    .map(|(name, value)| (name, value.to_owned()))
                    .ok_or_else(|| {
                        Failure::usage(format!("Invalid option: -o {value}: expected NAME=VALUE"))
                    })?,
                "env-option" => match variable(&format!("OCF_RESKEY_{value}")) {
                    Some(found) => (value, found),
                    None => {
                        return Err(Failure::usage(format!(
                            "Invalid option: -e {value}: OCF_RESKEY_{value} is not set"
                        )));
                    }
                },
                _ => continue,
            };
            parameters.retain(|(known, _)| known != name);
            parameters.push((name.to_owned(), value));
        }
        let delay_ms = whole("delay", "-y")?.unwrap_or(0).saturating_mul(1000);
        Ok(Settings { timeout_ms, delay_ms, tolerance_ms, parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Result<(u32, i64, u32, &str), &str>) {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let parsed = SYNTAX.parse(&args).unwrap();
        let found = Settings::with(&parsed, |name| (name == "OCF_RESKEY_ip").then(|| "10.0.0.9".to_owned()));
        let found = found.map(|s| {
            let shown: Vec<String> = s.parameters.iter().map(|(n, v)| format!("{n}={v}")).collect();
            (s.timeout_ms, s.delay_ms, s.tolerance_ms, shown.join(" "))
        });
        let found = found.as_ref().map(|(t, d, o, p)| (*t, *d, *o, p.as_str()));
        assert_eq!(found.map_err(|failure| failure.message.as_str()), expected, "{line}");
    }

    #[test]
    fn values() {
        check("stonith_admin -L", Ok((120_000, 0, 0, "")));
        check("stonith_admin -F a -t 5 -y -1 --tolerance 2s", Ok((5000, -1000, 2000, "")));
        check("stonith_admin -K -o a=1 -e ip -o a=2", Ok((120_000, 0, 0, "ip=10.0.0.9 a=2")));
        check("stonith_admin -K -e port", Err("Invalid option: -e port: OCF_RESKEY_port is not set"));
        check("stonith_admin -K -o port", Err("Invalid option: -o port: expected NAME=VALUE"));
        check("stonith_admin -L -t -5", Err("Integer value \"-5\" for -t out of range"));
        check("stonith_admin -L -t 4294968", Err("Integer value \"4294968\" for -t out of range"));
        check("stonith_admin -L -t soon", Err("Cannot parse integer value 'soon' for -t"));
        check(
            "stonith_admin -F a --tolerance soon",
            Err("Invalid tolerance 'soon': expected a duration such as 30s"),
        );
    }
}
