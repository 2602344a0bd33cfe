//! Three nodes in one process on 127.0.0.1: they form a ring, order messages, lose one, go on, and take it back.

#![allow(clippy::unwrap_used)]

use holdfast_node::config::Scheduling;
use holdfast_node::groups::{GroupClient, GroupEvent, ServerSettings};
use holdfast_node::thread::{LinkBinding, LinkSocket, RingStatus};
use holdfast_node::{Event, RingEvents, RingHandle, RingThread, Settings};
use holdfast_totem::config::{LinkAddress, MemberConfig};
use holdfast_totem::time::Span;
use holdfast_totem::{Config, Identity, Key, NodeId, View, ViewKind};
use std::path::PathBuf;
use std::time::Duration;

/// Nobody waits longer: a guard against hanging, not a measurement.
const PATIENCE: Duration = Duration::from_secs(60);

struct World {
    folder: PathBuf,
    ports: Vec<u16>,
}

struct Node {
    handle: RingHandle,
    events: RingEvents,
}

impl World {
    fn new(name: &str) -> (World, Vec<LinkSocket>) {
        let folder = std::env::temp_dir().join(format!("holdfast-ring-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        // The kernel chooses the ports; the sockets stay open, so that nobody else takes them.
        let sockets: Vec<LinkSocket> = (0..3).map(|_| LinkSocket::bind(&binding(0)).unwrap()).collect();
        let ports = sockets.iter().map(|socket| socket.local_address().unwrap().port()).collect();
        (World { folder, ports }, sockets)
    }

    fn settings(&self, id: u32) -> Settings {
        let members = (1..=3)
            .map(|id| MemberConfig {
                id: NodeId(id),
                name: format!("node{id}"),
                votes: 1,
                addresses: vec![LinkAddress {
                    link: 0,
                    address: ([127, 0, 0, 1], self.ports[id as usize - 1]).into(),
                }],
            })
            .collect();
        let mut config = Config::new("three", Span::millis(2000), members);
        config.require_progress = false;
        let salt = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let mut boot_salt = [id as u8; 32];
        boot_salt[..16].copy_from_slice(&salt.to_le_bytes());
        Settings {
            config,
            key: Key::new(&[42; 128]).unwrap(),
            identity: Identity {
                node_id: NodeId(id),
                name: format!("node{id}"),
                boot_salt,
                boot_id: [1; 16],
                machine_id: [id as u8; 16],
            },
            bindings: vec![binding(self.ports[id as usize - 1])],
            state_dir: self.folder.join(format!("state{id}")),
            scheduling: Scheduling::Nice(0),
            lock_memory: false,
            groups: Some(ServerSettings { path: self.socket(id), users: vec![], groups: vec![] }),
            witness: None,
        }
    }

    fn socket(&self, id: u32) -> PathBuf {
        self.folder.join(format!("groups{id}"))
    }

    fn start(&self, id: u32, socket: Option<LinkSocket>) -> Node {
        let settings = self.settings(id);
        let (handle, events) = match socket {
            Some(socket) => RingThread::start_with(settings, vec![socket]).unwrap(),
            None => RingThread::start(settings).unwrap(),
        };
        Node { handle, events }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn binding(port: u16) -> LinkBinding {
    LinkBinding { number: 0, bind: ([127, 0, 0, 1], port).into(), multicast: None, ttl: 1, dscp: 0 }
}

impl Node {
    async fn next(&mut self) -> Event {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("the ring stands still");
        match event.expect("the ring has ended") {
            Event::Fatal(why) => panic!("fatal: {why}"),
            event => event,
        }
    }

    /// Waits for a regular view of these members; returns it with the messages before it.
    async fn view(&mut self, members: &[u32]) -> (View, Vec<(u32, Vec<u8>)>) {
        let mut messages = Vec::new();
        loop {
            match self.next().await {
                Event::View(view)
                    if view.kind == ViewKind::Regular
                        && view.members.iter().map(|member| member.id.0).eq(members.iter().copied()) =>
                {
                    return (view, messages);
                }
                Event::Message(message) => messages.push((message.sender.0, message.payload.to_vec())),
                _ => {}
            }
        }
    }

    async fn messages(&mut self, count: usize) -> Vec<(u32, Vec<u8>)> {
        let mut messages = Vec::new();
        while messages.len() < count {
            if let Event::Message(message) = self.next().await {
                messages.push((message.sender.0, message.payload.to_vec()));
            }
        }
        messages
    }

    async fn status(&self) -> Box<RingStatus> {
        self.handle.status().await.unwrap()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn three_nodes_order_messages_and_survive_the_loss_of_one() {
    let (world, sockets) = World::new("life");
    let mut sockets = sockets.into_iter().map(Some);
    let mut nodes: Vec<Node> = (1..=3).map(|id| world.start(id, sockets.next().unwrap())).collect();
    runtime().block_on(async {
        let mut rings = Vec::new();
        for node in &mut nodes {
            let (view, _) = node.view(&[1, 2, 3]).await;
            assert!(view.quorum.quorate);
            rings.push(view.ring);
        }
        assert!(rings.iter().all(|ring| *ring == rings[0]));

        let large = vec![9; 300_000];
        for (index, node) in nodes.iter().enumerate() {
            for number in 0..200u32 {
                node.handle.multicast(vec![index as u8, number as u8]).await.unwrap();
            }
            node.handle.multicast(large.clone()).await.unwrap();
        }
        let orders =
            [nodes[0].messages(603).await, nodes[1].messages(603).await, nodes[2].messages(603).await];
        assert!(orders[0] == orders[1] && orders[1] == orders[2], "one order for all");
        for sender in 1..=3u32 {
            let own: Vec<&Vec<u8>> =
                orders[0].iter().filter(|(from, _)| *from == sender).map(|(_, bytes)| bytes).collect();
            assert!(own[..200].iter().enumerate().all(|(n, bytes)| **bytes == [sender as u8 - 1, n as u8]));
            assert!(*own[200] == large);
        }
        let status = nodes[0].status().await;
        assert_eq!(status.peers.len(), 2);
        assert!(status.peers.iter().all(|peer| peer.up));
        assert_eq!(status.statistics.messages_delivered, 603);

        let lost = nodes.pop().unwrap();
        lost.handle.vanish().unwrap();
        lost.handle.join();
        for node in &mut nodes {
            let (view, _) = node.view(&[1, 2]).await;
            assert!(view.quorum.quorate);
            assert_eq!(view.left, [NodeId(3)]);
            assert!(view.left_cleanly.is_empty());
        }
        nodes[1].handle.multicast(b"we go on".to_vec()).await.unwrap();
        assert_eq!(nodes[0].messages(1).await, [(2, b"we go on".to_vec())]);

        nodes.push(world.start(3, None));
        for node in &mut nodes {
            node.view(&[1, 2, 3]).await;
        }
        nodes[2].handle.leave().unwrap();
        for node in &mut nodes[..2] {
            let (view, _) = node.view(&[1, 2]).await;
            assert_eq!(view.left_cleanly, [NodeId(3)]);
        }
        for node in &nodes[..2] {
            node.handle.leave().unwrap();
        }
    });
    for node in nodes {
        node.handle.join();
    }
}

fn changed(client: &mut GroupClient, count: usize) {
    loop {
        match client.next_event_within(PATIENCE).unwrap().expect("no change of members") {
            GroupEvent::Changed { members, .. } if members.len() == count => return,
            _ => {}
        }
    }
}

#[test]
fn programs_of_three_nodes_share_a_group() {
    let (world, sockets) = World::new("groups");
    let mut sockets = sockets.into_iter().map(Some);
    let nodes: Vec<Node> = (1..=3).map(|id| world.start(id, sockets.next().unwrap())).collect();
    let mut clients: Vec<(GroupClient, u16)> = (1..=3)
        .map(|id| {
            let mut client = GroupClient::connect(&world.socket(id)).unwrap();
            let handle = client.join("bench").unwrap();
            (client, handle)
        })
        .collect();
    for (client, _) in &mut clients {
        changed(client, 3);
    }
    const EACH: u32 = 2000;
    for (client, handle) in &mut clients {
        for number in 0..EACH {
            client.send(*handle, &number.to_le_bytes()).unwrap();
        }
    }
    let mut orders = Vec::new();
    for (client, _) in &mut clients {
        let mut seen = Vec::new();
        while seen.len() < 3 * EACH as usize {
            if let GroupEvent::Message { sender, payload, .. } =
                client.next_event_within(PATIENCE).unwrap().expect("a message is missing")
            {
                seen.push((sender.node, payload));
            }
        }
        orders.push(seen);
    }
    assert!(orders[0] == orders[1] && orders[1] == orders[2]);
    nodes[2].handle.vanish().unwrap();
    for (client, _) in &mut clients[..2] {
        changed(client, 2);
    }
    for node in nodes {
        // One of them has vanished already.
        let _ = node.handle.leave();
        node.handle.join();
    }
}
