//! What agents say about the resources of a configuration: do they exist, are their parameters known and complete,
//! are the time-outs long enough.
//!
//! Asks the running cluster for metadata. Does not know the language of `configure`.

use super::super::ra;
use super::super::session::{Failed, Session};
use super::working;
use holdfast_agent_protocol::metadata::Metadata;
use holdfast_model::duration::parse_milliseconds;
use holdfast_xml::{Document, Element};
use std::collections::BTreeMap;

/// Parameters that are the cluster's, not the agent's.
const CLUSTER_PARAMETERS: [&str; 2] = ["OCF_CHECK_LEVEL", "trace_ra"];
/// An operation without a time-out has this one, unless `op_defaults` say otherwise.
const DEFAULT_TIMEOUT: &str = "20s";

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The resource cannot work as it is configured.
    pub errors: Vec<String>,
    /// It works, against the advice of its agent.
    pub warnings: Vec<String>,
}

/// Looks at all resources of `next` that are not so in `base`; at all without a base.
pub fn check(session: &Session, base: Option<&Document>, next: &Document) -> Findings {
    let mut findings = Findings::default();
    let mut known: BTreeMap<String, Result<Metadata, Failed>> = BTreeMap::new();
    let patient = next.root().descendants().any(|e| {
        e.name() == "op_defaults" && e.descendants().any(|pair| pair.attr("name") == Some("timeout"))
    });
    for rsc in working::objects(next).into_iter().filter(|e| e.name() == "primitive") {
        let id = rsc.attr("id").unwrap_or_default();
        let template = rsc.attr("template").and_then(|name| working::find(next, name));
        let same = |of: &Element<'_>| {
            let before = base.and_then(|b| working::find(b, of.attr("id").unwrap_or_default()));
            before.map(|b| b.to_string_compact()) == Some(of.to_string_compact())
        };
        if same(&rsc) && template.as_ref().is_none_or(same) {
            continue;
        }
        let Some(agent) = agent_of(template.unwrap_or(rsc)) else { continue };
        let data = known.entry(agent.name()).or_insert_with(|| ra::metadata_of(session, &agent.name()));
        match data {
            Ok(data) => {
                let parts: Vec<Element<'_>> = template.into_iter().chain([rsc]).collect();
                findings.resource(id, &agent, &parts, data, patient);
            }
            Err(why) => findings
                .errors
                .push(format!("{id}: {}: got no meta-data, does this agent exist? ({why})", agent.name())),
        }
    }
    findings
}

/// Class, provider and type.
struct Agent<'a> {
    class: &'a str,
    provider: Option<&'a str>,
    kind: &'a str,
}

impl Agent<'_> {
    fn name(&self) -> String {
        match self.provider {
            Some(provider) => format!("{}:{provider}:{}", self.class, self.kind),
            None => format!("{}:{}", self.class, self.kind),
        }
    }
}

fn agent_of(element: Element<'_>) -> Option<Agent<'_>> {
    Some(Agent {
        class: element.attr("class")?,
        provider: element.attr("provider"),
        kind: element.attr("type")?,
    })
}

impl Findings {
    /// One resource: its template if it has one, then itself.
    fn resource(
        &mut self,
        id: &str,
        agent: &Agent<'_>,
        parts: &[Element<'_>],
        data: &Metadata,
        patient: bool,
    ) {
        if agent.class == "ocf" {
            self.parameters(id, parts, data);
        }
        for action in &data.actions {
            let Some(advised) = action.timeout.as_deref() else { continue };
            let configured: Vec<Element<'_>> = parts
                .iter()
                .flat_map(|part| part.descendants())
                .filter(|e| e.name() == "op" && e.attr("name") == Some(&action.name))
                .collect();
            for op in &configured {
                if let Some(timeout) = op.attr("timeout")
                    && shorter(timeout, advised)
                {
                    self.warn(format!(
                        "{id}: specified timeout {timeout} for {} is smaller than the advised {advised}",
                        action.name
                    ));
                }
            }
            let lifecycle = matches!(action.name.as_str(), "start" | "stop");
            if lifecycle && !patient && configured.is_empty() && shorter(DEFAULT_TIMEOUT, advised) {
                self.warn(format!(
                    "{id}: default timeout {DEFAULT_TIMEOUT} for {} is smaller than the advised {advised}",
                    action.name
                ));
            }
        }
    }

    fn parameters(&mut self, id: &str, parts: &[Element<'_>], data: &Metadata) {
        let sets: Vec<Element<'_>> =
            parts.iter().flat_map(|part| part.children_named("instance_attributes")).collect();
        let given: Vec<&str> = sets
            .iter()
            .flat_map(|set| set.children_named("nvpair"))
            .filter_map(|pair| pair.attr("name"))
            .collect();
        // A reference may bring any parameter.
        let refers = sets.iter().any(|set| {
            set.has_attr("id-ref") || set.children_named("nvpair").any(|pair| pair.has_attr("id-ref"))
        });
        for parameter in data.parameters.iter().filter(|p| p.required && !refers) {
            let instead = |name: &String| given.contains(&name.as_str());
            let present = given.contains(&parameter.name.as_str())
                || parameter.obsoletes.iter().any(instead)
                || parameter.replaced_with.iter().any(instead);
            if !present {
                self.errors.push(format!("{id}: required parameter \"{}\" not defined", parameter.name));
            }
        }
        for name in given {
            let ours = name.starts_with("CRM_meta_") || CLUSTER_PARAMETERS.contains(&name);
            if !ours && data.parameter(name).is_none() {
                self.errors.push(format!("{id}: parameter \"{name}\" is not known"));
            }
        }
    }

    fn warn(&mut self, text: String) {
        if !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }
}

/// Whether one duration is shorter than another; nonsense is not.
fn shorter(one: &str, other: &str) -> bool {
    matches!((parse_milliseconds(one), parse_milliseconds(other)), (Some(one), Some(other)) if one < other)
}

#[cfg(test)]
mod tests {
    use super::{Agent, Findings};
    use holdfast_agent_protocol::metadata::{Action, Metadata, Parameter};
    use holdfast_xml::Document;

    fn parameter(name: &str, required: bool) -> Parameter {
        Parameter { name: name.into(), required, ..Parameter::default() }
    }

    fn check(primitive: &str, errors: &[&str], warnings: &[&str]) {
        let action = |name: &str, timeout: &str| Action {
            name: name.into(),
            timeout: Some(timeout.into()),
            ..Action::default()
        };
        let data = Metadata {
            parameters: vec![parameter("ip", true), parameter("nic", false)],
            actions: vec![action("start", "60s"), action("monitor", "20s")],
            ..Metadata::default()
        };
        let document = Document::parse_default(primitive).unwrap();
        let agent = Agent { class: "ocf", provider: Some("heartbeat"), kind: "IPaddr2" };
        let mut found = Findings::default();
        found.resource("p", &agent, &[document.root()], &data, false);
        assert_eq!(found.errors, errors);
        assert_eq!(found.warnings, warnings);
    }

    #[test]
    fn parameters_and_timeouts_are_those_of_the_agent() {
        let short = "p: default timeout 20s for start is smaller than the advised 60s";
        check("<primitive id='p'/>", &["p: required parameter \"ip\" not defined"], &[short]);
        check(
            "<primitive id='p'><instance_attributes id='i'><nvpair id='a' name='ip' value='1'/>\
             <nvpair id='b' name='nik' value='eth0'/></instance_attributes>\
             <operations><op id='o' name='start' interval='0' timeout='1min'/>\
             <op id='q' name='monitor' interval='10s' timeout='5'/></operations></primitive>",
            &["p: parameter \"nik\" is not known"],
            &["p: specified timeout 5 for monitor is smaller than the advised 20s"],
        );
        check("<primitive id='p'><instance_attributes id-ref='other'/></primitive>", &[], &[short]);
    }
}
