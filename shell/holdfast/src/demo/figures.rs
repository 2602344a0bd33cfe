//! The figures of the demonstration.
//!
//! Knows how they are said, as text and as JSON.

use super::stage::Kind;
use serde_json::{Value, json};

/// What is done to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Kill,
    Pause,
    Split,
    Heal,
}

impl Action {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Action::Kill => "kill",
            Action::Pause => "pause",
            Action::Split => "split",
            Action::Heal => "heal",
        }
    }
}

/// What one action cost.
#[derive(Debug, Clone)]
pub struct Figures {
    pub action: Action,
    /// The node that it was done to; for healing, the active node.
    pub node: String,
    /// The node that answers afterwards.
    pub survivor: Option<String>,
    pub outage_ms: u64,
    pub asked: u64,
    pub lost: u64,
    /// Moments in which two nodes held the service address.
    pub double_active: u64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let survivor = self.survivor.as_deref().unwrap_or("nobody");
        write!(
            f,
            "{:<5} {:<6} out for {:>5} ms, {} of {} requests lost, {survivor} answers, active twice: {}",
            self.action.word(),
            self.node,
            self.outage_ms,
            self.lost,
            self.asked,
            self.double_active
        )
    }
}

/// All figures as one JSON document.
pub fn json(all: &[Figures], kind: Kind) -> String {
    let actions: Vec<Value> = all
        .iter()
        .map(|f| {
            json!({
                "action": f.action.word(),
                "node": f.node,
                "survivor": f.survivor,
                "outage_ms": f.outage_ms,
                "requests": f.asked,
                "requests_lost": f.lost,
                "double_active": f.double_active,
            })
        })
        .collect();
    let stage = match kind {
        Kind::Namespaces => "network namespaces",
        Kind::Loopback => "loopback addresses",
    };
    let total: u64 = all.iter().map(|f| f.double_active).sum();
    format!("{:#}", json!({ "stage": stage, "actions": actions, "double_active": total }))
}
