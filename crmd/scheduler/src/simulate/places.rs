//! Where the states of nodes and the histories in them are, so that each result finds its own without a walk over all
//! of them.
//!
//! Knows names and positions. Does not know what a history holds.

use std::collections::BTreeMap;

use holdfast_model::Text;
use holdfast_model::status::{NodeState, Status};

/// Where the history of a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    One(usize),
    Several,
    Nowhere,
}

/// Where the histories of all nodes are.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The number of each resource's name.
    numbers: BTreeMap<Text, usize>,
    /// The name that was asked for last, and its number: results come resource by resource.
    last: Option<(Text, usize)>,
    /// By position of the node state: places of the histories by the number of the name; what is beyond is nowhere.
    nodes: Vec<Option<Vec<Place>>>,
    /// By position of the node state: something in it is there more than once.
    repeats: Vec<bool>,
    /// Positions of node states by name.
    states: BTreeMap<Text, usize>,
}

impl Places {
    /// Histories were taken away.
    pub(super) fn forget(&mut self) {
        self.nodes.clear();
        self.repeats.clear();
        self.states.clear();
    }

    /// The position of a node's state, made if it is missing, as [`super::node_state`] does.
    pub(super) fn node(&mut self, status: &mut Status, name: &Text, id: Option<&str>) -> usize {
        if let Some(at) = self.states.get(name) {
            return *at;
        }
        let known = status.nodes.iter().any(|state| state.name == name.as_str());
        if !known {
            // A state that has another name so far may get this one.
            self.states.clear();
        }
        let at = super::place_of_node(status, name, id);
        self.states.insert(name.clone(), at);
        at
    }

    /// The history under the first of the names that has exactly one.
    pub(super) fn find(&mut self, node: usize, state: &NodeState, names: [&Text; 2]) -> Place {
        if node >= self.nodes.len() {
            self.nodes.resize(node + 1, None);
            self.repeats.resize(node + 1, false);
        }
        if self.nodes[node].is_none() {
            let mut places = Vec::new();
            for (at, history) in state.resources.iter().enumerate() {
                let place = place_mut(&mut places, self.number(history.id.as_str()));
                *place = if *place == Place::Nowhere { Place::One(at) } else { Place::Several };
            }
            self.nodes[node] = Some(places);
            self.repeats[node] = super::update::has_repeats(state);
        }
        let first = self.place(node, names[0]);
        let second = if names[0] == names[1] { first } else { self.place(node, names[1]) };
        match (first, second) {
            (Place::One(_), _) => first,
            (_, Place::One(_)) => second,
            (Place::Nowhere, Place::Nowhere) => Place::Nowhere,
            _ => Place::Several,
        }
    }

    /// Whether something in a state whose histories were looked for is there more than once.
    pub(super) fn has_repeats(&self, node: usize) -> bool {
        self.repeats.get(node).is_some_and(|repeats| *repeats)
    }

    /// The first history of a resource was added at the end of a node's.
    pub(super) fn added(&mut self, node: usize, state: &NodeState) {
        let Some(last) = state.resources.last() else {
            return;
        };
        let number = self.number(last.id.as_str());
        if let Some(places) = self.nodes.get_mut(node).and_then(Option::as_mut) {
            *place_mut(places, number) = Place::One(state.resources.len() - 1);
        }
    }

    fn place(&mut self, node: usize, name: &Text) -> Place {
        let number = self.number(name.as_str());
        let places = self.nodes[node].as_deref().unwrap_or_default();
        places.get(number).copied().unwrap_or(Place::Nowhere)
    }

    fn number(&mut self, name: &str) -> usize {
        if let Some((_, number)) = self.last.as_ref().filter(|(last, _)| last == name) {
            return *number;
        }
        let (name, number) = match self.numbers.get_key_value(name) {
            Some((name, number)) => (name.clone(), *number),
            None => {
                let (name, number) = (Text::from(name), self.numbers.len());
                self.numbers.insert(name.clone(), number);
                (name, number)
            }
        };
        self.last = Some((name, number));
        number
    }
}

fn place_mut(places: &mut Vec<Place>, number: usize) -> &mut Place {
    if number >= places.len() {
        places.resize(number + 1, Place::Nowhere);
    }
    &mut places[number]
}

#[cfg(test)]
mod tests {
    use super::{Place, Places};
    use holdfast_model::Text;
    use holdfast_model::status::{NodeState, ResourceHistory, Status};

    fn state(name: &str, histories: &[&str]) -> NodeState {
        let history = |id: &&str| ResourceHistory { id: (*id).to_owned(), ..ResourceHistory::default() };
        NodeState {
            id: format!("{name}-id"),
            name: name.to_owned(),
            resources: histories.iter().map(history).collect(),
            ..NodeState::default()
        }
    }

    #[test]
    fn a_history_is_found_under_the_first_name_that_has_one() {
        let mut places = Places::default();
        let mut node = state("a", &["db", "web:0", "twice", "twice"]);
        let mut find = |names: [&str; 2], node: &NodeState| {
            let [first, second] = names.map(Text::from);
            places.find(0, node, [&first, &second])
        };
        assert_eq!(find(["db", "db"], &node), Place::One(0));
        assert_eq!(find(["web:0", "web"], &node), Place::One(1));
        assert_eq!(find(["web", "web:0"], &node), Place::One(1));
        assert_eq!(find(["twice", "db"], &node), Place::One(0));
        assert_eq!(find(["twice", "other"], &node), Place::Several);
        assert_eq!(find(["other", "other"], &node), Place::Nowhere);
        node.resources.push(ResourceHistory { id: "other".to_owned(), ..ResourceHistory::default() });
        places.added(0, &node);
        let other = Text::from("other");
        assert_eq!(places.find(0, &node, [&other, &other]), Place::One(4));
    }

    #[test]
    fn a_state_without_the_name_gets_it_by_its_id() {
        let mut places = Places::default();
        let mut status = Status::default();
        status.nodes.extend([state("a", &[]), state("b", &[])]);
        assert_eq!(places.node(&mut status, &Text::from("b"), None), 1);
        assert_eq!(places.node(&mut status, &Text::from("c"), Some("b-id")), 1);
        assert_eq!(status.nodes[1].name, "c");
        assert_eq!(places.node(&mut status, &Text::from("b"), None), 2);
        assert_eq!(status.nodes[2].id, "b");
    }
}
