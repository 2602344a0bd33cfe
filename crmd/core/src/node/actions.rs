//! What the decision maker does with each kind of action of the graph.

use holdfast_scheduler::graph::{Action, ActionId, ActionKind};

use super::Node;
use crate::io::{CallId, Operation, Severity};
use crate::message::{ActionOrder, ClusterMessage, Forget, ForgetWhat, ShutdownNote};
use crate::state::history::{ResourceRef, TransitionKey};
use crate::time::Span;

impl Node {
    /// Orders one action.
    pub(super) fn order(&mut self, id: ActionId) {
        let Some(transition) = &self.transition else { return };
        let number = transition.number;
        let version = transition.version;
        let Some(action) = transition.action(id).cloned() else { return };
        match action.kind {
            ActionKind::Pseudo => {}
            ActionKind::Resource if matches!(action.operation.as_str(), "delete" | "lrm_delete") => {
                self.order_forget(number, &action, ForgetWhat::History);
            }
            ActionKind::Resource => self.order_operation(number, version, &action),
            ActionKind::Fence => self.order_fencing(number, &action),
            ActionKind::Cluster => self.order_cluster(number, &action),
        }
    }

    fn order_operation(&mut self, number: u64, version: (u64, u64), action: &Action) {
        let Some((order, refusal)) = self.build_order(number, version, action) else {
            self.log(Severity::Error, format!("{} names no node or resource", action.key));
            self.confirm_action((number, action.id.0), true);
            return;
        };
        if let Some(why) = refusal {
            self.log(Severity::Error, why);
            self.confirm_action((number, action.id.0), true);
            return;
        }
        self.count("actions");
        self.say(ClusterMessage::Action(Box::new(order)));
    }

    /// The order, and why it cannot be carried out if so.
    fn build_order(
        &self,
        number: u64,
        version: (u64, u64),
        action: &Action,
    ) -> Option<(ActionOrder, Option<String>)> {
        let node = action.node.as_ref()?;
        let resource = action.resource.as_ref()?;
        let carrier = action.router.as_deref().unwrap_or(&node.name);
        let entry = self.shared.node_by_name(carrier);
        let executor = entry.and_then(|n| n.id.parse::<u32>().ok()).map(holdfast_totem::NodeId);
        let mut refusal = None;
        if action.router.is_some() || (resource.class == "ocf" && resource.agent == "remote") {
            refusal = Some(format!(
                "{}: remote and guest nodes are not supported by this version; remove {} or stop it",
                action.key, resource.id
            ));
        } else if executor.is_none_or(|id| !self.membership.is_member(id)) {
            refusal = Some(format!("{}: {carrier} is not a member any more", action.key));
        }
        let digits = action.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut parameters: Vec<(String, String)> = action
            .attributes
            .iter()
            .chain(digits)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        parameters.sort();
        let uuid = self.uuid.clone();
        let key = TransitionKey {
            action: action.id.0.into(),
            transition: i64::try_from(number).unwrap_or(i64::MAX),
            expected_rc: action.expected_rc,
            uuid,
        };
        let interval_ms = u32::try_from(action.interval_ms).unwrap_or(u32::MAX);
        let timeout = if action.timeout_ms == 0 { Span::secs(20) } else { Span::millis(action.timeout_ms) };
        let operation = Operation {
            call: CallId(0),
            rsc: resource.id.to_string(),
            class: resource.class.to_string(),
            provider: resource.provider.as_ref().map(String::from),
            agent: resource.agent.to_string(),
            operation: action.operation.to_string(),
            interval_ms,
            timeout,
            parameters,
            target: None,
            capture: false,
        };
        let rsc = ResourceRef {
            id: resource.id.to_string(),
            class: resource.class.to_string(),
            provider: resource.provider.as_ref().map(String::from),
            agent: resource.agent.to_string(),
            container: action.meta("container").map(str::to_owned),
        };
        let order = ActionOrder {
            node: node.id.to_string(),
            executor: executor.unwrap_or_default(),
            version,
            key,
            rsc,
            operation,
            start_delay_ms: u32::try_from(action.start_delay_ms).unwrap_or(u32::MAX),
            ignore_failure: action.meta("on_fail") == Some("ignore"),
            at: self.now.wall.seconds(),
        };
        Some((order, refusal))
    }

    fn order_forget(&mut self, number: u64, action: &Action, what: ForgetWhat) {
        let pair = action.node.as_ref().zip(action.resource.as_ref());
        let Some((node, resource)) = pair else {
            self.confirm_action((number, action.id.0), true);
            return;
        };
        let forget = Forget {
            request: 0,
            action: Some((number, action.id.0)),
            pairs: vec![(node.id.to_string(), resource.id.to_string())],
            what,
        };
        self.say(ClusterMessage::Forget(Box::new(forget)));
    }

    fn order_cluster(&mut self, number: u64, action: &Action) {
        let here = (number, action.id.0);
        match action.operation.as_str() {
            "clear_failcount" => {
                let operation = action.meta("operation").map(|name| {
                    let interval = action.meta("interval").and_then(|t| t.parse().ok());
                    (name.to_owned(), interval)
                });
                self.order_forget(number, action, ForgetWhat::Failures(operation));
            }
            "delete" | "lrm_delete" => self.order_forget(number, action, ForgetWhat::History),
            "do_shutdown" => {
                let Some(node) = action.node.clone() else {
                    self.confirm_action(here, true);
                    return;
                };
                self.say(ClusterMessage::Shutdown(ShutdownNote::Granted {
                    node: node.id.to_string(),
                    action: Some(here),
                }));
            }
            "maintenance_nodes" => {
                let nodes = action.maintenance.clone();
                self.say(ClusterMessage::Maintenance { nodes });
                self.confirm_action(here, false);
            }
            other => {
                self.log(Severity::Error, format!("{}: unknown action {other}", action.key));
                self.confirm_action(here, true);
            }
        }
    }
}
