//! Element and attribute names of one document, each stored once.
//!
//! Knows only strings and their numbers; the table belongs to one document, so numbers never cross documents.

use std::sync::Arc;

/// Number of a name inside one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Symbol(pub(crate) u32);

/// Interned names with an open-addressing lookup table (its order is never observable).
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    all: Vec<Arc<str>>,
    slots: Vec<u32>,
}

const FREE: u32 = u32::MAX;

fn hash(name: &str) -> usize {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in name.bytes() {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (state ^ (state >> 29)) as usize
}

impl Names {
    pub(crate) fn get(&self, symbol: Symbol) -> &str {
        &self.all[symbol.0 as usize]
    }

    /// The number of `name` if the document uses it anywhere.
    pub(crate) fn find(&self, name: &str) -> Option<Symbol> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut at = hash(name) & mask;
        loop {
            match self.slots[at] {
                FREE => return None,
                number if &*self.all[number as usize] == name => return Some(Symbol(number)),
                _ => at = (at + 1) & mask,
            }
        }
    }

    pub(crate) fn intern(&mut self, name: &str) -> Symbol {
        if let Some(found) = self.find(name) {
            return found;
        }
        if (self.all.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let number = self.all.len() as u32;
        self.all.push(Arc::from(name));
        self.place(number);
        Symbol(number)
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        self.slots = vec![FREE; size];
        for number in 0..self.all.len() as u32 {
            self.place(number);
        }
    }

    fn place(&mut self, number: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash(&self.all[number as usize]) & mask;
        while self.slots[at] != FREE {
            at = (at + 1) & mask;
        }
        self.slots[at] = number;
    }
}
