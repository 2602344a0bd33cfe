//! Agents' own description of themselves: read it, and write one for classes whose agents have none.

mod generate;
mod read;

pub use generate::{heartbeat, init_script, plugin, unit};
pub use read::{MetadataError, parse};

/// What an agent says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    pub name: String,
    /// Version of the agent (attribute `version`), not of the standard.
    pub version: Option<String>,
    pub shortdesc: String,
    pub longdesc: String,
    pub parameters: Vec<Parameter>,
    pub actions: Vec<Action>,
}

/// One parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub required: bool,
    /// The value must differ between resources (`unique` or member of a `unique-group`).
    pub unique: bool,
    /// Name of the `unique-group`.
    pub unique_group: Option<String>,
    /// A change can be taken over by `reload-agent`.
    pub reloadable: Option<bool>,
    /// Must not be shown.
    pub private: bool,
    pub deprecated: bool,
    /// Names of older parameters that this one replaces, and of newer ones that replace it.
    pub obsoletes: Vec<String>,
    pub replaced_with: Vec<String>,
    /// `string`, `integer`, `boolean`, `time`, `select`, …
    pub kind: String,
    pub default: Option<String>,
    /// Values of a `select`.
    pub options: Vec<String>,
    pub shortdesc: String,
    pub longdesc: String,
}

/// One action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Action {
    pub name: String,
    pub timeout: Option<String>,
    pub interval: Option<String>,
    pub start_delay: Option<String>,
    pub role: Option<String>,
    /// `OCF_CHECK_LEVEL` that the agent offers at this interval.
    pub depth: Option<String>,
    /// Fence agents: run by the cluster by itself, on the target.
    pub automatic: bool,
    pub on_target: bool,
}

impl Metadata {
    /// The parameter of that name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The first action of that name.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.name == name)
    }

    /// Whether changed parameters can be handed over without a restart.
    #[must_use]
    pub fn reloads(&self) -> bool {
        self.action("reload-agent").is_some() || self.action("reload").is_some()
    }

    /// Parameters whose change needs a restart: all that are not marked reloadable; for agents older than that mark,
    /// those that are marked unique.
    #[must_use]
    pub fn restart_parameters(&self) -> Vec<&str> {
        let marked = self.action("reload-agent").is_some()
            || self.parameters.iter().any(|parameter| parameter.reloadable.is_some());
        self.parameters
            .iter()
            .filter(|parameter| if marked { parameter.reloadable != Some(true) } else { parameter.unique })
            .map(|parameter| parameter.name.as_str())
            .collect()
    }
}
