//! The loop of the ring's thread: wait, take what came, let the ring work, send what it says.
//!
//! Decides nothing about the ring. It must never block on anything but its one wait. What the ring says is handed on in
//! `outputs`, what the manager asks is taken in `commands`.

mod commands;
mod copies;
mod links;
mod outputs;
mod sets;

use super::channel::{Command, Commands, Event, EventSender};
use super::record;
use super::socket::LinkSocket;
use super::status::Services;
use super::witness::Witness;
use super::{Order, Settings, recipient};
use crate::config::{Scheduling, WitnessSettings};
use crate::groups::Server;
use crate::sys;
use holdfast_totem::io::{Guarantee, Input, Send};
use holdfast_totem::time::{Instant, Now, Span, Wall};
use holdfast_totem::{Bytes, Config, Identity, Key, PersistedRing, Ring};
use rustix::event::{Timespec, epoll};
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, clock_gettime, timerfd_create,
    timerfd_settime,
};
use sets::{PROGRAMS, Sets};
use socket2::Socket;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, mpsc};

const COMMANDS: u64 = 0;
const TIMER: u64 = 1;
const ROUTES: u64 = 2;
const GROUPS_WRITE: u64 = 3;
const WITNESS: u64 = 4;
const DEVICES: u64 = 5;
const LINKS: u64 = 16;
/// Batches taken from one socket before the others have their turn.
const ROUNDS: usize = 8;
/// Bytes of programs' messages that may wait inside the ring.
const GROUPS_IN_RING: usize = 512 << 10;
/// Programs in a hurry are looked at again no sooner than this after the last time: between two looks they fill a
/// batch, where a look at every message would let them write one message a turn.
const PACE: Span = Span::micros(200);
/// Who has something again after this time is in no hurry, and waits for nothing.
const HURRY: Span = Span::millis(1);
/// For so long after the last message the thread wakes up this often. A processor that sleeps for a moment wakes up in
/// a fraction of the time that one takes which sleeps for long: it keeps its caches, and the kernel chooses a lighter
/// sleep when the next timer is near. A ring at rest is left asleep.
const WARM: Span = Span::millis(100);
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
/// Above so many times [`EVENT_BYTES`] memory is at risk and the node goes, with or without goodbye.
const HARD_LIMIT: usize = 4;

/// What the thread starts with.
pub(super) struct Parts {
    pub settings: Settings,
    pub sockets: Vec<LinkSocket>,
    pub persisted: Option<PersistedRing>,
    pub seed: u64,
    pub commands: Arc<Commands>,
    pub events: EventSender,
    pub writer: mpsc::Sender<record::Order>,
    pub groups: Option<Server>,
}

pub(super) struct Driver {
    ring: Ring,
    config: Config,
    identity: Identity,
    key: Key,
    seed: u64,
    witness: Option<Witness>,
    scheduling: Scheduling,
    lock_memory: bool,
    real_time: bool,
    sockets: Vec<LinkSocket>,
    commands: Arc<Commands>,
    events: EventSender,
    writer: mpsc::Sender<record::Order>,
    sets: Sets,
    timer: OwnedFd,
    routes: Option<OwnedFd>,
    /// What the kernel says about devices; the generation of the machine is one.
    devices: Option<OwnedFd>,
    armed: Option<Instant>,
    receive: sys::ReceiveBatch,
    send: sys::SendBatch,
    outgoing: Vec<Send>,
    taken: VecDeque<Command>,
    /// Messages that the ring had no room for yet.
    backlog: VecDeque<(Guarantee, Vec<u8>)>,
    groups: Option<Server>,
    /// Messages of and for the manager and the daemons.
    services: Services,
    /// Programs are waited for as well.
    groups_watched: bool,
    /// When programs were looked at last.
    groups_looked: Instant,
    /// They had something again soon after the look before.
    groups_hurry: bool,
    /// Messages may follow until then.
    warm_until: Instant,
    /// Room in an empty ring.
    whole_room: usize,
    leaving: bool,
    links_up: Vec<(u8, bool)>,
    finished: bool,
}

/// The clock of the ring: goes on while the machine sleeps, so that a suspended node knows it was away.
fn clock() -> Now {
    let micros = |time: rustix::time::Timespec| {
        (time.tv_sec.max(0) as u64).saturating_mul(1_000_000).saturating_add(time.tv_nsec as u64 / 1000)
    };
    let wall = micros(clock_gettime(ClockId::Realtime));
    Now::new(Instant(micros(clock_gettime(ClockId::Boottime))), Wall(i64::try_from(wall).unwrap_or(i64::MAX)))
}

impl Driver {
    pub fn new(parts: Parts) -> io::Result<Driver> {
        let Parts { settings, sockets, persisted, seed, commands, events, writer, groups } = parts;
        let sets = Sets::new(groups.as_ref().map(Server::set).transpose()?)?;
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        sets.watch(&commands.wake, COMMANDS)?;
        sets.watch(&timer, TIMER)?;
        // Without it, link changes are found by probing alone.
        let routes = sys::route_changes().ok();
        if let Some(routes) = &routes {
            sets.watch(routes, ROUTES)?;
        }
        let devices = sys::device_events().ok();
        if let Some(devices) = &devices {
            sets.watch(devices, DEVICES)?;
        }
        if let Some(groups) = &groups {
            sets.watch(groups.write_fd(), GROUPS_WRITE)?;
        }
        for socket in &sockets {
            watch_link(&sets, socket)?;
        }
        let (identity, key) = (settings.identity.clone(), settings.key.clone());
        let ring =
            Ring::new(settings.config.clone(), settings.key, settings.identity, persisted, seed, clock());
        let mut driver = Driver {
            config: settings.config,
            identity,
            key,
            seed,
            witness: None,
            scheduling: settings.scheduling,
            lock_memory: settings.lock_memory,
            real_time: false,
            sockets,
            commands,
            events,
            writer,
            sets,
            timer,
            routes,
            devices,
            armed: None,
            receive: sys::ReceiveBatch::default(),
            send: sys::SendBatch::default(),
            outgoing: Vec::new(),
            taken: VecDeque::new(),
            backlog: VecDeque::new(),
            services: Services::default(),
            groups_watched: groups.is_some(),
            groups,
            groups_looked: Instant::default(),
            groups_hurry: false,
            warm_until: Instant::default(),
            whole_room: ring.room(),
            ring,
            leaving: false,
            links_up: Vec::new(),
            finished: false,
        };
        driver.set_witness(clock(), settings.witness)?;
        Ok(driver)
    }

    /// Starts, changes or ends the client of the witness.
    fn set_witness(&mut self, now: Now, wanted: Option<WitnessSettings>) -> io::Result<()> {
        match (&mut self.witness, wanted) {
            (None, None) => {}
            (Some(_), None) => {
                if let Some(mut witness) = self.witness.take() {
                    witness.leave(now);
                    witness.give_back().into_iter().for_each(|event| self.events.send(event));
                    self.ring.handle(now, Input::WitnessLapsed);
                }
            }
            (Some(witness), Some(settings)) => witness.reconfigure(now, settings),
            (None, Some(settings)) => {
                let cluster = &self.config.cluster_name;
                let seed = self.seed ^ now.mono.0;
                let (identity, key) = (&self.identity, &self.key);
                let witness = Witness::start(settings, identity, key, cluster, seed, now, &self.commands)?;
                for socket in witness.sockets.iter().flatten() {
                    self.sets.watch(socket, WITNESS)?;
                }
                self.witness = Some(witness);
            }
        }
        Ok(())
    }

    /// Hands an event to the manager, now or when the witness has spoken.
    fn tell(&mut self, event: Event) {
        let event = match &mut self.witness {
            Some(witness) => witness.hold(clock(), &self.ring, event),
            None => Some(event),
        };
        if let Some(event) = event {
            self.events.send(event);
        }
    }

    /// Lets the witness's client work; true when the ring got something to do.
    fn ask_witness(&mut self, now: Now) -> bool {
        let Some(witness) = &mut self.witness else { return false };
        let mut events = Vec::new();
        let busy = witness.step(now, &mut self.ring, &mut events);
        events.extend(witness.release(now, &self.ring));
        events.into_iter().for_each(|event| self.events.send(event));
        busy
    }

    /// Runs until the ring has left or the thread is told to vanish.
    pub fn run(mut self) {
        self.prepare();
        self.read_link_states();
        if let Err(error) = self.turn() {
            self.events.send(Event::Fatal(format!("the ring's thread stops: {error}")));
        }
        self.commands.close();
    }

    /// Priority, timers, memory.
    fn prepare(&mut self) {
        // A coarse timer costs up to 50 microseconds a wait and nothing else.
        let _ = sys::timer_slack(1);
        match self.scheduling {
            Scheduling::RoundRobin => match sys::round_robin() {
                Ok(()) => self.real_time = true,
                Err(error) => {
                    let boosted = sys::nice(-20).is_ok();
                    self.events.send(Event::Warning(format!(
                        "real-time scheduling is refused ({error}); the ring runs {}. A busy machine may lose the \
                         token: start as root, or set LimitRTPRIO in the service unit, or write 'sched_rr: no'",
                        if boosted { "with nice value -20" } else { "with ordinary priority" },
                    )));
                }
            },
            Scheduling::Nice(value) => {
                if let Err(error) = sys::nice(value) {
                    self.events.send(Event::Warning(format!("cannot set the nice value {value}: {error}")));
                }
            }
        }
        if self.lock_memory
            && let Err(error) =
                mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
        {
            self.events.send(Event::Warning(format!(
                "memory cannot be locked ({error}); a machine that swaps may lose the token. Set LimitMEMLOCK=infinity"
            )));
        }
    }

    fn turn(&mut self) -> io::Result<()> {
        let mut ready: Vec<epoll::Event> = Vec::with_capacity(64);
        self.advance(clock());
        while !self.finished {
            let wait = self.arm()?;
            self.sets.wait(self.groups_watched, &mut ready, wait.as_ref())?;
            self.notice_copies(&ready)?;
            let mut looked = false;
            for event in &ready {
                let data = event.data.u64();
                match data {
                    COMMANDS | DEVICES => {}
                    TIMER => {
                        let mut count = [0; 8];
                        let _ = rustix::io::read(&self.timer, &mut count);
                        self.armed = None;
                    }
                    ROUTES => self.routes_changed(),
                    GROUPS_WRITE => self.write_to_programs(),
                    WITNESS => {
                        if let Some(witness) = &mut self.witness {
                            witness.receive(clock());
                        }
                    }
                    program if program >= PROGRAMS => {
                        looked = true;
                        if let Some(groups) = &mut self.groups {
                            groups.came(program, event.flags);
                        }
                    }
                    _ => self.link_ready(data - LINKS, event.flags),
                }
            }
            self.take_commands();
            let now = clock();
            self.advance(now);
            self.watch_programs(now, looked);
        }
        Ok(())
    }

    fn write_to_programs(&mut self) {
        let Some(groups) = &mut self.groups else { return };
        if let Err(error) = groups.write_ready() {
            self.groups = None;
            self.events.send(Event::Warning(format!("process groups are closed: {error}")));
        }
    }

    /// Waits for programs only when they may go on: the ring has room, nobody is behind, and a batch had its time.
    fn watch_programs(&mut self, now: Now, looked: bool) {
        if looked {
            self.groups_hurry = now.mono.since(self.groups_looked) < HURRY;
            self.groups_looked = now.mono;
        }
        let rested = !self.groups_hurry || now.mono.since(self.groups_looked) >= PACE;
        self.groups_watched = rested && self.groups.as_ref().is_some_and(|groups| !groups.full());
    }

    /// Makes sure that the timer fires at the ring's deadline or before; a time-out of zero when it has passed.
    fn arm(&mut self) -> io::Result<Option<Timespec>> {
        let witness = self.witness.as_ref().and_then(Witness::deadline);
        let mut deadline =
            self.ring.deadline().map(|(deadline, _)| deadline).into_iter().chain(witness).min();
        if self.groups.as_ref().is_some_and(|groups| !self.groups_watched && !groups.full()) {
            let again = self.groups_looked + PACE;
            deadline = Some(deadline.map_or(again, |deadline| deadline.min(again)));
        }
        let now = clock().mono;
        let tick = (now < self.warm_until).then_some(TICK);
        let Some(deadline) = deadline else { return Ok(tick) };
        if deadline <= now {
            return Ok(Some(Timespec { tv_sec: 0, tv_nsec: 0 }));
        }
        // A timer that fires too early costs one turn, setting it anew at every turn costs a call each.
        if self.armed.is_none_or(|armed| armed > deadline) {
            let value = Timespec {
                tv_sec: (deadline.0 / 1_000_000) as i64,
                tv_nsec: ((deadline.0 % 1_000_000) * 1000) as _,
            };
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            timerfd_settime(
                &self.timer,
                TimerfdTimerFlags::ABSTIME,
                &Itimerspec { it_interval: never, it_value: value },
            )?;
            self.armed = Some(deadline);
        }
        Ok(tick)
    }

    /// Timer and waiting messages, then everything the ring wants done.
    fn advance(&mut self, now: Now) {
        if self.ring.deadline().is_some_and(|(deadline, _)| deadline <= now.mono) {
            self.ring.handle(now, Input::Timer);
        }
        self.drain_outputs(now);
        self.feed(now);
        if self.ask_witness(now) {
            self.drain_outputs(now);
            self.ask_witness(now);
        }
    }

    /// Hands waiting messages to the ring as far as it has room.
    fn feed(&mut self, now: Now) {
        let mut fed = false;
        while let Some((_, payload)) = self.backlog.front() {
            if payload.len() > self.ring.room() {
                break;
            }
            let Some((guarantee, payload)) = self.backlog.pop_front() else { break };
            self.commands.room.add_permits(Commands::cost(payload.len() - 1) as usize);
            match payload.split_last() {
                Some((&recipient::DAEMON, order)) => {
                    if let Some(order) = Order::decode(order) {
                        self.services.of(order).sent += 1;
                    }
                }
                _ => self.services.manager.sent += 1,
            }
            self.ring.handle(now, Input::Multicast { guarantee, payload: Bytes::from(payload) });
            fed = true;
        }
        while let Some(groups) = &mut self.groups {
            // What waits inside the ring arrives even after somebody asked to hold: it is kept small.
            let room = self.ring.room();
            let much = self.whole_room.saturating_sub(room) > GROUPS_IN_RING;
            if much || groups.next_size().is_none_or(|size| size >= room) {
                break;
            }
            let Some((guarantee, mut payload)) = groups.take() else { break };
            payload.push(recipient::GROUPS);
            self.ring.handle(now, Input::Multicast { guarantee, payload: Bytes::from(payload) });
            fed = true;
        }
        if self.leaving && self.backlog.is_empty() {
            self.leaving = false;
            self.ring.handle(now, Input::Leave);
            fed = true;
        }
        if fed {
            self.drain_outputs(now);
        }
    }

    fn link_ready(&mut self, which: u64, flags: epoll::EventFlags) {
        let (number, group) = ((which / 2) as u8, which % 2 == 1);
        let Some(index) = self.sockets.iter().position(|socket| socket.binding.number == number) else {
            return;
        };
        if flags.contains(epoll::EventFlags::ERR) {
            for to in sys::read_refusals(self.sockets[index].socket.as_fd()) {
                self.ring.handle(clock(), Input::Refused { link: number, to });
            }
            self.drain_outputs(clock());
        }
        for _ in 0..ROUNDS {
            let socket: &Socket = match (&self.sockets[index].group, group) {
                (Some(socket), true) => socket,
                _ => &self.sockets[index].socket,
            };
            // An error here belongs to a datagram sent before; the error queue tells which.
            let Ok(more) = self.receive.receive(socket.as_fd()) else { break };
            let now = clock();
            for train in self.receive.arrived() {
                for bytes in train.bytes.chunks_mut(train.segment) {
                    self.ring.handle(now, Input::Datagram { link: number, from: train.from, bytes });
                }
            }
            self.drain_outputs(now);
            if !more || self.finished {
                break;
            }
        }
    }
}

fn watch_link(sets: &Sets, socket: &LinkSocket) -> io::Result<()> {
    let base = LINKS + u64::from(socket.binding.number) * 2;
    sets.watch(&socket.socket, base)?;
    if let Some(group) = &socket.group {
        sets.watch(group, base + 1)?;
    }
    Ok(())
}
