//! The program on the third machine: its socket, its key files, its record on disk and its status. All decisions are
//! [`holdfast_totem::witness::Server`]'s.

use holdfast_totem::time::{Instant, Span};
use holdfast_totem::witness::{
    Algorithm, ClusterKey, ClusterView, DATAGRAM, Heuristics, Record, SameKey, Server, ServerOutput,
    TieBreaker, decode_records, encode_records,
};
use ring::rand::SecureRandom;
use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UdpSocket, UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};

use crate::keys;

/// Ending of key files.
const ENDING: &str = "key";
/// Most clusters of one witness.
const MOST: usize = 1_024;
/// A program that asks for the status has so long to say what it wants.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where everything lies.
#[derive(Clone, Debug)]
pub struct Places {
    /// Folder of the clusters' keys, one file `NAME.key` a cluster.
    pub keys: PathBuf,
    /// Folder of the record.
    pub state: PathBuf,
    /// Folder of the status socket.
    pub run: PathBuf,
    /// Address and port.
    pub listen: SocketAddr,
}

/// Why the witness does not start.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    #[error(
        "there is no key in {0}; on a node of each cluster type: holdfast witness --export CLUSTER.key, and copy the file here"
    )]
    NoKeys(PathBuf),
    #[error(transparent)]
    Key(#[from] keys::ReadError),
    #[error("{0}; remove one of the files")]
    SameKey(#[from] SameKey),
    #[error("{0} holds more than {MOST} keys")]
    TooMany(PathBuf),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot listen on {address}: {source}; find who does with: ss -lunp 'sport = :{port}'", port = .address.port())]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the kernel gives no random bytes")]
    Random,
    #[error("another witness runs here (it has {0})")]
    Running(PathBuf),
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> WitnessError + '_ {
    move |source| WitnessError::Io { path: path.to_owned(), source }
}

/// The clock of the witness: goes on while the machine sleeps.
fn now() -> Instant {
    let time = clock_gettime(ClockId::Boottime);
    let micros =
        (time.tv_sec.max(0) as u64).saturating_mul(1_000_000).saturating_add(time.tv_nsec as u64 / 1000);
    Instant(micros)
}

/// The keys of a folder, by name.
///
/// # Errors
/// When it cannot be read, or a key in it cannot be used.
pub fn read_keys(folder: &Path) -> Result<Vec<ClusterKey>, WitnessError> {
    let list = match std::fs::read_dir(folder) {
        Ok(list) => list,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(WitnessError::NoKeys(folder.to_owned()));
        }
        Err(source) => return Err(at(folder)(source)),
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in list {
        let path = entry.map_err(at(folder))?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            files.push(path);
        }
    }
    files.sort();
    if files.len() > MOST {
        return Err(WitnessError::TooMany(folder.to_owned()));
    }
    let read = |path: &PathBuf| -> Result<ClusterKey, WitnessError> {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(ClusterKey { name, key: keys::read(path)? })
    };
    let found = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() { Err(WitnessError::NoKeys(folder.to_owned())) } else { Ok(found) }
}

/// The status socket.
pub fn socket(run: &Path) -> PathBuf {
    run.join("witness")
}

fn record(state: &Path) -> PathBuf {
    state.join("witness")
}

/// Replaces the record in one step, on stable storage when it returns.
fn write_record(state: &Path, text: &str) -> io::Result<()> {
    let (path, draft) = (record(state), state.join("witness.new"));
    let mut file = File::create(&draft)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, &path)?;
    File::open(state)?.sync_all()
}

/// Runs until told to stop by SIGTERM or SIGINT; SIGHUP reads the keys again. `say` gets lines for the log.
///
/// # Errors
/// When it cannot start.
pub async fn serve(places: &Places, say: &mut dyn FnMut(&str)) -> Result<(), WitnessError> {
    let keys = read_keys(&places.keys)?;
    for folder in [&places.state, &places.run] {
        std::fs::create_dir_all(folder).map_err(at(folder))?;
    }
    let lock_path = places.state.join("witness.lock");
    let lock = File::create(&lock_path).map_err(at(&lock_path))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| WitnessError::Running(lock_path.clone()))?;
    let path = record(&places.state);
    let records = match std::fs::read_to_string(&path) {
        Ok(text) => {
            let records = decode_records(&text);
            if records.is_none() {
                say(&format!(
                    "{} is damaged: no votes are given before earlier grants are over",
                    path.display()
                ));
            }
            records
        }
        // The first start, or the record is lost: a grant of before may be counted somewhere.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(at(&path)(source)),
    };
    let udp = UdpSocket::from_std(bind(places.listen)?)
        .map_err(|source| WitnessError::Listen { address: places.listen, source })?;
    let path = socket(&places.run);
    // We hold the lock, so a socket that is there belongs to nobody.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
        _ => {}
    }
    let questions = UnixListener::bind(&path).map_err(at(&path))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(at(&path))?;
    let server = fresh(&keys, records)?;
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    say(&format!("witness of {} ready on {}", names.join(", "), places.listen));
    drop(keys);
    let mut program = Program { server, udp, state: places.state.clone(), unwritten: None };
    program.run(places, &questions, say).await?;
    let _ = std::fs::remove_file(socket(&places.run));
    Ok(())
}

/// A run with a salt of its own.
fn fresh(keys: &[ClusterKey], records: Option<Vec<Record>>) -> Result<Server, WitnessError> {
    let salt = drawn()?;
    let name = crate::machine::node_name();
    Ok(Server::new(keys, records, &name, salt, u64::from_ne_bytes(drawn()?), now())?)
}

fn drawn<const N: usize>() -> Result<[u8; N], WitnessError> {
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| WitnessError::Random)?;
    Ok(bytes)
}

/// IPv6 takes IPv4 as well where the machine has both.
fn bind(wanted: SocketAddr) -> Result<std::net::UdpSocket, WitnessError> {
    let listen = |source| WitnessError::Listen { address: wanted, source };
    let open = |address: SocketAddr| -> io::Result<std::net::UdpSocket> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    match open(wanted) {
        Err(error) if wanted.ip().is_unspecified() && error.kind() != io::ErrorKind::AddrInUse => {
            // A machine without IPv6.
            open(SocketAddr::from(([0, 0, 0, 0], wanted.port()))).map_err(listen)
        }
        result => result.map_err(listen),
    }
}

struct Program {
    server: Server,
    udp: UdpSocket,
    state: PathBuf,
    /// What could not be written yet.
    unwritten: Option<String>,
}

impl Program {
    async fn run(
        &mut self,
        places: &Places,
        questions: &UnixListener,
        say: &mut dyn FnMut(&str),
    ) -> Result<(), WitnessError> {
        let io = at(&places.run);
        let signals = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = signals else {
            return Err(io(io::Error::other("signals cannot be waited for")));
        };
        // Without it a restored machine is known by the pause alone.
        let devices = crate::sys::device_events().ok().and_then(crate::sys::awaited);
        let mut buffer = vec![0; DATAGRAM + 1];
        loop {
            self.drain(say);
            let wait = self.wait();
            let due = now() + Span::micros(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
            tokio::select! {
                biased;
                restored = restored(devices.as_ref()) => if restored {
                    say("this machine goes on from a snapshot of itself: no votes are given before earlier grants are over");
                    // What the record says is of the past as well.
                    self.unwritten = None;
                    self.server = fresh(&read_keys(&places.keys)?, None)?;
                },
                () = overslept(due) => {
                    self.server.resumed(u64::from_ne_bytes(drawn()?));
                    self.server.timer(now());
                }
                came = self.udp.recv_from(&mut buffer) => {
                    // An error belongs to a datagram sent before; that node asks again.
                    if let Ok((length, from)) = came {
                        self.server.datagram(now(), plain(from), &mut buffer[..length]);
                    }
                }
                () = tokio::time::sleep(wait) => self.server.timer(now()),
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = hangup.recv() => match read_keys(&places.keys).and_then(|keys| {
                    self.server.set_keys(&keys).map_err(WitnessError::from)?;
                    Ok(keys.len())
                }) {
                    Ok(count) => say(&format!("keys read again: {count}")),
                    Err(error) => say(&format!("the keys in force stay: {error}")),
                },
                asked = questions.accept() => {
                    if let Ok((stream, _)) = asked {
                        let (views, listen) = (self.server.view(now()), places.listen);
                        tokio::spawn(async move {
                            let _ = tokio::time::timeout(PATIENCE, answer(stream, views, listen)).await;
                        });
                    }
                }
            }
        }
    }

    fn wait(&self) -> Duration {
        let retry = Duration::from_secs(if self.unwritten.is_some() { 1 } else { 3_600 });
        let due = self.server.deadline(now());
        due.map_or(retry, |at| Duration::from_micros(at.since(now()).0).min(retry))
    }

    fn drain(&mut self, say: &mut dyn FnMut(&str)) {
        if let Some(text) = self.unwritten.take() {
            self.write(text, say);
        }
        while let Some(output) = self.server.poll() {
            match output {
                ServerOutput::Send { to, bytes } => {
                    // What cannot be sent now is asked for again.
                    let _ = self.udp.try_send_to(&bytes, self.reachable(to));
                }
                ServerOutput::Write(records) => self.write(encode_records(&records), say),
                ServerOutput::Log(text) => say(&text),
            }
        }
    }

    /// A grant is told only after this has succeeded.
    fn write(&mut self, text: String, say: &mut dyn FnMut(&str)) {
        match write_record(&self.state, &text) {
            Ok(()) => self.server.written(now()),
            Err(error) => {
                say(&format!("{}: {error}; no new votes are given", record(&self.state).display()));
                self.unwritten = Some(text);
            }
        }
    }

    /// An IPv4 address as an IPv6 socket wants it.
    fn reachable(&self, to: SocketAddr) -> SocketAddr {
        match (to, self.udp.local_addr()) {
            (SocketAddr::V4(v4), Ok(SocketAddr::V6(_))) => {
                SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port()))
            }
            _ => to,
        }
    }
}

/// Whether what the kernel says about its devices is that this machine was restored.
async fn restored(devices: Option<&AsyncFd<OwnedFd>>) -> bool {
    let Some(devices) = devices else { return std::future::pending().await };
    match devices.readable().await {
        Ok(mut guard) => {
            guard.clear_ready();
            crate::sys::is_restored(devices.get_ref())
        }
        Err(_) => std::future::pending().await,
    }
}

/// Ends when the process wakes up long after this: it may have been copied with its memory.
async fn overslept(due: Instant) {
    const PAUSE: Span = Span::millis(100);
    std::future::poll_fn(|_| {
        if now().since(due) >= PAUSE { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// An IPv4 address that an IPv6 socket got, as people write it.
fn plain(from: SocketAddr) -> SocketAddr {
    SocketAddr::new(from.ip().to_canonical(), from.port())
}

/// One letter asks: `s` for a summary, `l` for all clusters, `v` for more about each node.
async fn answer(mut stream: UnixStream, views: Vec<ClusterView>, listen: SocketAddr) -> io::Result<()> {
    let mut letter = [0; 1];
    stream.read_exact(&mut letter).await?;
    let text = match letter[0] {
        b's' => summary(&views, listen),
        letter => list(&views, letter == b'v'),
    };
    stream.write_all(text.as_bytes()).await
}

/// In the shape of `corosync-qnetd-tool -s`.
fn summary(views: &[ClusterView], listen: SocketAddr) -> String {
    let clients: usize = views.iter().map(|view| view.clients.len()).sum();
    let clusters = views.iter().filter(|view| !view.clients.is_empty()).count();
    let address =
        if listen.ip().is_unspecified() { format!("*:{}", listen.port()) } else { listen.to_string() };
    format!(
        "QNetd address:\t\t\t{address}\n\
         TLS:\t\t\t\tSealed with the key of each cluster\n\
         Known clusters:\t\t\t{}\n\
         Connected clients:\t\t{clients}\n\
         Connected clusters:\t\t{clusters}\n",
        views.len()
    )
}

fn numbers(nodes: &[holdfast_totem::NodeId]) -> String {
    nodes.iter().map(|node| node.0.to_string()).collect::<Vec<_>>().join(", ")
}

/// The algorithm in the words of the old tools.
pub fn algorithm(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HalfSplit => "Fifty-Fifty split",
        Algorithm::LastManStanding => "Last man standing",
    }
}

/// The tie-breaker in the words of the old tools.
pub fn tie_breaker(tie: &TieBreaker) -> String {
    match tie {
        TieBreaker::Lowest => "Node with lowest node ID".to_owned(),
        TieBreaker::Highest => "Node with highest node ID".to_owned(),
        TieBreaker::Nodes(nodes) => format!("Node with node ID {}", numbers(nodes)),
    }
}

/// The state of heuristics in the words of the old tools.
pub fn health(heuristics: Heuristics) -> &'static str {
    match heuristics {
        Heuristics::Off => "Undefined (disabled)",
        Heuristics::Pending => "Undefined (running)",
        Heuristics::Passed => "Pass",
        Heuristics::Failed => "Fail",
    }
}

/// In the shape of `corosync-qnetd-tool -l`.
fn list(views: &[ClusterView], verbose: bool) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    for view in views {
        let _ = writeln!(text, "Cluster \"{}\":", view.name);
        if let Some(terms) = &view.terms {
            let _ = writeln!(text, "    Algorithm:\t\t{}", algorithm(terms.algorithm));
            let _ = writeln!(text, "    Tie-breaker:\t{}", tie_breaker(&terms.tie_breaker));
        }
        for grant in &view.grants {
            let _ = writeln!(text, "    Votes held by:\t{} (ring {})", numbers(&grant.members), grant.ring);
        }
        for client in &view.clients {
            let _ = writeln!(text, "    Node ID {}:", client.node);
            let _ = writeln!(text, "        Client address:\t\t{}", client.address);
            if verbose {
                let _ = writeln!(text, "        Name:\t\t\t{}", client.name);
                let _ = writeln!(text, "        Last heard:\t\t{} ago", client.silent);
                let _ = writeln!(text, "        Configured node list:\t{}", numbers(&client.configured));
                let _ = writeln!(text, "        Ring ID:\t\t{}", client.ring);
            }
            let _ = writeln!(text, "        Membership node list:\t{}", numbers(&client.members));
            if verbose {
                let _ = writeln!(text, "        Heuristics:\t\t{}", health(client.heuristics));
            }
            let _ = writeln!(text, "        Vote:\t\t\t{}", client.verdict.word());
        }
        text.push('\n');
    }
    text
}

/// Asks a running witness, as [`serve`] answers.
///
/// # Errors
/// When there is none.
pub fn ask(run: &Path, letter: u8) -> io::Result<String> {
    use std::io::Read;
    let mut stream = std::os::unix::net::UnixStream::connect(socket(run))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(&[letter])?;
    let mut text = String::new();
    stream.take(4 << 20).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes the key that a witness needs of this cluster, with mode 0400; an existing file stays as it is.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn export(ring_key: &holdfast_totem::Key, cluster: &str, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let derived = holdfast_totem::witness::key(ring_key, cluster);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(derived.bytes())?;
    file.sync_all()
}
