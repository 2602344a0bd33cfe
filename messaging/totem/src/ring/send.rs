//! From messages to datagrams: sealing, batches, links. Knows no protocol state but who is a peer.

use crate::bytes::Bytes;
use crate::id::{NodeId, RingId};
use crate::io::{Output, Send};
use crate::order::store::Frame;
use crate::peer::SMALLEST;
use crate::ring::Ring;
use crate::seal::datagram::OVERHEAD;
use crate::stats::Purpose;
use crate::wire::control::{Control, PART_HEADER, Part};
use crate::wire::frame::{FRAME_HEADER, FrameView, WRAPPING};

/// Most bytes and datagrams of one batch (limits of UDP segmentation offload).
const BATCH_BYTES: usize = 60_000;
const BATCH_DATAGRAMS: usize = 60;

impl Ring {
    /// The size that gets through to every member we hear, as far as known.
    pub(super) fn find_datagram_size(&mut self) {
        let token = self.config.timing.token;
        let allowed = self.config.links.iter().map(|l| l.datagram).min().unwrap_or(1_452);
        let heard = self.peers.iter().filter(|p| p.is_heard(self.now.mono, token));
        let size = heard.flat_map(|p| &p.paths).filter(|p| p.up).map(|p| p.datagram).fold(allowed, u16::min);
        self.datagram_size = usize::from(size.clamp(SMALLEST, 16_000));
    }

    /// Bytes for the payload of a frame, so that it still fits when recovery wraps it.
    pub(super) fn frame_room(&self) -> usize {
        self.datagram_size - OVERHEAD - FRAME_HEADER - WRAPPING
    }

    /// One sealed datagram.
    pub(crate) fn sealed(&mut self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(body.len() + OVERHEAD);
        self.stats.sealed += 1;
        let start = self.sealer.begin(&mut bytes);
        bytes.extend_from_slice(body);
        let tag = self.sealer.key_tag();
        if let Some(master) = self.masters.iter().find(|m| m.tag == tag) {
            self.sealer.finish(&mut bytes, start, master);
        }
        bytes
    }

    /// Sends a body to a peer, over the best link or over all of them.
    fn send_body(&mut self, node: NodeId, body: &[u8], everywhere: bool) {
        let Some(place) = self.peer_place(node) else { return };
        let mode = self.config.link_mode;
        let peer = &mut self.peers[place];
        let routes = if everywhere { (0..peer.paths.len()).collect() } else { peer.routes(mode) };
        let mut targets = Vec::with_capacity(routes.len());
        for n in routes {
            let path = &mut peer.paths[n];
            let Some(to) = path.address else { continue };
            path.counters.sent.data.add(1, body.len() + OVERHEAD);
            targets.push((path.link, to));
        }
        let bytes = Bytes::from(self.sealed(body));
        for (link, to) in targets {
            self.push_send(link, to, bytes.clone(), Purpose::Data);
        }
    }

    /// Hands a datagram to the host; who knows the path has counted it there.
    pub(super) fn push_send(&mut self, link: u8, to: std::net::SocketAddr, bytes: Bytes, purpose: Purpose) {
        let segment = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.out.push_back(Output::Send(Send { link, to, bytes, segment, purpose }));
    }

    /// Sends a control message, in pieces when it is long.
    pub(super) fn send_control(&mut self, node: NodeId, message: &Control, everywhere: bool) {
        self.stats.says(message);
        let mut body = Vec::new();
        message.encode(&mut body);
        for piece in self.pieces(body) {
            self.send_body(node, &piece, everywhere);
        }
    }

    /// Sends a control message over one path of a peer only, by their places.
    pub(super) fn send_control_on(&mut self, peer: usize, path: usize, message: &Control, purpose: Purpose) {
        let Some(to) = self.peers[peer].paths[path].address else { return };
        let link = self.peers[peer].paths[path].link;
        let mut body = Vec::new();
        message.encode(&mut body);
        let pieces = self.pieces(body);
        let bytes = pieces.iter().map(|piece| piece.len() + OVERHEAD).sum();
        self.peers[peer].paths[path].counters.sent.add(purpose, pieces.len() as u64, bytes);
        for piece in pieces {
            let bytes = Bytes::from(self.sealed(&piece));
            self.push_send(link, to, bytes, purpose);
        }
    }

    fn pieces(&mut self, body: Vec<u8>) -> Vec<Vec<u8>> {
        // Forming a ring must work on any path, also before its size is known.
        let room = usize::from(SMALLEST) - OVERHEAD;
        if body.len() <= room {
            return vec![body];
        }
        let chunks = body.chunks(room - PART_HEADER);
        let count = u16::try_from(chunks.len()).unwrap_or(u16::MAX);
        self.parts_sent = self.parts_sent.wrapping_add(1);
        let number = self.parts_sent;
        chunks
            .zip(0..)
            .map(|(bytes, index)| {
                let mut out = Vec::with_capacity(room);
                Part { number, index, count, bytes }.encode(&mut out);
                out
            })
            .collect()
    }

    /// Sends the token as it is.
    pub(super) fn send_token(&mut self, node: NodeId, token: &crate::wire::token::Token, everywhere: bool) {
        let mut body = Vec::with_capacity(80);
        token.encode(&mut body);
        self.stats.tokens_sent += 1;
        self.send_body(node, &body, everywhere);
    }

    /// Sends frames to members, sealed once, in batches of equal datagrams.
    pub(super) fn send_frames(&mut self, ring: RingId, members: &[NodeId], frames: &[(u64, Frame)]) {
        let tag = self.sealer.key_tag();
        let Some(master) = self.masters.iter().position(|m| m.tag == tag) else { return };
        let mut batch: Vec<u8> = Vec::new();
        let (mut segment, mut count) = (0, 0);
        for (seq, frame) in frames {
            let length = OVERHEAD + FRAME_HEADER + frame.payload.len();
            if length > self.datagram_size {
                self.send_frame_in_pieces(ring, members, *seq, frame);
                continue;
            }
            let full = batch.len() + length > BATCH_BYTES || count == BATCH_DATAGRAMS;
            // Only the last datagram of a batch may be shorter.
            if count > 0 && (full || length > segment || batch.len() != segment * count) {
                self.flush_batch(members, std::mem::take(&mut batch), segment);
                count = 0;
            }
            if count == 0 {
                segment = length;
                let left = frames.len().min(BATCH_DATAGRAMS);
                batch.reserve((length * left).min(BATCH_BYTES));
            }
            let start = self.sealer.begin(&mut batch);
            let (kind, origin) = (frame.kind, frame.origin);
            FrameView { kind, ring, seq: *seq, origin, payload: &frame.payload }.encode(&mut batch);
            self.sealer.finish(&mut batch, start, &self.masters[master]);
            self.stats.sealed += 1;
            count += 1;
        }
        if count > 0 {
            self.flush_batch(members, batch, segment);
        }
    }

    /// A frame made when larger datagrams got through.
    fn send_frame_in_pieces(&mut self, ring: RingId, members: &[NodeId], seq: u64, frame: &Frame) {
        let mut body = Vec::new();
        let (kind, origin) = (frame.kind, frame.origin);
        FrameView { kind, ring, seq, origin, payload: &frame.payload }.encode(&mut body);
        for piece in self.pieces(body) {
            for node in members {
                self.send_body(*node, &piece, false);
            }
        }
    }

    /// Asks on every link whether datagrams of the size in use get through.
    pub(super) fn probe_paths(&mut self) {
        let now = self.now.mono;
        let every = self.beat();
        for place in 0..self.peers.len() {
            for n in 0..self.peers[place].paths.len() {
                let path = &mut self.peers[place].paths[n];
                let (link, address) = (path.link, path.address);
                if let Some(to) = address
                    && let Some(size) = path.probe(now, every)
                {
                    let mut body = Vec::new();
                    Control::Probe { size }.encode(&mut body);
                    path.counters.sent.probe.add(1, body.len() + OVERHEAD);
                    let bytes = Bytes::from(self.sealed(&body));
                    self.push_send(link, to, bytes, Purpose::Probe);
                }
            }
        }
        self.find_datagram_size();
    }

    /// A probe of a peer got through, or one of ours did.
    pub(super) fn probe_came(&mut self, link: u8, node: NodeId, size: u16, answer: bool) {
        let now = self.now.mono;
        let Some(place) = self.peer_place(node) else { return };
        let Some(n) = self.peers[place].paths.iter().position(|path| path.link == link) else { return };
        if answer {
            self.peers[place].paths[n].probed(now, size);
            self.find_datagram_size();
        } else {
            self.send_control_on(place, n, &Control::Probed { size }, Purpose::Probe);
        }
    }

    fn flush_batch(&mut self, members: &[NodeId], batch: Vec<u8>, segment: usize) {
        let bytes = Bytes::from(batch);
        let datagrams = bytes.len().div_ceil(segment.max(1)) as u64;
        let segment = u16::try_from(segment).unwrap_or(u16::MAX);
        let mode = self.config.link_mode;
        let mut groups = 0_u8;
        for node in members {
            let Some(place) = self.peer_place(*node) else { continue };
            for route in self.peers[place].routes(mode) {
                let path = &mut self.peers[place].paths[route];
                let link = path.link;
                let Some(mut to) = path.address else { continue };
                // One datagram to the group goes to all who are behind it.
                path.counters.sent.data.add(datagrams, bytes.len());
                let group = self.config.links.iter().find(|l| l.number == link).and_then(|l| l.multicast);
                if let Some(group) = group {
                    let bit = 1_u8.checked_shl(u32::from(link)).unwrap_or(0);
                    if groups & bit != 0 {
                        continue;
                    }
                    groups |= bit;
                    to = group;
                }
                self.out.push_back(Output::Send(Send {
                    link,
                    to,
                    bytes: bytes.clone(),
                    segment,
                    purpose: Purpose::Data,
                }));
            }
        }
    }
}
