//! How names are compared and taken apart.

use std::cmp::Ordering;

/// A resource name without the number of a clone instance (`db:3` -> `db`).
pub fn base_name(id: &str) -> &str {
    match id.rfind(':') {
        Some(at) if at > 0 && at + 1 < id.len() && id[at + 1..].bytes().all(|byte| byte.is_ascii_digit()) => {
            &id[..at]
        }
        Some(_) | None => id,
    }
}

/// The key of an operation: `RSC_TASK_INTERVAL`.
pub fn op_key(rsc: &str, task: &str, interval_ms: u32) -> String {
    format!("{rsc}_{task}_{interval_ms}")
}

/// Sorts as GLib sorts lists: stable merging, the first half one shorter when the length is odd. With a comparison
/// that is no total order the result depends on this, and histories have such comparisons.
pub fn merge_sort<T: Clone>(items: &[T], compare: &mut impl FnMut(&T, &T) -> Ordering) -> Vec<T> {
    if items.len() < 2 {
        return items.to_vec();
    }
    let (left, right) = items.split_at(items.len() / 2);
    let left = merge_sort(left, compare);
    let right = merge_sort(right, compare);
    let mut merged = Vec::with_capacity(items.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if compare(&left[i], &right[j]).is_le() {
            merged.push(left[i].clone());
            i += 1;
        } else {
            merged.push(right[j].clone());
            j += 1;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_numbers() {
        let check = |id, expected| assert_eq!(base_name(id), expected);
        check("db:12", "db");
        check("db", "db");
        check("db:x", "db:x");
        check("db:", "db:");
        check("a:1:2", "a:1");
    }
}
