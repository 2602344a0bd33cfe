//! One connection: a reader that waits when too much of its client is unanswered, and a writer with a bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use holdfast_api::frame::encode;
use holdfast_api::{
    ClientFrame, Credentials, Event, Failure, FailureKind, FrameReader, Hello, Reply, ServerFrame,
};
use holdfast_core::ClientId;
use holdfast_node::connections::Entry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tracing::debug;

use super::FromClient;

/// A peer that says nothing in this time is no tool.
const HELLO: Duration = Duration::from_secs(10);
/// Requests of one client that may be unanswered.
const UNANSWERED: usize = 128;
/// Bytes that may wait for a reader before events are dropped, and before it is sent away.
const EVENT_BYTES: usize = 1 << 20;
const REPLY_BYTES: usize = 64 << 20;

/// Where answers for one client go. Never waits.
#[derive(Clone, Debug)]
pub struct Outbox {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waiting: AtomicUsize,
    lagged: AtomicBool,
    evict: Notify,
    unanswered: Semaphore,
    /// For people.
    entry: Entry,
}

impl Outbox {
    /// Answers a request. A client that does not read its answers is sent away.
    pub fn reply(&self, id: u64, reply: Reply) {
        let bytes = encode(&ServerFrame::Reply { id, reply }).or_else(|error| {
            let failure = Failure::new(FailureKind::Other, format!("the answer cannot be sent: {error}"));
            encode(&ServerFrame::Reply { id, reply: Reply::Failed(failure) })
        });
        self.shared.unanswered.add_permits(1);
        match bytes {
            Ok(bytes) if self.waiting() + bytes.len() <= REPLY_BYTES => {
                self.shared.entry.response();
                self.push(bytes);
            }
            Ok(_) | Err(_) => {
                self.shared.entry.overload();
                self.shared.evict.notify_one();
            }
        }
    }

    /// Tells an event, or drops it and says so later when the client does not keep up.
    pub fn event(&self, event: Event) {
        if self.waiting() > EVENT_BYTES {
            self.shared.lagged.store(true, Ordering::Relaxed);
            self.shared.entry.overload();
            return;
        }
        if self.shared.lagged.swap(false, Ordering::Relaxed)
            && let Ok(bytes) = encode(&ServerFrame::Event(Event::Lagged))
        {
            self.shared.entry.dispatch();
            self.push(bytes);
        }
        if let Ok(bytes) = encode(&ServerFrame::Event(event)) {
            self.shared.entry.dispatch();
            self.push(bytes);
        }
    }

    fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    fn push(&self, bytes: Vec<u8>) {
        self.shared.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        // A writer that is gone: the driver hears of it from the reader.
        let _ = self.frames.send(bytes);
    }
}

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: UnixStream,
    client: ClientId,
    mut credentials: Credentials,
    requests: mpsc::Sender<FromClient>,
    _place: OwnedSemaphorePermit,
    entry: Entry,
) {
    let (mut from, mut to) = stream.into_split();
    let mut reader = FrameReader::new();
    let Ok(hello) = encode(&Hello::new("holdfast daemon")) else { return };
    if to.write_all(&hello).await.is_err() {
        return;
    }
    match timeout(HELLO, greet(&mut from, &mut reader)).await {
        Ok(Some(hello)) => credentials.client = hello.program,
        Ok(None) | Err(_) => return,
    }
    let (frames, queue) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        waiting: AtomicUsize::new(0),
        lagged: AtomicBool::new(false),
        evict: Notify::new(),
        unanswered: Semaphore::new(UNANSWERED),
        entry,
    });
    let outbox = Outbox { frames, shared: Arc::clone(&shared) };
    if requests.send(FromClient::Connected { client, credentials, outbox }).await.is_err() {
        return;
    }
    tokio::select! {
        () = read(&mut from, reader, client, &requests, &shared) => {}
        () = write(&mut to, queue, &shared) => {}
        () = shared.evict.notified() => debug!("client {} does not read its answers and is sent away", client.0),
    }
    let _ = requests.send(FromClient::Gone(client)).await;
}

async fn greet(from: &mut OwnedReadHalf, reader: &mut FrameReader) -> Option<Hello> {
    loop {
        match reader.next_value::<Hello>() {
            Ok(Some(hello)) => return hello.check().ok().map(|()| hello),
            Ok(None) => {}
            Err(_) => return None,
        }
        if !fill(from, reader).await {
            return None;
        }
    }
}

async fn read(
    from: &mut OwnedReadHalf,
    mut reader: FrameReader,
    client: ClientId,
    requests: &mpsc::Sender<FromClient>,
    shared: &Shared,
) {
    loop {
        loop {
            match reader.next_value::<ClientFrame>() {
                Ok(Some(ClientFrame { id, request })) => {
                    let Ok(permit) = shared.unanswered.acquire().await else { return };
                    permit.forget();
                    shared.entry.request();
                    if requests.send(FromClient::Request { client, id, request }).await.is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    shared.entry.invalid();
                    debug!("client {}: {error}", client.0);
                    return;
                }
            }
        }
        if !fill(from, &mut reader).await {
            return;
        }
    }
}

async fn fill(from: &mut OwnedReadHalf, reader: &mut FrameReader) -> bool {
    let mut buffer = [0; 16 * 1024];
    match from.read(&mut buffer).await {
        Ok(0) | Err(_) => false,
        Ok(count) => {
            reader.push(&buffer[..count]);
            true
        }
    }
}

async fn write(to: &mut OwnedWriteHalf, mut queue: mpsc::UnboundedReceiver<Vec<u8>>, shared: &Shared) {
    while let Some(bytes) = queue.recv().await {
        let result = to.write_all(&bytes).await;
        shared.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
        shared.entry.written();
        if result.is_err() {
            return;
        }
    }
}
