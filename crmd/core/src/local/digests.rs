//! Digests of the parameters an operation ran with, as the history keeps them.

use std::collections::BTreeMap;

use holdfast_model::digest;

use crate::io::{AgentFacts, Operation};
use crate::state::history::{Digests, is_recorded};

/// Digests for the record of one run. Without facts from the agent's metadata only the digest over everything.
#[must_use]
pub fn digests(operation: &Operation, facts: Option<&AgentFacts>) -> Digests {
    if !is_recorded(&operation.operation) {
        return Digests::default();
    }
    let all: BTreeMap<String, String> = operation.parameters.iter().cloned().collect();
    let filtered = digest::filtered(all);
    let mut found = Digests { all: Some(digest::of_parameters(&filtered)), ..Digests::default() };
    let Some(facts) = facts else { return found };
    if facts.reloads && operation.interval_ms == 0 && operation.operation == "start" {
        let kept = |name: &String| facts.restart_parameters.contains(name);
        let restart = filtered.iter().filter(|(name, _)| kept(name));
        let restart: BTreeMap<String, String> = restart.map(|(n, v)| (n.clone(), v.clone())).collect();
        found.restart = Some((names(&facts.restart_parameters), digest::of_parameters(&restart)));
    }
    if !facts.private_parameters.is_empty() {
        let told = filtered.iter().filter(|(name, _)| !facts.private_parameters.contains(name));
        let told: BTreeMap<String, String> = told.map(|(n, v)| (n.clone(), v.clone())).collect();
        found.secure = Some((names(&facts.private_parameters), digest::of_parameters(&told)));
    }
    found
}

/// Names with blanks around each, as the record has them.
fn names(list: &[String]) -> String {
    list.iter().map(|name| format!(" {name} ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::CallId;
    use crate::time::Span;

    #[test]
    fn restart_and_secret_parameters_have_their_own_digests() {
        let operation = Operation {
            call: CallId(1),
            rsc: "web".into(),
            class: "ocf".into(),
            provider: Some("heartbeat".into()),
            agent: "Dummy".into(),
            operation: "start".into(),
            interval_ms: 0,
            timeout: Span::secs(20),
            parameters: vec![
                ("CRM_meta_timeout".into(), "20000".into()),
                ("passwd".into(), "x".into()),
                ("state".into(), "/s".into()),
            ],
            target: None,
            capture: false,
        };
        let plain = digests(&operation, None);
        let facts = AgentFacts {
            reloads: true,
            restart_parameters: vec!["state".into()],
            private_parameters: vec!["passwd".into()],
            ..AgentFacts::default()
        };
        let full = digests(&operation, Some(&facts));
        assert_eq!(plain.all, full.all);
        let (names, restart) = full.restart.unwrap();
        let (secret, secure) = full.secure.unwrap();
        assert_eq!((names.as_str(), secret.as_str()), (" state ", " passwd "));
        assert_eq!(restart, secure);
        assert_ne!(Some(restart), full.all);
    }
}
