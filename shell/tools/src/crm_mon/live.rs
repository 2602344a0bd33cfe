//! Following the cluster: a display that is drawn again after every change, and a program run for every event.

use std::io::{IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use holdfast_api::event::{Event, OperationEvent, Topic};
use holdfast_client::Connection;
use holdfast_view::status::Section;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::options::SUMMARY;
use super::settings::{Format, Settings};
use super::source::SourceError;
use super::{display, source, write_out};

/// Shortest time between two drawings, so that a burst of changes is drawn once.
const SETTLE: Duration = Duration::from_millis(200);

/// What a key asks for.
enum Asked {
    Redraw,
    Help,
    Quit,
}

/// Runs until it is told to stop; returns the exit status.
pub fn follow(mut settings: Settings) -> i32 {
    let interactive = settings.format == Format::Text
        && settings.output.is_none()
        && std::io::stdout().is_terminal()
        && std::io::stdin().is_terminal();
    let terminal = interactive.then(Terminal::enter).flatten();
    let keys = interactive.then(read_keys);
    let mut connection: Option<Connection> = None;
    let mut due = Instant::now();
    let mut help = false;
    loop {
        while let Some(key) = keys.as_ref().and_then(|keys| keys.try_recv().ok()) {
            match press(key, &mut settings) {
                Asked::Quit => {
                    drop(terminal);
                    return 0;
                }
                Asked::Help => help = !help,
                Asked::Redraw => help = false,
            }
            due = Instant::now();
        }
        if Instant::now() >= due {
            let refreshed = refresh(&mut connection, &settings, interactive, help);
            due = Instant::now() + settings.interval;
            if let Err(error) = refreshed {
                connection = None;
                if interactive {
                    print!("\x1b[H\x1b[2J");
                }
                println!("Not connected: {error}");
                println!("Trying again every {} s", settings.interval.as_secs().max(1));
                let _ = std::io::stdout().flush();
            }
        }
        match wait(&mut connection, &settings, due) {
            Ok(true) => due = due.min(Instant::now() + SETTLE),
            Ok(false) => {}
            Err(_) => connection = None,
        }
    }
}

fn refresh(
    connection: &mut Option<Connection>,
    settings: &Settings,
    interactive: bool,
    help: bool,
) -> Result<(), SourceError> {
    let open = match connection {
        Some(open) => open,
        None => {
            let mut open = Connection::open("crm_mon")?;
            open.subscribe(vec![Topic::Cib, Topic::View, Topic::Operation, Topic::Fencing])?;
            connection.insert(open)
        }
    };
    let picture = source::ask(open)?;
    if settings.format == Format::None {
        return Ok(());
    }
    let shown = display::show(&picture, settings);
    if interactive {
        // From the top, each line cleared to its end, then the rest of the screen: nothing flickers.
        let mut screen = String::from("\x1b[H");
        for line in shown.text.lines() {
            screen.push_str(line);
            screen.push_str("\x1b[K\n");
        }
        screen.push_str("\x1b[J");
        if help {
            screen.push_str(KEYS);
        }
        print!("{screen}");
        let _ = std::io::stdout().flush();
    } else {
        write_out(&shown.text, settings);
    }
    Ok(())
}

const KEYS: &str = "\nc tickets   f fail counts   n by node   o operations   r inactive   t timing   A attributes\n\
                    L bans   D headers   R details   b brief   m fencing   q quit   any other key: refresh\n";

/// Waits for an event; says whether something changed that is worth drawing.
fn wait(
    connection: &mut Option<Connection>,
    settings: &Settings,
    due: Instant,
) -> Result<bool, holdfast_client::ClientError> {
    let patience = due.saturating_duration_since(Instant::now()).min(SETTLE);
    let Some(open) = connection else {
        std::thread::sleep(patience);
        return Ok(false);
    };
    match open.next_event(patience)? {
        None => Ok(false),
        Some(event) => {
            run_agent(&event, settings);
            Ok(true)
        }
    }
}

/// Runs the external program for an event that it is interested in.
fn run_agent(event: &Event, settings: &Settings) {
    let Some(agent) = &settings.agent else { return };
    let mut variables: Vec<(&str, String)> = Vec::new();
    match event {
        Event::Operation(OperationEvent {
            node, rsc, operation, rc, expected_rc, status, reason, ..
        }) => {
            let description = reason.clone().unwrap_or_else(|| {
                if rc == expected_rc { "ok".into() } else { holdfast_view::exit_text::exit_text(*rc).into() }
            });
            variables.push(("CRM_notify_node", node.clone()));
            variables.push(("CRM_notify_rsc", rsc.clone()));
            variables.push(("CRM_notify_task", operation.clone()));
            variables.push(("CRM_notify_desc", description));
            variables.push(("CRM_notify_rc", rc.to_string()));
            variables.push(("CRM_notify_target_rc", expected_rc.to_string()));
            variables.push(("CRM_notify_status", status.clone()));
        }
        Event::Fencing(record) if settings.watch_fencing => {
            variables.push(("CRM_notify_node", record.target.clone()));
            variables.push(("CRM_notify_task", "fence".into()));
            variables.push(("CRM_notify_desc", format!("{} of {}", record.action.word(), record.target)));
        }
        Event::Fencing(_)
        | Event::Cib { .. }
        | Event::View { .. }
        | Event::Attribute { .. }
        | Event::Transition { .. }
        | Event::Lagged => return,
    }
    if let Some(recipient) = &settings.recipient {
        variables.push(("CRM_notify_recipient", recipient.clone()));
    }
    let child = Command::new(agent).envs(variables).stdin(Stdio::null()).spawn();
    match child {
        // Reaped by a thread of its own, so that a slow program delays nothing.
        Ok(mut child) => {
            std::thread::spawn(move || child.wait());
        }
        Err(error) => eprintln!("crm_mon: {}: {error}", agent.display()),
    }
}

fn press(key: u8, settings: &mut Settings) -> Asked {
    match key {
        b'q' | 3 | 4 => return Asked::Quit,
        b'?' => return Asked::Help,
        b'c' => settings.toggle(&[Section::Tickets]),
        b'f' => settings.toggle(&[Section::FailCounts]),
        b'o' => settings.toggle(&[Section::Operations]),
        b'A' => settings.toggle(&[Section::Attributes]),
        b'L' => settings.toggle(&[Section::Bans]),
        b'D' => settings.toggle(SUMMARY),
        b'm' => settings.toggle(&[Section::FencingSucceeded]),
        b'n' => settings.show.by_node = !settings.show.by_node,
        b'r' => settings.show.inactive = !settings.show.inactive,
        b'b' => settings.show.brief = !settings.show.brief,
        b'j' => settings.show.pending = !settings.show.pending,
        b't' => {
            settings.show.timing = !settings.show.timing;
            if settings.show.timing {
                settings.add(&[Section::Operations]);
            }
        }
        b'R' => {
            let detail = !settings.show.clone_detail;
            settings.show.clone_detail = detail;
            settings.show.node_id = detail;
            settings.show.implicit = detail;
            settings.show.failed_detail = detail;
        }
        _ => {}
    }
    Asked::Redraw
}

fn read_keys() -> mpsc::Receiver<u8> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for byte in std::io::stdin().lock().bytes() {
            let Ok(byte) = byte else { break };
            if sender.send(byte).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The terminal without echo and line editing, until this is dropped.
struct Terminal {
    before: Termios,
}

impl Terminal {
    fn enter() -> Option<Terminal> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).ok()?;
        print!("\x1b[2J");
        Some(Terminal { before })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}
