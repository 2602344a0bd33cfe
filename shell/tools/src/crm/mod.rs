//! `crm`: the shell of the cluster, interactive and in batches.
//!
//! Order of a line: `lexer` splits it, `session` finds level and command, a level's module carries it out. The
//! language of `configure` is in `grammar` (lines to elements), `working` (the copy that is edited) and `show`
//! (elements to lines).

mod complete;
mod configure;
pub mod grammar;
mod history;
mod interactive;
mod levels;
pub mod lexer;
mod node;
mod ra;
mod resource;
mod session;
mod show;
mod working;

use session::Session;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

const HELP: &str = "\
usage: crm [OPTIONS] [LEVEL] [COMMAND [ARGUMENTS]]

Without a command the shell is interactive, or reads lines from standard input.

  -f, --file FILE    read lines from FILE (- is standard input)
  -c, --cib NAME     work on the shadow copy NAME
  -F, --force        do what a check would refuse
  -w, --wait         wait until the cluster has carried out what was changed
  -n, --no           answer every question with no
  -D, --display MODE plain, color, uppercase: accepted, output is plain
  -d, -R, -H, -X, -o accepted for compatibility
      --version      print the version
  -h, --help         this text
";

/// The settled command line.
#[derive(Debug, Default)]
struct Options {
    file: Option<String>,
    shadow: Option<String>,
    force: bool,
    wait: bool,
    no: bool,
    words: Vec<String>,
}

/// Runs the shell; the first word is its name. Returns 0 or 1, 2 for a wrong call.
pub fn run(words: Vec<String>) -> i32 {
    let options = match parse(words.get(1..).unwrap_or_default()) {
        Ok(Some(options)) => options,
        Ok(None) => return 0,
        Err(message) => {
            eprintln!("ERROR: {message}");
            return 2;
        }
    };
    let mut session = Session::new(options.shadow, options.force, options.wait);
    session.no = options.no;
    if let Some(file) = &options.file {
        return from_file(&mut session, file, &options.words);
    }
    if options.words.is_empty() {
        return if std::io::stdin().is_terminal() {
            interactive::run(&mut session)
        } else {
            from_stdin(&mut session)
        };
    }
    // Words with blanks were one argument: they stay one word.
    let opens_level = levels::is_level_path(&options.words);
    if opens_level {
        if !session.words(&options.words) {
            return 1;
        }
        return if std::io::stdin().is_terminal() {
            interactive::run(&mut session)
        } else {
            from_stdin(&mut session)
        };
    }
    let fine = session.words(&options.words);
    let finished = session.finish(false);
    i32::from(!(fine && finished))
}

fn parse(words: &[String]) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "-h" | "--help" => {
                print!("{HELP}");
                return Ok(None);
            }
            "--version" => {
                println!("crm 4.4.1 (Holdfast {})", env!("CARGO_PKG_VERSION"));
                return Ok(None);
            }
            "-f" | "--file" => options.file = Some(value()?),
            "-c" | "--cib" => options.shadow = Some(value()?),
            "-F" | "--force" => options.force = true,
            "-w" | "--wait" => options.wait = true,
            "-n" | "--no" => options.no = true,
            "-d" | "-R" => {}
            "-D" | "--display" | "-H" | "--history" | "-X" | "-o" | "--scriptdir" => {
                value()?;
            }
            option if option.starts_with('-') && option.len() > 1 => {
                return Err(format!("{option} is no option of crm; `crm --help` lists them"));
            }
            _ => {
                options.words.push(word.clone());
                options.words.extend(words.by_ref().cloned());
            }
        }
    }
    Ok(Some(options))
}

/// Joins lines that end in a backslash and feeds them one by one.
fn batch(session: &mut Session, lines: impl Iterator<Item = std::io::Result<String>>) -> i32 {
    session.batch = true;
    let (mut fine, mut joined) = (true, String::new());
    for (number, line) in lines.enumerate() {
        let Ok(line) = line else {
            eprintln!("ERROR: {}: the input is not UTF-8 text", number + 1);
            return 1;
        };
        if lexer::continues(&line) {
            joined.push_str(line[..line.len() - 1].trim_end());
            joined.push(' ');
            continue;
        }
        joined.push_str(line.trim());
        session.line_number = number + 1;
        fine &= session.line(&std::mem::take(&mut joined));
        if session.ended {
            break;
        }
    }
    if !joined.trim().is_empty() {
        fine &= session.line(&joined);
    }
    let finished = session.finish(false);
    i32::from(!(fine && finished))
}

fn from_stdin(session: &mut Session) -> i32 {
    batch(session, std::io::stdin().lock().lines())
}

fn from_file(session: &mut Session, file: &str, level: &[String]) -> i32 {
    if !level.is_empty() && !session.words(level) {
        return 1;
    }
    if file == "-" {
        return from_stdin(session);
    }
    match std::fs::File::open(file) {
        Ok(file) => batch(session, std::io::BufReader::new(file).lines()),
        Err(error) => {
            eprintln!("ERROR: cannot read {file}: {error}");
            1
        }
    }
}

/// Asks a question that is answered by yes or no: at a terminal only, and not under `--force`, which says yes, or
/// `--no`.
///
/// # Errors
/// There is nobody to ask.
fn confirm(session: &Session, question: &str) -> Result<bool, session::Failed> {
    if session.force {
        println!("INFO: {question}? [YES]");
        return Ok(true);
    }
    if session.no {
        return Ok(false);
    }
    if !std::io::stdin().is_terminal() {
        return Err(format!("{question}? There is nobody to ask; `crm --force` does it without asking"));
    }
    loop {
        print!("{question} (y/n)? ");
        // A terminal that cannot be written cannot be read either.
        let _ = std::io::stdout().flush();
        let mut answer = String::new();
        if !matches!(std::io::stdin().lock().read_line(&mut answer), Ok(1..)) {
            return Ok(false);
        }
        match answer.trim().chars().next() {
            Some('y' | 'Y') => return Ok(true),
            Some('n' | 'N') => return Ok(false),
            _ => {}
        }
    }
}
