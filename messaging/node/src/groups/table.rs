//! Who is in which group, on all nodes: a pure replica driven by the ring's order.
//!
//! Knows no socket. What local programs must be told comes out as [`Change`]s.

use super::wire::Between;
use std::collections::{BTreeMap, BTreeSet};

/// One member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Node id.
    pub node: u32,
    /// Process id on that node.
    pub pid: u32,
}

/// Why a member came or went; numbers as in corosync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// It asked to come.
    Join = 1,
    /// It asked to go.
    Leave = 2,
    /// Its node is out of the ring.
    NodeDown = 3,
    /// Its node came into the ring.
    NodeUp = 4,
    /// Its process ended without a word.
    ProcessDown = 5,
}

impl Reason {
    /// From the number on the wire.
    pub fn from_number(number: u8) -> Reason {
        match number {
            2 => Reason::Leave,
            3 => Reason::NodeDown,
            4 => Reason::NodeUp,
            5 => Reason::ProcessDown,
            _ => Reason::Join,
        }
    }
}

/// A group's members changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub group: String,
    pub members: Vec<Member>,
    pub joined: Vec<(Member, Reason)>,
    pub left: Vec<(Member, Reason)>,
}

/// The replica.
#[derive(Debug, Default)]
pub(crate) struct Table {
    local: u32,
    groups: BTreeMap<String, BTreeSet<Member>>,
    /// Nodes whose programs do not keep up.
    holding: BTreeSet<u32>,
}

impl Table {
    pub fn new(local: u32) -> Table {
        Table { local, ..Table::default() }
    }

    /// Every member of every group.
    pub fn members(&self) -> impl Iterator<Item = (&str, Member)> {
        self.groups.iter().flat_map(|(group, members)| members.iter().map(move |m| (group.as_str(), *m)))
    }

    /// Somebody does not keep up.
    pub fn held(&self) -> bool {
        !self.holding.is_empty()
    }

    fn change(&self, group: &str, joined: Vec<(Member, Reason)>, left: Vec<(Member, Reason)>) -> Change {
        let members = self.groups.get(group).into_iter().flatten().copied().collect();
        Change { group: group.to_owned(), members, joined, left }
    }

    fn add(&mut self, group: &str, member: Member, reason: Reason) -> Option<Change> {
        let fresh = self.groups.entry(group.to_owned()).or_default().insert(member);
        fresh.then(|| self.change(group, vec![(member, reason)], Vec::new()))
    }

    fn remove(&mut self, group: &str, member: Member, reason: Reason) -> Option<Change> {
        let members = self.groups.get_mut(group)?;
        if !members.remove(&member) {
            return None;
        }
        let change = self.change(group, Vec::new(), vec![(member, reason)]);
        self.groups.retain(|_, members| !members.is_empty());
        Some(change)
    }

    /// An ordered message about groups; batches are not for the table.
    pub fn apply(&mut self, sender: u32, message: &Between<'_>) -> Vec<Change> {
        match message {
            Between::Batch { .. } => Vec::new(),
            Between::Join { group, pid } => {
                self.add(group, Member { node: sender, pid: *pid }, Reason::Join).into_iter().collect()
            }
            Between::Leave { group, pid, reason } => {
                let member = Member { node: sender, pid: *pid };
                self.remove(group, member, Reason::from_number(*reason)).into_iter().collect()
            }
            Between::Announce(rows) => rows
                .iter()
                .filter_map(|(group, pid)| {
                    self.add(group, Member { node: sender, pid: *pid }, Reason::NodeUp)
                })
                .collect(),
            Between::Hold(on) => {
                if *on {
                    self.holding.insert(sender);
                } else {
                    self.holding.remove(&sender);
                }
                Vec::new()
            }
        }
    }

    /// A regular view: members of nodes that went are gone. `left` has restarted nodes too.
    pub fn view(&mut self, present: &[u32], left: &[u32]) -> Vec<Change> {
        let gone = |node: u32| !present.contains(&node) || (left.contains(&node) && node != self.local);
        self.holding.retain(|node| !gone(*node));
        let mut lost: BTreeMap<String, Vec<(Member, Reason)>> = BTreeMap::new();
        for (group, members) in &self.groups {
            let went = members.iter().filter(|member| gone(member.node));
            let went: Vec<(Member, Reason)> = went.map(|member| (*member, Reason::NodeDown)).collect();
            if !went.is_empty() {
                lost.insert(group.clone(), went);
            }
        }
        let mut changes = Vec::new();
        for (group, went) in lost {
            if let Some(members) = self.groups.get_mut(&group) {
                members.retain(|member| !went.iter().any(|(lost, _)| lost == member));
            }
            changes.push(self.change(&group, Vec::new(), went));
        }
        self.groups.retain(|_, members| !members.is_empty());
        changes
    }

    /// What this node has to tell after a view with newcomers, in pieces of moderate size.
    pub fn announcements(&self) -> Vec<Vec<u8>> {
        let rows: Vec<(&str, u32)> = self
            .members()
            .filter(|(_, member)| member.node == self.local)
            .map(|(group, member)| (group, member.pid))
            .collect();
        rows.chunks(256)
            .map(|rows| {
                let mut bytes = Vec::new();
                Between::Announce(rows.to_vec()).encode(&mut bytes);
                bytes
            })
            .collect()
    }
}
