//! Where lines go: standard error, our log file, the file that `corosync.conf` names, and syslog. Reads the settings
//! once; a sink that fails is left out, for a full disk must not stop a node.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use holdfast_node::config::{Diagnostic, Level as ConfLevel, Logging, Severity, Timestamp};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, info, warn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::sys;

/// Longest line, in bytes.
const LONGEST: usize = 8 << 10;

/// The sinks of one daemon; shared with whoever handles SIGHUP.
#[derive(Clone)]
pub struct Log {
    sinks: Arc<Mutex<Sinks>>,
}

struct Sinks {
    node: String,
    stderr: Option<Level>,
    files: Vec<(PathBuf, Option<File>, Level)>,
    syslog: Option<(UnixDatagram, u8, Level)>,
    /// How a line begins: `strftime` with `%3N` for milliseconds; empty = without the time.
    stamp: &'static str,
}

/// `Nov 21 11:12:51`.
const SECONDS: &str = "%b %d %H:%M:%S";
/// `Nov 21 11:12:51.042`.
const HIRES: &str = "%b %d %H:%M:%S.%3N";

impl Log {
    /// Starts with standard error only, for what goes wrong before the configuration is known.
    #[must_use]
    pub fn start() -> Self {
        let sinks = Sinks {
            node: String::new(),
            stderr: Some(Level::INFO),
            files: Vec::new(),
            syslog: None,
            stamp: SECONDS,
        };
        let log = Self { sinks: Arc::new(Mutex::new(sinks)) };
        // A second start in one process (tests) keeps the first.
        let _ = tracing_subscriber::registry().with(Lines { log: log.clone() }).try_init();
        log
    }

    /// Puts the settings of the configuration into force.
    pub fn configure(&self, node: &str, logging: &Logging, own: &Path, syslog: bool) {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        node.clone_into(&mut sinks.node);
        sinks.stamp = match logging.timestamp {
            Timestamp::None => "",
            Timestamp::Seconds => SECONDS,
            Timestamp::Milliseconds => HIRES,
        };
        sinks.stderr = logging.to_stderr.then_some(level(logging.logfile_level));
        let mut paths = vec![own.to_owned()];
        paths.extend(logging.logfile.as_ref().map(PathBuf::from).filter(|path| path != own));
        sinks.files = paths.into_iter().map(|path| (path, None, level(logging.logfile_level))).collect();
        sinks.reopen();
        sinks.syslog = (syslog && logging.to_syslog)
            .then(|| {
                let socket = UnixDatagram::unbound().ok()?;
                socket.set_nonblocking(true).ok()?;
                socket.connect("/dev/log").ok()?;
                Some((socket, facility(&logging.syslog_facility), level(logging.syslog_level)))
            })
            .flatten();
    }

    /// Writes into this file too, for a process that reads no configuration.
    pub fn also(&self, path: &Path) {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        "guard".clone_into(&mut sinks.node);
        sinks.files.push((path.to_owned(), None, Level::INFO));
        sinks.reopen();
    }

    /// Opens the files again, after a rotation.
    pub fn reopen(&self) {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner).reopen();
    }
}

impl Sinks {
    fn reopen(&mut self) {
        for (path, file, _) in &mut self.files {
            if let Some(folder) = path.parent() {
                let _ = fs::create_dir_all(folder);
            }
            *file = OpenOptions::new().append(true).create(true).open(&*path).ok();
        }
    }

    fn most(&self) -> Level {
        let files = self.files.iter().map(|(_, _, level)| *level);
        let syslog = self.syslog.iter().map(|(_, _, level)| *level);
        self.stderr.into_iter().chain(files).chain(syslog).max().unwrap_or(Level::ERROR)
    }

    fn write(&mut self, level: Level, subsystem: &str, text: &str) {
        let word = match level {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let pid = std::process::id();
        // Lines in the words of old programs carry their level already.
        let level_word = if text.starts_with("info: ") || text.starts_with("ERROR: ") {
            String::new()
        } else {
            format!("{word}: ")
        };
        let body = format!("[{subsystem:<6}] {level_word}{text}");
        let at = crate::clock::now().wall.0;
        let stamp = sys::local_time(self.stamp, at);
        let blank = if stamp.is_empty() { "" } else { " " };
        let line = format!("{stamp}{blank}{} holdfast[{pid}]: {body}\n", self.node);
        if self.stderr.is_some_and(|most| level <= most) {
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }
        for (_, file, most) in &mut self.files {
            if level <= *most
                && let Some(file) = file
            {
                let _ = file.write_all(line.as_bytes());
            }
        }
        if let Some((socket, facility, most)) = &self.syslog
            && level <= *most
        {
            let severity = match level {
                Level::ERROR => 3,
                Level::WARN => 4,
                Level::INFO => 6,
                Level::DEBUG | Level::TRACE => 7,
            };
            let _ = socket.send(format!("<{}>holdfast[{pid}]: {body}", facility * 8 + severity).as_bytes());
        }
    }
}

struct Lines {
    log: Log,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        // Libraries below us talk to themselves a lot.
        let ours = metadata.target().starts_with("holdfast") || !metadata.target().contains("::");
        let most = self.log.sinks.lock().unwrap_or_else(PoisonError::into_inner).most();
        *metadata.level() <= if ours { most } else { Level::WARN }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let mut line = text.message;
        line.push_str(&text.fields);
        let line = line.replace('\n', " ");
        let cut = holdfast_agent_protocol::outcome::cut(&line, LONGEST);
        let target = event.metadata().target();
        let subsystem = match text.subsystem.as_deref() {
            Some(subsystem) => subsystem,
            None if target.starts_with("holdfast_node") || target.starts_with("holdfast_totem") => "TOTEM",
            None if target.contains("executor") => "AGENT",
            None if target.starts_with("holdfast") => "CRM",
            None => "MAIN",
        };
        self.log.sinks.lock().unwrap_or_else(PoisonError::into_inner).write(
            *event.metadata().level(),
            subsystem,
            cut,
        );
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
    subsystem: Option<String>,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "subsystem" => self.subsystem = Some(value.to_owned()),
            "message" => self.message.push_str(value),
            name => {
                let _ = write!(self.fields, " {name}={value}");
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// Logs what was found in a configuration, each finding with its own severity.
pub fn findings(findings: &[Diagnostic]) {
    for finding in findings {
        let text = finding.without_severity();
        match finding.severity {
            Severity::Note => info!("{text}"),
            Severity::Warning | Severity::Error => warn!("{text}"),
        }
    }
}

fn level(level: ConfLevel) -> Level {
    match level {
        ConfLevel::Error => Level::ERROR,
        ConfLevel::Warning => Level::WARN,
        ConfLevel::Info => Level::INFO,
        ConfLevel::Debug => Level::DEBUG,
        ConfLevel::Trace => Level::TRACE,
    }
}

/// Number of a syslog facility.
fn facility(name: &str) -> u8 {
    match name {
        "kern" => 0,
        "user" => 1,
        "mail" => 2,
        "auth" => 4,
        "syslog" => 5,
        "lpr" => 6,
        "news" => 7,
        "uucp" => 8,
        "cron" => 9,
        "authpriv" => 10,
        "ftp" => 11,
        "local0" => 16,
        "local1" => 17,
        "local2" => 18,
        "local3" => 19,
        "local4" => 20,
        "local5" => 21,
        "local6" => 22,
        "local7" => 23,
        _ => 3,
    }
}
