//! Both connections against a small server that speaks the real frames.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use holdfast_api::frame::encode;
use holdfast_api::{
    ClientFrame, ClusterRequest, Event, Failure, FailureKind, FrameReader, Hello, Reply, Request, ServerFrame,
};
use holdfast_client::{AsyncConnection, ClientError, Connection};

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("holdfast-client-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Answers each request with one event and one reply: `Ping` is done, everything else is refused.
fn serve(listener: UnixListener, hello: Hello) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&encode(&hello).unwrap()).unwrap();
        let mut reader = FrameReader::new();
        let mut greeted = false;
        let mut buffer = [0; 1000];
        loop {
            let count = stream.read(&mut buffer).unwrap_or(0);
            if count == 0 {
                return;
            }
            reader.push(&buffer[..count]);
            if !greeted {
                match reader.next_value::<Hello>().unwrap() {
                    Some(hello) => assert_eq!(hello.program, "test"),
                    None => continue,
                }
                greeted = true;
            }
            while let Some(frame) = reader.next_value::<ClientFrame>().unwrap() {
                let reply = match frame.request {
                    Request::Cluster(ClusterRequest::Ping) => Reply::Done,
                    _ => Reply::Failed(
                        Failure::new(FailureKind::NotFound, "no such thing").hint("try another"),
                    ),
                };
                let event = ServerFrame::Event(Event::Lagged);
                stream.write_all(&encode(&event).unwrap()).unwrap();
                stream.write_all(&encode(&ServerFrame::Reply { id: frame.id, reply }).unwrap()).unwrap();
            }
        }
    })
}

#[test]
fn blocking_connection() {
    let folder = folder("blocking");
    let path = folder.join("api");
    let server = serve(UnixListener::bind(&path).unwrap(), Hello::new("server"));
    let mut connection = Connection::open_at(&path, "test").unwrap();
    assert_eq!(connection.request(Request::Cluster(ClusterRequest::Ping)).unwrap(), Reply::Done);
    let refused = connection.request(Request::Cluster(ClusterRequest::Dc)).unwrap_err();
    assert_eq!(refused.exit_status(), 105);
    assert_eq!(refused.hints(), ["try another"]);
    assert_eq!(connection.next_event(Duration::from_secs(5)).unwrap(), Some(Event::Lagged));
    assert_eq!(connection.next_event(Duration::from_secs(5)).unwrap(), Some(Event::Lagged));
    assert_eq!(connection.next_event(Duration::ZERO).unwrap(), None);
    drop(connection);
    server.join().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn asynchronous_connection() {
    let folder = folder("async");
    let path = folder.join("api");
    let server = serve(UnixListener::bind(&path).unwrap(), Hello::new("server"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = AsyncConnection::open_at(&path, "test").await.unwrap();
        assert_eq!(connection.request(Request::Cluster(ClusterRequest::Ping)).await.unwrap(), Reply::Done);
        assert_eq!(connection.next_event().await.unwrap(), Event::Lagged);
    });
    server.join().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn nobody_there_and_wrong_versions() {
    let folder = folder("wrong");
    let error = Connection::open_at(&folder.join("none"), "test").unwrap_err();
    assert!(matches!(error, ClientError::NotRunning { .. }));
    assert_eq!(error.exit_status(), 102);
    let path = folder.join("api");
    let server = serve(UnixListener::bind(&path).unwrap(), Hello { major: 9, ..Hello::new("server") });
    let error = Connection::open_at(&path, "test").unwrap_err();
    assert!(error.to_string().contains("protocol version 9"), "{error}");
    server.join().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
