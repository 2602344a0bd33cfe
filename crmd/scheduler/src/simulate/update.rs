//! What an update of the status section does to entries that are there more than once.
//!
//! Knows that an update carries the whole state of a node, and that each element of it changes the first one of its
//! name and id: what a later one says ends up in the first as well. Does not know what was updated.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use holdfast_model::AttributeSet;
use holdfast_model::status::{NodeState, OperationRecord, ResourceHistory};

/// Whether something in the state is there more than once.
pub(super) fn has_repeats(state: &NodeState) -> bool {
    let ids = state.resources.iter().map(|history| history.id.as_str());
    let operations = |history: &ResourceHistory| repeated(history.operations.iter().map(|op| op.id.as_str()));
    let pairs = |set: &AttributeSet| repeated(set.pairs.iter().map(|pair| pair.id.as_str()));
    let sets = || state.transient.sets.iter();
    repeated(ids)
        || state.resources.iter().any(operations)
        || repeated(sets().map(|set| set.id.as_str()))
        || sets().any(pairs)
}

fn repeated<'a>(ids: impl Iterator<Item = &'a str>) -> bool {
    let mut known: Vec<&str> = ids.collect();
    if known.len() < 2 {
        return false;
    }
    known.sort_unstable();
    known.windows(2).any(|pair| pair[0] == pair[1])
}

/// Changes the first entries by the later ones of the same id, as an update of the state does.
pub fn settle(state: &mut NodeState) {
    fold(
        &mut state.resources,
        |history| &history.id,
        |history| fold(&mut history.operations, |op| &op.id, |_| {}, change_operation),
        |history, later| {
            history.class.clone_from(&later.class);
            history.agent_type.clone_from(&later.agent_type);
            take(&mut history.provider, &later.provider);
            take(&mut history.container, &later.container);
            take(&mut history.shutdown_lock, &later.shutdown_lock);
            take_others(&mut history.other, &later.other);
            merge(&mut history.operations, &later.operations, |op| &op.id, change_operation);
        },
    );
    fold(
        &mut state.transient.sets,
        |set| &set.id,
        |set| fold(&mut set.pairs, |pair| &pair.id, |_| {}, Clone::clone_from),
        |set, later| merge(&mut set.pairs, &later.pairs, |pair| &pair.id, Clone::clone_from),
    );
}

/// Applies `within` to the first item of each id, and `change` to it for each later one.
fn fold<T: Clone>(
    items: &mut [T],
    id: impl Fn(&T) -> &String,
    mut within: impl FnMut(&mut T),
    change: impl Fn(&mut T, &T),
) {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for at in 0..items.len() {
        match first.entry(id(&items[at]).clone()) {
            Entry::Vacant(entry) => {
                entry.insert(at);
                within(&mut items[at]);
            }
            Entry::Occupied(entry) => {
                let (known, later) = items.split_at_mut(at);
                change(&mut known[*entry.get()], &later[0]);
            }
        }
    }
}

/// Changes items by those of the same id, and adds those whose id is new.
pub(super) fn merge<T: Clone>(
    items: &mut Vec<T>,
    changes: &[T],
    id: impl Fn(&T) -> &String,
    change: impl Fn(&mut T, &T),
) {
    for one in changes {
        match items.iter().position(|item| id(item) == id(one)) {
            Some(at) => change(&mut items[at], one),
            None => items.push(one.clone()),
        }
    }
}

/// What the later record says of the operation; what it does not mention stays.
pub(super) fn change_operation(op: &mut OperationRecord, later: &OperationRecord) {
    op.operation.clone_from(&later.operation);
    op.call_id = later.call_id;
    op.rc_code = later.rc_code;
    op.op_status = later.op_status;
    op.interval_ms = later.interval_ms;
    take(&mut op.operation_key, &later.operation_key);
    take(&mut op.origin, &later.origin);
    take(&mut op.feature_set, &later.feature_set);
    take(&mut op.transition_key, &later.transition_key);
    take(&mut op.transition_magic, &later.transition_magic);
    take(&mut op.exit_reason, &later.exit_reason);
    take(&mut op.on_node, &later.on_node);
    take(&mut op.last_rc_change, &later.last_rc_change);
    take(&mut op.exec_time_ms, &later.exec_time_ms);
    take(&mut op.queue_time_ms, &later.queue_time_ms);
    take(&mut op.op_digest, &later.op_digest);
    take(&mut op.op_force_restart, &later.op_force_restart);
    take(&mut op.op_restart_digest, &later.op_restart_digest);
    take(&mut op.op_secure_params, &later.op_secure_params);
    take(&mut op.op_secure_digest, &later.op_secure_digest);
    take(&mut op.migrate_source, &later.migrate_source);
    take(&mut op.migrate_target, &later.migrate_target);
    take_others(&mut op.other, &later.other);
}

fn take<T: Clone>(value: &mut Option<T>, later: &Option<T>) {
    if later.is_some() {
        value.clone_from(later);
    }
}

fn take_others(values: &mut Vec<(String, String)>, later: &[(String, String)]) {
    merge(values, later, |(name, _)| name, Clone::clone_from);
}

#[cfg(test)]
mod tests {
    use super::{has_repeats, settle};
    use holdfast_model::status::{NodeState, OperationRecord, ResourceHistory};

    fn history(id: &str, operations: &[(&str, i32)]) -> ResourceHistory {
        let op = |(id, rc): &(&str, i32)| OperationRecord {
            id: (*id).to_owned(),
            rc_code: *rc,
            ..OperationRecord::default()
        };
        ResourceHistory {
            id: id.to_owned(),
            operations: operations.iter().map(op).collect(),
            ..ResourceHistory::default()
        }
    }

    #[test]
    fn the_first_history_takes_what_a_later_one_of_its_name_says() {
        let mut state = NodeState {
            resources: vec![
                history("a", &[("a_last_0", 0), ("a_monitor_1000", 0)]),
                history("b", &[("b_last_0", 0)]),
                history("a", &[("a_monitor_1000", 1), ("a_other_0", 7)]),
            ],
            ..NodeState::default()
        };
        let before = state.clone();
        assert!(has_repeats(&state), "a is there twice");
        settle(&mut state);
        let merged = history("a", &[("a_last_0", 0), ("a_monitor_1000", 1), ("a_other_0", 7)]);
        assert_eq!(state.resources, [merged, before.resources[1].clone(), before.resources[2].clone()]);
    }

    #[test]
    fn what_is_there_once_stays_as_it_is() {
        let mut state =
            NodeState { resources: vec![history("a", &[("a_last_0", 0)])], ..NodeState::default() };
        let before = state.clone();
        assert!(!has_repeats(&state), "nothing is there twice");
        settle(&mut state);
        assert_eq!(state, before);
    }
}
