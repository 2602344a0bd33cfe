//! The witness for many clusters: seals, sessions, and which answers wait for the disk. Decides nothing about votes;
//! that is the ledger's.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use crate::config::{Key, MAX_MEMBERS};
use crate::id::NodeId;
use crate::seal::datagram::{Header, Kind, Sealer};
use crate::seal::greeting::{self, Challenge, Greeting};
use crate::seal::keys::Master;
use crate::time::{Instant, Span};
use crate::witness::channel::{self, End, Proven};
use crate::witness::ledger::{Ledger, Speaker, Told};
use crate::witness::record::Record;
use crate::witness::wire::Report;
use crate::witness::{DATAGRAM, Heuristics, Terms, Verdict, WITNESS};

/// Greetings that are looked at in one second, of all clusters together.
const GREETINGS: u32 = 2_000;

/// A cluster and its key.
#[derive(Clone, Debug)]
pub struct ClusterKey {
    /// What people call it: the name of the key file.
    pub name: String,
    /// As [`super::key`] derives it.
    pub key: Key,
}

/// Something for the driver.
#[derive(Debug)]
pub enum Output {
    /// Send a datagram.
    Send {
        /// Where to.
        to: SocketAddr,
        /// One datagram.
        bytes: Vec<u8>,
    },
    /// Put these records on stable storage in place of the earlier ones, then call [`Server::written`].
    Write(Vec<Record>),
    /// A line for the log.
    Log(String),
}

#[derive(Debug)]
struct Caller {
    proven: Proven,
    address: SocketAddr,
    name: String,
    boot_id: [u8; 16],
}

#[derive(Debug)]
struct Cluster {
    name: String,
    master: Master,
    sealer: Sealer,
    callers: BTreeMap<NodeId, Caller>,
    /// Challenges that wait for their echo.
    pending: BTreeMap<NodeId, (Challenge, [u8; 32])>,
    ledger: Ledger,
    told: BTreeMap<NodeId, Verdict>,
}

/// The witness.
#[derive(Debug)]
pub struct Server {
    end: End,
    clusters: Vec<Cluster>,
    /// Grants of clusters whose key is not here now; kept as they are.
    foreign: Vec<Record>,
    started: Instant,
    lost: bool,
    writing: bool,
    budget: (Instant, u32),
    chance: u64,
    out: VecDeque<Output>,
}

/// A cluster, for status displays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterView {
    /// Name of its key file.
    pub name: String,
    /// What its configuration says, when somebody told.
    pub terms: Option<Terms>,
    /// Nodes that were heard within the last minute.
    pub clients: Vec<ClientView>,
    /// Grants that may be counted.
    pub grants: Vec<Record>,
}

/// A node, for status displays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientView {
    /// Its id.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Where its datagrams come from.
    pub address: SocketAddr,
    /// How long ago it was heard.
    pub silent: Span,
    /// Its node list.
    pub configured: Vec<NodeId>,
    /// Members of its ring.
    pub members: Vec<NodeId>,
    /// Its ring.
    pub ring: crate::RingId,
    /// Its heuristics.
    pub heuristics: Heuristics,
    /// What it was told last.
    pub verdict: Verdict,
}

/// Two key files that are one key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keys '{0}' and '{1}' are the same; two clusters with one key cannot be told apart")]
pub struct SameKey(pub String, pub String);

impl Server {
    /// A witness with the grants of an earlier run; `records` is `None` when nothing can be known about them: then no
    /// grant is given before those that may exist are over. `salt` is fresh and random.
    ///
    /// # Errors
    /// When two clusters have one key.
    pub fn new(
        keys: &[ClusterKey],
        records: Option<Vec<Record>>,
        name: &str,
        salt: [u8; 32],
        seed: u64,
        now: Instant,
    ) -> Result<Self, SameKey> {
        let end = End { node: WITNESS, name: name.to_owned(), salt, boot_id: [0; 16], machine_id: [0; 16] };
        let mut server = Self {
            end,
            clusters: Vec::new(),
            foreign: records.clone().unwrap_or_default(),
            started: now,
            lost: records.is_none(),
            writing: false,
            budget: (now, 0),
            chance: seed,
            out: VecDeque::new(),
        };
        server.set_keys(keys)?;
        Ok(server)
    }

    /// This process did not run for a while and may have been copied; `chance` is fresh from the system.
    pub fn resumed(&mut self, chance: u64) {
        self.chance ^= chance.rotate_left(17);
        for cluster in &mut self.clusters {
            cluster.sealer.leap(chance);
            cluster.pending.clear();
        }
    }

    /// The key files were read again. Clusters that stay keep their sessions and grants.
    ///
    /// # Errors
    /// When two clusters have one key; then nothing changes.
    pub fn set_keys(&mut self, keys: &[ClusterKey]) -> Result<(), SameKey> {
        let masters: Vec<(&str, Master)> =
            keys.iter().map(|k| (k.name.as_str(), Master::new(&k.key, ""))).collect();
        for (place, (name, master)) in masters.iter().enumerate() {
            if let Some((other, _)) = masters[..place].iter().find(|(_, m)| m.tag == master.tag) {
                return Err(SameKey((*other).to_owned(), (*name).to_owned()));
            }
        }
        let (stay, go): (Vec<Cluster>, Vec<Cluster>) = std::mem::take(&mut self.clusters)
            .into_iter()
            .partition(|c| masters.iter().any(|(_, m)| m.tag == c.master.tag));
        self.clusters = stay;
        self.foreign.extend(go.iter().flat_map(|c| c.ledger.records()));
        for (name, master) in masters {
            if let Some(known) = self.clusters.iter_mut().find(|c| c.master.tag == master.tag) {
                known.name = name.to_owned();
                continue;
            }
            let ledger = Ledger::new(master.tag, &self.foreign, self.lost, self.started);
            self.foreign.retain(|record| record.cluster != master.tag);
            self.clusters.push(Cluster {
                name: name.to_owned(),
                sealer: self.end.sealer(&master),
                master,
                callers: BTreeMap::new(),
                pending: BTreeMap::new(),
                ledger,
                told: BTreeMap::new(),
            });
        }
        Ok(())
    }

    /// The next thing to do, until `None`.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Self::timer`] is wanted.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.clusters.iter().filter_map(|c| c.ledger.deadline(now)).min()
    }

    /// Time has passed.
    pub fn timer(&mut self, now: Instant) {
        for place in 0..self.clusters.len() {
            self.work(now, place, None);
        }
    }

    /// The records of the last [`Output::Write`] are on stable storage.
    pub fn written(&mut self, now: Instant) {
        self.writing = false;
        for place in 0..self.clusters.len() {
            self.clusters[place].ledger.written();
            self.work(now, place, None);
        }
    }

    /// A datagram came in; it is opened in place.
    pub fn datagram(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) {
        if bytes.len() > DATAGRAM {
            return;
        }
        match Kind::of(bytes) {
            Ok(Kind::Greeting) => {
                if now.since(self.budget.0) >= Span::secs(1) {
                    self.budget = (now, 0);
                }
                self.budget.1 += 1;
                if self.budget.1 <= GREETINGS {
                    self.greeting(from, bytes);
                }
            }
            Ok(Kind::Sealed) => self.sealed(now, from, bytes),
            Ok(Kind::Clear | Kind::Refusal) | Err(_) => {}
        }
    }

    fn greeting(&mut self, from: SocketAddr, bytes: &[u8]) {
        let Ok(tag) = greeting::key_tag(bytes) else { return };
        let Some(cluster) = self.clusters.iter_mut().find(|c| c.master.tag == tag) else { return };
        let Some(Ok(hello)) = Greeting::decode(bytes, &cluster.master) else { return };
        if hello.to != Some(WITNESS) {
            return;
        }
        let node = hello.from;
        if let Some(echo) = hello.echo
            && cluster.pending.get(&node) == Some(&(echo, hello.salt))
        {
            cluster.pending.remove(&node);
            if cluster.callers.len() >= MAX_MEMBERS && !cluster.callers.contains_key(&node) {
                return;
            }
            let proven = Proven::new(node, hello.salt);
            let caller = Caller { proven, address: from, name: hello.name.clone(), boot_id: hello.boot_id };
            cluster.callers.insert(node, caller);
            let text = format!("cluster {}: node {node} ({}) at {from} is here", cluster.name, hello.name);
            self.out.push_back(Output::Log(text));
        }
        if hello.challenge.is_some() {
            if cluster.pending.len() >= MAX_MEMBERS && !cluster.pending.contains_key(&node) {
                cluster.pending.clear();
            }
            let challenge = channel::challenge(&cluster.master, &mut self.chance, &self.end.salt);
            cluster.pending.insert(node, (challenge, hello.salt));
            let bytes = self.end.greeting(Some(node), Some(challenge), hello.challenge, &cluster.master);
            self.out.push_back(Output::Send { to: from, bytes });
        }
    }

    fn sealed(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) {
        let Ok(header) = Header::decode(bytes) else { return };
        let Some(place) = self.clusters.iter().position(|c| c.master.tag == header.key_tag) else { return };
        let cluster = &mut self.clusters[place];
        let node = header.sender;
        let master = cluster.master.clone();
        let caller = cluster.callers.get_mut(&node);
        let opened = caller.and_then(|caller| {
            let body = caller.proven.open(&header, bytes, &master)?;
            caller.address = from;
            let speaker = Speaker { incarnation: caller.proven.incarnation, boot_id: caller.boot_id };
            Some((speaker, Report::decode(body)))
        });
        match opened {
            Some((speaker, Ok(report))) => {
                cluster.ledger.report(now, node, speaker, report);
                self.work(now, place, Some(node));
            }
            Some((_, Err(_))) => {}
            None => {
                // A run that we do not know, or that we knew before we were started again: let it greet us.
                if now.since(self.budget.0) >= Span::secs(1) {
                    self.budget = (now, 0);
                }
                self.budget.1 += 1;
                if self.budget.1 <= GREETINGS {
                    let bytes = self.end.greeting(Some(node), None, None, &master);
                    self.out.push_back(Output::Send { to: from, bytes });
                }
            }
        }
    }

    fn work(&mut self, now: Instant, place: usize, asked: Option<NodeId>) {
        let chance = &mut self.chance;
        let mut number = || loop {
            *chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *chance;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            if z != 0 {
                return z;
            }
        };
        let cluster = &mut self.clusters[place];
        cluster.ledger.decide(now, &mut number);
        for Told { node, answer } in cluster.ledger.answers(now, asked) {
            let Some(caller) = cluster.callers.get(&node) else { continue };
            let bytes = channel::seal(&mut cluster.sealer, &cluster.master, &answer.encode());
            self.out.push_back(Output::Send { to: caller.address, bytes });
            let before = cluster.told.insert(node, answer.verdict);
            if before != Some(answer.verdict) && answer.verdict != Verdict::Wait {
                let word = match answer.verdict {
                    Verdict::AtHand => "the votes are not needed",
                    Verdict::Held(_) => "the votes are given",
                    Verdict::Denied => "the votes are refused",
                    Verdict::Wait => "",
                };
                let text = format!("cluster {}: node {node}, ring {}: {word}", cluster.name, answer.ring);
                self.out.push_back(Output::Log(text));
            }
        }
        self.write();
    }

    fn write(&mut self) {
        if self.writing {
            return;
        }
        // Every ledger is asked: what is written is written for all.
        let changed =
            self.clusters.iter_mut().map(|c| c.ledger.take_changes().is_some()).fold(false, |a, b| a | b);
        if changed {
            self.writing = true;
            let own = self.clusters.iter().flat_map(|c| c.ledger.records());
            let all: Vec<Record> = own.chain(self.foreign.iter().cloned()).collect();
            self.out.push_back(Output::Write(all));
        }
    }

    /// Every cluster, for status displays.
    pub fn view(&self, now: Instant) -> Vec<ClusterView> {
        let client = |cluster: &Cluster, node: NodeId, voice: &crate::witness::ledger::Voice| {
            let caller = cluster.callers.get(&node)?;
            Some(ClientView {
                node,
                name: caller.name.clone(),
                address: caller.address,
                silent: now.since(voice.heard_at),
                configured: voice.report.configured.clone(),
                members: voice.report.members.clone(),
                ring: voice.report.ring,
                heuristics: voice.report.heuristics,
                verdict: voice.answered.unwrap_or_default(),
            })
        };
        let cluster = |c: &Cluster| ClusterView {
            name: c.name.clone(),
            terms: c.ledger.terms(now),
            clients: c.ledger.voices().filter_map(|(node, voice)| client(c, node, voice)).collect(),
            grants: c.ledger.records(),
        };
        self.clusters.iter().map(cluster).collect()
    }
}
