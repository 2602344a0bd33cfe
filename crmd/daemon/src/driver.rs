//! The loop around the core: whatever happens goes in, whatever comes out is done. Decides nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdfast_api::{Credentials, Failure, FailureKind, Reply, Request};
use holdfast_core::{ClientId, Exit, Input, Node, Output, Planned, Record, Severity};
use holdfast_node::admin::Admin;
use holdfast_node::thread::Order;
use holdfast_node::{Event, RingEvents, RingHandle, lines};
use holdfast_totem::io::LeaveReason;
use holdfast_totem::log::Severity as RingSeverity;
use tokio::sync::{Mutex, mpsc};
use tracing::{debug, error, info, warn};

use crate::alert;
use crate::clock;
use crate::disk::in_flight::InFlight;
use crate::disk::{Disk, Written};
use crate::executor::{self, Executor, Happened};
use crate::guard::Lifeline;
use crate::log::Log;
use crate::planner::Planner;
use crate::ring_requests::{self, Errand};
use crate::server::{FromClient, Outbox};

/// Longest wait for the ring's goodbye at the end.
const GOODBYE: Duration = Duration::from_secs(5);
/// Outputs handled before others get their turn.
const BURST: usize = 10_000;

/// Why the loop ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// In order; do not start again.
    Clean,
    /// Something that a restart may cure.
    Restart(String),
    /// Something that a restart does not cure.
    Fatal(String),
    /// This node must not go on; what it runs is to be stopped.
    Fenced(String),
}

/// Everything that the loop works with.
pub struct Parts {
    pub node: Node,
    pub ring: RingHandle,
    pub ring_events: RingEvents,
    pub admin: Admin,
    pub executor: Executor,
    pub happened: mpsc::UnboundedReceiver<Happened>,
    pub disk: Disk,
    pub written: mpsc::UnboundedReceiver<Written>,
    pub in_flight: InFlight,
    pub planner: Planner,
    pub planned: mpsc::UnboundedReceiver<Box<Planned>>,
    pub clients: mpsc::Receiver<FromClient>,
    pub signals: mpsc::Receiver<Told>,
    pub lifeline: Lifeline,
    pub log: Log,
    /// The file that says why the node waits.
    pub waiting: PathBuf,
}

/// What the operating system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// SIGTERM, SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

struct Client {
    credentials: Credentials,
    outbox: Outbox,
}

/// The loop.
pub struct Driver {
    node: Node,
    ring: RingHandle,
    admin: Arc<Mutex<Admin>>,
    executor: Executor,
    disk: Disk,
    in_flight: InFlight,
    planner: Planner,
    lifeline: Lifeline,
    log: Log,
    waiting: PathBuf,
    clients: HashMap<ClientId, Client>,
    /// Messages that found the ring's queue full, in order; a task hands them over when there is room.
    overflow: mpsc::UnboundedSender<Vec<u8>>,
    overflowing: Arc<std::sync::atomic::AtomicUsize>,
    /// What answers to ring requests leave to be done here.
    errands: mpsc::UnboundedSender<Errand>,
    end: Option<End>,
    /// Why the ring let us go, if not by our own wish.
    expelled: Option<LeaveReason>,
}

impl Driver {
    /// Runs until the node ends.
    pub async fn run(parts: Parts) -> End {
        let (overflow, waiting) = mpsc::unbounded_channel();
        let (errands, mut errands_due) = mpsc::unbounded_channel();
        let overflowing = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        tokio::spawn(hand_over(parts.ring.clone(), waiting, Arc::clone(&overflowing)));
        let Parts {
            mut ring_events, mut happened, mut written, mut planned, mut clients, mut signals, ..
        } = parts;
        let mut driver = Self {
            node: parts.node,
            ring: parts.ring,
            admin: Arc::new(Mutex::new(parts.admin)),
            executor: parts.executor,
            disk: parts.disk,
            in_flight: parts.in_flight,
            planner: parts.planner,
            lifeline: parts.lifeline,
            log: parts.log,
            waiting: parts.waiting,
            clients: HashMap::new(),
            overflow,
            overflowing,
            errands,
            end: None,
            expelled: None,
        };
        driver.drain();
        while driver.end.is_none() {
            let wait = driver.until_deadline();
            tokio::select! {
                // The ring first: what it delivers is what everything else waits for.
                biased;
                event = ring_events.recv() => match event {
                    Some(event) => driver.ring_event(event),
                    None => driver.end = Some(End::Restart("the ring's thread is gone".to_owned())),
                },
                Some(told) = signals.recv() => driver.told(told),
                Some(happened) = happened.recv() => driver.happened(happened),
                Some(written) = written.recv() => driver.written(written),
                Some(planned) = planned.recv() => driver.input(Input::Planned(planned)),
                Some(from) = clients.recv() => driver.client(from),
                Some(errand) = errands_due.recv() => driver.errand(errand),
                () = sleep(wait) => driver.input(Input::Timer),
            }
            driver.drain();
        }
        let end = driver.end.take().unwrap_or(End::Clean);
        driver.goodbye(&end, &mut ring_events).await;
        end
    }

    /// How long nothing happens unless something happens.
    fn until_deadline(&self) -> Option<Duration> {
        let (at, _) = self.node.deadline()?;
        Some(Duration::from_micros(at.0.saturating_sub(clock::now().mono.0)))
    }

    fn input(&mut self, input: Input) {
        self.node.handle(clock::now(), input);
    }

    fn ring_event(&mut self, event: Event) {
        match event {
            Event::Message(message) => {
                self.input(Input::Message { sender: message.sender, payload: message.payload.into_vec() });
            }
            Event::View(view) => {
                self.waits_no_more();
                for line in lines::view(&view) {
                    info!(subsystem = line.subsystem, "{}", line.text);
                }
                self.input(Input::View(view));
            }
            Event::Quorum(status) => self.input(Input::Quorum { quorate: status.quorate }),
            Event::Refused { payload, why } => {
                // Its place in the order is lost, not the message.
                debug!("a message was not taken ({why}); it is sent again");
                self.queue(payload);
            }
            Event::FlowControl(level) => debug!("send queue of the ring: {level:?}"),
            Event::Duplicate(duplicate) => {
                let host = |host: &holdfast_totem::io::Host| match host.address {
                    Some(address) => format!("{} ({})", host.name, address.ip()),
                    None => host.name.clone(),
                };
                let boot =
                    |host: &holdfast_totem::io::Host| format!("{:032x}", u128::from_be_bytes(host.boot_id));
                error!(
                    "node id {} is used by two hosts: {} was there first, {} is refused. Their boot ids are {} and {} \
                     ('cat /proc/sys/kernel/random/boot_id' tells which machine is which). Give the second one a \
                     name, nodeid and address of its own in corosync.conf on all nodes; a cloned machine also needs \
                     a new /etc/machine-id",
                    duplicate.node,
                    host(&duplicate.incumbent),
                    host(&duplicate.newcomer),
                    boot(&duplicate.incumbent),
                    boot(&duplicate.newcomer)
                );
            }
            Event::Ordered { order: Order::Reload, .. } => self.reload(),
            Event::Ordered { sender, order: Order::Kill(node) } => {
                if node == self.ring.node() {
                    let why = format!("told to leave at once by somebody on node {sender}");
                    self.end = Some(End::Fatal(why));
                }
            }
            Event::Left(reason) => {
                let why = left(&reason);
                if reason != LeaveReason::Asked {
                    error!("{why}");
                    self.expelled = Some(reason);
                }
                self.input(Input::RingLeft { why });
            }
            Event::Log(event) => match event.severity() {
                _ if event == holdfast_totem::log::Event::AddressFound => {
                    self.waits_no_more();
                    info!(subsystem = "TOTEM", "{event}");
                }
                RingSeverity::Error => error!(subsystem = "TOTEM", "{event}"),
                RingSeverity::Warn => warn!(subsystem = "TOTEM", "{event}"),
                // The view that follows says the same.
                RingSeverity::Info if matches!(event, holdfast_totem::log::Event::Formed { .. }) => {}
                RingSeverity::Info => info!(subsystem = "TOTEM", "{event}"),
                RingSeverity::Debug => debug!(subsystem = "TOTEM", "{event}"),
            },
            Event::Warning(text) => warn!(subsystem = "TOTEM", "{text}"),
            Event::Notice(text) => info!(subsystem = "VOTEQ", "{text}"),
            Event::Fatal(text) => {
                error!(subsystem = "TOTEM", "{text}");
                self.end = Some(End::Restart(text));
            }
        }
    }

    fn told(&mut self, told: Told) {
        match told {
            Told::Stop => {
                info!("told to stop: moving resources away first");
                self.input(Input::Shutdown);
            }
            Told::Reload => self.reload(),
        }
    }

    /// Reads the configuration again; in a task of its own, for looking names up takes its time.
    fn reload(&self) {
        self.log.reopen();
        let admin = Arc::clone(&self.admin);
        tokio::spawn(async move {
            let mut admin = admin.lock_owned().await;
            let result = tokio::task::spawn_blocking(move || admin.reload()).await;
            match result {
                Ok(Ok(findings)) => {
                    crate::log::findings(&findings);
                    info!(subsystem = "CFG", "Config reload requested: the configuration was read again");
                }
                Ok(Err(error)) => error!("the configuration in force stays: {error}"),
                Err(error) => error!("reading the configuration failed: {error}"),
            }
        });
    }

    fn happened(&mut self, happened: Happened) {
        match happened {
            Happened::Started { call, pid } => self.in_flight.started(call, pid),
            Happened::Done { call, outcome } => {
                self.executor.over(call);
                self.input(Input::OperationDone { call, outcome });
            }
        }
    }

    fn written(&mut self, written: Written) {
        match written {
            Written::Done(ticket) => self.input(Input::Persisted(ticket)),
            Written::Failed(ticket, why) => self.input(Input::PersistFailed { ticket, why }),
        }
    }

    fn client(&mut self, from: FromClient) {
        match from {
            FromClient::Connected { client, credentials, outbox } => {
                debug!(
                    "{} (user {}, process {}) connects",
                    credentials.client, credentials.user, credentials.pid
                );
                self.clients.insert(client, Client { credentials, outbox });
            }
            FromClient::Gone(client) => {
                self.clients.remove(&client);
                self.input(Input::ClientGone(client));
            }
            FromClient::Request { client, id, request } => self.request(client, id, request),
        }
    }

    /// Questions to agents and to the ring are answered beside the core, everything else by it.
    fn request(&mut self, client: ClientId, id: u64, request: Request) {
        let Some(Client { credentials, outbox }) = self.clients.get(&client) else { return };
        match request {
            Request::Agent(request) => {
                let runs = matches!(request, holdfast_api::AgentRequest::Validate { .. });
                if runs && !may_change(credentials) {
                    let message = format!("user {} may not run agents", credentials.user);
                    outbox.reply(id, Reply::Failed(Failure::new(FailureKind::Permission, message)));
                    return;
                }
                let (outbox, shared) = (outbox.clone(), self.executor.shared());
                tokio::spawn(async move { outbox.reply(id, executor::answer(shared, request).await) });
            }
            Request::Ring(request) => {
                if !ring_requests::is_harmless(&request) && !may_change(credentials) {
                    let message = format!("user {} may only look at the ring", credentials.user);
                    let failure = Failure::new(FailureKind::Permission, message).hint("be root");
                    outbox.reply(id, Reply::Failed(failure));
                    return;
                }
                let (outbox, admin, errands) =
                    (outbox.clone(), Arc::clone(&self.admin), self.errands.clone());
                tokio::spawn(async move {
                    let (reply, errand) = ring_requests::answer(&mut *admin.lock().await, request).await;
                    outbox.reply(id, reply);
                    // The driver is gone only when the daemon ends.
                    let _ = errands.send(errand);
                });
            }
            request => {
                let credentials = credentials.clone();
                self.input(Input::Request { client, id, request, credentials });
            }
        }
    }

    fn errand(&mut self, errand: Errand) {
        match errand {
            Errand::None => {}
            Errand::ReloadHere => self.reload(),
            Errand::Shutdown => self.end = Some(End::Clean),
            Errand::ReopenLogs => self.log.reopen(),
        }
    }

    fn drain(&mut self) {
        for _ in 0..BURST {
            let Some(output) = self.node.poll() else { return };
            self.output(output);
        }
        // More waits: let the ring be heard in between.
        warn!("the core has more than {BURST} things to do at once");
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Multicast(payload) => self.multicast(payload),
            Output::Persist { ticket, record } => self.persist(ticket, record),
            Output::Spawn(operation) => self.executor.spawn(*operation),
            Output::Kill { call } => self.executor.kill(call),
            Output::Reply { client, id, reply } => {
                if let Some(client) = self.clients.get(&client) {
                    client.outbox.reply(id, reply);
                }
            }
            Output::Event { client, event } => {
                if let Some(client) = self.clients.get(&client) {
                    client.outbox.event(event);
                }
            }
            Output::Plan(snapshot) => self.planner.ask(snapshot),
            Output::Progress => {
                // A thread that is gone is told by its events.
                let _ = self.ring.progress();
                self.lifeline.alive();
            }
            Output::Log(Severity::Error, text) => error!("{text}"),
            Output::Log(Severity::Warn, text) => warn!("{text}"),
            Output::Log(Severity::Info, text) => info!("{text}"),
            Output::Log(Severity::Debug, text) => debug!("{text}"),
            Output::Alert(alert) => alert::call(*alert),
            Output::Exit(exit) => self.end = Some(self.ending(exit)),
        }
    }

    /// Who takes part does not wait.
    fn waits_no_more(&self) {
        if let Err(error) = std::fs::remove_file(&self.waiting)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            warn!("{}: {error}; remove it, or 'start' believes that this node waits", self.waiting.display());
        }
    }

    fn ending(&self, exit: Exit) -> End {
        match exit {
            Exit::Clean { left_running } => {
                if !left_running.is_empty() {
                    error!("could not be stopped and still runs here: {}", left_running.join(", "));
                }
                End::Clean
            }
            Exit::Restart { why } => match &self.expelled {
                // The same identity would be refused again.
                Some(LeaveReason::Duplicate(_) | LeaveReason::KeyRetired | LeaveReason::Configuration(_)) => {
                    End::Fatal(why)
                }
                Some(LeaveReason::Asked | LeaveReason::NoProgress | LeaveReason::Restored) | None => {
                    End::Restart(why)
                }
            },
            Exit::Fenced { why } => End::Fenced(why),
        }
    }

    fn persist(&mut self, ticket: holdfast_core::Ticket, record: Record) {
        match record {
            Record::Journal(bytes) => self.disk.journal(ticket, bytes),
            Record::Snapshot { bytes, xml } => self.disk.snapshot(ticket, bytes, xml),
            Record::Export { xml } => self.disk.export(xml),
            Record::Lost { xml, why } => self.disk.lost(xml, why),
            Record::InFlight(operation) => self.in_flight.begun(&operation),
            Record::Landed(call) => self.in_flight.landed(call),
            Record::Active(stop) => self.in_flight.active(&stop),
            Record::Inactive { rsc } => self.in_flight.inactive(&rsc),
        }
    }

    fn multicast(&mut self, payload: Vec<u8>) {
        use std::sync::atomic::Ordering;
        if self.overflowing.load(Ordering::Acquire) > 0 || !self.ring.has_room(payload.len()) {
            self.queue(payload);
        } else if let Err(error) = self.ring.try_multicast(payload) {
            // Too large would be a fault of the core; an ended ring tells so by its events.
            error!("a message of the core was not sent: {error}");
        }
    }

    fn queue(&mut self, payload: Vec<u8>) {
        self.overflowing.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        // The task ends only with the ring.
        let _ = self.overflow.send(payload);
    }

    /// Leaves the ring, so that the others know at once.
    async fn goodbye(&mut self, end: &End, events: &mut RingEvents) {
        match end {
            End::Clean | End::Fatal(_) | End::Restart(_) => {
                if self.ring.leave().is_ok() {
                    let left = async {
                        while let Some(event) = events.recv().await {
                            if matches!(event, Event::Left(_) | Event::Fatal(_)) {
                                return;
                            }
                        }
                    };
                    let _ = tokio::time::timeout(GOODBYE, left).await;
                }
            }
            // Who is to be fenced says no goodbye: the others must not take that for an orderly end.
            End::Fenced(_) => {
                let _ = self.ring.vanish();
            }
        }
        let line = lines::stop();
        info!(subsystem = line.subsystem, "{}", line.text);
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// Hands over what found the ring's queue full, in order.
async fn hand_over(
    ring: RingHandle,
    mut waiting: mpsc::UnboundedReceiver<Vec<u8>>,
    count: Arc<std::sync::atomic::AtomicUsize>,
) {
    while let Some(payload) = waiting.recv().await {
        if let Err(error) = ring.multicast(payload).await {
            debug!("a message was not sent: {error}");
        }
        count.fetch_sub(1, std::sync::atomic::Ordering::AcqRel);
    }
}

fn left(reason: &LeaveReason) -> String {
    match reason {
        LeaveReason::Asked => "left the ring".to_owned(),
        LeaveReason::NoProgress => {
            "the ring let this node go, because the cluster manager gave no sign of life".to_owned()
        }
        LeaveReason::Restored => {
            "this machine goes on from a snapshot of itself; the daemon starts anew and asks the others"
                .to_owned()
        }
        LeaveReason::Duplicate(duplicate) => format!(
            "this node is refused: its id {} belongs to host {}. Change nodeid and name in corosync.conf here",
            duplicate.node, duplicate.incumbent.name
        ),
        LeaveReason::KeyRetired => {
            "this node is refused: the cluster has a new key. Copy /etc/corosync/authkey from a member"
                .to_owned()
        }
        LeaveReason::Configuration(text) => {
            format!("this node cannot work with the cluster's configuration: {text}")
        }
    }
}

/// Root, the cluster's account, and whoever runs the daemon.
fn may_change(who: &Credentials) -> bool {
    who.is_privileged() || who.uid == rustix::process::geteuid().as_raw()
}
