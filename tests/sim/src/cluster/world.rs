//! Hosts, their daemons, disks and agents on one virtual clock.
//!
//! Every step takes the earliest event, lets one host handle it, carries out what its node wants, and shows the
//! result to the checkers. Nothing depends on anything but the seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use holdfast_api::{Credentials, Reply, Request};
use holdfast_core::io::{Exit, Operation, Outcome, OutcomeStatus};
use holdfast_core::random::Random;
use holdfast_core::time::{Instant, Now, Span, Wall};
use holdfast_core::{
    CallId, ClientId, ConfiguredNode, Identity, Input, Node, Output, Planned, Settings, Severity, Ticket,
};

use super::agents::{Agents, Verdict};
use super::checks::Checks;
use super::disk::Disk;
use super::faults::Fault;
use super::medium::{self, Host, Item, Medium};
use super::plain;
use super::rings::{Ether, Rings};
use super::sabotage::Bug;

/// Wall clock at the beginning, in seconds.
const EPOCH: i64 = 1_790_000_000;

/// What a world is like.
#[derive(Clone, Debug)]
pub struct Config {
    /// Number of hosts.
    pub hosts: usize,
    /// Token time-out.
    pub token: Span,
    /// `two_node`.
    pub two_node: bool,
    /// Fencing is configured (and devices exist).
    pub fencing: bool,
    /// Which planner.
    pub planner: Planner,
    /// The real ring, or a perfect one.
    pub real_ring: bool,
    /// Print what nodes log.
    pub verbose: bool,
    /// A planted bug.
    pub bug: Option<Bug>,
}

/// Who makes plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planner {
    /// The few lines of `plain`.
    Plain,
    /// The real one.
    Scheduler,
}

/// Something that happens.
#[derive(Debug)]
pub enum Happening {
    /// The ring hands something over.
    Handover { host: Host, incarnation: u64, item: Item },
    /// A node's deadline.
    Timer { host: Host },
    /// An agent ends.
    AgentEnds { host: Host, boot: u64, call: CallId },
    /// A record is on disk.
    Synced { host: Host, incarnation: u64, ticket: Ticket },
    /// A plan is made.
    Planned { host: Host, incarnation: u64, planned: Box<Planned> },
    /// A host gets power.
    PowerOn { host: Host },
    /// The guard starts the daemon again.
    Restart { host: Host, boot: u64 },
    /// A fault begins or ends.
    Fault(Fault),
    /// A client asks a node.
    Ask { host: Host, id: u64, request: Box<Request> },
}

#[derive(Debug)]
struct Machine {
    powered: bool,
    boot: u64,
    incarnation: u64,
    node: Option<Node>,
    disk: Disk,
    running: BTreeMap<CallId, (Operation, Verdict)>,
    timer: Option<Instant>,
    paused: bool,
    /// What would have happened to a paused host.
    backlog: Vec<Happening>,
    /// It was told to stop for good (orderly end): not restarted by the guard.
    ended: bool,
    /// Plans and agents of another boot do not matter; the clock may be off by so much.
    clock_offset: i64,
}

/// The world.
#[derive(Debug)]
pub struct World {
    /// What it is like.
    pub config: Config,
    /// Virtual time.
    pub now: Instant,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    next: u64,
    machines: Vec<Machine>,
    /// The ring.
    pub medium: Ether,
    /// The physical truth.
    pub agents: Agents,
    /// What must hold.
    pub checks: Checks,
    /// The one source of chance.
    pub random: Random,
    /// Events so far.
    pub events: u64,
    hash: u64,
}

impl World {
    /// All hosts without power.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let machines = (0..config.hosts)
            .map(|_| Machine {
                powered: false,
                boot: 0,
                incarnation: 0,
                node: None,
                disk: Disk::default(),
                running: BTreeMap::new(),
                timer: None,
                paused: false,
                backlog: Vec::new(),
                ended: false,
                clock_offset: 0,
            })
            .collect();
        let seed = random.bits();
        let medium = if config.real_ring {
            Ether::Real(Box::new(Rings::new(config.hosts, config.token, config.two_node, seed)))
        } else {
            Ether::Perfect(Medium::new(config.hosts, config.token, config.two_node, seed))
        };
        let mut checks = Checks::new(config.fencing);
        checks.bug = config.bug;
        let mut agents = Agents::default();
        agents.stop_lies = config.bug == Some(Bug::StopLies);
        Self {
            checks,
            now: Instant(1_000_000),
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            next: 0,
            machines,
            medium,
            agents,
            random,
            events: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            config,
        }
    }

    /// Plans something.
    pub fn at(&mut self, at: Instant, happening: Happening) {
        let number = self.next;
        self.next += 1;
        self.queue.push(Reverse((at.max(self.now), number)));
        self.happenings.insert(number, happening);
    }

    /// Plans something a while from now.
    pub fn after(&mut self, wait: Span, happening: Happening) {
        self.at(self.now + wait, happening);
    }

    /// A digest over everything that happened.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    fn mix(&mut self, value: u64) {
        self.hash = (self.hash ^ value).wrapping_mul(0x0100_0000_01b3).rotate_left(17);
    }

    /// The node of a host, if it runs.
    #[must_use]
    pub fn node(&self, host: Host) -> Option<&Node> {
        self.machines[host].node.as_ref()
    }

    /// Whether a host has power, its daemon runs and is not paused.
    #[must_use]
    pub fn is_well(&self, host: Host) -> bool {
        let machine = &self.machines[host];
        machine.powered && machine.node.is_some() && !machine.paused
    }

    /// Whether a host has power.
    #[must_use]
    pub fn is_powered(&self, host: Host) -> bool {
        self.machines[host].powered
    }

    /// Runs until a time. Stops early at a violation.
    pub fn run_until(&mut self, end: Instant) {
        loop {
            let next = self.queue.peek().map(|Reverse((at, _))| *at);
            let next = [next, self.medium.next()].into_iter().flatten().min();
            if next.is_none_or(|at| at > end) || self.checks.is_violated() {
                break;
            }
            self.step();
        }
        self.now = self.now.max(end);
    }

    /// The earliest event.
    pub fn step(&mut self) {
        let first = self.queue.peek().map(|Reverse((at, _))| *at);
        if let Some(at) = self.medium.next()
            && first.is_none_or(|first| at < first)
        {
            self.now = self.now.max(at);
            self.events += 1;
            self.medium.advance(self.now);
            self.schedule_medium();
            return;
        }
        let Some(Reverse((at, number))) = self.queue.pop() else { return };
        let Some(happening) = self.happenings.remove(&number) else { return };
        self.now = self.now.max(at);
        self.events += 1;
        self.mix(self.now.0);
        self.happen(happening);
        self.schedule_medium();
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Handover { host, incarnation, item } => {
                if self.delay_if_paused(host, Happening::Handover { host, incarnation, item: item.clone() }) {
                    return;
                }
                if self.machines[host].incarnation == incarnation {
                    let input = match item {
                        Item::View(view) => Input::View(view),
                        Item::Message { sender, payload } => {
                            self.mix(payload.len() as u64);
                            Input::Message { sender, payload }
                        }
                    };
                    self.input(host, input);
                }
            }
            Happening::Timer { host } => {
                if self.machines[host].timer == Some(self.now) {
                    self.machines[host].timer = None;
                    if !self.delay_if_paused(host, Happening::Timer { host }) {
                        self.input(host, Input::Timer);
                    }
                } else if self.machines[host].timer.is_none() && !self.machines[host].paused {
                    self.input(host, Input::Timer);
                }
            }
            Happening::AgentEnds { host, boot, call } => {
                if !self.delay_if_paused(host, Happening::AgentEnds { host, boot, call }) {
                    self.agent_ends(host, boot, call);
                }
            }
            Happening::Synced { host, incarnation, ticket } => {
                if self.machines[host].incarnation == incarnation && self.machines[host].node.is_some() {
                    if self.delay_if_paused(host, Happening::Synced { host, incarnation, ticket }) {
                        return;
                    }
                    self.machines[host].disk.sync(ticket);
                    self.input(host, Input::Persisted(ticket));
                }
            }
            Happening::Planned { host, incarnation, planned } => {
                if self.machines[host].incarnation == incarnation {
                    if self.machines[host].paused {
                        self.machines[host].backlog.push(Happening::Planned { host, incarnation, planned });
                        return;
                    }
                    self.input(host, Input::Planned(planned));
                }
            }
            Happening::PowerOn { host } => self.power_on(host),
            Happening::Restart { host, boot } => {
                let machine = &self.machines[host];
                if machine.powered && machine.boot == boot && machine.node.is_none() && !machine.ended {
                    self.start_daemon(host);
                }
            }
            Happening::Fault(fault) => self.fault(fault),
            Happening::Ask { host, id, request } => {
                let credentials =
                    Credentials { user: "root".into(), client: "sim".into(), ..Credentials::default() };
                if self.is_well(host) {
                    let client = ClientId(1);
                    self.input(host, Input::Request { client, id, request: *request, credentials });
                }
            }
        }
    }

    fn delay_if_paused(&mut self, host: Host, happening: Happening) -> bool {
        if self.machines[host].paused {
            self.machines[host].backlog.push(happening);
        }
        self.machines[host].paused
    }

    fn clock(&self, host: Host) -> Now {
        let wall =
            EPOCH * 1_000_000 + i64::try_from(self.now.0).unwrap_or(0) + self.machines[host].clock_offset;
        Now::new(self.now, Wall(wall))
    }

    fn input(&mut self, host: Host, input: Input) {
        let now = self.clock(host);
        let Some(node) = &mut self.machines[host].node else { return };
        node.handle(now, input);
        self.drain(host);
    }

    /// Carries out what a node wants.
    fn drain(&mut self, host: Host) {
        while let Some(output) = self.machines[host].node.as_mut().and_then(Node::poll) {
            self.output(host, output);
        }
        if let Some(node) = &self.machines[host].node {
            self.checks.look(host, node);
            if let Some((at, _)) = node.deadline() {
                let at = at.max(self.now + Span::micros(1));
                if self.machines[host].timer.is_none_or(|old| at < old) {
                    self.machines[host].timer = Some(at);
                    self.at(at, Happening::Timer { host });
                }
            }
        }
    }

    fn output(&mut self, host: Host, output: Output) {
        let incarnation = self.machines[host].incarnation;
        match output {
            Output::Multicast(payload) => {
                self.mix(payload.len() as u64 + 7 * host as u64);
                self.medium.send(host, payload, self.now);
            }
            Output::Persist { ticket, record } => {
                if self.machines[host].disk.write(ticket, record) {
                    let wait = Span::micros(200 + self.random.below(3_000));
                    self.after(wait, Happening::Synced { host, incarnation, ticket });
                }
            }
            Output::Spawn(operation) => self.spawn(host, *operation),
            Output::Kill { call } => {
                let boot = self.machines[host].boot;
                self.after(Span::millis(1), Happening::AgentEnds { host, boot, call });
            }
            Output::Reply { id, reply, .. } => self.answered(host, id, &reply),
            Output::Plan(snapshot) => {
                self.checks.planned(host, &snapshot);
                if let Some(folder) = std::env::var_os("SIM_DUMP") {
                    let file = std::path::Path::new(&folder).join(format!("{}.xml", self.now.0));
                    // A help for reading one seed; a run does not depend on it.
                    drop(std::fs::write(file, snapshot.document().to_string_pretty()));
                }
                let planned = match self.config.planner {
                    Planner::Plain => {
                        let plan = plain::plan(&snapshot, self.config.fencing);
                        Planned { number: snapshot.number, result: Ok(plan) }
                    }
                    Planner::Scheduler => holdfast_core::plan::make(&snapshot),
                };
                if let Err(why) = &planned.result {
                    self.checks.violated(format!("no plan: {why}"));
                }
                let planned = Box::new(planned);
                let wait = Span::micros(500 + self.random.below(5_000));
                self.after(wait, Happening::Planned { host, incarnation, planned });
            }
            Output::Exit(exit) => self.exited(host, exit),
            Output::Log(severity, text) => {
                if self.config.verbose
                    || severity == Severity::Error && std::env::var_os("SIM_ERRORS").is_some()
                {
                    eprintln!("{:>12} {} {severity:?}: {text}", self.now.0, medium::name(host));
                }
            }
            Output::Event { .. } | Output::Progress | Output::Alert(_) => {}
        }
    }

    fn answered(&mut self, host: Host, id: u64, reply: &Reply) {
        self.checks.answered(id, reply);
        if self.config.verbose {
            eprintln!("{:>12} {} answers {id}: {reply:?}", self.now.0, medium::name(host));
        }
    }

    fn spawn(&mut self, host: Host, operation: Operation) {
        let doing = self.agents.begin(&operation, &mut self.random);
        let (boot, call) = (self.machines[host].boot, operation.call);
        self.checks.begins(host, &operation, &self.agents, self.now);
        self.machines[host].running.insert(call, (operation, doing.verdict));
        self.after(doing.takes, Happening::AgentEnds { host, boot, call });
    }

    fn agent_ends(&mut self, host: Host, boot: u64, call: CallId) {
        if self.machines[host].boot != boot {
            return;
        }
        let Some((operation, verdict)) = self.machines[host].running.remove(&call) else { return };
        let outcome = if operation.class == "stonith" {
            self.fence_agent_ends(host, &operation, verdict)
        } else {
            self.agents.end(host, &operation, verdict)
        };
        self.mix(u64::from(outcome.rc.unsigned_abs()) + 31 * call.0);
        self.checks.truth(&self.agents, self.now);
        self.input(host, Input::OperationDone { call, outcome });
    }

    fn fence_agent_ends(&mut self, host: Host, operation: &Operation, verdict: Verdict) -> Outcome {
        match (verdict, operation.operation.as_str()) {
            (Verdict::Hangs, _) => {
                let mut outcome = Outcome::exited(1);
                outcome.status = OutcomeStatus::Timeout;
                outcome
            }
            (Verdict::Fails, _) => Outcome::exited(1),
            (Verdict::Works, "off" | "reboot") => {
                let target = operation.target.as_deref().and_then(|t| t.strip_prefix("node"));
                let target = target.and_then(|t| t.parse::<usize>().ok()).map_or(host, |t| t - 1);
                self.agents.fenced += 1;
                if self.config.bug == Some(Bug::FenceLies) {
                    return Outcome::exited(0);
                }
                self.checks.power_cut(target, self.now);
                self.power_cut(target);
                if operation.operation == "reboot" {
                    self.after(Span::secs(3), Happening::PowerOn { host: target });
                }
                Outcome::exited(0)
            }
            (Verdict::Works, "list") => {
                let mut outcome = Outcome::exited(0);
                outcome.stdout = (0..self.config.hosts).map(|h| format!("{}\n", medium::name(h))).collect();
                outcome
            }
            (Verdict::Works, _) => Outcome::exited(0),
        }
    }

    fn exited(&mut self, host: Host, exit: Exit) {
        if self.config.verbose {
            eprintln!("{:>12} {} ends: {exit:?}", self.now.0, medium::name(host));
        }
        match exit {
            Exit::Clean { .. } => {
                self.machines[host].ended = true;
                self.end_process(host, true);
                self.after(Span::secs(4), Happening::Fault(Fault::Start(host)));
            }
            Exit::Restart { .. } => {
                self.end_process(host, false);
                let boot = self.machines[host].boot;
                self.after(Span::millis(100), Happening::Restart { host, boot });
            }
            Exit::Fenced { .. } => {
                // A node that hears of its own fencing stops everything by going down.
                self.power_cut(host);
                self.after(Span::secs(3), Happening::PowerOn { host });
            }
        }
    }

    /// The host loses its power.
    pub fn power_cut(&mut self, host: Host) {
        let machine = &mut self.machines[host];
        machine.powered = false;
        machine.node = None;
        machine.running.clear();
        machine.backlog.clear();
        machine.paused = false;
        machine.timer = None;
        machine.disk.power_cut();
        self.agents.power_cut(host);
        self.checks.gone(host);
        self.medium.leave(host, false, self.now);
    }

    /// The host gets power and starts its daemon.
    pub fn power_on(&mut self, host: Host) {
        if self.machines[host].powered {
            return;
        }
        let machine = &mut self.machines[host];
        machine.powered = true;
        machine.boot += 1;
        machine.ended = false;
        self.start_daemon(host);
    }

    /// The daemon's process ends; agents go on.
    pub fn end_process(&mut self, host: Host, cleanly: bool) {
        let machine = &mut self.machines[host];
        machine.node = None;
        machine.timer = None;
        machine.disk.process_ended();
        self.checks.gone(host);
        self.medium.leave(host, cleanly, self.now);
    }

    fn start_daemon(&mut self, host: Host) {
        let seed = self.random.bits();
        let now = self.clock(host);
        let nodes = (0..self.config.hosts)
            .map(|h| ConfiguredNode { id: medium::node_id(h), name: medium::name(h) })
            .collect();
        let mut settings = Settings::new("sim", nodes);
        settings.two_node = self.config.two_node;
        let machine = &mut self.machines[host];
        machine.incarnation += 1;
        let mut boot_id = [0; 16];
        boot_id[0] = u8::try_from(host).unwrap_or(0);
        boot_id[1..9].copy_from_slice(&machine.boot.to_le_bytes());
        let identity = Identity { id: medium::node_id(host), name: medium::name(host), boot_id };
        let recovered = machine.disk.recovered();
        let lost: Vec<CallId> =
            machine.disk.in_flight().into_iter().filter(|call| !machine.running.contains_key(call)).collect();
        let incarnation = machine.incarnation;
        match Node::new(settings, identity, recovered, seed, now) {
            Ok(node) => machine.node = Some(node),
            Err(why) => {
                self.checks.violated(format!("{} cannot start: {why}", medium::name(host)));
                return;
            }
        }
        for call in lost {
            let mut outcome = Outcome::exited(1);
            outcome.status = OutcomeStatus::Error;
            self.input(host, Input::OperationDone { call, outcome });
        }
        self.medium.join(host, incarnation, boot_id, self.now);
        self.drain(host);
    }

    fn fault(&mut self, fault: Fault) {
        if self.config.verbose {
            eprintln!("{:>12} fault: {fault:?}", self.now.0);
        }
        match fault {
            Fault::PowerCut(host, back) => {
                if self.machines[host].powered {
                    self.checks.power_cut(host, self.now);
                    self.power_cut(host);
                    self.after(back, Happening::PowerOn { host });
                }
            }
            Fault::Kill(host, back) => {
                if self.is_well(host) {
                    self.end_process(host, false);
                    let boot = self.machines[host].boot;
                    self.after(back, Happening::Restart { host, boot });
                }
            }
            Fault::Pause(host, long) => {
                if self.is_well(host) {
                    self.machines[host].paused = true;
                    self.medium.silence(host, true, self.now);
                    self.after(long, Happening::Fault(Fault::Resume(host)));
                }
            }
            Fault::Resume(host) => self.resume(host),
            Fault::Split(components) => self.medium.split(&components, self.now),
            Fault::Heal => {
                let whole = vec![0; self.config.hosts];
                self.medium.split(&whole, self.now);
            }
            Fault::Stop(host, back) => {
                if self.is_well(host) {
                    self.input(host, Input::Shutdown);
                    self.after(back, Happening::Fault(Fault::Start(host)));
                    self.checks.stopped();
                }
            }
            Fault::Start(host) => {
                let machine = &mut self.machines[host];
                if machine.powered && machine.node.is_none() {
                    machine.ended = false;
                    self.start_daemon(host);
                }
            }
            Fault::ClockStep(host, micros) => self.machines[host].clock_offset += micros,
            Fault::Mischief(mischief) => self.agents.mischief = mischief,
            Fault::Weather(weather, scope, long) => self.medium.weather(weather, scope, long, self.now),
        }
    }

    fn resume(&mut self, host: Host) {
        if !self.machines[host].paused {
            return;
        }
        self.machines[host].paused = false;
        self.medium.silence(host, false, self.now);
        for happening in std::mem::take(&mut self.machines[host].backlog) {
            self.after(Span::micros(1), happening);
        }
        if self.machines[host].timer.is_none() {
            self.after(Span::micros(2), Happening::Timer { host });
        }
    }

    fn schedule_medium(&mut self) {
        for handover in self.medium.take() {
            let medium::Handover { at, host, incarnation, item } = handover;
            self.at(at, Happening::Handover { host, incarnation, item });
        }
    }
}
