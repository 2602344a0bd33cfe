//! The resource agents that ship with Holdfast, so that a bare machine can run a cluster.
//!
//! `run` is called as `ocf PROVIDER TYPE ACTION` with the parameters in `OCF_RESKEY_*`, as the Open Cluster Framework
//! says. Each agent is a module with a table of its parameters and actions; nothing here knows the cluster.

mod address;
mod anything;
mod dummy;
mod environment;
mod filesystem;
mod metadata;
pub mod netlink;
mod ping;
mod process;
mod respawn;
mod stateful;
mod sys;
mod users;

pub use environment::{Environment, Refusal};
pub use metadata::{Action, Info, Parameter};

use holdfast_agent_protocol::rc::Rc;

/// What an action ends with: the exit code, or why it was refused.
pub type Outcome = Result<Rc, Refusal>;

/// One agent.
pub trait Agent {
    /// Its metadata.
    fn info(&self) -> &'static Info;
    /// Checks the parameters without touching anything.
    ///
    /// # Errors
    /// The parameter at fault and what was expected.
    fn validate(&self, environment: &Environment) -> Result<(), Refusal>;
    /// Carries out an action other than `meta-data`, `usage` and `validate-all`.
    ///
    /// # Errors
    /// Why it could not be done, with the exit code that says so.
    fn act(&self, action: &str, environment: &Environment) -> Outcome;
}

/// Every agent by provider and type.
pub fn find(provider: &str, kind: &str) -> Option<&'static dyn Agent> {
    Some(match (provider, kind) {
        ("heartbeat", "IPaddr") => &address::IPADDR,
        ("heartbeat", "IPaddr2") => &address::IPADDR2,
        ("heartbeat", "Filesystem") => &filesystem::Filesystem,
        ("heartbeat", "Dummy") => &dummy::HEARTBEAT,
        ("heartbeat", "anything") => &anything::Anything,
        ("pacemaker", "Dummy") => &dummy::PACEMAKER,
        ("pacemaker", "Stateful") => &stateful::Stateful,
        ("pacemaker", "ping") => &ping::Ping,
        ("holdfast", "respawn") => &respawn::Respawn,
        _ => return None,
    })
}

/// The names of all agents, provider before type.
pub use holdfast_agent_protocol::STOCK as NAMES;

/// Runs one action: the words are `ocf PROVIDER TYPE ACTION`. Returns the OCF exit code.
pub fn run(words: Vec<String>) -> i32 {
    let [_, provider, kind, action] = words.as_slice() else {
        eprintln!("usage: holdfast ocf PROVIDER TYPE ACTION, with parameters in OCF_RESKEY_NAME");
        return Rc::UNIMPLEMENTED.0;
    };
    let Some(agent) = find(provider, kind) else {
        let known: Vec<String> = NAMES.iter().map(|(p, k)| format!("ocf:{p}:{k}")).collect();
        eprintln!("ocf:{provider}:{kind} does not ship with Holdfast; these do: {}", known.join(", "));
        return Rc::NOT_INSTALLED.0;
    };
    let environment = Environment::of_process();
    let outcome = dispatch(agent, action, &environment);
    match outcome {
        Ok(rc) => rc.0,
        Err(refusal) => {
            // `ocf-exit-reason:` on standard error is where the executor looks for it.
            eprintln!("ocf-exit-reason:{}", refusal.message);
            refusal.rc.0
        }
    }
}

fn dispatch(agent: &dyn Agent, action: &str, environment: &Environment) -> Outcome {
    let info = agent.info();
    match action {
        "meta-data" => {
            print!("{}", metadata::xml(info));
            Ok(Rc::OK)
        }
        "usage" | "help" => {
            let actions: Vec<&str> = info.actions.iter().map(|a| a.name).collect();
            println!("usage: {} {{{}}}", info.name, actions.join("|"));
            Ok(Rc::OK)
        }
        "validate-all" => agent.validate(environment).map(|()| Rc::OK),
        _ if !info.actions.iter().any(|a| a.name == action) && !action.starts_with("internal-") => {
            Err(Refusal::new(
                Rc::UNIMPLEMENTED,
                format!(
                    "{} has no action `{action}`; it has: {}",
                    info.name,
                    info.actions.iter().map(|a| a.name).collect::<Vec<_>>().join(", ")
                ),
            ))
        }
        _ => {
            if let Err(refusal) = agent.validate(environment) {
                // A stop with unusable parameters has nothing that it could stop; a probe finds nothing.
                let probe = action == "monitor" && environment.is_probe();
                return if probe && refusal.rc == Rc::NOT_INSTALLED {
                    Ok(Rc::NOT_RUNNING)
                } else {
                    Err(refusal)
                };
            }
            agent.act(action, environment)
        }
    }
}

#[cfg(test)]
mod tests;
