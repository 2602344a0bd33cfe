//! `holdfast wrap-resource-script FILE`: prints a resource script around one that never reads its argument
//! (safety rule 16). Knows only files and messages; the rules are in `holdfast_agent_protocol::heartbeat`.

use holdfast_agent_protocol::heartbeat;

use crate::dispatch;

const HELP: &str = "\
Usage: holdfast wrap-resource-script FILE > /etc/ha.d/resource.d/NAME

FILE is a script that just starts something, whatever it is told. The wrapper that is printed starts it for
`start`, tells for `status` whether what it left behind still lives, and ends that for `stop`.
";

/// Runs the command; 0 when the wrapper was printed.
pub fn run(words: Vec<String>) -> i32 {
    match words.get(1).map(String::as_str) {
        Some("-h" | "--help") => {
            print!("{HELP}");
            0
        }
        Some(file) if words.len() == 2 && !file.starts_with('-') => wrap(file),
        _ => {
            eprint!("wrap-resource-script: name one file\n{HELP}");
            i32::from(dispatch::USAGE)
        }
    }
}

fn wrap(file: &str) -> i32 {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("wrap-resource-script: {file}: {error}");
            return 1;
        }
    };
    if !heartbeat::ignores_its_argument(&text) {
        eprintln!(
            "wrap-resource-script: {file} looks at its arguments or does nothing; it may not need a wrapper"
        );
    }
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.into());
    print!("{}", heartbeat::wrapper(&absolute.to_string_lossy()));
    0
}
