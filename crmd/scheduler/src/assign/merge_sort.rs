//! A stable merge sort that accepts comparisons which are not a total order.
//!
//! Several comparisons of the scheduler (instances, nodes by capacity) are not transitive, so the result depends on
//! which pairs are compared. The halves are cut as GLib's list sort cuts them, so that the same input order gives
//! the same result as it does in Pacemaker. The standard library's sort may panic on such comparisons.

use std::cmp::Ordering;

/// Sorts `items`; `compare` may be any function.
pub fn merge_sort<T: Copy>(items: &[T], compare: &mut impl FnMut(T, T) -> Ordering) -> Vec<T> {
    if items.len() < 2 {
        return items.to_vec();
    }
    let (first, second) = items.split_at(items.len() / 2);
    let (first, second) = (merge_sort(first, compare), merge_sort(second, compare));
    let mut merged = Vec::with_capacity(items.len());
    let (mut left, mut right) = (first.into_iter().peekable(), second.into_iter().peekable());
    while let (Some(&a), Some(&b)) = (left.peek(), right.peek()) {
        if compare(a, b) == Ordering::Greater {
            merged.push(b);
            right.next();
        } else {
            merged.push(a);
            left.next();
        }
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &[(i32, char)], expected: &str) {
        let sorted = merge_sort(input, &mut |a, b| a.0.cmp(&b.0));
        assert_eq!(sorted.iter().map(|(_, name)| *name).collect::<String>(), expected);
    }

    #[test]
    fn sorts_and_keeps_the_order_of_equals() {
        check(&[], "");
        check(&[(2, 'a'), (1, 'b'), (2, 'c'), (1, 'd'), (0, 'e')], "ebdac");
    }

    #[test]
    fn survives_a_comparison_without_sense() {
        let mut calls = 0;
        let sorted = merge_sort(&[3, 1, 2, 5, 4], &mut |_, _| {
            calls += 1;
            if calls % 2 == 0 { Ordering::Greater } else { Ordering::Less }
        });
        assert_eq!(sorted.iter().sum::<i32>(), 15);
    }
}
