//! Names of agents: `class:provider:type`.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The convention by which an agent is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// Open Cluster Framework: an executable below `OCF_ROOT/resource.d/PROVIDER`.
    Ocf,
    /// An init script.
    Lsb,
    /// A unit of systemd.
    Systemd,
    /// An init script or a unit, whichever the machine has.
    Service,
    /// A script of heartbeat's `resource.d`: arguments in order, status by output.
    Heartbeat,
    /// A fence agent (`fence_*`) or a plugin of cluster-glue (`external/*`).
    Stonith,
}

impl Class {
    /// All classes, in the order in which `crm ra classes` prints them.
    pub const ALL: [Self; 6] =
        [Self::Heartbeat, Self::Lsb, Self::Ocf, Self::Service, Self::Stonith, Self::Systemd];

    /// The word in the `class` attribute.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ocf => "ocf",
            Self::Lsb => "lsb",
            Self::Systemd => "systemd",
            Self::Service => "service",
            Self::Heartbeat => "heartbeat",
            Self::Stonith => "stonith",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }

    /// Whether a provider belongs to the name.
    #[must_use]
    pub fn has_provider(self) -> bool {
        self == Self::Ocf
    }

    /// Whether parameters reach the agent at all.
    #[must_use]
    pub fn takes_parameters(self) -> bool {
        matches!(self, Self::Ocf | Self::Heartbeat | Self::Stonith)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// An agent by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Agent {
    pub class: Class,
    /// Only with [`Class::Ocf`].
    pub provider: Option<String>,
    /// The `type` attribute: script, unit or plugin.
    pub kind: String,
}

/// Why something is not the name of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AgentError {
    #[error("\"{0}\" is no class of agents; expected one of heartbeat, lsb, ocf, service, stonith, systemd")]
    UnknownClass(String),
    #[error("agent \"{0}\" needs a provider, for example ocf:heartbeat:{1}")]
    ProviderMissing(String, String),
    #[error("class \"{0}\" has no providers, but \"{1}\" names one")]
    ProviderNotAllowed(Class, String),
    #[error(
        "\"{0}\" names no agent; expected class:provider:type or class:type, for example ocf:heartbeat:IPaddr2"
    )]
    NoType(String),
    #[error("\"{0}\" cannot be part of an agent's name: {1}")]
    BadPart(String, &'static str),
}

impl Agent {
    /// From the three attributes of a primitive.
    ///
    /// # Errors
    /// What is missing, superfluous or unsafe as the name of a file.
    pub fn new(class: &str, provider: Option<&str>, kind: &str) -> Result<Self, AgentError> {
        let known = Class::from_word(class).ok_or_else(|| AgentError::UnknownClass(class.to_owned()))?;
        let provider = provider.filter(|provider| !provider.is_empty());
        match (known.has_provider(), provider) {
            (true, None) => {
                return Err(AgentError::ProviderMissing(format!("{class}:{kind}"), kind.to_owned()));
            }
            (false, Some(provider)) => {
                return Err(AgentError::ProviderNotAllowed(known, provider.to_owned()));
            }
            (true, Some(provider)) => check_part(provider, false)?,
            (false, None) => {}
        }
        if kind.is_empty() {
            return Err(AgentError::NoType(format!("{class}:{}", provider.unwrap_or_default())));
        }
        // An init script may be named by an absolute path, a plugin is named `external/NAME`.
        check_part(kind, matches!(known, Class::Lsb | Class::Service | Class::Stonith))?;
        Ok(Self { class: known, provider: provider.map(str::to_owned), kind: kind.to_owned() })
    }

    /// From `class:provider:type` or `class:type`. The type of a systemd unit may hold colons.
    ///
    /// # Errors
    /// As [`Agent::new`].
    pub fn parse(text: &str) -> Result<Self, AgentError> {
        let (class, rest) = text.split_once(':').ok_or_else(|| AgentError::NoType(text.to_owned()))?;
        let known = Class::from_word(class).ok_or_else(|| AgentError::UnknownClass(class.to_owned()))?;
        if known.has_provider() {
            match rest.split_once(':') {
                Some((provider, kind)) => Self::new(class, Some(provider), kind),
                None => Err(AgentError::ProviderMissing(text.to_owned(), rest.to_owned())),
            }
        } else {
            Self::new(class, None, rest)
        }
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.provider {
            Some(provider) => write!(f, "{}:{provider}:{}", self.class, self.kind),
            None => write!(f, "{}:{}", self.class, self.kind),
        }
    }
}

/// A name becomes part of a path: it must not lead out of the folder it is looked up in.
fn check_part(part: &str, slash: bool) -> Result<(), AgentError> {
    let bad = |why| Err(AgentError::BadPart(part.to_owned(), why));
    if part.len() > 255 {
        bad("it is longer than 255 bytes")
    } else if part.starts_with('.') || part.split('/').any(|step| step == "..") {
        bad("it starts with a dot or contains \"..\"")
    } else if part.contains('/') && !slash {
        bad("it contains a slash")
    } else if part.starts_with('-') {
        bad("it starts with a dash")
    } else if part.chars().any(|letter| letter.is_control()) {
        bad("it contains a control character")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        let check = |text: &str| assert_eq!(Agent::parse(text).unwrap().to_string(), text);
        check("ocf:heartbeat:IPaddr2");
        check("lsb:httpd");
        check("lsb:/opt/app/init");
        check("systemd:getty@tty1.service");
        check("systemd:a:b");
        check("stonith:external/ssh");
        check("stonith:fence_ipmilan");
        check("heartbeat:drbddisk");
        check("service:nginx");
    }

    #[test]
    fn bad_names_say_what_is_wrong() {
        let check = |text: &str, expected: &str| {
            let message = Agent::parse(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        };
        check("IPaddr2", "names no agent");
        check("ocf:IPaddr2", "needs a provider, for example ocf:heartbeat:IPaddr2");
        check("nagios:x", "no class of agents");
        check("ocf:heartbeat:", "names no agent");
        check("ocf:heartbeat:../../bin/sh", "starts with a dot");
        check("ocf:heartbeat:a/b", "slash");
        check("ocf:../x:a", "starts with a dot");
        check("lsb:x/../../y", "\"..\"");
        check("ocf:heartbeat:a\nb", "control character");
    }
}
