//! Notifications of clone instances before and after something happens to any of them.
//!
//! Knows the milestones and what instances are told. Does not know when instances start or stop.

use super::kinds::{ActIx, Key, Phase, Task, flag};
use super::plan::Plan;
use crate::facts::{AllowedNodes, Flags, NodeIx, RscIx};
use crate::order::relation as ar;
use holdfast_model::{Role, Text};

/// What notifications are around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Around {
    Start,
    Stop,
    Promote,
    Demote,
}

impl Around {
    const ALL: [Around; 4] = [Around::Start, Around::Stop, Around::Promote, Around::Demote];

    fn task(self) -> Task {
        match self {
            Around::Start => Task::Start,
            Around::Stop => Task::Stop,
            Around::Promote => Task::Promote,
            Around::Demote => Task::Demote,
        }
    }
}

type Entry = (RscIx, Option<NodeIx>);

/// The milestones around one task, and who takes part.
#[derive(Debug, Clone, Default)]
pub(crate) struct NotifyData {
    pre: Option<ActIx>,
    pre_done: Option<ActIx>,
    post: Option<ActIx>,
    post_done: Option<ActIx>,
    allowed: Option<AllowedNodes>,
    active: Vec<Entry>,
    inactive: Vec<Entry>,
    promoted: Vec<Entry>,
    unpromoted: Vec<Entry>,
    start: Vec<Entry>,
    stop: Vec<Entry>,
    promote: Vec<Entry>,
    demote: Vec<Entry>,
    keys: Vec<(&'static str, Text)>,
}

impl Plan<'_> {
    /// Creates the milestones around a clone's task.
    pub(super) fn notify_around(&mut self, clone: RscIx, around: Around, action: ActIx, complete: ActIx) {
        if self.rscs[clone].notify[around as usize].is_none() {
            let data = self.notify_milestones(clone, around.task(), Some(action), complete);
            self.rscs[clone].notify[around as usize] = data;
        }
    }

    /// The milestone after which everything around a task is complete.
    pub(super) fn notify_done(&self, clone: RscIx, around: Around) -> Option<ActIx> {
        self.rscs[clone].notify[around as usize].as_ref()?.post_done
    }

    /// The milestone before which nothing around a task happens.
    pub(super) fn notify_begin(&self, clone: RscIx, around: Around) -> Option<ActIx> {
        self.rscs[clone].notify[around as usize].as_ref()?.pre
    }

    fn notify_milestones(
        &mut self,
        rsc: RscIx,
        task: Task,
        action: Option<ActIx>,
        complete: ActIx,
    ) -> Option<NotifyData> {
        if !self.is(rsc, Flags::NOTIFY) {
            return None;
        }
        let mut data = NotifyData::default();
        if let Some(action) = action {
            let pre = self.notify_milestone(rsc, action, task, Task::Notify, Phase::Pre);
            self.act_mut(pre).set(flag::RUNNABLE);
            let done = self.notify_milestone(rsc, action, task, Task::Notified, Phase::ConfirmedPre);
            self.act_mut(done).set(flag::RUNNABLE);
            self.link(pre, done, ar::ORDERED);
            self.link(done, action, ar::ORDERED);
            data.pre = Some(pre);
            data.pre_done = Some(done);
        }
        let runnable = self.act(complete).is(flag::RUNNABLE);
        let after = |plan: &mut Self, how: Task, phase: Phase| {
            let milestone = plan.notify_milestone(rsc, complete, task, how, phase);
            plan.set_top_priority(milestone);
            if runnable {
                plan.act_mut(milestone).set(flag::RUNNABLE);
            } else {
                plan.act_mut(milestone).clear(flag::RUNNABLE);
            }
            milestone
        };
        let post = after(self, Task::Notify, Phase::Post);
        let done = after(self, Task::Notified, Phase::ConfirmedPost);
        self.link(complete, post, ar::FIRST_IMPLIES_THEN);
        self.link(post, done, ar::FIRST_IMPLIES_THEN);
        data.post = Some(post);
        data.post_done = Some(done);
        if let Some(pre_done) = data.pre_done {
            self.link(pre_done, post, ar::ORDERED);
        }
        Some(data)
    }

    fn notify_milestone(&mut self, rsc: RscIx, action: ActIx, about: Task, how: Task, phase: Phase) -> ActIx {
        let task = self.act(action).task;
        let optional = self.act(action).is(flag::OPTIONAL);
        let milestone = self.action(rsc, Key::Notify(phase, task), how, None, optional);
        let name = self.task_text(task).to_owned();
        let about = self.task_text(about).to_owned();
        let kind = if matches!(phase, Phase::Pre | Phase::ConfirmedPre) { "pre" } else { "post" };
        let act = self.act_mut(milestone);
        act.set(flag::PSEUDO);
        act.set_meta("notify_key_type", phase.text());
        act.set_meta("notify_key_operation", name);
        act.set_meta("notify_type", kind);
        act.set_meta("notify_operation", about);
        milestone
    }

    /// Creates the notifications of all instances of a clone, once everything else is decided.
    pub(crate) fn create_notifications(&mut self, clone: RscIx) {
        for around in Around::ALL {
            let Some(mut data) = self.rscs[clone].notify[around as usize].take() else {
                continue;
            };
            self.collect_notify(clone, true, &mut data);
            self.add_notify_keys(clone, around.task(), &mut data);
            self.notify_instances(clone, around.task(), &data);
        }
    }

    /// Tells the other instances that one was stopped by fencing.
    pub(super) fn notify_after_fencing(&mut self, stop: ActIx, rsc: RscIx, fencing: ActIx) {
        let Some(mut data) = self.notify_milestones(rsc, Task::Stop, None, fencing) else {
            return;
        };
        self.collect_notify(rsc, false, &mut data);
        let node = self.act(stop).node.map_or("", |node| self.facts.nodes[node].name.as_str());
        data.keys.push(("notify_stop_resource", Text::from(&self.rsc(rsc).id)));
        data.keys.push(("notify_stop_uname", Text::from(node)));
        let top = self.top(rsc);
        self.notify_instances(top, Task::Stop, &data);
    }

    fn collect_notify(&self, rsc: RscIx, with_actions: bool, data: &mut NotifyData) {
        if data.allowed.is_none() {
            data.allowed = Some(self.rscs[rsc].allowed.clone());
        }
        let children = &self.rscs[rsc].children;
        if !children.is_empty() {
            for child in children {
                self.collect_notify(*child, with_actions, data);
            }
            return;
        }
        let entry = (rsc, self.rsc(rsc).running_on.first().copied());
        match self.rscs[rsc].role {
            Role::Stopped => data.inactive.push(entry),
            Role::Started => data.active.push(entry),
            Role::Unpromoted => {
                data.unpromoted.push(entry);
                data.active.push(entry);
            }
            Role::Promoted => {
                data.promoted.push(entry);
                data.active.push(entry);
            }
            Role::Unknown => {}
        }
        if !with_actions {
            return;
        }
        for action in self.rscs[rsc].actions.iter().rev() {
            let act = self.act(*action);
            let (false, Some(node)) = (act.is(flag::OPTIONAL), act.node) else {
                continue;
            };
            let lost_stop = act.task == Task::Stop && self.nodes[node].unclean;
            if !lost_stop && !act.is(flag::RUNNABLE) {
                continue;
            }
            let entry = (rsc, Some(node));
            match act.task {
                Task::Start => data.start.push(entry),
                Task::Stop => data.stop.push(entry),
                Task::Promote => data.promote.push(entry),
                Task::Demote => data.demote.push(entry),
                _ => {}
            }
        }
    }

    /// Names of resources and nodes, sorted and without repetition.
    fn notify_names(&self, entries: &[Entry]) -> (String, String) {
        let facts = self.facts;
        let mut sorted: Vec<Entry> = entries.to_vec();
        sorted.sort_by(|a, b| {
            let node = |entry: &Entry| entry.1.map(|node| facts.nodes[node].id.as_str());
            let by_rsc = facts.rscs[a.0].id.cmp(&facts.rscs[b.0].id);
            // An entry without node comes last.
            by_rsc.then_with(|| node(a).is_none().cmp(&node(b).is_none())).then_with(|| node(a).cmp(&node(b)))
        });
        let mut rscs: Vec<&str> = Vec::new();
        let mut nodes: Vec<&str> = Vec::new();
        for (rsc, node) in sorted {
            let (id, Some(node)) = (facts.rscs[rsc].id.as_str(), node) else {
                continue;
            };
            if rscs.last() != Some(&id) {
                rscs.push(id);
                nodes.push(&facts.nodes[node].name);
            }
        }
        (words(&rscs), words(&nodes))
    }

    fn add_notify_keys(&mut self, clone: RscIx, about: Task, data: &mut NotifyData) {
        let stop = self.notify_names(&data.stop);
        let required = match about {
            Task::Stop => stop.0 != " ",
            Task::Start => !data.start.is_empty(),
            Task::Demote => !data.demote.is_empty(),
            Task::Promote => !data.promote.is_empty(),
            _ => false,
        };
        let mut keys: Vec<(&'static str, Text)> = Vec::new();
        let mut both = |rsc_key, node_key, names: (String, String)| {
            keys.push((rsc_key, names.0.into()));
            keys.push((node_key, names.1.into()));
        };
        both("notify_stop_resource", "notify_stop_uname", stop);
        both("notify_start_resource", "notify_start_uname", self.notify_names(&data.start));
        both("notify_demote_resource", "notify_demote_uname", self.notify_names(&data.demote));
        both("notify_promote_resource", "notify_promote_uname", self.notify_names(&data.promote));
        both("notify_active_resource", "notify_active_uname", self.notify_names(&data.active));
        let unpromoted = self.notify_names(&data.unpromoted);
        both("notify_unpromoted_resource", "notify_unpromoted_uname", unpromoted.clone());
        both("notify_slave_resource", "notify_slave_uname", unpromoted);
        let promoted = self.notify_names(&data.promoted);
        both("notify_promoted_resource", "notify_promoted_uname", promoted.clone());
        both("notify_master_resource", "notify_master_uname", promoted);
        let mut inactive: Vec<&str> =
            data.inactive.iter().map(|(rsc, _)| self.rsc(*rsc).id.as_str()).collect();
        inactive.sort_unstable();
        inactive.dedup();
        keys.push(("notify_inactive_resource", words(&inactive).into()));
        let facts = self.facts;
        let available: Vec<&str> = data
            .allowed
            .iter()
            .flat_map(|allowed| allowed.keys())
            .map(|node| facts.nodes[*node].name.as_str())
            .collect();
        keys.push(("notify_available_uname", words(&available).into()));
        if self.rsc(clone).meta("container-attribute-target") == Some("host") {
            let hosts: Vec<&str> = facts
                .nodes
                .indices()
                .map(|node| {
                    let host = self.launcher_of_node(node).and_then(|launcher| self.current_node(launcher));
                    let guest = facts.nodes[node].is_guest();
                    facts.nodes[host.filter(|_| guest).unwrap_or(node)].name.as_str()
                })
                .collect();
            keys.push(("notify_all_hosts", words(&hosts).into()));
        }
        let all: Vec<&str> = facts.nodes.iter().map(|node| node.name.as_str()).collect();
        keys.push(("notify_all_uname", words(&all).into()));
        data.keys = keys;
        if required {
            for milestone in [data.pre, data.pre_done, data.post, data.post_done].into_iter().flatten() {
                self.act_mut(milestone).clear(flag::OPTIONAL);
            }
        }
    }

    fn notify_instances(&mut self, rsc: RscIx, about: Task, data: &NotifyData) {
        let children = self.rscs[rsc].children.clone();
        if !children.is_empty() {
            for child in children {
                self.notify_instances(child, about, data);
            }
            return;
        }
        for action in self.rscs[rsc].actions.clone() {
            let act = self.act_mut(action);
            let told = matches!(act.task, Task::Start | Task::Stop | Task::Promote | Task::Demote);
            if told && !act.is(flag::OPTIONAL) && act.node.is_some() {
                for (key, value) in &data.keys {
                    act.set_meta(key, value.clone());
                }
            }
        }
        let nobody = match about {
            Task::Start => data.start.is_empty(),
            Task::Promote => data.promote.is_empty(),
            Task::Demote => data.demote.is_empty(),
            _ => false,
        };
        if nobody {
            return;
        }
        if self.rscs[rsc].role != Role::Stopped && matches!(about, Task::Stop | Task::Demote) {
            let stop = self.newest(rsc, Task::Stop, None);
            for node in self.rsc(rsc).running_on.clone() {
                let lost = self.nodes[node].unclean || self.nodes[node].remote_reset;
                if stop.is_some_and(|stop| self.act(stop).is(flag::PSEUDO)) && lost {
                    continue;
                }
                self.notify_instance(rsc, node, data.pre, data.pre_done, data);
                if about == Task::Demote || stop.is_none_or(|stop| self.act(stop).is(flag::OPTIONAL)) {
                    self.notify_instance_after(rsc, node, data);
                }
            }
        }
        if self.rscs[rsc].next_role != Role::Stopped && matches!(about, Task::Start | Task::Promote) {
            let start = self.newest(rsc, Task::Start, None);
            if let Some(node) = start.and_then(|start| self.act(start).node)
                && let Some(connection) = self.facts.nodes[node].connection
                && let Some(connect) = self.newest(connection, Task::Start, None)
                && !self.act(connect).is(flag::RUNNABLE)
            {
                return;
            }
            let Some(node) = self.rscs[rsc].assigned else {
                return;
            };
            if about != Task::Start || start.is_none_or(|start| self.act(start).is(flag::OPTIONAL)) {
                self.notify_instance(rsc, node, data.pre, data.pre_done, data);
            }
            self.notify_instance_after(rsc, node, data);
        }
    }

    fn notify_instance(
        &mut self,
        rsc: RscIx,
        node: NodeIx,
        op: Option<ActIx>,
        done: Option<ActIx>,
        data: &NotifyData,
    ) -> Option<ActIx> {
        let (op, done) = (op?, done?);
        if !self.nodes[node].online || !self.act(op).is(flag::RUNNABLE) {
            return None;
        }
        let about = self.act(op).own_meta("notify_operation").and_then(Task::built_in)?;
        let phase =
            if self.act(op).own_meta("notify_type") == Some("pre") { Phase::Pre } else { Phase::Post };
        let (task, optional) = (self.act(op).task, self.act(op).is(flag::OPTIONAL));
        let notify = self.action(rsc, Key::Notify(phase, about), task, Some(node), optional);
        for (key, value) in self.act(op).meta.clone() {
            if self.act(notify).own_meta(key).is_none() {
                self.act_mut(notify).set_meta(key, value);
            }
        }
        for (key, value) in &data.keys {
            self.act_mut(notify).set_meta(key, value.clone());
        }
        self.link(op, notify, ar::ORDERED);
        self.link(notify, done, ar::ORDERED);
        Some(notify)
    }

    fn notify_instance_after(&mut self, rsc: RscIx, node: NodeIx, data: &NotifyData) {
        if let Some(notify) = self.notify_instance(rsc, node, data.post, data.post_done, data) {
            self.set_top_priority(notify);
        }
        let Some(done) = data.post_done else {
            return;
        };
        for action in self.rscs[rsc].actions.clone().into_iter().rev() {
            if self.is_recurring(action) && self.act(action).task != Task::Cancel {
                self.link(done, action, ar::ORDERED);
            }
        }
    }
}

/// Words with spaces between, or a single space if there are none.
fn words(words: &[&str]) -> String {
    if words.is_empty() { " ".to_owned() } else { words.join(" ") }
}
