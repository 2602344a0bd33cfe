//! The journal: any torn tail recovers a version that was whole.

use holdfast_store::journal::{RecoverError, Writer, durable, recover};
use holdfast_store::{Operation, Store};
use proptest::prelude::*;

use super::{request, store};

#[derive(Debug, Clone)]
enum Step {
    Add(u8),
    Remove(u8),
    Status(u8),
    Replace(Vec<u8>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(
        prop_oneof![
            (0..6u8).prop_map(Step::Add),
            (0..6u8).prop_map(Step::Remove),
            (0..6u8).prop_map(Step::Status),
            proptest::collection::vec(0..6u8, 0..4).prop_map(Step::Replace),
        ],
        1..8,
    )
}

fn primitive(number: u8) -> String {
    // The order of attributes differs, as it may between programs.
    if number.is_multiple_of(2) {
        format!("<primitive id='r{number}' class='lsb' type='t{number}'/>")
    } else {
        format!("<primitive class='lsb' type='t{number}' id='r{number}'/>")
    }
}

fn carry_out(store: &mut Store, step: &Step) -> Option<holdfast_store::Change> {
    let request = match step {
        Step::Add(n) => request(Operation::Create, "resources", &primitive(*n)),
        Step::Remove(n) => request(Operation::Delete, "resources", &format!("<primitive id='r{n}'/>")),
        Step::Status(n) => request(
            Operation::Modify,
            "status",
            &format!("<status><node_state id='{n}' at='{}'/></status>", store.version()),
        ),
        Step::Replace(all) => {
            let mut all = all.clone();
            all.sort_unstable();
            all.dedup();
            let inside: String = all.iter().map(|n| primitive(*n)).collect();
            request(Operation::Replace, "resources", &format!("<resources>{inside}</resources>"))
        }
    };
    store.apply(&request).ok().filter(|change| !change.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    /// Wherever a power cut ends the journal, and whatever the torn end holds, the last whole record counts.
    #[test]
    fn every_cut_recovers_the_last_whole_record(steps in steps(), noise in any::<u8>()) {
        let mut store = store(&[]);
        let mut writer = Writer::after(Default::default());
        let snapshot = writer.snapshot(store.document(), 7);
        let mut journal = Vec::new();
        let mut states = vec![(0, durable(store.document()).to_string_compact())];
        for step in &steps {
            if let Some(change) = carry_out(&mut store, step)
                && let Some(record) = writer.record(&change.patch, store.document(), 7)
            {
                journal.extend(record);
                states.push((journal.len(), durable(store.document()).to_string_compact()));
            }
        }
        for cut in 0..=journal.len() {
            let (_, expected) = states.iter().rfind(|(end, _)| *end <= cut).unwrap();
            let whole = states.iter().any(|(end, _)| *end == cut);
            let recovered = recover(&snapshot, &journal[..cut]).unwrap();
            prop_assert_eq!(&recovered.document.to_string_compact(), expected);
            prop_assert_eq!(recovered.dropped.is_none(), whole);
            if cut < journal.len() && (cut % 7 == 0 || whole) {
                let mut torn = journal.clone();
                torn.truncate(cut);
                torn.extend(std::iter::repeat_n(noise, 30));
                // The torn end may happen to hold what was cut off.
                let good = torn.iter().zip(&journal).take_while(|(one, other)| one == other).count();
                let (_, expected) = states.iter().rfind(|(end, _)| *end <= good).unwrap();
                let recovered = recover(&snapshot, &torn).unwrap();
                prop_assert_eq!(&recovered.document.to_string_compact(), expected);
                // What is written after recovery continues the good part.
                prop_assert!(recovered.journal_length <= good);
            }
        }
    }

    #[test]
    fn no_changed_byte_is_believed(steps in steps(), at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let mut store = store(&[]);
        let mut writer = Writer::after(Default::default());
        let snapshot = writer.snapshot(store.document(), 1);
        let mut journal = Vec::new();
        let mut states = vec![durable(store.document()).to_string_compact()];
        for step in &steps {
            if let Some(change) = carry_out(&mut store, step)
                && let Some(record) = writer.record(&change.patch, store.document(), 1)
            {
                journal.extend(record);
                states.push(durable(store.document()).to_string_compact());
            }
        }
        if !journal.is_empty() {
            let at = at.index(journal.len());
            journal[at] ^= flip;
            let recovered = recover(&snapshot, &journal).unwrap();
            prop_assert!(states.contains(&recovered.document.to_string_compact()));
            prop_assert!(recovered.dropped.is_some());
        }
        let mut damaged = snapshot.clone();
        let at = at.index(damaged.len());
        damaged[at] ^= flip;
        prop_assert_eq!(recover(&damaged, &[]).unwrap_err(), RecoverError::Damaged);
        let _ = recover(&journal, &snapshot);
    }
}

#[test]
fn records_of_another_journal_do_not_count() {
    let mut store = store(&[]);
    let (mut one, mut other) = (Writer::after(Default::default()), Writer::after(Default::default()));
    let snapshot = one.snapshot(store.document(), 1);
    other.snapshot(store.document(), 2);
    let change = carry_out(&mut store, &Step::Add(1)).unwrap();
    let foreign = other.record(&change.patch, store.document(), 2).unwrap();
    let recovered = recover(&snapshot, &foreign).unwrap();
    assert_eq!(
        recovered.dropped.unwrap(),
        format!("{} bytes of the journal are not used: a record belongs to another journal", foreign.len())
    );
    let own = one.record(&change.patch, store.document(), 3).unwrap();
    let recovered = recover(&snapshot, &own).unwrap();
    assert_eq!((recovered.quorate_lineage, recovered.dropped, recovered.chain), (3, None, one.chain()));
}
