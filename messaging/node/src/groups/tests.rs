//! Process groups over real sockets and an order made by hand: what every program sees, and what no bytes can do.

use super::table::{Change, Table};
use super::wire::*;
use super::*;
use holdfast_totem::time::Instant;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Nodes whose groups are joined by a plain queue instead of a ring.
struct World {
    folder: PathBuf,
    stop: Arc<AtomicBool>,
    pump: Option<std::thread::JoinHandle<()>>,
}

impl World {
    fn new(name: &str, nodes: u32) -> World {
        let folder = std::env::temp_dir().join(format!("holdfast-groups-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut servers: Vec<Server> = (1..=nodes)
            .map(|node| {
                let path = folder.join(node.to_string());
                Server::open(ServerSettings { path, users: vec![], groups: vec![] }, node).unwrap()
            })
            .collect();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let pump = std::thread::spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                for at in 0..servers.len() {
                    servers[at].ready().unwrap();
                    servers[at].write_ready().unwrap();
                    while let Some((_, bytes)) = servers[at].take() {
                        servers.iter_mut().for_each(|server| server.delivered(at as u32 + 1, &bytes));
                    }
                }
                servers.iter_mut().for_each(|server| server.flush(Instant(1)));
                std::thread::yield_now();
            }
        });
        World { folder, stop, pump: Some(pump) }
    }

    fn path(&self, node: u32) -> PathBuf {
        self.folder.join(node.to_string())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.pump.take().unwrap().join().unwrap();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn join(path: &Path, group: &str) -> (GroupClient, u16, GroupEvent) {
    let mut client = GroupClient::connect(path).unwrap();
    let handle = client.join(group).unwrap();
    let first = client.next_event().unwrap();
    (client, handle, first)
}

fn message(client: &mut GroupClient) -> (u32, Vec<u8>) {
    loop {
        if let GroupEvent::Message { sender, payload, .. } = client.next_event().unwrap() {
            return (sender.node, payload);
        }
    }
}

#[test]
fn programs_of_two_nodes_see_one_order() {
    let world = World::new("order", 2);
    let (mut a, in_a, first) = join(&world.path(1), "crmd");
    let own = Member { node: 1, pid: std::process::id() };
    assert_eq!(
        first,
        GroupEvent::Changed {
            handle: in_a,
            members: vec![own],
            joined: vec![(own, Reason::Join)],
            left: vec![]
        }
    );
    let (mut b, in_b, _) = join(&world.path(2), "crmd");
    let other = Member { node: 2, ..own };
    assert_eq!(
        a.next_event().unwrap(),
        GroupEvent::Changed {
            handle: in_a,
            members: vec![own, other],
            joined: vec![(other, Reason::Join)],
            left: vec![]
        }
    );
    for number in 0..500u32 {
        a.send(in_a, &number.to_le_bytes()).unwrap();
        b.send_safe(in_b, &number.to_le_bytes()).unwrap();
    }
    let seen: Vec<_> = (0..1000).map(|_| message(&mut a)).collect();
    assert_eq!(seen, (0..1000).map(|_| message(&mut b)).collect::<Vec<_>>());
    for node in 1..=2 {
        let own: Vec<_> =
            seen.iter().filter(|(sender, _)| *sender == node).map(|(_, bytes)| bytes.clone()).collect();
        assert_eq!(own, (0..500u32).map(|n| n.to_le_bytes().to_vec()).collect::<Vec<_>>());
    }
    let large = vec![7; MAX_MESSAGE];
    b.send(in_b, &large).unwrap();
    assert!(message(&mut a).1 == large);
    assert!(matches!(b.send(in_b, &vec![0; MAX_MESSAGE + 1]), Err(ClientError::TooLarge(_))));
    drop(b);
    assert_eq!(
        a.next_event().unwrap(),
        GroupEvent::Changed {
            handle: in_a,
            members: vec![own],
            joined: vec![],
            left: vec![(other, Reason::ProcessDown)]
        }
    );
    a.leave(in_a).unwrap();
    assert!(matches!(
        a.next_event().unwrap(),
        GroupEvent::Changed { left, .. } if left == [(own, Reason::Leave)]
    ));
    a.send(in_a, b"nobody hears me").unwrap();
    assert!(matches!(a.next_event().unwrap(), GroupEvent::Refused { .. }));
}

#[test]
fn a_process_is_in_a_group_once() {
    let world = World::new("once", 1);
    let (_first, _, _) = join(&world.path(1), "a");
    let (_second, _, told) = join(&world.path(1), "a");
    assert!(matches!(told, GroupEvent::Refused { why, .. } if why.contains("already")));
}

#[test]
fn a_view_takes_members_of_lost_nodes() {
    let mut table = Table::new(1);
    let member = |node, pid| Member { node, pid };
    for (node, pid) in [(1, 10), (2, 20), (3, 30)] {
        assert_eq!(table.apply(node, &Between::Join { group: "g", pid }).len(), 1);
    }
    assert!(table.apply(2, &Between::Join { group: "g", pid: 20 }).is_empty(), "joined already");
    table.apply(3, &Between::Hold(true));
    assert!(table.held());
    let changes = table.view(&[1, 2], &[3, 2]);
    assert_eq!(
        changes,
        [Change {
            group: "g".to_owned(),
            members: vec![member(1, 10)],
            joined: vec![],
            left: vec![(member(2, 20), Reason::NodeDown), (member(3, 30), Reason::NodeDown)],
        }],
        "a restarted node counts as lost"
    );
    assert!(!table.held(), "a lost node holds nobody");
    let changes = table.apply(2, &Between::Announce(vec![("g", 20), ("h", 20)]));
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[0].joined, [(member(2, 20), Reason::NodeUp)]);
    assert_eq!(table.announcements().len(), 1);
}

proptest! {
    #[test]
    fn no_bytes_harm_a_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0u8..7) {
        let mut framed = bytes.clone();
        if framed.len() > 4 {
            framed[4] = kind;
        }
        let _ = frame_length(&framed);
        let _ = ToNode::decode(&framed);
        let _ = ToProgram::decode(&framed);
        let mut between = bytes;
        if let Some(first) = between.first_mut() {
            *first = kind;
        }
        let _ = Between::decode(&between);
    }

    #[test]
    fn frames_come_back(handle in any::<u16>(), payload in proptest::collection::vec(any::<u8>(), 0..300),
                        group in "[a-z]{1,20}", rows in proptest::collection::vec(any::<(u32, u32, u8)>(), 0..5)) {
        let to_node = [
            ToNode::Hello { version: 1 },
            ToNode::Join { handle, group: &group },
            ToNode::Leave { handle },
            ToNode::Send { handle, safe: true, payload: &payload },
        ];
        for frame in to_node {
            let mut bytes = Vec::new();
            frame.encode(&mut bytes);
            prop_assert_eq!(frame_length(&bytes), Ok(Some(bytes.len())));
            let back = ToNode::decode(&bytes);
            prop_assert_eq!(back, Ok(match frame {
                ToNode::Hello { version } => ToNode::Hello { version },
                other => other,
            }));
        }
        let to_program = [
            ToProgram::Messages { handle, node: 1, pid: 2, batch: &payload },
            ToProgram::Changed {
                handle,
                members: rows.iter().map(|row| (row.0, row.1)).collect(),
                joined: rows.clone(),
                left: rows.clone(),
            },
            ToProgram::Refused { handle, why: &group },
        ];
        for frame in to_program {
            let mut bytes = Vec::new();
            frame.encode(&mut bytes);
            prop_assert_eq!(frame_length(&bytes), Ok(Some(bytes.len())));
            prop_assert_eq!(ToProgram::decode(&bytes), Ok(frame));
        }
        let mut batch = Vec::new();
        put_message(&mut batch, &payload);
        put_message(&mut batch, b"");
        let between = [
            Between::Batch { group: &group, pid: 3, batch: &batch },
            Between::Leave { group: &group, pid: 3, reason: 5 },
            Between::Announce(vec![(&group, 1), ("x", 2)]),
            Between::Hold(true),
        ];
        for message in between {
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            prop_assert_eq!(Between::decode(&bytes), Ok(message));
        }
        prop_assert_eq!(Messages(&batch).collect::<Vec<_>>(), [&payload[..], b""]);
    }
}
