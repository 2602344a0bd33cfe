//! What alert programs are told: which of the configured ones want an event, and the environment that each gets.
//!
//! Knows the configuration of alerts and the names of the variables. Does not know when something happens
//! (`node/alerts`), nor how a program is run. Source: Pacemaker Explained, chapter "Alerts".

use std::collections::BTreeMap;

use holdfast_model::attributes::{AttributeSet, evaluate};
use holdfast_model::boolean::parse_bool;
use holdfast_model::config::AlertConfig;
use holdfast_model::duration::parse_milliseconds;
use holdfast_model::rule::Input;

use crate::io::Alert;
use crate::time::{Span, Wall};

/// Time for a program that has none of its own.
const TIMEOUT: Span = Span::secs(30);
/// How the time is written unless told otherwise: to the microsecond.
const TIMESTAMP: &str = "%H:%M:%S.%06N";

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A node came or went.
    Node,
    /// A fencing operation ended.
    Fencing,
    /// An operation of a resource ended.
    Resource,
    /// The attribute of this name changed.
    Attribute(&'a str),
}

impl Kind<'_> {
    fn word(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Fencing => "fencing",
            Self::Resource => "resource",
            Self::Attribute(_) => "attribute",
        }
    }

    fn is_wanted(self, alert: &AlertConfig) -> bool {
        let select = &alert.select;
        let nothing = !(select.nodes || select.fencing || select.resources || select.attributes);
        match self {
            Self::Node => nothing || select.nodes,
            Self::Fencing => nothing || select.fencing,
            Self::Resource => nothing || select.resources,
            Self::Attribute(name) => {
                let names = &select.attribute_names;
                select.attributes && (names.is_empty() || names.iter().any(|wanted| wanted == name))
            }
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// What it is about.
    pub kind: Kind<'a>,
    /// Variables without their prefix: `node`, `desc`, `rc` ...
    pub variables: Vec<(&'static str, String)>,
    /// When.
    pub at: Wall,
}

/// The calls that an event leads to. `calls` counts them for `node_sequence`.
pub fn calls(alerts: &[AlertConfig], event: &Event<'_>, version: &str, calls: &mut u64) -> Vec<Alert> {
    let mut found = Vec::new();
    for alert in alerts.iter().filter(|alert| !alert.path.is_empty() && event.kind.is_wanted(alert)) {
        let plain = Wishes::default().with(&alert.params, &alert.meta, event.at);
        if !plain.enabled {
            // A recipient cannot switch on what is off as a whole.
            continue;
        }
        if alert.recipients.is_empty() {
            found.push(call(&alert.id, &alert.path, &plain, None, event, version, calls));
        }
        for recipient in &alert.recipients {
            let wishes = plain.clone().with(&recipient.params, &recipient.meta, event.at);
            if wishes.enabled {
                let to = Some(recipient.value.as_str());
                found.push(call(&recipient.id, &alert.path, &wishes, to, event, version, calls));
            }
        }
    }
    found
}

/// Settings of an alert, or of one of its recipients.
#[derive(Clone, Debug)]
struct Wishes {
    enabled: bool,
    timeout: Span,
    format: String,
    environment: BTreeMap<String, String>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { enabled: true, timeout: TIMEOUT, format: TIMESTAMP.to_owned(), environment: BTreeMap::new() }
    }
}

impl Wishes {
    /// What these sets say goes over what was said before.
    fn with(mut self, params: &[AttributeSet], meta: &[AttributeSet], at: Wall) -> Self {
        let input = Input { now: at.seconds(), ..Input::default() };
        let mut table = BTreeMap::new();
        evaluate(meta, &input, &mut table, &mut None);
        if let Some(text) = table.get("enabled") {
            // Only a clear yes is one.
            self.enabled = parse_bool(text) == Some(true);
        }
        if let Some(text) = table.get("timeout") {
            let ms = parse_milliseconds(text).and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms > 0);
            self.timeout = ms.map_or(TIMEOUT, Span::millis);
        }
        if let Some(text) = table.remove("timestamp-format") {
            self.format = text;
        }
        let mut own = BTreeMap::new();
        evaluate(params, &input, &mut own, &mut None);
        self.environment.extend(own);
        self
    }
}

fn call(
    id: &str,
    path: &str,
    wishes: &Wishes,
    recipient: Option<&str>,
    event: &Event<'_>,
    version: &str,
    calls: &mut u64,
) -> Alert {
    *calls += 1;
    let mut environment = Vec::new();
    let mut tell = |name: &str, value: &str| {
        // The second name is what programs of ClusterMon's time look for.
        environment.push((format!("CRM_alert_{name}"), value.to_owned()));
        environment.push((format!("CRM_notify_{name}"), value.to_owned()));
    };
    tell("kind", event.kind.word());
    tell("version", version);
    tell("node_sequence", &calls.to_string());
    tell("recipient", recipient.unwrap_or_default());
    for (name, value) in &event.variables {
        tell(name, value);
    }
    environment.extend(wishes.environment.iter().map(|(name, value)| (name.clone(), value.clone())));
    Alert {
        id: id.to_owned(),
        path: path.to_owned(),
        timeout: wishes.timeout,
        at: event.at,
        timestamp_format: wishes.format.clone(),
        environment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_xml::Document;

    const CONFIGURATION: &str = r#"<cib><configuration><crm_config/><nodes/><resources/><constraints/><alerts>
        <alert id="all" path="/a"/>
        <alert id="mail" path="/b">
          <select><select_fencing/><select_attributes><attribute id="x" name="pingd"/></select_attributes></select>
          <instance_attributes id="i"><nvpair id="i1" name="server" value="one"/>
            <nvpair id="i2" name="debug" value="no"/></instance_attributes>
          <meta_attributes id="m"><nvpair id="m1" name="timeout" value="15s"/></meta_attributes>
          <recipient id="first" value="a@b"/>
          <recipient id="second" value="c@d">
            <instance_attributes id="j"><nvpair id="j1" name="server" value="two"/></instance_attributes>
            <meta_attributes id="n"><nvpair id="n1" name="timestamp-format" value="%s"/></meta_attributes>
          </recipient>
          <recipient id="third" value="e@f">
            <meta_attributes id="o"><nvpair id="o1" name="enabled" value="false"/></meta_attributes>
          </recipient>
        </alert>
        <alert id="off" path="/c">
          <meta_attributes id="p"><nvpair id="p1" name="enabled" value="false"/></meta_attributes>
          <recipient id="never" value="g@h"/>
        </alert>
      </alerts></configuration><status/></cib>"#;

    fn called(kind: Kind<'_>) -> Vec<Alert> {
        let document = Document::parse_default(CONFIGURATION).unwrap();
        let (cib, _) = holdfast_model::read::cib(&document);
        let event = Event { kind, variables: vec![("node", "n1".to_owned())], at: Wall(1_000_000) };
        calls(&cib.alerts, &event, "1.0", &mut 6)
    }

    fn names(kind: Kind<'_>) -> Vec<String> {
        called(kind).into_iter().map(|alert| alert.id).collect()
    }

    #[test]
    fn a_selection_decides_and_its_absence_means_all_but_attributes() {
        assert_eq!(names(Kind::Node), ["all"]);
        assert_eq!(names(Kind::Resource), ["all"]);
        assert_eq!(names(Kind::Fencing), ["all", "first", "second"]);
        assert_eq!(names(Kind::Attribute("pingd")), ["first", "second"]);
        assert_eq!(names(Kind::Attribute("load")), [""; 0]);
    }

    #[test]
    fn a_recipient_has_its_own_word() {
        let alerts = called(Kind::Fencing);
        let value = |alert: &Alert, name: &str| {
            alert.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        };
        assert_eq!(alerts[0].timeout, Span::secs(30));
        assert_eq!(alerts[0].timestamp_format, "%H:%M:%S.%06N");
        assert_eq!(value(&alerts[0], "CRM_alert_recipient").as_deref(), Some(""));
        assert_eq!(value(&alerts[1], "server").as_deref(), Some("one"));
        assert_eq!(value(&alerts[2], "server").as_deref(), Some("two"));
        assert_eq!(value(&alerts[2], "debug").as_deref(), Some("no"));
        assert_eq!(value(&alerts[2], "CRM_alert_recipient").as_deref(), Some("c@d"));
        assert_eq!(value(&alerts[2], "CRM_alert_node").as_deref(), Some("n1"));
        assert_eq!(value(&alerts[2], "CRM_notify_kind").as_deref(), Some("fencing"));
        assert_eq!(value(&alerts[2], "CRM_alert_node_sequence").as_deref(), Some("9"));
        assert_eq!(alerts[1].timeout, Span::secs(15));
        assert_eq!(alerts[2].timestamp_format, "%s");
    }
}
