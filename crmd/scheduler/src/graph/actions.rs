//! The actions of a graph by number.
//!
//! Knows how they are stored: one after the other, with a table from numbers to places, because a plan for a large
//! cluster has a hundred thousand and each is looked up several times. Does not know what they mean.

use super::{Action, ActionId};

/// Actions by number.
#[derive(Debug, Clone, Default)]
pub struct Actions {
    list: Vec<Action>,
    /// One more than the place of the action with that number, 0 if there is none.
    places: Vec<u32>,
}

impl Actions {
    /// A table for numbers up to `highest`, with room for `count` actions.
    pub(super) fn with_capacity(highest: usize, count: usize) -> Actions {
        Actions { list: Vec::with_capacity(count), places: vec![0; highest + 1] }
    }

    /// The action of that number.
    #[must_use]
    pub fn get(&self, id: &ActionId) -> Option<&Action> {
        let place = self.places.get(id.0 as usize)?.checked_sub(1)?;
        self.list.get(place as usize)
    }

    /// Adds an action, or puts it in place of the one that had its number, which is returned then.
    pub fn insert(&mut self, id: ActionId, action: Action) -> Option<Action> {
        let number = id.0 as usize;
        if number >= self.places.len() {
            self.places.resize(number + 1, 0);
        }
        match self.places[number].checked_sub(1) {
            Some(place) => Some(std::mem::replace(&mut self.list[place as usize], action)),
            None => {
                self.list.push(action);
                self.places[number] = u32::try_from(self.list.len()).unwrap_or(0);
                None
            }
        }
    }

    /// All actions by rising number.
    pub fn values(&self) -> impl Iterator<Item = &Action> {
        let places = self.places.iter().filter_map(|place| place.checked_sub(1));
        places.filter_map(|place| self.list.get(place as usize))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl PartialEq for Actions {
    fn eq(&self, other: &Actions) -> bool {
        self.len() == other.len() && self.values().eq(other.values())
    }
}

impl Eq for Actions {}
