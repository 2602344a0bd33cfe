//! What the ring says: datagrams to send, messages and views to hand on, records to keep.

use super::{Driver, HARD_LIMIT, WARM};
use crate::sys;
use crate::thread::channel::{EVENT_BYTES, Event};
use crate::thread::{Order, recipient};
use holdfast_totem::io::{LeaveReason, Output};
use holdfast_totem::time::Now;
use holdfast_totem::{NodeId, ViewKind};
use std::os::fd::AsFd;

impl Driver {
    pub(super) fn drain_outputs(&mut self, now: Now) {
        while let Some(output) = self.ring.poll() {
            match output {
                Output::Send(send) => self.outgoing.push(send),
                Output::PersistRing { ticket, record } => {
                    if self.writer.send((ticket, record)).is_err() {
                        self.fatal("the writer of the ring's record is gone".to_owned());
                    }
                }
                Output::Left(reason) => {
                    self.finished = true;
                    if reason == LeaveReason::Restored {
                        // What waits is sealed with counters that were used before.
                        self.outgoing.clear();
                        self.witness = None;
                    }
                    self.flush();
                    if let Some(witness) = &mut self.witness {
                        witness.leave(now);
                        witness.give_back().into_iter().for_each(|event| self.events.send(event));
                    }
                    self.events.send(Event::Left(reason));
                }
                Output::Deliver(mut message) => {
                    self.warm_until = now.mono + WARM;
                    let end = message.payload.len().saturating_sub(1);
                    let recipient = message.payload.last().copied();
                    match (recipient, message.payload.slice(0, end)) {
                        (Some(recipient::MANAGER), Some(payload)) => {
                            self.services.manager.received += 1;
                            message.payload = payload;
                            self.tell(Event::Message(message));
                        }
                        (Some(recipient::DAEMON), Some(payload)) => {
                            // An order of a newer version is not for us.
                            if let Some(order) = Order::decode(&payload) {
                                self.services.of(order).received += 1;
                                self.tell(Event::Ordered { sender: message.sender, order });
                            }
                        }
                        (Some(recipient::GROUPS), Some(payload)) => {
                            if let Some(groups) = &mut self.groups {
                                groups.delivered(message.sender.0, &payload);
                            }
                        }
                        _ => {}
                    }
                }
                Output::View(view) => {
                    if let (Some(groups), ViewKind::Regular) = (&mut self.groups, view.kind) {
                        let ids = |list: &[NodeId]| list.iter().map(|id| id.0).collect::<Vec<u32>>();
                        let present: Vec<u32> = view.members.iter().map(|member| member.id.0).collect();
                        groups.view(&present, &ids(&view.joined), &ids(&view.left));
                    }
                    self.tell(Event::View(view));
                }
                other => {
                    if let Output::Log(holdfast_totem::log::Event::LinkDown { link, .. }) = &other {
                        self.announce(*link);
                    }
                    if let Some(event) = Event::of(other) {
                        self.tell(event);
                    }
                }
            }
        }
        self.flush();
        if let Some(groups) = &mut self.groups {
            groups.flush(now.mono);
        }
        if self.events.waiting() > EVENT_BYTES * HARD_LIMIT {
            self.fatal("the cluster manager does not take its messages".to_owned());
        }
    }

    /// Sends what has gathered, one call for each link as far as possible.
    pub(super) fn flush(&mut self) {
        if self.outgoing.is_empty() {
            return;
        }
        for socket in &self.sockets {
            let number = socket.binding.number;
            let trains: Vec<sys::Outgoing<'_>> = self
                .outgoing
                .iter()
                .enumerate()
                .filter(|(_, send)| send.link == number)
                .map(|(tag, send)| sys::Outgoing {
                    to: send.to,
                    bytes: &send.bytes,
                    segment: usize::from(send.segment),
                    tag,
                })
                .collect();
            if !trains.is_empty() {
                self.send.send(socket.socket.as_fd(), &trains);
            }
        }
        for trouble in self.send.trouble.drain(..) {
            if let Some(send) = self.outgoing.get(trouble.tag) {
                self.ring.not_sent(send.link, send.to, send.purpose, trouble.errors, trouble.retries);
            }
        }
        self.outgoing.clear();
    }

    pub(super) fn fatal(&mut self, why: String) {
        if !self.finished {
            self.finished = true;
            self.events.send(Event::Fatal(why));
        }
    }
}
