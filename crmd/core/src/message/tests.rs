//! Golden bytes: the order of variants and fields is wire format. A new variant gets a new line at the end; a line
//! that changes breaks clusters of mixed versions.

use super::*;
use crate::io::CallId;
use crate::time::Span;
use holdfast_api::fence::FenceState;

fn operation() -> Operation {
    Operation {
        call: CallId(0),
        rsc: "r".into(),
        class: "ocf".into(),
        provider: Some("p".into()),
        agent: "A".into(),
        operation: "start".into(),
        interval_ms: 0,
        timeout: Span::secs(20),
        parameters: vec![("k".into(), "v".into())],
        target: None,
        capture: false,
    }
}

fn reference() -> ResourceRef {
    ResourceRef { id: "r".into(), class: "ocf".into(), provider: None, agent: "A".into(), container: None }
}

fn key() -> TransitionKey {
    TransitionKey { action: 3, transition: 2, expected_rc: 7, uuid: "u".into() }
}

fn order() -> FenceOrder {
    FenceOrder {
        id: "i".into(),
        target: "t".into(),
        action: FenceAction::Off,
        origin: NodeId(1),
        client: "c".into(),
        request: 0,
        timeout_ms: 0,
        delay_ms: -1,
        at: 5,
        manual: false,
    }
}

fn record() -> FenceRecord {
    FenceRecord {
        id: "i".into(),
        target: "t".into(),
        action: FenceAction::Reboot,
        state: FenceState::Done,
        origin: "o".into(),
        client: "c".into(),
        delegate: None,
        devices: vec!["d".into()],
        boot_id: None,
        requested_at: 1,
        completed_at: 2,
        reason: None,
    }
}

fn ended() -> Ended {
    Ended {
        rsc: reference(),
        operation: "start".into(),
        interval_ms: 0,
        key: key(),
        call_id: 9,
        rc: 0,
        status: 0,
        reason: None,
        changed_at: 100,
        exec_ms: 4,
        queue_ms: 0,
        digests: crate::state::history::Digests::default(),
        migration: None,
        ignore_failure: false,
    }
}

/// Every variant once, in order.
fn all() -> Vec<ClusterMessage> {
    let piece = || Piece { index: 0, count: 1, bytes: vec![0xab] };
    let announce = Announce {
        boot_id: [1; 16],
        features: FeatureSet(3, 20, 5),
        joined: 4,
        document: DocumentClaim {
            admin_epoch: 0,
            quorate_ring: 4,
            epoch: 2,
            num_updates: 3,
            digest: [2; 16],
        },
        common: CommonClaim { quorate_ring: 4, last_ring: 4, digest: 1 },
        resources: Vec::new(),
        attributes: vec![Told {
            name: "n".into(),
            set: None,
            kind: AttributeKind::Instance,
            dampen_ms: 0,
            private: false,
            value: "v".into(),
        }],
        shutting_down: None,
        since: 100,
        in_maintenance: None,
        watchdog: false,
    };
    let change = Change {
        request: 1,
        cib: CibRequest::query(),
        user: "root".into(),
        groups: Vec::new(),
        privileged: true,
        client: "c".into(),
        at: 100,
        id_seed: 7,
    };
    let action = ActionOrder {
        node: "1".into(),
        executor: NodeId(1),
        version: (0, 2),
        key: key(),
        rsc: reference(),
        operation: operation(),
        start_delay_ms: 0,
        ignore_failure: false,
        at: 100,
    };
    let attribute = AttributeChange {
        request: 1,
        node: "1".into(),
        name: AttributeName::Exact("n".into()),
        value: Some(AttributeOp::Delete),
        dampen_ms: None,
        set: None,
        kind: AttributeKind::Utilization,
        private: false,
    };
    let forget = Forget {
        request: 0,
        action: Some((2, 3)),
        pairs: vec![("1".into(), "r".into())],
        what: ForgetWhat::Operation("monitor".into(), 1000),
    };
    let step = FenceStep {
        id: "i".into(),
        step: 1,
        executor: NodeId(2),
        operation: operation(),
        delay_ms: 0,
        random_delay_ms: 0,
    };
    let done =
        FenceStepDone { id: "i".into(), step: 1, ok: true, output: String::new(), reason: None, rc: 0 };
    vec![
        ClusterMessage::Announce(Box::new(announce)),
        ClusterMessage::Document(piece()),
        ClusterMessage::Common(piece()),
        ClusterMessage::Ready(Ready {
            boot_id: [1; 16],
            features: FeatureSet(3, 20, 5),
            joined: 4,
            digest: [2; 16],
        }),
        ClusterMessage::Change(Box::new(change)),
        ClusterMessage::Durable { change: 3 },
        ClusterMessage::Action(Box::new(action)),
        ClusterMessage::Result(Box::new(ResultNote { node: "1".into(), ended: ended() })),
        ClusterMessage::Attribute(Box::new(attribute)),
        ClusterMessage::AttributeWrite { names: vec!["n".into()] },
        ClusterMessage::Forget(Box::new(forget)),
        ClusterMessage::Engine(EngineNote::Begin(2)),
        ClusterMessage::Engine(EngineNote::Idle { transition: 2, changes: 9 }),
        ClusterMessage::Shutdown(ShutdownNote::Wanted(100)),
        ClusterMessage::Shutdown(ShutdownNote::Granted { node: "1".into(), action: None }),
        ClusterMessage::Started,
        ClusterMessage::Fence(Box::new(FenceNote::Wanted(order()))),
        ClusterMessage::Fence(Box::new(FenceNote::Step(step))),
        ClusterMessage::Fence(Box::new(FenceNote::StepDone(done))),
        ClusterMessage::Fence(Box::new(FenceNote::Ended(record()))),
        ClusterMessage::Fence(Box::new(FenceNote::Cleanup { target: None, request: 1 })),
        ClusterMessage::Fail { node: "1".into(), rsc: "r".into(), request: 1 },
        ClusterMessage::RemoveNode { node: "1".into(), request: 1 },
        ClusterMessage::Replan { reason: "x".into() },
        ClusterMessage::Maintenance { nodes: vec![("1".into(), true)] },
        ClusterMessage::Barrier { request: 1 },
        ClusterMessage::AskState { node: NodeId(2), request: 7 },
        ClusterMessage::TellState {
            to: NodeId(1),
            request: 7,
            state: Box::new(holdfast_api::cluster::DaemonState {
                node: "n2".into(),
                state: "S_IDLE".into(),
                feature_set: "3.20.5".into(),
                version: "0.1.0".into(),
                dc: Some("n2".into()),
                quorate: true,
            }),
        },
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn golden_bytes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/message/golden.txt");
    let ring = RingId { seq: 4, representative: NodeId(1) };
    let lines: Vec<String> =
        all().into_iter().map(|message| hex(&Envelope { ring, message }.encode())).collect();
    let text = lines.join("\n") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::File::create(path)
            .and_then(|mut f| std::io::Write::write_all(&mut f, text.as_bytes()))
            .unwrap();
    }
    for (at, (found, expected)) in lines.iter().zip(include_str!("golden.txt").lines()).enumerate() {
        assert_eq!(found, expected, "message {at}");
    }
    assert_eq!(text, include_str!("golden.txt"));
}

#[test]
fn messages_come_back_as_they_went() {
    let ring = RingId { seq: 4, representative: NodeId(1) };
    for message in all() {
        let envelope = Envelope { ring, message };
        let bytes = envelope.encode();
        assert_eq!(Envelope::decode(&bytes), Ok(envelope));
        for cut in 0..bytes.len() {
            assert!(Envelope::decode(&bytes[..cut]).is_err(), "a cut message is refused");
        }
    }
}
