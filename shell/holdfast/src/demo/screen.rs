//! The live screen: what the nodes do, what the client sees, and the keys.
//!
//! Knows the terminal. Decides nothing.

use super::figures::Action;
use super::files::NODES;
use super::stage::Power;
use super::{Play, locked, outage};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use std::io::{Read as _, Write as _};
use std::time::Duration;

/// A terminal that gives keys one by one; restored when dropped.
struct Keys {
    before: Termios,
}

impl Keys {
    fn take() -> Result<Keys, String> {
        let stdin = std::io::stdin();
        let before = rustix::termios::tcgetattr(&stdin).map_err(|_| {
            "the live demonstration needs a terminal; `holdfast demo --auto` does not".to_owned()
        })?;
        let mut raw = before.clone();
        raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        // Return after a tenth of a second without a key.
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 1;
        rustix::termios::tcsetattr(&stdin, OptionalActions::Now, &raw).map_err(|e| e.to_string())?;
        Ok(Keys { before })
    }

    fn next(&self) -> Option<u8> {
        let mut key = [0u8; 1];
        (std::io::stdin().read(&mut key).ok()? == 1).then_some(key[0])
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = rustix::termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
        println!();
    }
}

/// Shows the play until `q`.
pub fn run(play: &Play) -> Result<i32, String> {
    let keys = Keys::take()?;
    let mut said = "all is well".to_owned();
    while !play.over() {
        draw(play, &said);
        let action = match keys.next() {
            Some(b'q' | 3 | 27) => break,
            Some(b'k') => Action::Kill,
            Some(b'p') => Action::Pause,
            Some(b's') => Action::Split,
            Some(b'h') => Action::Heal,
            _ => continue,
        };
        draw(play, &format!("{} ...", action.word()));
        said = match play.strike(action) {
            Ok(figures) => figures.to_string(),
            Err(error) => error,
        };
    }
    Ok(0)
}

fn draw(play: &Play, said: &str) {
    let seen = play.client.seen();
    let holders = locked(&play.stage).holders();
    let mut out = String::from("\x1b[H\x1b[2J");
    out.push_str("Holdfast demonstration: three nodes, one service address\n\n");
    for (index, name) in NODES.iter().enumerate() {
        let power = match locked(&play.stage).power(index) {
            Power::On => "on",
            Power::Off => "off",
            Power::Paused => "paused",
            Power::Cut => "cable pulled",
        };
        let holds = if holders.contains(&index) { "  <- address, webserver, queue, mailer" } else { "" };
        out.push_str(&format!("  {name:<6} {power:<12}{holds}\n"));
    }
    let who = seen.last.as_ref().map_or("nobody", |(name, _)| name.as_str());
    let state = if seen.answering() { format!("answered by {who}") } else { "no answer".to_owned() };
    out.push_str(&format!(
        "\n  client: {state}; {} of {} requests lost, longest outage {} ms\n  last:   {said}\n\n",
        seen.lost,
        seen.asked,
        outage(&seen)
    ));
    out.push_str("  k kill the active node   p pause it   s pull its cable   h heal   q quit\n");
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(out.as_bytes());
    let _ = stdout.flush();
    std::thread::sleep(Duration::from_millis(20));
}
