//! The local socket against real connections: greeting, order, garbage, slow readers, a second daemon.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use holdfast_api::cluster::ClusterRequest;
use holdfast_api::frame::encode;
use holdfast_api::{ClientFrame, Event, FrameReader, Hello, Reply, Request, ServerFrame};
use holdfast_daemon::server::{Allowed, FromClient, Outbox, Server};
use tokio::sync::mpsc::Receiver;

fn socket(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("holdfast-socket-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder.join("api")
}

fn connect(path: &PathBuf) -> UnixStream {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(&encode(&Hello::new("test")).unwrap()).unwrap();
    stream
}

fn ask(stream: &mut UnixStream, id: u64) {
    let frame = ClientFrame { id, request: Request::Cluster(ClusterRequest::Ping) };
    stream.write_all(&encode(&frame).unwrap()).unwrap();
}

/// Waits for the greeting of the next client.
async fn greeted(clients: &mut Receiver<FromClient>) -> Outbox {
    match clients.recv().await.unwrap() {
        FromClient::Connected { credentials, outbox, .. } => {
            assert_eq!(credentials.client, "test");
            assert_eq!(credentials.pid, std::process::id());
            outbox
        }
        other => panic!("{other:?}"),
    }
}

fn run(test: impl AsyncFnOnce(PathBuf, Receiver<FromClient>), name: &str) {
    let path = socket(name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (server, clients) = Server::start(&path, Allowed::default()).unwrap();
        test(path.clone(), clients).await;
        drop(server);
        assert!(!path.exists(), "the socket goes with its server");
    });
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn requests_arrive_in_order_and_answers_go_back() {
    run(
        async |path, mut clients| {
            let reader = std::thread::spawn(move || {
                let mut stream = connect(&path);
                ask(&mut stream, 7);
                ask(&mut stream, 8);
                let mut reader = FrameReader::new();
                let mut frames = Vec::new();
                let mut buffer = [0; 100];
                let mut greeting = false;
                while frames.len() < 3 {
                    let count = stream.read(&mut buffer).unwrap();
                    reader.push(&buffer[..count]);
                    if !greeting {
                        let Some(hello) = reader.next_value::<Hello>().unwrap() else { continue };
                        hello.check().unwrap();
                        greeting = true;
                    }
                    while let Some(frame) = reader.next_value::<ServerFrame>().unwrap() {
                        frames.push(frame);
                    }
                }
                frames
            });
            let outbox = greeted(&mut clients).await;
            for expected in [7, 8] {
                match clients.recv().await.unwrap() {
                    FromClient::Request { id, .. } => assert_eq!(id, expected),
                    other => panic!("{other:?}"),
                }
                outbox.reply(expected, Reply::Done);
            }
            outbox.event(Event::Lagged);
            assert!(matches!(clients.recv().await.unwrap(), FromClient::Gone(_)));
            let expected = [
                ServerFrame::Reply { id: 7, reply: Reply::Done },
                ServerFrame::Reply { id: 8, reply: Reply::Done },
                ServerFrame::Event(Event::Lagged),
            ];
            assert_eq!(reader.join().unwrap(), expected);
        },
        "order",
    );
}

#[test]
fn garbage_ends_the_connection_only() {
    run(
        async |path, mut clients| {
            let mut stream = connect(&path);
            let _outbox = greeted(&mut clients).await;
            stream.write_all(&u32::MAX.to_le_bytes()).unwrap();
            assert!(matches!(clients.recv().await.unwrap(), FromClient::Gone(_)));
            // Somebody who does not even greet is never told about.
            let mut rude = UnixStream::connect(&path).unwrap();
            rude.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            let mut polite = connect(&path);
            ask(&mut polite, 1);
            let _outbox = greeted(&mut clients).await;
            assert!(matches!(clients.recv().await.unwrap(), FromClient::Request { id: 1, .. }));
        },
        "garbage",
    );
}

#[test]
fn who_does_not_read_is_sent_away() {
    run(
        async |path, mut clients| {
            let stream = connect(&path);
            let outbox = greeted(&mut clients).await;
            let big = Reply::Warned(vec!["x".repeat(8 << 20)]);
            for id in 0..10 {
                outbox.reply(id, big.clone());
            }
            assert!(matches!(clients.recv().await.unwrap(), FromClient::Gone(_)));
            drop(stream);
        },
        "slow",
    );
}

#[test]
fn a_second_daemon_is_refused_and_a_dead_one_replaced() {
    run(
        async |path, _clients| {
            let error = Server::start(&path, Allowed::default()).err().unwrap();
            assert!(error.to_string().contains("another daemon"), "{error}");
        },
        "second",
    );
    let path = socket("dead");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { drop(Server::start(&path, Allowed::default()).unwrap()) });
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}
