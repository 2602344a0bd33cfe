//! Class `heartbeat`: scripts of `resource.d`. Arguments come in order before the action, status is what they
//! print, and some of them never look at their argument at all (safety rule 16).

use std::collections::BTreeMap;

use crate::call::{Environment, Machine};

/// Values of the parameters named 1, 2, 3, … in the order of their numbers.
#[must_use]
pub fn arguments(parameters: &BTreeMap<String, String>) -> Vec<String> {
    let mut numbered: Vec<(u32, &String)> = parameters
        .iter()
        .filter_map(|(name, value)| name.parse::<u32>().ok().map(|number| (number, value)))
        .collect();
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, value)| value.clone()).collect()
}

/// What heartbeat's own scripts expect to find.
pub(crate) fn environment(machine: &Machine) -> Vec<(String, String)> {
    let mut list = Environment::default();
    list.set("OCF_ROOT", &machine.paths.ocf_root.to_string_lossy());
    list.set("HA_DIR", "/etc/ha.d");
    list.set("HA_CONFDIR", "/etc/ha.d");
    list.set("HA_RCDIR", "/etc/ha.d/rc.d");
    list.set("HA_BIN", "/usr/lib/heartbeat");
    list.set("HA_VARRUN", "/var/run/");
    list.set("HA_VARLOCK", "/var/lock/subsys/");
    list.set("HA_CURHOST", &machine.node);
    list.entries
}

/// The rule of heartbeat: a text with "not running" (n and r in either case) means stopped, else one with
/// "running" or "OK" means running, anything else stopped.
#[must_use]
pub fn is_running(text: &str) -> bool {
    let stopped = ["not running", "Not running", "not Running", "Not Running"];
    if stopped.iter().any(|word| text.contains(word)) {
        return false;
    }
    text.contains("running") || text.contains("Running") || text.contains("OK")
}

/// Whether a script looks at its arguments. One that does not would be *started* by a question for its status,
/// so it is refused. Programs that are no text, and languages not known here, get the benefit of the doubt.
#[must_use]
pub fn reads_its_argument(file: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(file) else { return true };
    let Some(first) = text.lines().next().filter(|line| line.starts_with("#!")) else {
        // No interpreter line: the kernel refuses it, a shell would run it. Text is read as shell.
        return text.contains('\0') || shell_reads(text);
    };
    let interpreter = first[2..]
        .split_whitespace()
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .find(|word| *word != "env" && !word.starts_with('-') && !word.contains('='))
        .unwrap_or_default();
    let name: String = interpreter.chars().take_while(|letter| letter.is_ascii_alphabetic()).collect();
    let any = |marks: &[&str]| code_lines(text).any(|line| marks.iter().any(|mark| line.contains(mark)));
    match name.as_str() {
        "sh" | "bash" | "dash" | "ash" | "ksh" | "mksh" | "zsh" | "busybox" => shell_reads(text),
        "csh" | "tcsh" => any(&["$argv", "$1", "$*", "${1", "$#argv"]),
        "perl" => any(&["ARGV", "shift", "GetOpt", "getopt"]),
        "python" => any(&["argv", "argparse", "optparse", "getopt", "click", "fileinput"]),
        "ruby" => any(&["ARGV", "$*", "OptionParser"]),
        "lua" => any(&["arg", "..."]),
        "tclsh" | "expect" => any(&["argv"]),
        "php" => any(&["argv", "getopt"]),
        "node" | "nodejs" => any(&["argv"]),
        _ => true,
    }
}

/// Whether a question for the status of this script would do something else: it acts and never looks at its
/// arguments (safety rule 16). A shell script that runs no command at all, only `exit 0` or the like, is harmless.
#[must_use]
pub fn ignores_its_argument(file: &[u8]) -> bool {
    !reads_its_argument(file) && acts(file)
}

/// Whether a script that was found to be text runs any command. Other languages than shell are taken to.
fn acts(file: &[u8]) -> bool {
    let text = String::from_utf8_lossy(file);
    let foreign = text.lines().next().is_some_and(|line| line.starts_with("#!") && !line.contains("sh"));
    if foreign {
        return true;
    }
    code_lines(&text).map(without_comment).any(|line| {
        line.split(';').flat_map(|part| part.split("&&")).map(str::trim).any(|command| {
            let word = command.split_whitespace().next().unwrap_or_default();
            !matches!(word, "" | "exit" | "return" | "true" | ":" | "set")
        })
    })
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.starts_with('#'))
}

/// Shell: positional parameters used outside function bodies (inside, they are those of the function).
fn shell_reads(text: &str) -> bool {
    let mut depth = 0_i32;
    let mut in_function = false;
    let mut opens = false;
    for line in code_lines(text) {
        let code = without_comment(line);
        if !in_function && starts_function(code) {
            in_function = true;
            opens = false;
            depth = 0;
        }
        if in_function {
            let opened = braces(code, '{');
            depth += opened - braces(code, '}');
            opens |= opened > 0;
            if opens && depth <= 0 {
                in_function = false;
            }
            if !code.contains("BASH_ARGV") {
                continue;
            }
        }
        if uses_positional(code) || sources_another(code) {
            return true;
        }
    }
    false
}

fn starts_function(code: &str) -> bool {
    let name =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-.:".contains(c));
    if let Some(rest) = code.strip_prefix("function ") {
        return name(
            rest.split(|c: char| c.is_whitespace() || c == '(' || c == '{').next().unwrap_or_default(),
        );
    }
    code.split_once('(')
        .is_some_and(|(before, after)| name(before.trim()) && after.trim_start().starts_with(')'))
}

/// Braces that group commands; those of `${name}` come in pairs and cancel out.
fn braces(code: &str, brace: char) -> i32 {
    i32::try_from(code.matches(brace).count()).unwrap_or(i32::MAX)
}

fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    let (mut single, mut double) = (false, false);
    for (index, letter) in line.char_indices() {
        match letter {
            '\'' if !double && before != '\\' => single = !single,
            '"' if !single && before != '\\' => double = !double,
            '#' if !single && !double && (before.is_whitespace() || before == ';') => return &line[..index],
            _ => {}
        }
        before = letter;
    }
    line
}

fn uses_positional(code: &str) -> bool {
    let bytes = code.as_bytes();
    let word =
        |wanted: &str| code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|found| found == wanted);
    if word("shift") || word("getopts") || word("getopt") || word("BASH_ARGV") {
        return true;
    }
    let mut single = false;
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            // Single quotes protect, unless inside double quotes; a lone apostrophe only makes us more careful.
            b'\'' if bytes[..index].iter().filter(|b| **b == b'"').count() % 2 == 0 => single = !single,
            b'$' if !single => match (bytes.get(index + 1), bytes.get(index + 2)) {
                (Some(b'1'..=b'9' | b'@' | b'*' | b'#'), _) => return true,
                (Some(b'{'), Some(b'1'..=b'9' | b'@' | b'*' | b'#' | b'!')) => return true,
                _ => {}
            },
            _ => {}
        }
    }
    // `for word` without `in` walks the arguments.
    code.strip_prefix("for ")
        .is_some_and(|rest| !rest.contains(" in ") && !rest.trim_start().starts_with('('))
}

/// A sourced file sees the arguments. Libraries of functions and files of settings do not act on them.
fn sources_another(code: &str) -> bool {
    let Some(rest) = code.strip_prefix(". ").or_else(|| code.strip_prefix("source ")) else { return false };
    let file = rest.split_whitespace().next().unwrap_or_default().trim_matches(['"', '\'', ';']);
    let base = file.rsplit('/').next().unwrap_or(file).to_ascii_lowercase();
    let library = ["functions", "shellfuncs", "profile", "network", "environment", "rc.status"];
    let settings = ["/sysconfig/", "/default/", "/conf.d/", "/rc.conf"];
    !(library.iter().any(|word| base.contains(word))
        || settings.iter().any(|folder| file.contains(folder))
        || base.ends_with(".conf")
        || base.ends_with(".env")
        || base.ends_with(".cfg")
        || base.starts_with('.'))
}

/// Why such a script is refused, and the way out.
#[must_use]
pub fn refusal(path: &str) -> String {
    format!(
        "{path} never looks at its arguments: asking for its status would start it. \
         Generate a wrapper with `holdfast wrap-resource-script {path}` and use that instead"
    )
}

/// A resource script around one that only starts something: `start` runs it once, `status` tells whether what it
/// left behind still lives, `stop` ends that.
#[must_use]
pub fn wrapper(path: &str) -> String {
    let quoted = path.replace('\'', "'\\''");
    let name: String = path
        .rsplit('/')
        .next()
        .unwrap_or(path)
        .chars()
        .map(|letter| if letter.is_alphanumeric() || "-_.".contains(letter) { letter } else { '_' })
        .collect();
    format!(
        r#"#!/bin/sh
# Resource script around {path}, which only starts something.
# The last argument is start, stop or status; those before it are handed on.
# Everything that the script leaves running belongs to one session, which is remembered and ended by stop.
script='{quoted}'
memory="${{HA_RSCTMP:-/run}}/wrapped-{name}.session"
action=stop
for action in "$@"; do :; done

session() {{ cat "$memory" 2>/dev/null; }}
lives() {{ id=$(session); [ -n "$id" ] && [ -n "$(ps -o pid= --sid "$id" 2>/dev/null)" ]; }}

case "$action" in
start)
	lives && exit 0
	setsid sh -c 'echo $$ > "$1"; shift; exec "$@"' wrapped "$memory" "$script" "$@" </dev/null
	;;
stop)
	lives || {{ rm -f "$memory"; exit 0; }}
	ps -o pid= --sid "$(session)" | xargs -r kill -TERM
	count=0
	while lives && [ "$count" -lt 10 ]; do sleep 1; count=$((count + 1)); done
	lives && ps -o pid= --sid "$(session)" | xargs -r kill -KILL
	rm -f "$memory"
	;;
status)
	if lives; then echo running; else echo stopped; fi
	;;
*)
	echo "usage: $0 [argument]... start|stop|status" >&2
	exit 2
	;;
esac
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_text() {
        let check = |text: &str, expected: bool| assert_eq!(is_running(text), expected, "{text:?}");
        check("running", true);
        check("IPaddr is running", true);
        check("OK", true);
        check("httpd is not running", false);
        check("drbd Not Running", false);
        check("stopped", false);
        check("", false);
        check("ok", false);
    }

    #[test]
    fn scripts_that_read_their_argument() {
        let check = |script: &str, expected: bool| {
            assert_eq!(reads_its_argument(script.as_bytes()), expected, "{script}");
        };
        check("#!/bin/sh\ncase \"$1\" in start) x;; esac\n", true);
        check("#!/bin/bash\nfor a in ${@}; do :; done\n", true);
        check("#!/bin/sh\nmain() {\n echo $1\n}\nmain \"$@\"\n", true);
        check("#!/bin/sh\nshift 2\n", true);
        check("#!/bin/sh\nexec /opt/x/control $*\n", true);
        check("#!/bin/sh\n. /etc/ha.d/resource.d/common-wrapper\n", true);
        check("#!/usr/bin/python3\nimport sys\nif sys.argv[1] == 'start': pass\n", true);
        check("#!/usr/bin/perl\nmy $op = shift;\n", true);
        check("#!/opt/own/interpreter\nwhatever\n", true);
        check("\u{7f}ELF\0\0", true);
        // Scripts that only start something.
        check("#!/bin/sh\n/etc/init.d/httpd start\n", false);
        check("#!/bin/bash\n# $1 is not used\n/usr/local/bin/app & # \"$1\"\n", false);
        check("#!/bin/sh\nlog() {\n  echo \"$1\"\n}\nlog hello\n/opt/app/run\n", false);
        check("#!/bin/sh\nlog() { echo \"$1\"; }\nlog hello\n", false);
        check("#!/bin/sh\n. /etc/init.d/functions\ndaemon app\n", false);
        check("#!/bin/sh\nawk '{print $1}' /etc/passwd\n", false);
        check("#!/usr/bin/python\nimport os\nos.system('x')\n", false);
        check("/etc/init.d/httpd start\n", false);
    }

    #[test]
    fn scripts_that_do_nothing_are_harmless() {
        let check = |script: &str, expected: bool| {
            assert_eq!(ignores_its_argument(script.as_bytes()), expected, "{script}");
        };
        check("#!/bin/sh\nexit 0\n", false);
        check("#!/bin/sh\n# nothing yet\nset -e; true\n\nexit 0\n", false);
        check("", false);
        check("#!/bin/sh\ntrue; /opt/app/run\n", true);
        check("#!/bin/sh\ntrue && /opt/app/run\n", true);
        check("/jdmail/startjd.sh &\n/jdmail/web/bin/startup.sh &\n", true);
        check("#!/usr/bin/env bash\nx\n", true);
        check("#!/usr/bin/perl\nsystem('x')\n", true);
        check("#!/bin/sh\ncase \"$1\" in start) x;; esac\n", false);
    }

    #[test]
    fn the_wrapper_reads_its_own_argument() {
        assert!(reads_its_argument(wrapper("/etc/ha.d/resource.d/it's").as_bytes()));
    }
}
