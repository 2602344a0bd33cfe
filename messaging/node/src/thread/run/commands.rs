//! What the manager asks of the ring: messages, a new configuration or key, the state, the end.

use super::{Driver, clock, watch_link};
use crate::groups::Server;
use crate::thread::WitnessStatus;
use crate::thread::channel::{Command, EVENT_BYTES, Event};
use crate::thread::socket::{LinkBinding, LinkSocket};
use crate::thread::status::{Counters, RingStatus, Services};
use holdfast_totem::Config;
use holdfast_totem::io::Input;
use holdfast_totem::stats::Group;
use holdfast_totem::time::Now;

impl Driver {
    pub(super) fn take_commands(&mut self) {
        let mut taken = std::mem::take(&mut self.taken);
        self.commands.take(&mut taken);
        for command in taken.drain(..) {
            self.command(command);
        }
        self.taken = taken;
    }

    fn command(&mut self, command: Command) {
        let now = clock();
        match command {
            Command::Multicast { guarantee, payload } => self.backlog.push_back((guarantee, payload)),
            // A core that does not take its messages makes no progress, whatever it says.
            Command::Progress if self.events.waiting() > EVENT_BYTES || self.events.is_closed() => {}
            Command::Progress => self.ring.handle(now, Input::Progress),
            Command::Leave => self.leaving = true,
            Command::Reconfigure { config, bindings, new, witness } => {
                self.reconfigure(now, config, &bindings, new);
                if let Err(error) = self.set_witness(now, witness.map(|boxed| *boxed)) {
                    self.events.send(Event::Warning(format!("the witness cannot be asked: {error}")));
                }
            }
            Command::Rekey(key) if key == self.key => {}
            Command::Rekey(key) if !self.ring.takes_key(&key) => self.events.send(Event::Warning(
                "the key file has changed again before all members changed to the key before it: it is not used yet. \
                 Wait until every member has logged that the old key is no longer accepted, then reload again: \
                 corosync-cfgtool -R"
                    .to_owned(),
            )),
            Command::Rekey(key) => {
                self.key = key.clone();
                if let Some(witness) = &mut self.witness {
                    witness.rekey(&key, &self.config.cluster_name);
                }
                self.ring.handle(now, Input::Rekey(key));
            }
            Command::WitnessAddresses(addresses) => {
                if let Some(witness) = &mut self.witness {
                    witness.addresses(now, addresses);
                }
            }
            Command::Heuristics(number, passed) => {
                if let Some(witness) = &mut self.witness {
                    witness.heuristics(now, number, passed);
                }
            }
            Command::Quorum(change) => self.ring.handle(now, Input::Quorum(change)),
            Command::Clear(counters) => self.clear(counters),
            Command::Query(answer) => {
                // Who asked may have gone.
                let _ = answer.send(Box::new(self.status()));
            }
            Command::Persisted(ticket) => self.ring.handle(now, Input::Persisted(ticket)),
            Command::RecordFailed(why) => {
                self.fatal(format!("{why}; without its record this node must not form rings"));
            }
            Command::Vanish => self.finished = true,
        }
        self.drain_outputs(now);
    }

    fn reconfigure(
        &mut self,
        now: Now,
        mut config: Box<Config>,
        wanted: &[LinkBinding],
        new: Vec<LinkSocket>,
    ) {
        // Whether somebody stands behind the ring is not in the file.
        config.require_progress = self.config.require_progress;
        let mut kept = Vec::new();
        for mut socket in std::mem::take(&mut self.sockets) {
            let Some(binding) = wanted.iter().find(|binding| binding.bind == socket.binding.bind) else {
                self.sets.forget(&socket.socket);
                continue;
            };
            if *binding != socket.binding {
                self.sets.forget(&socket.socket);
                if let Some(group) = &socket.group {
                    self.sets.forget(group);
                }
                let changed = socket.change(binding);
                if let Err(error) = changed.and_then(|()| watch_link(&self.sets, &socket)) {
                    let number = binding.number;
                    self.events.send(Event::Warning(format!("link {number} cannot be changed: {error}")));
                    let _ = watch_link(&self.sets, &socket);
                }
            }
            kept.push(socket);
        }
        self.sockets = kept;
        for socket in new {
            if let Err(error) = watch_link(&self.sets, &socket) {
                self.events
                    .send(Event::Warning(format!("link {} cannot be used: {error}", socket.binding.number)));
                continue;
            }
            self.sockets.push(socket);
        }
        self.sockets.sort_by_key(|socket| socket.binding.number);
        self.config = config.as_ref().clone();
        self.ring.handle(now, Input::Reconfigure(config));
        self.read_link_states();
    }

    fn clear(&mut self, counters: Counters) {
        let wanted = |one: Counters| counters == one || counters == Counters::All;
        if wanted(Counters::Knet) {
            self.ring.clear_statistics(Group::Paths);
            (self.send.calls, self.send.dropped) = (0, 0);
        }
        if wanted(Counters::Totem) {
            self.ring.clear_statistics(Group::Ring);
        }
        if wanted(Counters::Ipc)
            && let Some(groups) = &mut self.groups
        {
            groups.clear_counters();
        }
        if wanted(Counters::Schedmiss) {
            self.ring.clear_statistics(Group::Pauses);
        }
    }

    fn status(&self) -> RingStatus {
        RingStatus {
            local: self.identity.node_id,
            name: self.identity.name.clone(),
            config: self.config.clone(),
            links: self.sockets.iter().map(|socket| (socket.binding.number, socket.binding.bind)).collect(),
            view: self.ring.view().cloned(),
            quorum: self.ring.quorum(),
            statistics: self.ring.statistics(),
            peers: self.ring.peer_links(),
            send_calls: self.send.calls,
            send_dropped: self.send.dropped,
            send_failing: self.send.failing,
            beat: self.ring.beat(),
            link_timeout: self.ring.link_timeout(),
            pauses: self.ring.pauses().iter().copied().collect(),
            services: Services {
                groups: self.groups.as_ref().map(Server::messages).unwrap_or_default(),
                ..self.services
            },
            programs: self.groups.as_ref().map(Server::programs).unwrap_or_default(),
            programs_gone: self.groups.as_ref().map_or(0, Server::gone),
            events_waiting: self.events.waiting() as u64,
            real_time: self.real_time,
            groups: self.groups.as_ref().map(Server::members).unwrap_or_default(),
            witness: self.witness.as_ref().map(|witness| WitnessStatus {
                settings: witness.settings.clone(),
                standing: witness.standing(clock()),
            }),
            groups_waiting: self.groups.as_ref().map_or(0, Server::waiting) as u64,
        }
    }
}
