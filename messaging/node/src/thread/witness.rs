//! The witness's client on the ring's thread: its sockets, the names it asks for, its heuristics, and events held back
//! while a view may still get the witness's votes. Decides nothing: the client does.

use super::channel::{Command, Commands, Event};
use crate::heuristics::{self, Check};
use holdfast_totem::time::{Instant, Now, Span};
use holdfast_totem::witness::{Client, ClientOutput, DATAGRAM, Standing, Verdict};
use holdfast_totem::{Identity, Input, Key, Ring, quorum};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::config::WitnessSettings;

/// A name without an address is asked for again after this, one with an address after [`REFRESH`].
const RETRY: Duration = Duration::from_secs(5);
const REFRESH: Duration = Duration::from_secs(60);

/// Client and what it needs of the machine.
pub(super) struct Witness {
    client: Client,
    pub settings: WitnessSettings,
    /// IPv4, IPv6; `None` where the machine has no such thing.
    pub sockets: [Option<UdpSocket>; 2],
    names: mpsc::Sender<WitnessSettings>,
    checks: mpsc::Sender<Check>,
    /// Events that wait, and until when.
    held: Option<(Instant, Vec<Event>)>,
    was_quorate: bool,
    buffer: Box<[u8; DATAGRAM]>,
}

impl Witness {
    pub fn start(
        settings: WitnessSettings,
        identity: &Identity,
        key: &Key,
        cluster: &str,
        seed: u64,
        now: Now,
        commands: &Arc<Commands>,
    ) -> io::Result<Witness> {
        let (terms, when) = (settings.terms.clone(), settings.checks);
        let client = Client::new(identity, key, cluster, terms, when, seed, now.mono);
        let open = |address: IpAddr| {
            let socket = UdpSocket::bind(SocketAddr::new(address, 0))?;
            socket.set_nonblocking(true)?;
            Ok::<UdpSocket, io::Error>(socket)
        };
        let sockets = [open(Ipv4Addr::UNSPECIFIED.into()).ok(), open(Ipv6Addr::UNSPECIFIED.into()).ok()];
        if sockets.iter().all(Option::is_none) {
            return Err(io::Error::other("no socket for the witness can be opened"));
        }
        let names = resolver(Arc::clone(commands))?;
        let checks = checker(Arc::clone(commands))?;
        // Both threads live as long as their queues.
        let _ = names.send(settings.clone());
        Ok(Witness {
            client,
            settings,
            sockets,
            names,
            checks,
            held: None,
            was_quorate: false,
            buffer: Box::new([0; DATAGRAM]),
        })
    }

    /// A changed section `device`.
    pub fn reconfigure(&mut self, now: Now, settings: WitnessSettings) {
        self.client.set_terms(now.mono, settings.terms.clone(), settings.checks);
        if settings != self.settings {
            let _ = self.names.send(settings.clone());
        }
        self.settings = settings;
    }

    pub fn resumed(&mut self, chance: u64) {
        self.client.resumed(chance);
    }

    pub fn rekey(&mut self, key: &Key, cluster: &str) {
        self.client.rekey(key, cluster);
    }

    pub fn addresses(&mut self, now: Now, addresses: Vec<SocketAddr>) {
        self.client.set_addresses(now.mono, addresses, self.settings.connect_timeout);
    }

    pub fn heuristics(&mut self, now: Now, number: u64, passed: bool) {
        self.client.heuristics(now.mono, number, passed);
    }

    pub fn standing(&self, now: Now) -> Standing {
        self.client.standing(now.mono)
    }

    pub fn leave(&mut self, now: Now) {
        self.client.leave(now.mono);
        self.send_all(&mut Vec::new());
    }

    pub fn deadline(&self) -> Option<Instant> {
        let held = self.held.as_ref().map(|(until, _)| *until);
        self.client.deadline().into_iter().chain(held).min()
    }

    /// Reads what came in.
    pub fn receive(&mut self, now: Now) {
        for socket in self.sockets.iter().flatten() {
            // Bounded: the ring must not wait for whoever floods this port.
            for _ in 0..64 {
                let Ok((length, from)) = socket.recv_from(&mut self.buffer[..]) else { break };
                self.client.datagram(now.mono, from, &mut self.buffer[..length]);
            }
        }
    }

    /// Tells the client where the ring is and does what it asks for. True when the ring got an input.
    pub fn step(&mut self, now: Now, ring: &mut Ring, events: &mut Vec<Event>) -> bool {
        self.client.ring(now.mono, ring.witness_state());
        self.client.timer(now.mono);
        let inputs = self.send_all(events);
        let some = !inputs.is_empty();
        for input in inputs {
            ring.handle(now, input);
        }
        some
    }

    fn send_all(&mut self, events: &mut Vec<Event>) -> Vec<Input<'static>> {
        let mut inputs = Vec::new();
        while let Some(output) = self.client.poll() {
            match output {
                ClientOutput::Send { to, bytes } => {
                    let socket = &self.sockets[usize::from(to.is_ipv6())];
                    if let Some(socket) = socket {
                        // What does not get through is sent again; the client tells when nothing comes back.
                        let _ = socket.send_to(&bytes, to);
                    }
                }
                ClientOutput::Change(change) => inputs.push(Input::Quorum(quorum::Change::Witness(change))),
                ClientOutput::Lapsed => inputs.push(Input::WitnessLapsed),
                ClientOutput::Heuristics(number) => {
                    let check = Check {
                        number,
                        commands: self.settings.commands.clone(),
                        timeout: self.settings.check_timeout,
                    };
                    let _ = self.checks.send(check);
                }
                ClientOutput::Log(text, true) => events.push(Event::Warning(text)),
                ClientOutput::Log(text, false) => events.push(Event::Notice(text)),
            }
        }
        inputs
    }

    /// Takes an event for the manager: it waits when a view lost its quorum for want of votes that are likely to come.
    /// What is given back goes out now.
    pub fn hold(&mut self, now: Now, ring: &Ring, event: Event) -> Option<Event> {
        if let Some((_, events)) = &mut self.held {
            events.push(event);
            return None;
        }
        if let Event::View(view) = &event
            && view.kind == holdfast_totem::ViewKind::Regular
        {
            let lost = self.was_quorate && !view.quorum.quorate;
            self.was_quorate = view.quorum.quorate;
            self.client.ring(now.mono, ring.witness_state());
            if lost && self.client.may_help(now.mono) {
                self.held = Some((now.mono + self.settings.hold, vec![event]));
                return None;
            }
        }
        if let Event::Quorum(status) = &event {
            self.was_quorate = status.quorate;
        }
        Some(event)
    }

    /// Events whose wait is over. A view among them is told with the vote as it is now.
    pub fn release(&mut self, now: Now, ring: &Ring) -> Vec<Event> {
        let Some((until, _)) = &self.held else { return Vec::new() };
        let status = ring.quorum();
        let decided = status.quorate
            || matches!(self.client.standing(now.mono).verdict, Verdict::Denied | Verdict::AtHand);
        if !decided && *until > now.mono {
            return Vec::new();
        }
        let (_, mut events) = self.held.take().unwrap_or_default();
        self.was_quorate = status.quorate;
        let current = ring.view().map(|view| view.ring);
        for event in &mut events {
            if let Event::View(view) = event
                && Some(view.ring) == current
            {
                view.quorum = status.clone();
            }
        }
        events
    }

    /// All events that wait, at the end.
    pub fn give_back(&mut self) -> Vec<Event> {
        self.held.take().map(|(_, events)| events).unwrap_or_default()
    }
}

/// Asks the system's resolver, which may take its time, on a thread of its own.
fn resolver(commands: Arc<Commands>) -> io::Result<mpsc::Sender<WitnessSettings>> {
    let (sender, orders) = mpsc::channel::<WitnessSettings>();
    std::thread::Builder::new().name("witness-name".to_owned()).stack_size(256 << 10).spawn(move || {
        let Ok(mut settings) = orders.recv() else { return };
        loop {
            let found = settings.resolve();
            let wait = if found.is_empty() { RETRY } else { REFRESH };
            if commands.push(Command::WitnessAddresses(found)).is_err() {
                return;
            }
            match orders.recv_timeout(wait) {
                Ok(changed) => settings = changed,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
        }
    })?;
    Ok(sender)
}

/// Runs heuristics, which may take their time, on a thread of its own; of several orders that wait the last counts.
fn checker(commands: Arc<Commands>) -> io::Result<mpsc::Sender<Check>> {
    let (sender, orders) = mpsc::channel::<Check>();
    std::thread::Builder::new().name("witness-check".to_owned()).stack_size(256 << 10).spawn(move || {
        while let Ok(mut check) = orders.recv() {
            while let Ok(newer) = orders.try_recv() {
                check = newer;
            }
            let passed = heuristics::run(&check);
            if commands.push(Command::Heuristics(check.number, passed)).is_err() {
                return;
            }
        }
    })?;
    Ok(sender)
}

impl WitnessSettings {
    fn resolve(&self) -> Vec<SocketAddr> {
        let Ok(found) = (self.host.as_str(), self.port).to_socket_addrs() else { return Vec::new() };
        let wanted = |address: &SocketAddr| match self.family {
            4 => address.is_ipv4(),
            6 => address.is_ipv6(),
            _ => true,
        };
        let mut all: Vec<SocketAddr> = Vec::new();
        for address in found.filter(wanted) {
            if !all.contains(&address) && all.len() < 16 {
                all.push(address);
            }
        }
        all
    }
}

/// The longest that a view is held back.
pub(crate) fn hold(token: Span, sync_timeout: Span) -> Span {
    token.over(4).max(Span::millis(50)).min(sync_timeout)
}
