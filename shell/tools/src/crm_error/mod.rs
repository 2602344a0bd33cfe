//! `crm_error`: what result codes and exit statuses mean.

mod table;

use crate::arguments::{Group, Parsed, Syntax, flag};
use crate::exit;
use crate::output::{Failure, Output, run_tool};

const SYNTAX: Syntax = Syntax {
    name: "crm_error",
    summary: "display name or description of a Pacemaker error code",
    operands: "[-- <rc> [<rc>...]]",
    output: true,
    groups: &[Group {
        heading: "Options:",
        options: &[
            flag("name", Some('n'), "Show the name too, as it stands in source code"),
            flag("list", Some('l'), "Show all codes (also when none is given)"),
            flag("exit", Some('X'), "The numbers are exit statuses"),
            flag("rc", Some('r'), "The numbers are return codes"),
        ],
    }],
    epilogue: "",
};

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&SYNTAX, &args, crm_error)
}

/// Which numbers are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Legacy,
    Return,
    Exit,
}

impl Kind {
    fn lookup(self, code: i32) -> (String, String) {
        match self {
            Kind::Exit => (exit::name(code).to_owned(), exit::words(code).to_owned()),
            Kind::Return => return_code(code),
            Kind::Legacy => {
                let number = code.saturating_abs();
                match table::LEGACY.iter().find(|(legacy, _, _)| *legacy == number) {
                    Some((_, name, means)) => ((*name).to_owned(), return_code(*means).1),
                    None => return_code(number),
                }
            }
        }
    }

    fn all(self) -> Vec<i32> {
        match self {
            Kind::Exit => exit::TABLE.iter().map(|(code, _, _)| *code).filter(|code| *code < 255).collect(),
            Kind::Return => {
                let mut all: Vec<i32> = table::RETURN.iter().rev().map(|(code, _, _)| *code).collect();
                all.push(0);
                all.extend(table::SYSTEM.iter().map(|(code, _)| *code));
                all
            }
            Kind::Legacy => {
                let mut all = vec![0];
                all.extend(table::SYSTEM.iter().map(|(code, _)| *code));
                all.extend(table::LEGACY.iter().map(|(code, _, _)| *code));
                all
            }
        }
    }
}

/// Name and words of a return code or system error.
fn return_code(code: i32) -> (String, String) {
    if code == 0 {
        return ("pcmk_rc_ok".to_owned(), "OK".to_owned());
    }
    if let Some((_, name, words)) = table::RETURN.iter().find(|(number, _, _)| *number == code) {
        return ((*name).to_owned(), (*words).to_owned());
    }
    match table::SYSTEM.iter().find(|(number, _)| *number == code) {
        Some((_, name)) => {
            let words = std::io::Error::from_raw_os_error(code).to_string();
            let words = words.split(" (os error").next().unwrap_or(&words).to_owned();
            ((*name).to_owned(), words)
        }
        None if code < 0 => ("Unknown".to_owned(), "Error".to_owned()),
        None => ("Unknown".to_owned(), format!("Unknown error {code}")),
    }
}

fn crm_error(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    let kind = match parsed.last_of(&["exit", "rc"]) {
        Some(("exit", _)) => Kind::Exit,
        Some(_) => Kind::Return,
        None => Kind::Legacy,
    };
    let listing = parsed.has("list") || parsed.operands.is_empty();
    let codes: Vec<i32> = if listing {
        kind.all()
    } else {
        parsed.operands.iter().map(|text| text.parse().unwrap_or(0)).collect()
    };
    let with_name = parsed.has("name");
    let with_code = listing || parsed.has("verbose");
    for code in codes {
        let (name, words) = kind.lookup(code);
        if with_code {
            let name = if with_name { format!("{name:<26}  ") } else { String::new() };
            output.text(format!("{code:>5}: {name}{words}\n"));
        } else {
            let name = if with_name { format!("{name} - ") } else { String::new() };
            output.text(format!("{name}{words}\n"));
        }
        let number = code.to_string();
        let mut attributes = vec![("code", number.as_str())];
        if with_name {
            attributes.push(("name", &name));
        }
        attributes.push(("description", &words));
        output.element("result-code", &attributes);
    }
    Ok(exit::OK)
}
