//! The order in which Pacemaker visits the nodes of a table, which decides ties that nothing else decides.
//!
//! Its tables are open-addressing hash tables keyed by node id; equal candidates are taken in bucket order. Reproducing
//! that order makes the same plan for the same cluster.

use crate::facts::{Facts, NodeIx};

/// Reduction of hash values for tables of 2^3, 2^4 ... buckets: the largest primes below (and 7 for 8).
const PRIMES: [u32; 14] = [7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521];
const SMALLEST_SHIFT: usize = 3;

/// `nodes`, entered in the order given, in the order of their buckets; then entered into a new table in that order, and
/// so on, `copies` times.
pub(super) fn bucket_order(facts: &Facts<'_>, nodes: &[NodeIx], copies: u8) -> Vec<NodeIx> {
    let with_hashes = |nodes: &[NodeIx]| -> Vec<(u32, NodeIx)> {
        nodes.iter().map(|&node| (hash(&facts.nodes[node].id), node)).collect()
    };
    let mut current = order(&with_hashes(nodes));
    for _ in 0..copies {
        let copied = order(&with_hashes(&current));
        if copied == current {
            break;
        }
        current = copied;
    }
    current
}

/// Names with values, in the order of the buckets of the names.
pub(super) fn named_in_bucket_order<V: Clone>(
    values: &std::collections::BTreeMap<String, V>,
) -> Vec<(String, V)> {
    let entries: Vec<(u32, (&String, &V))> =
        values.iter().map(|(name, value)| (hash(name), (name, value))).collect();
    order(&entries).into_iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Times 31 over the bytes; the values that mark empty buckets are avoided.
fn hash(id: &str) -> u32 {
    let value =
        id.bytes().fold(0u32, |value, byte| (value << 5).wrapping_sub(value).wrapping_add(byte as i8 as u32));
    if value < 2 { 2 } else { value }
}

fn order<T: Copy>(entries: &[(u32, T)]) -> Vec<T> {
    let mut table = Table { shift: SMALLEST_SHIFT, buckets: vec![None; 1 << SMALLEST_SHIFT] };
    for (count, &entry) in entries.iter().enumerate() {
        table.insert(entry);
        table.grow_if_full(count + 1);
    }
    table.buckets.into_iter().flatten().map(|(_, item)| item).collect()
}

struct Table<T> {
    shift: usize,
    buckets: Vec<Option<(u32, T)>>,
}

impl<T: Copy> Table<T> {
    /// The first bucket for `hash` that `taken` does not exclude.
    fn place(&self, hash: u32, taken: impl Fn(usize) -> bool) -> usize {
        let prime = PRIMES[(self.shift - SMALLEST_SHIFT).min(PRIMES.len() - 1)];
        let mut bucket = (hash.wrapping_mul(11) % prime) as usize;
        let mut step = 0;
        while taken(bucket) {
            step += 1;
            bucket = (bucket + step) & (self.buckets.len() - 1);
        }
        bucket
    }

    fn insert(&mut self, entry: (u32, T)) {
        let bucket = self.place(entry.0, |bucket| self.buckets[bucket].is_some());
        self.buckets[bucket] = Some(entry);
    }

    fn grow_if_full(&mut self, count: usize) {
        if self.buckets.len() > count + count / 16 {
            return;
        }
        let old_size = self.buckets.len();
        let wanted = count * 1333 / 1000;
        self.shift = (usize::BITS - wanted.leading_zeros()) as usize;
        self.buckets.resize(1 << self.shift, None);
        // Entries are moved in place: each one pushes out whatever has not been moved yet.
        let mut moved = vec![false; self.buckets.len()];
        for bucket in 0..old_size {
            if moved[bucket] {
                continue;
            }
            let mut carried = self.buckets[bucket].take();
            while let Some(entry) = carried {
                let target = self.place(entry.0, |bucket| moved[bucket]);
                moved[target] = true;
                carried = self.buckets[target].replace(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes() {
        assert_eq!(hash(""), 2);
        assert_eq!(hash("a"), 97);
        assert_eq!(hash("ab"), 97 * 31 + 98);
    }

    #[test]
    fn everything_is_kept_when_the_table_grows() {
        let entries: Vec<(u32, usize)> = (0..100).map(|n| (hash(&format!("node{n}")), n)).collect();
        let mut ordered = order(&entries);
        ordered.sort_unstable();
        assert_eq!(ordered, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn small_tables_go_by_bucket() {
        // 11 * 49 % 7 = 0, 11 * 50 % 7 = 4, 11 * 51 % 7 = 1
        let entries: Vec<(u32, &str)> = ["1", "2", "3"].into_iter().map(|id| (hash(id), id)).collect();
        assert_eq!(order(&entries), ["1", "3", "2"]);
    }
}
