//! Which of two documents wins when two parts of a cluster meet.

use holdfast_store::precedence::merge;
use holdfast_xml::Document;

fn document(version: [u32; 3], note: &str) -> Document {
    let [admin_epoch, epoch, num_updates] = version;
    Document::parse_default(format!(
        "<cib admin_epoch='{admin_epoch}' epoch='{epoch}' num_updates='{num_updates}'><configuration note='{note}'/></cib>"
    ))
    .unwrap()
}

fn check(a: ([u32; 3], u64), b: ([u32; 3], u64), winner: &str, why: &str) {
    let (first, second) = ((document(a.0, "a"), a.1), (document(b.0, "b"), b.1));
    let merged = merge(vec![first.clone(), second.clone()]).unwrap();
    let other = merge(vec![second, first]).unwrap();
    assert_eq!(merged.standing, other.standing);
    let note = merged.winner.root().child("configuration").unwrap().attr("note").unwrap().to_owned();
    assert_eq!((note.as_str(), merged.lost[0].why.as_str()), (winner, why));
    let mut back = merged.winner.clone();
    merged.lost[0].difference.apply(&mut back).unwrap();
    assert!(back.same_content(&merged.lost[0].document));
}

#[test]
fn precedence() {
    check(
        ([1, 1, 1], 1),
        ([0, 9, 9], 9),
        "a",
        "version 0.9.9 lost against 1.1.1: its admin_epoch is 0, the winner's is 1",
    );
    check(
        ([0, 50, 0], 3),
        ([0, 5, 0], 4),
        "b",
        "version 0.50.0 lost against 0.5.0: its last view with quorum is 3, the winner's is 4",
    );
    check(
        ([0, 6, 0], 4),
        ([0, 5, 9], 4),
        "a",
        "version 0.5.9 lost against 0.6.0: its epoch is 5, the winner's is 6",
    );
    check(
        ([0, 5, 8], 4),
        ([0, 5, 9], 4),
        "b",
        "version 0.5.8 lost against 0.5.9: its num_updates is 8, the winner's is 9",
    );
    let merged = merge(vec![(document([0, 1, 1], "x"), 1), (document([0, 1, 1], "x"), 1)]).unwrap();
    assert!(merged.lost.is_empty());
    assert!(merge(Vec::new()).is_none());
}
