//! What an agent is given: parameters and facts of the call in environment variables.
//!
//! Knows the variable names of the Open Cluster Framework. Does not know any agent.

use holdfast_agent_protocol::rc::Rc;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Why an action was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The exit code that says it.
    pub rc: Rc,
    /// The sentence for a person: value, expectation, next step.
    pub message: String,
}

impl Refusal {
    /// A refusal with a code and a sentence.
    pub fn new(rc: Rc, message: impl Into<String>) -> Refusal {
        Refusal { rc, message: message.into() }
    }

    /// An unspecified error.
    pub fn error(message: impl Into<String>) -> Refusal {
        Refusal::new(Rc::ERROR, message)
    }

    /// A parameter with a value that it cannot have.
    pub fn parameter(name: &str, value: &str, expected: &str) -> Refusal {
        Refusal::new(Rc::NOT_CONFIGURED, format!("parameter {name}={value}: expected {expected}"))
    }
}

/// The variables of one call.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// From the variables of this process.
    pub fn of_process() -> Environment {
        Environment::from(
            std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?))),
        )
    }

    /// From any list of variables.
    pub fn from(variables: impl IntoIterator<Item = (String, String)>) -> Environment {
        Environment { variables: variables.into_iter().collect() }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// A parameter, `None` when it is not set or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variable(&format!("OCF_RESKEY_{name}"))
    }

    /// A parameter that must be set.
    ///
    /// # Errors
    /// Not configured.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| {
            Refusal::new(
                Rc::NOT_CONFIGURED,
                format!("the required parameter {name} is not set; add {name}=VALUE"),
            )
        })
    }

    /// A truth value: yes, true, on, 1, y and their opposites in any case.
    ///
    /// # Errors
    /// Not configured, for any other word.
    pub fn truth(&self, name: &str, default: bool) -> Result<bool, Refusal> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(default),
            Some("yes" | "true" | "on" | "1" | "y" | "ja") => Ok(true),
            Some("no" | "false" | "off" | "0" | "n") => Ok(false),
            Some(other) => Err(Refusal::parameter(name, other, "true or false")),
        }
    }

    /// A number in a range.
    ///
    /// # Errors
    /// Not configured, for anything else.
    pub fn number(
        &self,
        name: &str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, Refusal> {
        let Some(text) = self.get(name) else { return Ok(default) };
        // Times of agents may bear an `s`.
        let digits = text.strip_suffix('s').unwrap_or(text);
        digits.parse().ok().filter(|n| range.contains(n)).ok_or_else(|| {
            Refusal::parameter(name, text, &format!("a number from {} to {}", range.start(), range.end()))
        })
    }

    /// The name of the resource, with its instance number if it has one.
    pub fn instance(&self) -> &str {
        self.variable("OCF_RESOURCE_INSTANCE").unwrap_or("default")
    }

    /// The name of the resource, fit for a file name.
    pub fn instance_file(&self) -> String {
        self.instance()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' })
            .collect()
    }

    /// Meta data of the call (`OCF_RESKEY_CRM_meta_NAME`).
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.variable(&format!("OCF_RESKEY_CRM_meta_{name}"))
    }

    /// Whether this monitor only asks what is there.
    pub fn is_probe(&self) -> bool {
        self.meta("interval").is_none_or(|i| i == "0")
    }

    /// How deep a monitor is to look.
    pub fn depth(&self) -> u32 {
        self.variable("OCF_CHECK_LEVEL").and_then(|l| l.parse().ok()).unwrap_or(0)
    }

    /// Where agents keep state until the next boot.
    pub fn state_folder(&self) -> PathBuf {
        if let Some(folder) = self.variable("HA_RSCTMP") {
            return PathBuf::from(folder);
        }
        match self.variable("HOLDFAST_RUN_DIR") {
            Some(run) => PathBuf::from(run).join("resource-agents"),
            None => PathBuf::from("/run/resource-agents"),
        }
    }
}
