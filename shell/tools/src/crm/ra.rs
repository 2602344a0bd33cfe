//! The level `ra`: what agents there are and what they do.

use super::session::{Failed, Session};
use holdfast_agent_protocol::Class;
use holdfast_agent_protocol::metadata::{self, Metadata};
use holdfast_api::agent::AgentReply;
use holdfast_api::{AgentRequest, Reply, Request};

/// Carries out a command of the level.
pub fn carry_out(session: &Session, command: &str, arguments: &[String]) -> Result<(), Failed> {
    match (command, arguments) {
        ("classes", _) => {
            for class in Class::ALL {
                if class == Class::Ocf {
                    println!("ocf / {}", providers(session, None)?.join(" "));
                } else {
                    println!("{class}");
                }
            }
            Ok(())
        }
        ("list", [class, rest @ ..]) => {
            for name in types(session, class, rest.first().map(String::as_str))? {
                println!("{name}");
            }
            Ok(())
        }
        ("list", []) => Err("name a class: list CLASS [PROVIDER]; `classes` lists them".to_owned()),
        ("providers", [kind, ..]) => {
            println!("{}", providers(session, Some(kind))?.join(" "));
            Ok(())
        }
        ("providers", []) => Err("name an agent: providers TYPE [CLASS]".to_owned()),
        ("info", [name]) => info(session, name),
        // The order of the old shell: TYPE CLASS [PROVIDER].
        ("info", [kind, class]) => info(session, &format!("{class}:{kind}")),
        ("info", [kind, class, provider, ..]) => info(session, &format!("{class}:{provider}:{kind}")),
        _ => Err("name an agent: info [CLASS:[PROVIDER:]]TYPE".to_owned()),
    }
}

/// Types of a class, of one provider or of all, each once.
pub fn types(session: &Session, class: &str, provider: Option<&str>) -> Result<Vec<String>, Failed> {
    let mut names: Vec<String> = list(session, Some(class), provider)?
        .iter()
        .map(|name| name.rsplit(':').next().unwrap_or(name).to_owned())
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn list(session: &Session, class: Option<&str>, provider: Option<&str>) -> Result<Vec<String>, Failed> {
    let request =
        AgentRequest::List { class: class.map(str::to_owned), provider: provider.map(str::to_owned) };
    match session.ask(Request::Agent(request))? {
        Reply::Agent(AgentReply::List(names)) => Ok(names),
        _ => Err("the cluster gave an answer of another kind".to_owned()),
    }
}

/// Providers, of one agent or of all.
pub fn providers(session: &Session, kind: Option<&str>) -> Result<Vec<String>, Failed> {
    let mut found: Vec<String> = list(session, Some("ocf"), None)?
        .iter()
        .filter_map(|name| {
            let parts: Vec<&str> = name.split(':').collect();
            match parts.as_slice() {
                ["ocf", provider, agent] | [provider, agent] if kind.is_none_or(|k| k == *agent) => {
                    Some((*provider).to_owned())
                }
                _ => None,
            }
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    if let (Some(kind), true) = (kind, found.is_empty()) {
        return Err(format!("no provider has an agent {kind}"));
    }
    Ok(found)
}

/// Class, provider and type that a name means.
fn parts(name: &str) -> Result<(&str, Option<&str>, &str), Failed> {
    let parts: Vec<&str> = name.split(':').filter(|p| !p.is_empty()).collect();
    match parts.as_slice() {
        [class, provider, kind] => Ok((*class, Some(*provider), *kind)),
        ["ocf", kind] | [kind] => Ok(("ocf", Some("heartbeat"), *kind)),
        [class, kind] => Ok((*class, None, *kind)),
        _ => Err(format!("`{name}` is no agent: expected CLASS:PROVIDER:TYPE")),
    }
}

/// What the agent of that name says about itself.
pub fn metadata_of(session: &Session, name: &str) -> Result<Metadata, Failed> {
    let (class, provider, kind) = parts(name)?;
    let request = AgentRequest::Metadata {
        class: class.to_owned(),
        provider: provider.map(str::to_owned),
        agent: kind.to_owned(),
    };
    match session.ask(Request::Agent(request))? {
        Reply::Agent(AgentReply::Metadata(text)) => {
            metadata::parse(&text).map_err(|e| format!("{name}: {e}"))
        }
        _ => Err("the cluster gave an answer of another kind".to_owned()),
    }
}

fn info(session: &Session, name: &str) -> Result<(), Failed> {
    let (class, provider, kind) = parts(name)?;
    let data = metadata_of(session, name)?;
    let full = provider.map_or_else(|| format!("{class}:{kind}"), |p| format!("{class}:{p}:{kind}"));
    println!(
        "{} ({full})\n\n{}\n\nParameters (*: required, []: default):\n",
        data.shortdesc.trim(),
        data.longdesc.trim()
    );
    for parameter in &data.parameters {
        let star = if parameter.required { "*" } else { "" };
        let default = parameter.default.as_ref().map(|d| format!(", [{d}]")).unwrap_or_default();
        println!("{}{star} ({}{default}): {}", parameter.name, parameter.kind, parameter.shortdesc.trim());
        for line in parameter.longdesc.trim().lines() {
            println!("    {}", line.trim());
        }
        println!();
    }
    println!("Operations' defaults (advisory minimum):\n");
    for action in &data.actions {
        let interval = action.interval.as_ref().map(|i| format!(" interval={i}")).unwrap_or_default();
        let timeout = action.timeout.as_ref().map(|t| format!(" timeout={t}")).unwrap_or_default();
        println!("    {:<13}{timeout}{interval}", action.name);
    }
    Ok(())
}
