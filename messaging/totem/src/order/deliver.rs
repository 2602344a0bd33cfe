//! What may be delivered, and when: agreed and safe messages in normal operation, and the two steps at the end of a
//! ring (extended virtual synchrony, Moser et al. 1994). Knows no view.

use crate::bytes::Bytes;
use crate::id::NodeId;
use crate::io::Guarantee;
use crate::order::Order;
use crate::order::store::Frame;
use crate::wire::frame::FrameKind;

/// One thing that the order yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// For the application.
    Message {
        /// Number of the frame that completed it.
        seq: u64,
        /// Who sent it.
        sender: NodeId,
        /// What was promised.
        guarantee: Guarantee,
        /// The message.
        payload: Bytes,
    },
    /// For the ring itself.
    Control {
        /// Who sent it.
        sender: NodeId,
        /// The message.
        payload: Bytes,
    },
}

impl Order {
    /// Delivers everything that the guarantees allow by now.
    pub fn deliver(&mut self, out: &mut impl FnMut(Delivery)) {
        self.deliver_until_unsafe(self.safe, out);
    }

    /// Delivers up to the first gap, or the first safe message above `safe`.
    pub fn deliver_until_unsafe(&mut self, safe: u64, out: &mut impl FnMut(Delivery)) {
        while let Some(frame) = self.store.get(self.delivered + 1) {
            let seq = self.delivered + 1;
            if frame.kind == FrameKind::Safe && seq > safe {
                break;
            }
            let frame = frame.clone();
            self.delivered = seq;
            self.unpack(seq, &frame, out);
        }
    }

    /// Delivers the rest of a ring that is over: everything up to the first gap, and behind it what comes from
    /// members that this node is bound to (a later message of another member may depend on what is missing).
    pub fn deliver_rest(&mut self, out: &mut impl FnMut(Delivery)) {
        let mut whole = true;
        while self.delivered < self.store.high() {
            self.delivered += 1;
            let seq = self.delivered;
            match self.store.get(seq).cloned() {
                Some(frame) if whole || self.obligations.contains(&frame.origin) => {
                    self.unpack(seq, &frame, out)
                }
                Some(_) => {}
                None => {
                    whole = false;
                    // What was half received of members that are gone stays half.
                    for (seat, assembly) in self.seats.iter().zip(&mut self.assemblies) {
                        if !self.obligations.contains(&seat.node) {
                            assembly.clear();
                        }
                    }
                }
            }
        }
    }

    fn unpack(&mut self, seq: u64, frame: &Frame, out: &mut impl FnMut(Delivery)) {
        let sender = frame.origin;
        let guarantee = match frame.kind {
            FrameKind::Recovered => return,
            FrameKind::Control => {
                return out(Delivery::Control { sender, payload: frame.payload.clone() });
            }
            FrameKind::Agreed => Guarantee::Agreed,
            FrameKind::Safe => Guarantee::Safe,
        };
        let Some(place) = self.place(sender) else { return };
        // A payload that makes no sense is the same nonsense everywhere: all members skip it alike.
        let _ = self.assemblies[place]
            .unpack(&frame.payload, |payload| out(Delivery::Message { seq, sender, guarantee, payload }));
    }
}
