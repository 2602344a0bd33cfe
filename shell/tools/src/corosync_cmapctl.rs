//! `corosync-cmapctl`: configuration and statistics as keys; shown, set, removed, watched.

use crate::corosync_support::{Options, ask, map, unexpected};
use holdfast_api::ring::{RingReply, RingRequest};
use std::collections::BTreeMap;
use std::time::Duration;

const NAME: &str = "corosync-cmapctl";
const HELP: &str = "
usage:  corosync-cmapctl [-b] [-DdghsqTCt] [-p filename] [-m map] [params...]

    -b show binary values

    -m select map to use: 'icmap' (the default, configuration and state) or 'stats' (counters)
Set key:
    corosync-cmapctl -s key_name type value

    where type is one of ([i|u][8|16|32|64] | flt | dbl | str | bin)
    for bin, value is file name (or - for stdin)

Clear stats:
    corosync-cmapctl -C [knet|ipc|totem|schedmiss|all]

Load settings from a file:
    corosync-cmapctl -p filename

    the format of the file is:
    [^[^]]<key_name>[ <type> <value>]
    Keys prefixed with single caret ('^') are deleted (see -d).
    Keys (actually prefixes) prefixed with double caret ('^^') are deleted by prefix (see -D).
    Other keys are set (see -s) so both <type> and <value> are required.

Delete key:
    corosync-cmapctl -d key_name...

Delete multiple keys with prefix:
    corosync-cmapctl -D key_prefix...

Get key:
    corosync-cmapctl [-b] [-q] -g key_name...

Display all keys, or those with a prefix:
    corosync-cmapctl [-b] [key_name...]

Track changes on keys with key_name, or with key prefix:
    corosync-cmapctl [-b] -t key_name
    corosync-cmapctl [-b] -T key_prefix

";

/// Time between two looks while changes are watched.
const LOOK: Duration = Duration::from_millis(250);
/// Largest file of settings or of a binary value, in bytes.
const LARGEST: u64 = 1 << 20;

type Keys = Vec<(String, String, String)>;

/// Runs the tool; the first word is its name.
pub fn run(words: Vec<String>) -> i32 {
    let options = match Options::parse(words.get(1..).unwrap_or_default(), "hgsdDtTbqp:m:C:", &[]) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{NAME}: {message}");
            return 1;
        }
    };
    match act(&options) {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(message) => {
            eprintln!("{message}");
            1
        }
    }
}

fn act(options: &Options) -> Result<bool, String> {
    if options.has('h') {
        print!("{HELP}");
        return Ok(true);
    }
    let stats = match options.value('m') {
        None | Some("icmap" | "default") => false,
        Some("stats") => true,
        Some(_) => return Err("invalid map name, must be 'default', 'icmap' or 'stats'".to_owned()),
    };
    if let Some(what) = options.value('C') {
        let what = what.to_owned();
        return done(ask(NAME, RingRequest::MapClear { what })?);
    }
    if let Some(file) = options.value('p') {
        let text = std::fs::read(file).map_err(|error| format!("{NAME}: cannot read {file}: {error}"))?;
        return load(&String::from_utf8_lossy(&text));
    }
    let words = &options.words;
    let action =
        options.given.iter().rev().map(|(letter, _)| *letter).find(|letter| "gsdDtT".contains(*letter));
    if words.is_empty() && action.is_some() {
        return Err("Expected key after options".to_owned());
    }
    match action {
        None => print_prefixes(words, stats, options.has('b')),
        Some('g') => {
            for key in words {
                let keys = map(NAME, key)?;
                let found = keys.iter().find(|(known, _, _)| known == key);
                let found = found.ok_or_else(|| {
                    format!("Can't get key {key}. Error CS_ERR_NOT_EXIST: there is no such key")
                })?;
                println!("{}", show(found, options.has('q'), options.has('b')));
            }
            Ok(true)
        }
        Some('s') => {
            let [key, kind, value] = &words[..] else {
                return Err("At least 3 parameters are expected for set".to_owned());
            };
            set(key, kind, value)
        }
        Some('d') => words.iter().try_for_each(|key| delete(key)).map(|()| true),
        Some('D') => words.iter().try_for_each(|prefix| delete_prefix(prefix)).map(|()| true),
        Some(letter) => track(words, letter == 'T', options.has('b')),
    }
}

fn done(reply: RingReply) -> Result<bool, String> {
    match reply {
        RingReply::Done => Ok(true),
        other => unexpected(&other),
    }
}

/// `key (type) = value`, or the value alone.
fn show((key, kind, value): &(String, String, String), quiet: bool, binary: bool) -> String {
    match (quiet, kind.as_str()) {
        (true, _) => value.clone(),
        (false, "bin") if !binary => format!("{key} (bin)"),
        (false, _) => format!("{key} ({kind}) = {value}"),
    }
}

/// Counters are a map of their own for those who ask without `-m`.
fn of_map(keys: Keys, stats: bool) -> Keys {
    keys.into_iter().filter(|(key, _, _)| key.starts_with("stats.") == stats).collect()
}

fn print_prefixes(prefixes: &[String], stats: bool, binary: bool) -> Result<bool, String> {
    let all = [String::new()];
    let prefixes = if prefixes.is_empty() { &all[..] } else { prefixes };
    let mut found = false;
    for prefix in prefixes {
        // A large ring has more counters than anything else: only they are asked for where only they are shown.
        let prefix = if stats && prefix.is_empty() { "stats." } else { prefix };
        let keys = of_map(map(NAME, prefix)?, stats);
        found |= !keys.is_empty();
        for key in &keys {
            println!("{}", show(key, false, binary));
        }
    }
    Ok(found)
}

fn set(key: &str, kind: &str, value: &str) -> Result<bool, String> {
    let value = if kind == "bin" { binary(value)? } else { value.to_owned() };
    let request = RingRequest::MapSet { key: key.to_owned(), kind: kind.to_owned(), value };
    done(ask(NAME, request).map_err(|why| format!("Failed to set key {key}. Error {why}"))?)
}

/// The content of a file, or of the standard input for `-`.
fn binary(name: &str) -> Result<String, String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = if name == "-" {
        std::io::stdin().take(LARGEST).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(name).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes))
    };
    read.map_err(|error| format!("{NAME}: cannot read {name}: {error}"))?;
    // A character a byte: a request is text.
    Ok(bytes.into_iter().map(char::from).collect())
}

fn delete(key: &str) -> Result<(), String> {
    let request = RingRequest::MapDelete { key: key.to_owned() };
    done(ask(NAME, request).map_err(|why| format!("Can't delete key {key}. Error {why}"))?).map(|_| ())
}

fn delete_prefix(prefix: &str) -> Result<(), String> {
    for (key, _, _) in map(NAME, prefix)? {
        if let Err(message) = delete(&key) {
            eprintln!("{message}");
        }
    }
    Ok(())
}

/// One line of a settings file.
#[derive(Debug, PartialEq, Eq)]
enum Setting<'a> {
    Nothing,
    Delete(&'a str),
    DeletePrefix(&'a str),
    Set(&'a str, &'a str, &'a str),
    Incomplete(&'a str),
}

fn setting(line: &str) -> Setting<'_> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Setting::Nothing;
    }
    let (key, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    if let Some(prefix) = key.strip_prefix("^^") {
        return Setting::DeletePrefix(prefix);
    }
    if let Some(key) = key.strip_prefix('^') {
        return Setting::Delete(key);
    }
    match rest.trim().split_once(char::is_whitespace) {
        Some((kind, value)) => Setting::Set(key, kind, value.trim()),
        None => Setting::Incomplete(key),
    }
}

fn load(text: &str) -> Result<bool, String> {
    let mut fine = true;
    for line in text.lines() {
        let result = match setting(line) {
            Setting::Nothing => Ok(()),
            Setting::Delete(key) => delete(key),
            Setting::DeletePrefix(prefix) => delete_prefix(prefix),
            Setting::Set(key, kind, value) => set(key, kind, value).map(|_| ()),
            Setting::Incomplete(key) => Err(format!("Both type and value for key {key} are required")),
        };
        if let Err(message) = result {
            eprintln!("{message}");
            fine = false;
        }
    }
    Ok(fine)
}

/// What changed between two looks, in order of the keys.
fn changes(
    before: &BTreeMap<String, (String, String)>,
    now: &BTreeMap<String, (String, String)>,
    binary: bool,
) -> Vec<String> {
    let line = |word: &str, key: &str, (kind, value): &(String, String)| {
        format!("{word}> {}", show(&(key.to_owned(), kind.clone(), value.clone()), false, binary))
    };
    let mut lines = Vec::new();
    for (key, value) in now {
        match before.get(key) {
            None => lines.push(line("create", key, value)),
            Some(old) if old != value => lines.push(line("modify", key, value)),
            Some(_) => {}
        }
    }
    lines.extend(
        before.iter().filter(|(key, _)| !now.contains_key(*key)).map(|(key, old)| line("delete", key, old)),
    );
    lines
}

fn track(words: &[String], prefix: bool, binary: bool) -> Result<bool, String> {
    let look = || -> Result<BTreeMap<String, (String, String)>, String> {
        let mut found = BTreeMap::new();
        for word in words {
            for (key, kind, value) in map(NAME, word)? {
                if prefix || key == *word {
                    found.insert(key, (kind, value));
                }
            }
        }
        Ok(found)
    };
    println!("Type \"q\" to finish");
    let (sender, typed) = std::sync::mpsc::channel();
    // The thread ends with the process; a terminal cannot be waited for and left.
    std::thread::spawn(move || {
        let mut line = String::new();
        while std::io::stdin().read_line(&mut line).is_ok_and(|read| read > 0) {
            if line.starts_with('q') {
                break;
            }
            line.clear();
        }
        // The tool may have ended on its own.
        let _ = sender.send(());
    });
    let mut before = look()?;
    loop {
        match typed.recv_timeout(LOOK) {
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return Ok(true),
        }
        let now = look()?;
        for line in changes(&before, &now, binary) {
            println!("{line}");
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_shape_of_old() {
        let key = |kind: &str, value: &str| ("totem.token".to_owned(), kind.to_owned(), value.to_owned());
        assert_eq!(show(&key("u32", "1000"), false, false), "totem.token (u32) = 1000");
        assert_eq!(show(&key("u32", "1000"), true, false), "1000");
        assert_eq!(show(&key("bin", "a\\x00"), false, false), "totem.token (bin)");
        assert_eq!(show(&key("bin", "a\\x00"), false, true), "totem.token (bin) = a\\x00");
    }

    #[test]
    fn settings_are_read_line_by_line() {
        let check = |line: &str, expected: Setting<'_>| assert_eq!(setting(line), expected, "{line}");
        check("", Setting::Nothing);
        check("# totem.token u32 1", Setting::Nothing);
        check("^a.key", Setting::Delete("a.key"));
        check("^^a.", Setting::DeletePrefix("a."));
        check("a.key  u32   7", Setting::Set("a.key", "u32", "7"));
        check("a.key str two words ", Setting::Set("a.key", "str", "two words"));
        check("a.key u32", Setting::Incomplete("a.key"));
    }

    #[test]
    fn changes_are_told_as_create_modify_delete() {
        let map = |keys: &[(&str, &str)]| {
            keys.iter().map(|(k, v)| ((*k).to_owned(), ("u32".to_owned(), (*v).to_owned()))).collect()
        };
        assert_eq!(
            changes(
                &map(&[("a.a", "1"), ("b.b", "1"), ("c.c", "1")]),
                &map(&[("b.b", "2"), ("c.c", "1"), ("d.d", "4")]),
                false
            ),
            ["modify> b.b (u32) = 2", "create> d.d (u32) = 4", "delete> a.a (u32) = 1"]
        );
    }
}
