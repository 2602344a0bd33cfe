//! Figures side by side, and what was asked for.

use serde_json::{Value, json};

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    More,
    Less,
}

/// What a figure has to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// So many times the peer's best.
    Times(f64),
    /// At most this part of the peer's best.
    Part(f64),
    /// At most this much, whatever the peer has.
    Most(f64),
    /// Exactly none.
    None,
}

/// One line of the comparison.
#[derive(Clone, Debug)]
pub struct Figure {
    pub name: String,
    pub unit: &'static str,
    pub ours: f64,
    /// The peer's best and how it was started.
    pub peer: Option<(f64, String)>,
    pub target: Target,
}

/// The middle of a list; of an even number the mean of the two in the middle.
pub fn median(mut list: Vec<f64>) -> f64 {
    list.sort_by(f64::total_cmp);
    let upper = list.get(list.len() / 2).copied().unwrap_or(0.0);
    let lower = list.get(list.len().saturating_sub(1) / 2).copied().unwrap_or(0.0);
    (lower + upper) / 2.0
}

/// The better of several figures.
pub fn best(list: &[(f64, String)], better: Better) -> Option<(f64, String)> {
    let order = |a: &&(f64, String), b: &&(f64, String)| match better {
        Better::More => a.0.total_cmp(&b.0),
        Better::Less => b.0.total_cmp(&a.0),
    };
    list.iter().max_by(order).cloned()
}

impl Figure {
    /// Ours by the peer's.
    pub fn ratio(&self) -> Option<f64> {
        self.peer.as_ref().filter(|(value, _)| *value > 0.0).map(|(value, _)| self.ours / value)
    }

    /// Whether the target is reached; `None` without a peer to compare with.
    pub fn reached(&self) -> Option<bool> {
        match self.target {
            Target::Times(times) => self.ratio().map(|ratio| ratio >= times),
            Target::Part(part) => self.ratio().map(|ratio| ratio <= part),
            Target::Most(most) => Some(self.ours <= most),
            Target::None => Some(self.ours == 0.0),
        }
    }

    fn wanted(&self) -> String {
        match self.target {
            Target::Times(times) => format!("at least {times} x"),
            Target::Part(part) => format!("at most {part:.2} x"),
            Target::Most(most) => format!("at most {most} {}", self.unit),
            Target::None => "none".to_owned(),
        }
    }

    /// For machines.
    pub fn json(&self) -> Value {
        json!({
            "figure": self.name, "unit": self.unit, "ours": self.ours,
            "peer": self.peer.as_ref().map(|(value, _)| *value),
            "peer_mode": self.peer.as_ref().map(|(_, mode)| mode.as_str()),
            "ratio": self.ratio(), "target": self.wanted(), "reached": self.reached(),
        })
    }
}

fn short(value: f64) -> String {
    match value.abs() {
        big if big >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The table for people.
pub fn table(figures: &[Figure]) -> String {
    let mut text = format!(
        "{:<44} {:>10} {:>10} {:>6}  {:<18} {:<8} peer's best with\n",
        "figure", "holdfast", "peer", "ratio", "wanted", "reached"
    );
    for figure in figures {
        let (peer, mode) = match &figure.peer {
            Some((value, mode)) => (short(*value), mode.as_str()),
            None => ("-".to_owned(), ""),
        };
        let reached = match figure.reached() {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "?",
        };
        text += &format!(
            "{:<44} {:>10} {:>10} {:>6}  {:<18} {:<8} {}\n",
            format!("{} ({})", figure.name, figure.unit),
            short(figure.ours),
            peer,
            figure.ratio().map_or_else(|| "-".to_owned(), short),
            figure.wanted(),
            reached,
            mode
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_judged_by_its_target() {
        let check = |ours: f64, peer: Option<f64>, target: Target, expected: Option<bool>| {
            let peer = peer.map(|value| (value, "mode".to_owned()));
            let figure = Figure { name: "figure".to_owned(), unit: "ms", ours, peer, target };
            assert_eq!(figure.reached(), expected, "{figure:?}");
        };
        check(20.0, Some(10.0), Target::Times(2.0), Some(true));
        check(19.0, Some(10.0), Target::Times(2.0), Some(false));
        check(19.0, None, Target::Times(2.0), None);
        check(3.0, Some(10.0), Target::Part(1.0 / 3.0), Some(true));
        check(4.0, Some(10.0), Target::Part(1.0 / 3.0), Some(false));
        check(4.0, None, Target::Most(4.0), Some(true));
        check(1.0, Some(1.0), Target::None, Some(false));
    }

    #[test]
    fn the_best_depends_on_the_direction() {
        let list = [(1.0, "a".to_owned()), (3.0, "b".to_owned()), (2.0, "c".to_owned())];
        assert_eq!(best(&list, Better::More), Some((3.0, "b".to_owned())));
        assert_eq!(best(&list, Better::Less), Some((1.0, "a".to_owned())));
        assert_eq!(best(&[], Better::Less), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
        assert_eq!(median(vec![]), 0.0);
    }
}
