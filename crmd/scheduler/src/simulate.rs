//! Pretends to carry out a transition: every action gives the planned result, unless a failure was asked for.
//!
//! Knows what a result leaves in the status section. Does not know agents, clocks or files.

mod places;
mod update;

use crate::facts::{Facts, RscIx};
use crate::graph::run::{End, Outcome, run_to_end};
use crate::graph::xml::FEATURE_SET;
use crate::graph::{Action, ActionKind, TransitionGraph};
use holdfast_model::attributes::{AttributeSet, NameValue};
use holdfast_model::id::sanitize_id;
use holdfast_model::status::{NodeState, OperationRecord, ResourceHistory, Status};
use holdfast_model::{Text, digest};
use places::{Place, Places};
use std::collections::BTreeSet;

/// Who writes the entries.
const ORIGIN: &str = "crm_simulate";
/// The controller that the entries pretend to come from.
const CONTROLLER: &str = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
const NOT_RUNNING: i32 = 7;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A milestone was reached.
    Pseudo {
        /// Key.
        key: Text,
        /// Node, for guests.
        node: Option<Text>,
    },
    /// An agent was called.
    Resource {
        /// Resource.
        resource: Text,
        /// Operation.
        operation: Text,
        /// Milliseconds between repetitions, 0 for once.
        interval_ms: u64,
        /// Where.
        node: Text,
    },
    /// The cluster did something itself.
    Cluster {
        /// What.
        task: Text,
        /// For which resource.
        resource: Option<Text>,
        /// Where.
        node: Text,
    },
    /// A node was fenced.
    Fencing {
        /// Whom.
        target: String,
        /// `reboot`, `off` or `on`.
        action: String,
    },
    /// An action failed as asked for.
    Failed {
        /// Its number.
        action: u32,
        /// Its exit code.
        rc: i32,
    },
    /// A transient attribute was set.
    Attribute {
        /// Name.
        name: String,
        /// Value.
        value: String,
        /// Id of the node state.
        node: String,
    },
    /// Something could not be done.
    Error(String),
}

/// A failure to pretend: `RESOURCE_TASK_INTERVAL@NODE=RC`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `RESOURCE_TASK_INTERVAL`
    pub key: String,
    /// Node name.
    pub node: String,
    /// Exit code.
    pub rc: i32,
}

impl Failure {
    /// Reads a specification; what is missing is said in words.
    pub fn parse(text: &str) -> Result<Failure, String> {
        let wrong = || {
            format!(
                "invalid operation '{text}': write RESOURCE_TASK_INTERVAL@NODE=RC, as in db_monitor_10000@node1=7"
            )
        };
        let (key, rest) = text.split_once('@').ok_or_else(wrong)?;
        let (node, rc) = rest.rsplit_once('=').ok_or_else(wrong)?;
        let rc = rc.trim().parse().map_err(|_| wrong())?;
        if key.is_empty() || node.is_empty() {
            return Err(wrong());
        }
        Ok(Failure { key: key.to_owned(), node: node.to_owned(), rc })
    }

    /// Resource, task and interval of the key.
    pub fn parts(&self) -> Option<(&str, &str, u64)> {
        split_key(&self.key)
    }
}

/// Splits an operation key; tasks with an underscore are `migrate_to` and `migrate_from`.
pub fn split_key(key: &str) -> Option<(&str, &str, u64)> {
    let (rest, interval) = key.rsplit_once('_')?;
    let interval = interval.parse().ok()?;
    for task in ["migrate_to", "migrate_from", "clear_failcount"] {
        if let Some(resource) = rest.strip_suffix(task).and_then(|rest| rest.strip_suffix('_')) {
            return Some((resource, &rest[rest.len() - task.len()..], interval));
        }
    }
    let (resource, task) = rest.rsplit_once('_')?;
    Some((resource, task, interval))
}

/// Carries out the whole graph on a status section. `now` is the time of the results, seconds since the epoch.
pub fn execute(
    graph: &TransitionGraph,
    facts: &Facts<'_>,
    status: &mut Status,
    failures: &[Failure],
    now: i64,
) -> (Vec<Step>, End) {
    execute_named(graph, &Names::new(facts), status, failures, now)
}

/// As [`execute`], for callers that know no more of the cluster than its names by now.
pub fn execute_named(
    graph: &TransitionGraph,
    names: &Names,
    status: &mut Status,
    failures: &[Failure],
    now: i64,
) -> (Vec<Step>, End) {
    let places = Places::default();
    let mut simulation = Simulation {
        graph,
        names: &names.0,
        status,
        failures,
        now,
        steps: Vec::with_capacity(graph.synapses.len()),
        places,
        digest: None,
    };
    let end = run_to_end(graph, |id| match graph.actions.get(&id) {
        Some(action) => simulation.fire(action),
        None => Outcome::Done,
    });
    (simulation.steps, end)
}

/// The names of all resources: those that steps are told by.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// The names of a cluster's resources.
    pub fn new(facts: &Facts<'_>) -> Names {
        let mut names = BTreeSet::new();
        for top in &facts.top {
            collect_names(facts, *top, &mut names);
        }
        Names(names)
    }
}

fn collect_names(facts: &Facts<'_>, rsc: RscIx, names: &mut BTreeSet<String>) {
    let data = &facts.rscs[rsc];
    names.insert(data.id.clone());
    names.extend(data.history_id.clone());
    for child in &data.children {
        collect_names(facts, *child, names);
    }
}

struct Simulation<'a> {
    graph: &'a TransitionGraph,
    names: &'a BTreeSet<String>,
    status: &'a mut Status,
    failures: &'a [Failure],
    now: i64,
    steps: Vec<Step>,
    places: Places,
    /// The parameters that were hashed last, as text, and their digest; most actions have the same.
    digest: Option<(String, String)>,
}

impl Simulation<'_> {
    fn fire(&mut self, action: &Action) -> Outcome {
        let node = action.node.as_ref().map(|node| node.name.clone());
        match action.kind {
            ActionKind::Pseudo => {
                self.steps.push(Step::Pseudo { key: action.key.clone(), node });
                Outcome::Done
            }
            ActionKind::Cluster => {
                self.steps.push(Step::Cluster {
                    task: action.operation.clone(),
                    resource: action.resource.as_ref().map(|resource| resource.id.clone()),
                    node: node.unwrap_or_default(),
                });
                Outcome::Done
            }
            ActionKind::Fence => {
                let id = action.node.as_ref().map(|node| node.id.as_str());
                self.fence(&node.unwrap_or_default(), id, action.meta("stonith_action").unwrap_or(""));
                Outcome::Done
            }
            ActionKind::Resource => self.run_agent(action, &node.unwrap_or_default()),
        }
    }

    fn fence(&mut self, target: &str, id: Option<&str>, how: &str) {
        self.steps.push(Step::Fencing { target: target.to_owned(), action: how.to_owned() });
        if how.eq_ignore_ascii_case("on") {
            return;
        }
        self.places.forget();
        let state = node_state(self.status, target, id);
        set_node_state(state, false);
        clear_node(state);
    }

    fn run_agent(&mut self, action: &Action, node: &Text) -> Outcome {
        let Some(resource) = &action.resource else {
            return Outcome::Done;
        };
        let shown = match &resource.long_id {
            Some(long)
                if !self.names.contains(resource.id.as_str()) && self.names.contains(long.as_str()) =>
            {
                long
            }
            _ => &resource.id,
        };
        self.steps.push(Step::Resource {
            resource: shown.clone(),
            operation: action.operation.clone(),
            interval_ms: action.interval_ms,
            node: node.clone(),
        });
        if matches!(action.operation.as_str(), "delete" | "meta-data") {
            return Outcome::Done;
        }
        let id = action.node.as_ref().filter(|_| action.router.is_none()).map(|node| node.id.as_str());
        let mut rc = action.expected_rc;
        let mut outcome = Outcome::Done;
        let key = |name: &str| format!("{name}_{}_{}", action.operation, action.interval_ms);
        let asked_for = self.failures.iter().find_map(|failure| {
            if !failure.node.eq_ignore_ascii_case(node) {
                return None;
            }
            [shown, &resource.id]
                .into_iter()
                .find(|name| failure.key.eq_ignore_ascii_case(&key(name)))
                .map(|name| (failure.rc, name.clone()))
        });
        if let Some((failed_rc, name)) = asked_for {
            rc = failed_rc;
            outcome = Outcome::Failed;
            self.steps.push(Step::Failed { action: action.id.0, rc });
            let fatal = match action.operation.as_str() {
                "start" => self.graph.start_failure_is_fatal,
                "stop" => true,
                _ => false,
            };
            let what =
                FailedTask { resource: &name, task: &action.operation, interval_ms: action.interval_ms };
            let at = self.places.node(self.status, node, id);
            let state = &mut self.status.nodes[at];
            self.steps.extend(count_failure(state, what, rc, fatal, self.now));
        }
        let digest = self.digest_of(action);
        let result = Outcomes {
            resource: &resource.id,
            task: &action.operation,
            interval_ms: action.interval_ms,
            node,
            rc,
            expected_rc: action.expected_rc,
            exit_reason: "User-injected result",
            ran: Some(Ran { action, digest: &digest }),
            now: self.now,
        };
        let at = self.places.node(self.status, node, id);
        let state = &mut self.status.nodes[at];
        match self.places.find(at, state, [shown, &resource.id]) {
            Place::One(place) => record(&mut state.resources[place], &result),
            place => {
                let mut new = ResourceHistory {
                    id: resource.id.to_string(),
                    class: resource.class.to_string(),
                    provider: resource.provider.as_ref().map(String::from),
                    agent_type: resource.agent.to_string(),
                    ..ResourceHistory::default()
                };
                if place == Place::Nowhere {
                    record(&mut new, &result);
                    state.has_history = true;
                    state.resources.push(new);
                    self.places.added(at, state);
                } else {
                    with_history(state, [shown, &resource.id], new, |history| record(history, &result));
                }
            }
        }
        if self.places.has_repeats(at) {
            update::settle(state);
        }
        outcome
    }

    /// The digest of the parameters an action ran with.
    fn digest_of(&mut self, action: &Action) -> String {
        let recurring =
            action.meta("interval").is_some_and(|interval| interval.parse::<u32>().is_ok_and(|ms| ms > 0));
        let counts = |name: &str| !digest::is_internal(name) || (recurring && name == "CRM_meta_timeout");
        let digits = action.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut pairs: Vec<(&str, &str)> =
            action.attributes.iter().chain(digits).filter(|(name, _)| counts(name)).collect();
        pairs.sort_unstable();
        let text = digest::text_of(pairs);
        match &self.digest {
            Some((known, digest)) if *known == text => digest.clone(),
            _ => {
                let digest = digest::md5_hex(text.as_bytes());
                self.digest = Some((text, digest.clone()));
                digest
            }
        }
    }
}

/// The state of a node, made if it is missing. `id` is used for a new one; without it, the name.
pub fn node_state<'s>(status: &'s mut Status, name: &str, id: Option<&str>) -> &'s mut NodeState {
    let at = place_of_node(status, name, id);
    &mut status.nodes[at]
}

fn place_of_node(status: &mut Status, name: &str, id: Option<&str>) -> usize {
    let by_name = status.nodes.iter().position(|state| state.name == name);
    let found = by_name.or_else(|| {
        let id = id?;
        let at = status.nodes.iter().position(|state| state.id == id)?;
        name.clone_into(&mut status.nodes[at].name);
        status.nodes[at].without_name = false;
        Some(at)
    });
    found.unwrap_or_else(|| {
        status.nodes.push(NodeState {
            id: id.unwrap_or(name).to_owned(),
            name: name.to_owned(),
            ..NodeState::default()
        });
        status.nodes.len() - 1
    })
}

/// Makes a node a member or not.
pub fn set_node_state(state: &mut NodeState, up: bool) {
    let (member, peer, join) = if up { ("true", "online", "member") } else { ("false", "offline", "down") };
    state.in_ccm = Some(member.to_owned());
    state.crmd = Some(peer.to_owned());
    state.join = Some(join.to_owned());
    state.expected = Some(join.to_owned());
    state.origin = Some(ORIGIN.to_owned());
}

/// Forgets histories and transient attributes of a node that went down.
pub fn clear_node(state: &mut NodeState) {
    state.resources.clear();
    state.has_history = false;
    state.transient = Default::default();
}

/// Changes the first entries by later ones of the same id, as every update of the state does.
pub fn settle(state: &mut NodeState) {
    if update::has_repeats(state) {
        update::settle(state);
    }
}

/// Changes the history of a resource, looked for under two names and made if it is missing.
///
/// A history that is there more than once is not trusted: the change starts from an empty one, and then all of them
/// are merged into the first, as an update of the status section would.
pub fn with_history(
    state: &mut NodeState,
    names: [&str; 2],
    new: ResourceHistory,
    change: impl FnOnce(&mut ResourceHistory),
) {
    let places = |name: &str| -> Vec<usize> {
        let all = state.resources.iter().enumerate();
        all.filter(|(_, history)| history.id == name).map(|(at, _)| at).collect()
    };
    let found = names.map(places);
    if let Some([only]) = found.iter().map(Vec::as_slice).find(|places| places.len() == 1) {
        change(&mut state.resources[*only]);
        return settle(state);
    }
    state.has_history = true;
    let mut fresh = new;
    change(&mut fresh);
    settle(state);
    let Some(first) = found[1].first() else {
        state.resources.push(fresh);
        return;
    };
    let known = &mut state.resources[*first].operations;
    update::merge(known, &fresh.operations, |op| &op.id, update::change_operation);
}

/// What failed.
#[derive(Debug, Clone, Copy)]
pub struct FailedTask<'a> {
    /// Resource.
    pub resource: &'a str,
    /// Task.
    pub task: &'a str,
    /// Milliseconds between repetitions.
    pub interval_ms: u64,
}

/// Counts a failure on a node, with the attributes that were set.
pub fn count_failure(
    state: &mut NodeState,
    what: FailedTask<'_>,
    rc: i32,
    fatal: bool,
    now: i64,
) -> Vec<Step> {
    if rc == 0 || (rc == NOT_RUNNING && what.interval_ms == 0) {
        return Vec::new();
    }
    let tail = format!("{}#{}_{}", what.resource, what.task, what.interval_ms);
    let name = format!("fail-count-{tail}");
    let count: u64 = state.transient.get(&name).and_then(|value| value.parse().ok()).unwrap_or(0);
    let value = if fatal { "INFINITY".to_owned() } else { (count + 1).to_string() };
    vec![
        set_transient(state, &name, &value),
        set_transient(state, &format!("last-failure-{tail}"), &now.to_string()),
    ]
}

fn set_transient(state: &mut NodeState, name: &str, value: &str) -> Step {
    let id = state.id.clone();
    if state.transient.sets.is_empty() {
        state.transient.sets.push(AttributeSet { id: id.clone(), ..AttributeSet::default() });
    }
    let set = &mut state.transient.sets[0];
    // One that was set elsewhere, under another id, stays and is the one that counts.
    let own = sanitize_id(&format!("{}-{name}", set.id));
    match set.pairs.iter_mut().find(|pair| pair.id == own) {
        Some(pair) => value.clone_into(&mut pair.value),
        None => {
            set.pairs.push(NameValue { id: own, name: name.to_owned(), value: value.to_owned() });
        }
    }
    Step::Attribute { name: name.to_owned(), value: value.to_owned(), node: id }
}

/// A result to record.
#[derive(Debug, Clone)]
pub struct Outcomes<'a> {
    /// Name in the history.
    pub resource: &'a str,
    /// Task.
    pub task: &'a str,
    /// Milliseconds between repetitions.
    pub interval_ms: u64,
    /// Where.
    pub node: &'a str,
    /// Exit code.
    pub rc: i32,
    /// Exit code that counts as success.
    pub expected_rc: i32,
    /// Words of the agent.
    pub exit_reason: &'a str,
    /// The action that was carried out, if it was one.
    pub ran: Option<Ran<'a>>,
    /// When, seconds since the epoch.
    pub now: i64,
}

/// An action of a graph that was carried out.
#[derive(Debug, Clone, Copy)]
pub struct Ran<'a> {
    /// The action.
    pub action: &'a Action,
    /// Digest of its parameters.
    pub digest: &'a str,
}

/// Records a result in the history of a resource.
pub fn record(history: &mut ResourceHistory, outcome: &Outcomes<'_>) {
    let call_id = history.operations.iter().map(|op| op.call_id).max().unwrap_or(0).max(0) + 1;
    let task = match outcome.task {
        "reload" | "reload-agent" => "start",
        task => task,
    };
    let (resource, interval) = (outcome.resource, outcome.interval_ms);
    let key = [resource, "_", task, "_", &interval.to_string()].concat();
    let meta = |name: &str| outcome.ran.and_then(|ran| ran.action.meta(name)).map(str::to_owned);
    let failed = outcome.rc != outcome.expected_rc;
    let mut rc = outcome.rc;
    let mut ids = Vec::new();
    let mut exit_reason = String::new();
    if task == "notify" {
        let kind = meta("notify_type").unwrap_or_default();
        let about = meta("notify_operation").unwrap_or_default();
        ids.push(format!("{resource}_{kind}_notify_{about}_0"));
        rc = 0;
    } else if matches!(outcome.task, "migrate_to" | "migrate_from") {
        ids.push(key.clone());
    } else if failed {
        ids.push(format!("{resource}_last_failure_0"));
        if interval == 0 {
            ids.push(format!("{resource}_last_0"));
        }
        outcome.exit_reason.clone_into(&mut exit_reason);
    } else if interval > 0 {
        ids.push(key.clone());
    } else {
        ids.push([resource, "_last_0"].concat());
    }
    let transition_key =
        [&call_id.to_string(), ":-1:", &outcome.expected_rc.to_string(), ":", CONTROLLER].concat();
    let migration = matches!(outcome.task, "migrate_to" | "migrate_from");
    for id in ids {
        let at = history.operations.iter().position(|op| op.id == id).unwrap_or_else(|| {
            // A record is large, and most histories have one or two.
            history.operations.reserve_exact(1);
            history.operations.push(OperationRecord { id, ..OperationRecord::default() });
            history.operations.len() - 1
        });
        let op = &mut history.operations[at];
        op.operation_key = Some(key.clone());
        task.clone_into(&mut op.operation);
        op.origin = Some(ORIGIN.to_owned());
        op.feature_set = Some(FEATURE_SET.to_owned());
        op.transition_key = Some(transition_key.clone());
        op.transition_magic = Some(["0:", &rc.to_string(), ";", &transition_key].concat());
        op.exit_reason = Some(exit_reason.clone());
        op.on_node = Some(outcome.node.to_owned());
        op.call_id = call_id;
        op.rc_code = rc;
        op.op_status = 0;
        op.interval_ms = u32::try_from(interval).unwrap_or(u32::MAX);
        op.last_rc_change = Some(outcome.now);
        op.exec_time_ms = Some(0);
        op.queue_time_ms = Some(0);
        if migration {
            op.migrate_source = meta("migrate_source");
            op.migrate_target = meta("migrate_target");
        }
        if let Some(ran) = outcome.ran {
            op.op_digest = Some(ran.digest.to_owned());
        }
    }
}
