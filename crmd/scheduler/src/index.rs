//! Vectors indexed by a typed number: the scheduler's way of pointing at things.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A typed index.
pub trait Idx: Copy + Eq + Ord + fmt::Debug {
    /// From a position.
    fn new(position: usize) -> Self;
    /// To a position.
    fn index(self) -> usize;
}

/// Declares a newtype usable as an index.
#[macro_export]
macro_rules! index_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $crate::index::Idx for $name {
            fn new(position: usize) -> Self {
                $name(u32::try_from(position).expect("tables stay far below four thousand million entries"))
            }

            fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

/// A vector whose positions have their own type.
#[derive(Clone, PartialEq, Eq)]
pub struct IndexVec<I: Idx, T> {
    items: Vec<T>,
    marker: PhantomData<I>,
}

impl<I: Idx, T> IndexVec<I, T> {
    /// An empty vector.
    pub fn new() -> Self {
        IndexVec { items: Vec::new(), marker: PhantomData }
    }

    /// A vector of `count` copies.
    pub fn filled(value: T, count: usize) -> Self
    where
        T: Clone,
    {
        IndexVec { items: vec![value; count], marker: PhantomData }
    }

    /// Takes over an ordinary vector.
    pub fn from_vec(items: Vec<T>) -> Self {
        IndexVec { items, marker: PhantomData }
    }

    /// Appends, returning the new position.
    pub fn push(&mut self, item: T) -> I {
        self.items.push(item);
        I::new(self.items.len() - 1)
    }

    /// The position that the next [`push`](Self::push) will use.
    pub fn next_index(&self) -> I {
        I::new(self.items.len())
    }

    /// Forgets everything from `length` on.
    pub fn truncate(&mut self, length: usize) {
        self.items.truncate(length);
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Items in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// Items in order, for changing.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.items.iter_mut()
    }

    /// Positions in order.
    pub fn indices(&self) -> impl DoubleEndedIterator<Item = I> + ExactSizeIterator + use<I, T> {
        (0..self.items.len()).map(I::new)
    }

    /// Positions and items in order.
    pub fn iter_enumerated(&self) -> impl DoubleEndedIterator<Item = (I, &T)> {
        self.items.iter().enumerate().map(|(position, item)| (I::new(position), item))
    }

    /// The item, if the position exists.
    pub fn get(&self, index: I) -> Option<&T> {
        self.items.get(index.index())
    }
}

impl<I: Idx, T> Default for IndexVec<I, T> {
    fn default() -> Self {
        IndexVec::new()
    }
}

impl<I: Idx, T> Index<I> for IndexVec<I, T> {
    type Output = T;

    fn index(&self, index: I) -> &T {
        &self.items[index.index()]
    }
}

impl<I: Idx, T> IndexMut<I> for IndexVec<I, T> {
    fn index_mut(&mut self, index: I) -> &mut T {
        &mut self.items[index.index()]
    }
}

impl<I: Idx, T: fmt::Debug> fmt::Debug for IndexVec<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.items).finish()
    }
}
