//! `corosync-cpgtool`: process groups and their members.

use crate::corosync_support::{Options, ask, unexpected};
use holdfast_api::ring::{GroupMember, RingReply, RingRequest};
use std::fmt::Write;

const NAME: &str = "corosync-cpgtool";
const HELP: &str = "\
corosync-cpgtool [-d delimiter] [-e] [-n] [-h]

A tool for displaying process groups and members.
options:
\t-d\tDelimiter between fields.
\t-e\tDon't escape unprintable characters in group name.
\t-n\tDisplay only all existing group names.
\t-h\tDisplay this help.
";

/// Runs the tool; the first word is its name.
pub fn run(words: Vec<String>) -> i32 {
    let options = match Options::parse(words.get(1..).unwrap_or_default(), "d:enh", &[]) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{NAME}: {message}");
            print!("{HELP}");
            return 1;
        }
    };
    if options.has('h') {
        print!("{HELP}");
        return 0;
    }
    // As of old, of a longer delimiter the first character counts.
    let delimiter = options.value('d').and_then(|text| text.chars().next());
    let members = match ask(NAME, RingRequest::Groups) {
        Ok(RingReply::Groups(members)) => members,
        Ok(other) => {
            if let Err(message) = unexpected::<()>(&other) {
                eprintln!("{NAME}: {message}");
            }
            return 1;
        }
        Err(message) => {
            eprintln!("{NAME}: {message}");
            return 1;
        }
    };
    if options.has('n') {
        print!("{}", names(&members, delimiter, !options.has('e')));
    } else {
        print!("{}", table(members, delimiter, !options.has('e')));
    }
    0
}

/// A group name with unprintable characters as `\xHH`.
fn group(name: &str, escape: bool) -> String {
    if !escape {
        return name.to_owned();
    }
    name.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02X}");
            }
        }
        text
    })
}

fn names(members: &[GroupMember], delimiter: Option<char>, escape: bool) -> String {
    let mut groups: Vec<String> = members.iter().map(|member| group(&member.group, escape)).collect();
    groups.sort();
    groups.dedup();
    match delimiter {
        _ if groups.is_empty() => String::new(),
        Some(delimiter) => groups.join(&delimiter.to_string()) + "\n",
        None => groups.join("\n") + "\n",
    }
}

fn table(mut members: Vec<GroupMember>, delimiter: Option<char>, escape: bool) -> String {
    members.sort_by(|a, b| (&a.group, a.node, a.pid).cmp(&(&b.group, b.node, b.pid)));
    let mut text = match delimiter {
        Some(d) => format!("GRP_NAME{d}PID{d}NODEID\n"),
        None => format!("Group Name\t{:>10}\t{:>10}\n", "PID", "Node ID"),
    };
    let mut shown: Option<&str> = None;
    for member in &members {
        let name = group(&member.group, escape);
        match delimiter {
            Some(d) => {
                let _ = writeln!(text, "{name}{d}{}{d}{}", member.pid, member.node);
            }
            None => {
                if shown != Some(&member.group) {
                    let _ = writeln!(text, "{name}");
                    shown = Some(&member.group);
                }
                let addresses = member.addresses.join(" ");
                let _ = writeln!(text, "\t\t{:>10}\t{:>10} ({addresses})", member.pid, member.node);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vec<GroupMember> {
        let member = |group: &str, node, pid| GroupMember {
            group: group.to_owned(),
            node,
            pid,
            addresses: vec![format!("10.0.0.{node}")],
        };
        vec![member("crmd", 2, 71), member("crmd", 1, 4711), member("a\u{1}\\b", 1, 5)]
    }

    #[test]
    fn groups_have_the_shape_of_old() {
        assert_eq!(
            table(example(), None, true),
            "Group Name\t       PID\t   Node ID\na\\x01\\\\b\n\t\t         5\t         1 (10.0.0.1)\n\
             crmd\n\t\t      4711\t         1 (10.0.0.1)\n\t\t        71\t         2 (10.0.0.2)\n"
        );
        assert_eq!(
            table(example(), Some(';'), false),
            "GRP_NAME;PID;NODEID\na\u{1}\\b;5;1\ncrmd;4711;1\ncrmd;71;2\n"
        );
        assert_eq!(names(&example(), None, true), "a\\x01\\\\b\ncrmd\n");
    }
}
