//! What is handed over with an action: names and values, sorted by name.
//!
//! Knows that most of it is the same for many actions and is kept once: one part for what belongs to the operation,
//! one for what belongs to the node. Does not know where values come from.

use std::sync::Arc;

use holdfast_model::Text;

/// A name and its value.
pub type Pair = (Text, Text);

/// A sorted table of names and values. Two tables are equal when they hold the same, however they are put together.
#[derive(Debug, Clone, Default)]
pub struct Attributes {
    shared: Arc<[Pair]>,
    /// Comes before `shared` where both have a name.
    own: Arc<[Pair]>,
}

impl Attributes {
    /// A table of two parts, each sorted by name; `own` wins.
    pub(super) fn of_parts(shared: Arc<[Pair]>, own: Arc<[Pair]>) -> Attributes {
        Attributes { shared, own }
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let find = |part: &'_ [Pair]| part.binary_search_by(|(key, _)| key.as_str().cmp(name)).ok();
        match find(&self.own) {
            Some(at) => Some(self.own[at].1.as_str()),
            None => find(&self.shared).map(|at| self.shared[at].1.as_str()),
        }
    }

    /// All pairs by rising name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let (mut shared, mut own) = (self.shared.as_ref(), self.own.as_ref());
        std::iter::from_fn(move || {
            let (from, rest) = match (own.split_first(), shared.split_first()) {
                (Some((first, rest)), Some((other, others))) if first.0 <= other.0 => {
                    if first.0 == other.0 {
                        shared = others;
                    }
                    own = rest;
                    return Some((first.0.as_str(), first.1.as_str()));
                }
                (_, Some((first, rest))) => (first, rest),
                (Some((first, rest)), None) => {
                    own = rest;
                    return Some((first.0.as_str(), first.1.as_str()));
                }
                (None, None) => return None,
            };
            shared = rest;
            Some((from.0.as_str(), from.1.as_str()))
        })
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.own.is_empty()
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Attributes) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Attributes {}

impl<N: Into<Text>, V: Into<Text>> FromIterator<(N, V)> for Attributes {
    /// Pairs in any order; the last of a name counts.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Attributes {
        let table: std::collections::BTreeMap<Text, Text> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Attributes { shared: Arc::default(), own: table.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Attributes, Pair};

    fn part(pairs: &[(&str, &str)]) -> std::sync::Arc<[Pair]> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn two_parts_read_as_one_sorted_table() {
        let table = Attributes::of_parts(
            part(&[("b", "1"), ("d", "2"), ("f", "3")]),
            part(&[("a", "4"), ("d", "5"), ("e", "6"), ("g", "7")]),
        );
        let all: Vec<(&str, &str)> = table.iter().collect();
        assert_eq!(all, [("a", "4"), ("b", "1"), ("d", "5"), ("e", "6"), ("f", "3"), ("g", "7")]);
        for (name, value) in &all {
            assert_eq!(table.get(name), Some(*value));
        }
        assert_eq!(table.get("c"), None);
        assert_eq!(table, all.iter().rev().copied().collect::<Attributes>());
        assert_ne!(table, Attributes::default());
        assert!(Attributes::default().is_empty() && !table.is_empty());
    }
}
