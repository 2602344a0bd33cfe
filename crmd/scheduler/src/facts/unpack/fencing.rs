//! Decisions that unpacking itself makes: nodes to fence, and actions that come to life early.

use holdfast_model::Level;

use super::Unpack;
use crate::facts::types::{Asked, EarlyAction, Flags, NodeIx, NodeKind, RscIx};

impl Unpack<'_> {
    /// Marks a node as in need of fencing. Guests are fenced by recovering their launcher.
    pub(super) fn fence_node(&mut self, node: NodeIx, reason: &str, priority_delay: bool) {
        let name = self.facts.nodes[node].name.clone();
        if let Some(launcher) = self.facts.launcher_of(node) {
            let this = &self.facts.rscs[launcher];
            if !this.is(Flags::FAILED) && this.is(Flags::MANAGED) {
                let message = format!("will be fenced by recovering {}: {reason}", this.id);
                self.problem(Level::Warning, "node", &name, message);
                self.facts.nodes[node].remote_reset = true;
                self.facts.rscs[launcher].flags.set(Flags::FAILED | Flags::STOP_IF_FAILED);
            }
            return;
        }
        let this = &self.facts.nodes[node];
        let connection = this.connection;
        if this.kind == NodeKind::Cluster {
            if !this.unclean {
                let what = if self.facts.can_fence(node) { "will be fenced" } else { "is unclean" };
                self.problem(Level::Warning, "node", &name, format!("{what}: {reason}"));
                self.facts.nodes[node].unclean = true;
                self.early_fence(node, Some(reason), priority_delay);
            }
            return;
        }
        if let Some(connection) = connection {
            let this = &self.facts.rscs[connection];
            if this.is(Flags::REMOVED_LAUNCHED) {
                // The guest that was behind it is gone already.
                self.facts.rscs[connection].flags.set(Flags::FAILED | Flags::STOP_IF_FAILED);
                return;
            }
            if !this.is(Flags::MANAGED) {
                self.problem(
                    Level::Warning,
                    "node",
                    &name,
                    format!("is not fenced, its connection is unmanaged: {reason}"),
                );
            } else if !self.facts.nodes[node].remote_reset {
                self.facts.nodes[node].remote_reset = true;
                self.problem(Level::Warning, "node", &name, format!("will be fenced: {reason}"));
            }
        }
        self.facts.nodes[node].remote_reset |= connection.is_none();
        self.facts.nodes[node].unclean = true;
        self.early_fence(node, Some(reason), false);
    }

    /// Fencing comes to life. Which devices it names is settled the first time: instances that a later history adds to
    /// a clone are not among them.
    pub(super) fn early_fence(&mut self, node: NodeIx, reason: Option<&str>, priority_delay: bool) {
        if self.facts.options.unfencing && !self.facts.fenced_early.contains_key(&node) {
            let mut cache = std::mem::take(&mut self.facts.digests);
            let digests = self.facts.unfencing_digests(&mut cache, node);
            self.facts.digests = cache;
            self.facts.fenced_early.insert(node, digests);
        }
        self.facts.early.push(EarlyAction::Fence {
            node,
            reason: reason.map(str::to_owned),
            optional: true,
            priority_delay,
        });
    }

    /// Creates (or asks for) an operation.
    pub(super) fn early_action(
        &mut self,
        rsc: RscIx,
        task: &str,
        interval_ms: u32,
        node: NodeIx,
        optional: bool,
    ) {
        let on_dc = task == "lrm_delete";
        let this = &self.facts.nodes[node];
        let guest = self.facts.is_guest(node);
        let offline = !on_dc && !this.online && (!guest || this.remote_reset);
        let runnable = !offline && (on_dc || !this.pending) && (!guest || self.facts.can_fence(node));
        if task == "stop" {
            self.early_stops.insert((rsc, node));
        }
        if task == "clear_failcount" {
            self.facts.cleared.insert((rsc, node));
        }
        let managed = self.facts.rscs[rsc].is(Flags::MANAGED);
        let clean = !this.unclean;
        self.facts.early.push(EarlyAction::Resource {
            rsc,
            task: task.to_owned(),
            interval_ms,
            node,
            asked: Asked { optional, unmanaged: !managed, runnable },
        });
        if offline && managed && clean && task == "stop" {
            self.fence_node(node, "stop is unrunnable", false);
        }
    }

    pub(super) fn early_stop(&mut self, rsc: RscIx, node: NodeIx) {
        self.early_action(rsc, "stop", 0, node, false);
    }
}
