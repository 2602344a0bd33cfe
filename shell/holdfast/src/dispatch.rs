//! Which function answers to which name. One line of [`TABLE`] is all that a new tool needs.
//! Knows names and one-line summaries only: arguments belong to the tools themselves.

use crate::bench;
use crate::demo;
use crate::install;
use crate::ring;
use crate::service;
use crate::start;
use crate::witness;
use crate::wrap;

/// Exit status of a wrong call (`EX_USAGE` of sysexits.h).
pub const USAGE: u8 = 64;

/// Runs one command. The first word is the name it was called by, the rest its arguments; the result is the
/// exit status of the process.
pub type Run = fn(Vec<String>) -> i32;

/// What kind of thing a name stands for: decides its heading in the help, whether it gets a link and what
/// happens when the reader of its output goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Runs until told to stop.
    Service,
    /// A command of the old stack, called by its own name: gets a link.
    Tool,
    /// The service by an old name, as an init script: `--system` links it there.
    Init,
    /// Something only Holdfast has: `holdfast WORD`.
    Own,
}

/// One command.
pub struct Command {
    pub name: &'static str,
    /// Other names that mean the same and get a link of their own.
    pub also: &'static [&'static str],
    pub kind: Kind,
    pub summary: &'static str,
    pub run: Run,
}

const fn command(
    kind: Kind,
    name: &'static str,
    also: &'static [&'static str],
    summary: &'static str,
    run: Run,
) -> Command {
    Command { name, also, kind, summary, run }
}

use Kind::{Init, Own, Service, Tool};

/// Every command, in the order of the help. Sorted by kind, then by name.
#[rustfmt::skip] // one line a command
pub static TABLE: &[Command] = &[
    // Services.
    command(Service, "daemon", &["holdfastd"], "run one node of the cluster in the foreground", holdfast_daemon::command::run),
    command(Service, "ring", &[], "the ring alone, without cluster manager", ring::run),
    command(Service, "witness", &["corosync-qnetd"], "give the vote of even clusters, on a third machine", witness::run),
    // Tools of the old stack. One line a tool: name, other names, summary, function.
    command(
        Tool,
        "haresources2cib",
        &[],
        "turn the configuration of a heartbeat cluster into ours",
        holdfast_tools::haresources2cib::run,
    ),
    command(Tool, "corosync", &[], "check the configuration (-t), start, stop, status of the node", start::corosync),
    command(Tool, "corosync-cfgtool", &[], "links of the ring, reload, kill, shutdown", holdfast_tools::corosync_cfgtool::run),
    command(Tool, "corosync-cmapctl", &[], "configuration and counters of the ring as keys", holdfast_tools::corosync_cmapctl::run),
    command(Tool, "corosync-cpgtool", &[], "process groups and their members", holdfast_tools::corosync_cpgtool::run),
    command(Tool, "crm_simulate", &[], "show what the cluster would do", holdfast_tools::crm_simulate::run),
    command(Tool, "corosync-keygen", &[], "make the key that all nodes share", holdfast_tools::corosync_keygen::run),
    command(Tool, "corosync-qdevice-tool", &[], "the witness as this node sees it", holdfast_tools::corosync_qdevice_tool::run),
    command(Tool, "corosync-qnetd-tool", &[], "the clusters of the witness that runs here", witness::tool),
    command(Tool, "corosync-quorumtool", &[], "votes and quorum", holdfast_tools::corosync_quorumtool::run),
    command(Tool, "crm", &[], "the shell of the cluster", holdfast_tools::crm::run),
    command(Tool, "cibadmin", &[], "query and change the configuration as XML", holdfast_tools::cibadmin::run),
    command(Tool, "crm_diff", &[], "compare configurations, apply differences", holdfast_tools::crm_diff::run),
    // The service by the names of its init scripts; `install-links --system` makes those links.
    command(Init, "pacemaker", &["heartbeat"], "start, stop, status of the service, as init scripts did", service::run),
    command(Tool, "crm_mon", &["crm_mon.cgi"], "show the state of the cluster", holdfast_tools::crm_mon::run),
    command(Tool, "crm_attribute", &[], "node attributes, cluster options, defaults", holdfast_tools::crm_attribute::run),
    command(Tool, "crm_error", &[], "what result codes mean", holdfast_tools::crm_error::run),
    command(Tool, "crm_failcount", &[], "fail counts of resources", holdfast_tools::crm_failcount::run),
    command(Tool, "attrd_updater", &[], "node attributes in memory, for agents", holdfast_tools::attrd_updater::run),
    command(Tool, "crm_node", &[], "names, ids and quorum of nodes", holdfast_tools::crm_node::run),
    command(Tool, "crmadmin", &[], "the decision maker and the state of the daemon", holdfast_tools::crmadmin::run),
    command(Tool, "crm_master", &[], "promotion scores, for agents", holdfast_tools::crm_master::run),
    command(Tool, "crm_resource", &[], "settings, places and constraints of resources", holdfast_tools::crm_resource::run),
    command(Tool, "crm_shadow", &[], "try configuration changes on a copy", holdfast_tools::crm_shadow::run),
    command(Tool, "crm_standby", &[], "whether a node may run resources", holdfast_tools::crm_standby::run),
    command(Tool, "crm_verify", &[], "check a configuration for errors", holdfast_tools::crm_verify::run),
    command(Tool, "iso8601", &[], "dates, durations and periods", holdfast_tools::iso8601::run),
    command(Tool, "crm_ticket", &[], "tickets of multi-site clusters", holdfast_tools::crm_ticket::run),
    command(Tool, "crm_rule", &[], "whether a rule with a date is in effect", holdfast_tools::crm_rule::run),
    command(Tool, "stonith_admin", &[], "fence nodes, fencing devices and history", holdfast_tools::stonith_admin::run),
    // Our own.
    command(Own, "bench", &[], "measure the ring on this machine", bench::run),
    command(Own, "demo", &[], "show a real cluster on this machine losing a node and recovering", demo::run),
    command(Own, "ocf", &[], "run one of the stock agents: ocf PROVIDER TYPE ACTION", holdfast_agent_stock::run),
    command(Own, "explain", &[], "why a resource is where it is, or is not", holdfast_tools::explain::run),
    command(Own, "install-links", &[], "make links by which every tool is called by its own name", install::run),
    command(Own, "wrap-resource-script", &[], "wrap a resource.d script that only starts something", wrap::run),
];

/// Finds the command for a name: exactly, or by the name without a `.py` of old scripts.
pub fn find(name: &str) -> Option<&'static Command> {
    let matches =
        |wanted: &str| TABLE.iter().find(|command| command.name == wanted || command.also.contains(&wanted));
    matches(name).or_else(|| name.strip_suffix(".py").and_then(matches))
}

/// Chooses by the name of the call, then by the first word.
pub fn run(mut words: Vec<String>) -> i32 {
    let called = words.first().map(String::as_str).unwrap_or("holdfast");
    let base = called.rsplit('/').next().unwrap_or(called).to_owned();
    if base != "holdfast"
        && let Some(command) = find(&base)
    {
        words[0] = base;
        return start(command, words);
    }
    // A link below OCF_ROOT/resource.d: provider and type are in its path.
    if let Some((provider, kind)) = agent_link(called) {
        let mut call = vec!["ocf".to_owned(), provider, kind];
        call.extend(words.drain(1..));
        return holdfast_agent_stock::run(call);
    }
    if words.is_empty() {
        words.push(base);
    }
    let Some(first) = words.get(1).cloned() else {
        print!("{}", help());
        return 0;
    };
    match first.as_str() {
        "-h" | "--help" | "help" => help_about(words.get(2).cloned()),
        "-V" | "--version" | "version" => {
            println!("holdfast {}", env!("CARGO_PKG_VERSION"));
            0
        }
        name => match find(name) {
            Some(command) => {
                words.remove(0);
                start(command, words)
            }
            None => {
                eprint!("{}", unknown(name));
                i32::from(USAGE)
            }
        },
    }
}

fn agent_link(path: &str) -> Option<(String, String)> {
    let mut parts = path.rsplit('/');
    let (kind, provider, folder) = (parts.next()?, parts.next()?, parts.next()?);
    (folder == "resource.d" && holdfast_agent_stock::find(provider, kind).is_some())
        .then(|| (provider.to_owned(), kind.to_owned()))
}

fn start(command: &Command, words: Vec<String>) -> i32 {
    match command.kind {
        // A tool whose reader went away (`crm_mon | head`) ends silently, as every Unix filter does.
        Kind::Tool | Kind::Init | Kind::Own => holdfast_daemon::sys::die_on_closed_pipe(),
        Kind::Service => {}
    }
    if command.kind == Kind::Tool {
        crate::sys::one_heap();
    }
    (command.run)(words)
}

fn help_about(name: Option<String>) -> i32 {
    match name {
        None => {
            print!("{}", help());
            0
        }
        Some(name) => match find(&name) {
            Some(command) => start(command, vec![name, "--help".to_owned()]),
            None => {
                eprint!("{}", unknown(&name));
                i32::from(USAGE)
            }
        },
    }
}

fn help() -> String {
    let mut text = String::from(
        "holdfast - keeps services running when machines die\n\n\
         Usage: holdfast COMMAND [ARGUMENT]...\n       \
         COMMAND [ARGUMENT]...          (after `holdfast install-links DIR`)\n",
    );
    for (kind, heading) in [
        (Kind::Service, "Services"),
        (Kind::Init, "Init scripts"),
        (Kind::Tool, "Tools"),
        (Kind::Own, "Holdfast's own commands"),
    ] {
        let commands: Vec<&Command> = TABLE.iter().filter(|command| command.kind == kind).collect();
        if commands.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{heading}:\n"));
        for command in commands {
            text.push_str(&format!("  {:<22} {}\n", command.name, command.summary));
        }
    }
    text.push_str("\n`holdfast COMMAND --help` tells more about one command.\n");
    text
}

/// What to tell somebody who typed a name that does not exist.
fn unknown(name: &str) -> String {
    let mut near: Vec<(usize, &str)> = names()
        .map(|known| (distance(name, known), known))
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(2) || known.contains(name))
        .collect();
    near.sort();
    let mut text = format!("holdfast: there is no command \"{name}\"\n");
    if near.is_empty() {
        text.push_str("Type `holdfast --help` for the list of commands.\n");
    } else {
        let list: Vec<String> = near.iter().take(4).map(|(_, known)| format!("`holdfast {known}`")).collect();
        text.push_str(&format!("Did you mean {}?\n", list.join(" or ")));
    }
    text
}

/// Every name and other name of the table.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().flat_map(|command| std::iter::once(command.name).chain(command.also.iter().copied()))
}

/// Names that get a link: everything but our own commands.
pub fn link_names() -> impl Iterator<Item = &'static str> {
    TABLE
        .iter()
        .filter(|command| matches!(command.kind, Kind::Service | Kind::Tool))
        .flat_map(|command| std::iter::once(command.name).chain(command.also.iter().copied()))
        .filter(|name| !matches!(*name, "daemon" | "ring" | "witness"))
}

/// Edit distance with neighbours swapped counted as one: typing errors are short.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().take(64).collect();
    let mut rows: Vec<Vec<usize>> = vec![vec![0; right.len() + 1]; left.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=left.len() {
        for j in 1..=right.len() {
            let change = usize::from(left[i - 1] != right[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_used_once() {
        let mut all: Vec<&str> = names().collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count, "two commands answer to one name");
    }

    #[test]
    fn wrong_names_get_a_hint() {
        let check =
            |name: &str, expected: &str| assert!(unknown(name).contains(expected), "{}", unknown(name));
        check("install-link", "`holdfast install-links`");
        check("install-lniks", "`holdfast install-links`");
        check("zzzzzzzzzz", "holdfast --help");
    }

    #[test]
    fn links_below_resource_d_are_agents() {
        let check = |path: &str, expected: bool| assert_eq!(agent_link(path).is_some(), expected, "{path}");
        check("/usr/lib/ocf/resource.d/heartbeat/IPaddr2", true);
        check("/usr/lib/ocf/resource.d/heartbeat/nosuch", false);
        check("/usr/sbin/ping", false);
        check("ping", false);
    }

    #[test]
    fn distance_counts_typing_errors() {
        let check = |left: &str, right: &str, expected: usize| assert_eq!(distance(left, right), expected);
        check("crm_mon", "crm_mon", 0);
        check("crm_mno", "crm_mon", 1);
        check("crmmon", "crm_mon", 1);
        check("", "crm", 3);
    }
}
