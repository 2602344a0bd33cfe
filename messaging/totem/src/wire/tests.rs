//! Golden bytes of every message, and decoders that meet anything at all.

use proptest::prelude::*;

use crate::config::PersistedRing;
use crate::id::{Incarnation, NodeId, RingId};
use crate::quorum::{Ballot, Change};
use crate::wire::codec::Malformed;
use crate::wire::control::{Control, Part, Seat, Slot};
use crate::wire::frame::{FrameKind, FrameView};
use crate::wire::presence::{Heard, HeardSet, Phase, Presence, Row};
use crate::wire::token::{Request, Token};

const RING: RingId = RingId { seq: 0x0102, representative: NodeId(3) };

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn check(message: &Control, golden: &str) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    assert_eq!(hex(&bytes), golden.replace(' ', ""), "{message:?}");
    assert_eq!(Control::decode(&bytes).as_ref(), Ok(message));
    for end in 0..bytes.len() {
        assert!(Control::decode(&bytes[..end]).is_err(), "{message:?} cut to {end} bytes");
    }
    bytes.push(0);
    assert!(Control::decode(&bytes).is_err(), "{message:?} with a byte too many");
}

#[test]
fn control_messages_keep_their_bytes() {
    let ring = "0201000000000000 03000000";
    check(&Control::Decline { ring: RING }, &format!("07 {ring}"));
    check(&Control::Committed { ring: RING }, &format!("09 {ring}"));
    check(&Control::TokenSeen { ring: RING, hop: 5 }, &format!("0a {ring} 0500000000000000"));
    check(&Control::TokenWanted { ring: RING, hop: 5 }, &format!("0b {ring} 0500000000000000"));
    check(&Control::Goodbye { clean: true }, "0c 01");
    check(&Control::Farewell, "0d");
    check(&Control::Probe { size: 45 }, "0e 2d00 0000");
    check(&Control::Probed { size: 1_452 }, "0f ac05");
    let seats = vec![
        Seat { node: NodeId(1), incarnation: Incarnation(7) },
        Seat { node: NodeId(2), incarnation: Incarnation(8) },
    ];
    let seat = "01000000 0700000000000000";
    check(
        &Control::Propose { ring: RING, seats: seats.clone() },
        &format!("05 {ring} 0200 {seat} 02000000 0800000000000000"),
    );
    let slot = Slot {
        seat: seats[0],
        old_ring: RING,
        aru: 10,
        high: 12,
        safe: 9,
        obligations: vec![NodeId(1)],
        goodbyes: vec![NodeId(4)],
        ballot: Ballot {
            votes: 1,
            expected: 3,
            quorate: true,
            waiting: false,
            witness: 0,
            grant: 0,
            hears_witness: true,
            ring_size: 2,
            previous: vec![NodeId(5)],
        },
        boot_id: [0xbb; 16],
        name: "n1".to_owned(),
    };
    let boot = "bb".repeat(16);
    let slot_bytes = format!(
        "{seat} {ring} 0a00000000000000 0c00000000000000 0900000000000000 0100 01000000 0100 04000000 \
         01000000 03000000 05 00000000 0000000000000000 0200 0100 05000000 {boot} 02 6e31"
    );
    check(&Control::Accept { ring: RING, slot: slot.clone() }, &format!("06 {ring} {slot_bytes}"));
    check(&Control::Commit { ring: RING, slots: vec![slot] }, &format!("08 {ring} 0100 {slot_bytes}"));
}

#[test]
fn presence_keeps_its_bytes() {
    let row = |node, heard| Row {
        node: NodeId(node),
        incarnation: Incarnation(7),
        version: 2,
        votes: 1,
        ring: RING,
        heard,
    };
    let presence = Presence {
        stamp: 1,
        echo: 2,
        echo_age: 3,
        heard_links: 5,
        phase: Phase::Operational,
        holding: true,
        hop: 4,
        promised: 6,
        key_tags: [0xaa, 0xbb],
        row: row(1, HeardSet::Ring),
        gossip: vec![row(2, HeardSet::List(vec![Heard { node: NodeId(9), boot: 8 }]))],
    };
    let fields = "0700000000000000 0200000000000000 01000000 0201000000000000 03000000";
    check(
        &Control::Presence(presence),
        &format!(
            "04 0100000000000000 0200000000000000 03000000 05 83 0400000000000000 0600000000000000 aa000000 \
             bb000000 01000000 {fields} ffff 0100 02000000 {fields} 0100 09000000 08000000"
        ),
    );
}

#[test]
fn token_and_frame_keep_their_bytes() {
    let token = Token {
        ring: RING,
        hop: 9,
        seq: 20,
        aru: 18,
        aru_owner: Some(NodeId(2)),
        last_sender: None,
        sent: 4,
        backlog: 5,
        recovered: 1,
        requests: vec![Request { first: 19, count: 2 }],
    };
    let mut bytes = Vec::new();
    token.encode(&mut bytes);
    let golden = "02 0201000000000000 03000000 0900000000000000 1400000000000000 1200000000000000 02000000 00000000 \
                  04000000 05000000 0100 0100 1300000000000000 0200";
    assert_eq!(hex(&bytes), golden.replace([' ', '\n'], ""));
    assert_eq!(Token::decode(&bytes), Ok(token));
    let frame = FrameView { kind: FrameKind::Safe, ring: RING, seq: 1, origin: NodeId(2), payload: b"xyz" };
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    assert_eq!(hex(&bytes), "01010201000000000000030000000100000000000000020000007879 7a".replace(' ', ""));
    assert_eq!(FrameView::decode(&bytes), Ok(frame));
    let wrapped = frame.wrap();
    assert_eq!(FrameView::unwrap_payload(&wrapped), Ok(frame));
    let twice = FrameView { kind: FrameKind::Recovered, payload: &wrapped, ..frame }.wrap();
    assert_eq!(FrameView::unwrap_payload(&twice), Err(Malformed::Value));
}

#[test]
fn counts_above_their_limits_are_refused() {
    let mut bytes = Vec::new();
    Control::Propose { ring: RING, seats: Vec::new() }.encode(&mut bytes);
    let at = bytes.len() - 2;
    bytes[at..].copy_from_slice(&385_u16.to_le_bytes());
    assert_eq!(Control::decode(&bytes), Err(Malformed::Limit));
    assert_eq!(Part::decode(&[3, 0, 0, 0, 0, 1, 0, 1, 0]), Err(Malformed::Limit));
    let far = RingId { seq: PersistedRing::MAX_SEQ + 1, ..RING };
    let mut bytes = Vec::new();
    Control::Propose { ring: far, seats: Vec::new() }.encode(&mut bytes);
    assert_eq!(Control::decode(&bytes), Err(Malformed::Limit));
    let token = Token { seq: u64::MAX, ..Token::default() };
    let mut bytes = Vec::new();
    token.encode(&mut bytes);
    assert_eq!(Token::decode(&bytes), Err(Malformed::Value));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), kind in 0_u8..17) {
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        let again = |message: &Control| {
            let mut out = Vec::new();
            message.encode(&mut out);
            out
        };
        if let Ok(message) = Control::decode(&bytes) {
            // A probe's padding is not kept.
            let padded = matches!(message, Control::Probe { .. });
            prop_assert!(padded || again(&message) == bytes);
        }
        let _ = (Token::decode(&bytes), FrameView::decode(&bytes), Part::decode(&bytes), Change::decode(&bytes));
        let _ = FrameView::unwrap_payload(&bytes);
    }
}
