//! Bugs planted between a ring and the checker, one for each thing that the checker watches: a checker that never
//! fails proves nothing.

use holdfast_totem::time::Instant;
use holdfast_totem::{Bytes, Guarantee, Message, NodeId, Output, View, ViewKind};

use crate::net::Host;

/// What is wrong with what host 0 (or everybody) shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Two messages change places.
    Swap,
    /// Some messages come twice.
    Twice,
    /// Some messages of others are skipped.
    Skip,
    /// Some own messages are never delivered.
    Deaf,
    /// The last message before a change of the membership is lost.
    LastWords,
    /// At the end, safe messages of others are not delivered.
    Unsafe,
    /// Every partition believes that it may act.
    Greedy,
    /// A member is missing in a view.
    Blind,
    /// A byte changes.
    Garble,
    /// One host does not come back although all is well.
    Stuck,
    /// A message is shown as sent by somebody else.
    Impostor,
    /// Safe messages come as agreed ones.
    Downgrade,
    /// Some safe messages of others are left out.
    Forgetful,
    /// A transitional view lacks a companion.
    Lonely,
    /// Whoever is gone is said to have left on purpose.
    Polite,
    /// The list of those who left is empty.
    Mute,
    /// The vote is never given.
    Meek,
}

/// All bugs, and the beginning of the violation that has to be found.
pub const BUGS: [(Bug, &str); 21] = [
    (Bug::Swap, "order"),
    (Bug::Swap, "total order"),
    (Bug::Twice, "duplicate"),
    (Bug::Twice, "sender order"),
    (Bug::Skip, "gap"),
    (Bug::Skip, "causal"),
    (Bug::Deaf, "self delivery"),
    (Bug::LastWords, "virtual synchrony"),
    (Bug::Unsafe, "safe delivery"),
    (Bug::Unsafe, "same end"),
    (Bug::Forgetful, "safe delivery"),
    (Bug::Greedy, "quorum"),
    (Bug::Blind, "view"),
    (Bug::Garble, "integrity"),
    (Bug::Impostor, "integrity"),
    (Bug::Downgrade, "integrity"),
    (Bug::Stuck, "progress"),
    (Bug::Meek, "progress"),
    (Bug::Lonely, "view"),
    (Bug::Polite, "clean leave"),
    (Bug::Mute, "view"),
];

/// Whether a violation begins with these words (after its time).
pub fn names(violation: &str, word: &str) -> bool {
    violation.split_once(" s: ").is_some_and(|(_, text)| text.starts_with(&format!("{word}:")))
}

/// Plants one bug.
#[derive(Debug)]
pub struct Sabotage {
    bug: Bug,
    held: Option<Message>,
    count: u64,
    ending: bool,
}

impl Sabotage {
    /// This bug.
    pub fn new(bug: Bug) -> Self {
        Self { bug, held: None, count: 0, ending: false }
    }

    /// The last messages of the run come.
    pub fn at_the_end(&mut self) {
        self.ending = true;
    }

    /// One host stays cut off.
    pub fn hinders_healing(&self) -> bool {
        self.bug == Bug::Stuck
    }

    /// What the checker gets to see instead.
    pub fn twist(&mut self, host: Host, _now: Instant, output: &Output) -> Vec<Output> {
        match output {
            Output::Deliver(message) => {
                self.message(host, message).into_iter().map(Output::Deliver).collect()
            }
            Output::View(view) => {
                let mut out: Vec<Output> = Vec::new();
                if host == 0 && self.bug == Bug::Swap {
                    out.extend(self.held.take().map(Output::Deliver));
                }
                if host == 0 {
                    self.held = None;
                }
                out.push(Output::View(self.view(host, view)));
                out
            }
            Output::Quorum(status) if !matches!(self.bug, Bug::Greedy | Bug::Meek) => {
                vec![Output::Quorum(status.clone())]
            }
            _ => Vec::new(),
        }
    }

    fn message(&mut self, host: Host, message: &Message) -> Vec<Message> {
        let own = message.sender == NodeId(u32::try_from(host + 1).unwrap_or(0));
        let whole = vec![message.clone()];
        if host != 0 {
            return whole;
        }
        self.count += 1;
        let rare = self.count.is_multiple_of(20);
        match self.bug {
            Bug::Swap => match self.held.take() {
                Some(held) => vec![message.clone(), held],
                None if rare => {
                    self.held = Some(message.clone());
                    Vec::new()
                }
                None => whole,
            },
            Bug::Twice if rare => vec![message.clone(), message.clone()],
            Bug::Skip if rare && !own => Vec::new(),
            Bug::Deaf if own && self.ending => Vec::new(),
            Bug::LastWords => {
                let before = self.held.replace(message.clone());
                before.into_iter().collect()
            }
            Bug::Unsafe if self.ending && !own && message.guarantee == Guarantee::Safe => Vec::new(),
            Bug::Garble if rare => {
                let mut bytes = message.payload.to_vec();
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                vec![Message { payload: Bytes::from(bytes), ..message.clone() }]
            }
            Bug::Impostor if rare => {
                vec![Message { sender: NodeId(message.sender.0 + 1), ..message.clone() }]
            }
            Bug::Downgrade => vec![Message { guarantee: Guarantee::Agreed, ..message.clone() }],
            Bug::Forgetful if rare && !own && message.guarantee == Guarantee::Safe => Vec::new(),
            Bug::Twice
            | Bug::Skip
            | Bug::Deaf
            | Bug::Unsafe
            | Bug::Garble
            | Bug::Greedy
            | Bug::Blind
            | Bug::Stuck
            | Bug::Impostor
            | Bug::Forgetful
            | Bug::Lonely
            | Bug::Polite
            | Bug::Mute
            | Bug::Meek => whole,
        }
    }

    fn view(&self, host: Host, view: &View) -> View {
        let mut view = view.clone();
        match self.bug {
            Bug::Greedy => view.quorum.quorate = true,
            Bug::Meek => view.quorum.quorate = false,
            Bug::Lonely if host == 0 && view.kind == ViewKind::Transitional && view.members.len() > 1 => {
                view.members.pop();
            }
            Bug::Polite if host == 0 => view.left_cleanly.clone_from(&view.left),
            Bug::Mute if host == 0 => view.left.clear(),
            Bug::Blind if host == 0 && view.kind == ViewKind::Regular && view.members.len() > 1 => {
                view.members.pop();
            }
            _ => {}
        }
        view
    }
}
