//! `corosync-quorumtool`: votes and quorum, shown, watched and changed.

use crate::corosync_support::{Options, ask, map, unexpected};
use holdfast_api::ring::{RingQuorum, RingReply, RingRequest};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, SystemTime};

const NAME: &str = "corosync-quorumtool";
const HELP: &str = "\
usage:
corosync-quorumtool <options>

  options:

  -s             show quorum status
  -m             constantly monitor quorum status
  -l             list nodes
  -a             show all names or addresses for each node
  -p             when used with -s or -l, generates machine parsable output
  -v <votes>     change the number of votes for a node
  -n <nodeid>    optional nodeid of node for -v
  -e <expected>  change expected votes for the cluster
  -H             show nodeids in hexadecimal rather than decimal
  -i             show node IP addresses instead of the resolved name
  -o <a|n|i>     order by [a] IP address (default), [n] name, [i] nodeid
  -f             forcefully unregister a quorum device (not needed: the witness is in corosync.conf)
  -h             show this help text
  -V             show version and exit

";

/// `-s` and `-m` while not quorate.
const NOT_QUORATE: i32 = 2;
/// Time between two looks of `-m`.
const LOOK: Duration = Duration::from_millis(500);

/// How a list of nodes is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    hexadecimal: bool,
    addresses: bool,
    all: bool,
    parsable: bool,
    order: Order,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Address,
    Name,
    Id,
}

/// Runs the tool; the first word is its name. Exit status: 0 done or quorate, 1 error, 2 not quorate.
pub fn run(words: Vec<String>) -> i32 {
    let options = match Options::parse(words.get(1..).unwrap_or_default(), "smlapv:n:e:HifW:X:Co:hV", &[]) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{NAME}: {message}");
            print!("{HELP}");
            return 1;
        }
    };
    match act(&options) {
        Ok(status) => status,
        Err(message) => {
            eprintln!("{NAME}: {message}");
            1
        }
    }
}

fn act(options: &Options) -> Result<i32, String> {
    // The beginnings of the sentences are those of old; programs look for them.
    let number = |letter: char, complaint: &str, least: u32| -> Result<Option<u32>, String> {
        let read = |text: &str| text.parse().ok().filter(|number| *number >= least);
        options.value(letter).map(|text| read(text).ok_or(format!("{complaint}, not '{text}'"))).transpose()
    };
    let style = Style {
        hexadecimal: options.has('H'),
        addresses: options.has('i'),
        all: options.has('a'),
        parsable: options.has('p'),
        order: match options.value('o') {
            None | Some("a") => Order::Address,
            Some("n") => Order::Name,
            Some("i") => Order::Id,
            Some(other) => {
                return Err(format!(
                    "Invalid ordering option. valid orders are a(address), i(node ID) or n(name), not '{other}'"
                ));
            }
        },
    };
    let node = number('n', "The nodeid was not valid, try a positive number", 1)?;
    if options.has('h') {
        print!("{HELP}");
        Ok(0)
    } else if options.has('V') {
        println!("corosync-quorumtool version: {}", crate::corosync::SPOKEN);
        Ok(0)
    } else if let Some(votes) =
        number('v', "New votes value was not valid, try a positive number or zero", 0)?
    {
        let node = match node {
            Some(node) => node,
            None => quorum()?.local,
        };
        let answer = ask(NAME, RingRequest::SetVotes { node, votes });
        done(answer.map_err(|why| format!("Unable to set votes {votes} for nodeid: {node}: {why}"))?)
    } else if let Some(votes) =
        number('e', "New expected votes value was not valid, try a positive number", 1)?
    {
        let answer = ask(NAME, RingRequest::SetExpected { votes });
        done(answer.map_err(|why| format!("Unable to set expected votes: {why}"))?)
    } else if options.has('f') || options.has('X') || options.has('C') {
        Err("the witness has no state to change by hand; edit 'quorum { device { } }' and type: corosync-cfgtool -R"
            .to_owned())
    } else if options.has('m') || options.has('W') {
        monitor(style, options.has('W'))
    } else if options.has('l') {
        print!("{}", members(&quorum()?, &names(style)?, style));
        Ok(0)
    } else {
        let now = quorum()?;
        print!("{}", status(&now, &names(style)?, style, &date()));
        Ok(if now.quorate { 0 } else { NOT_QUORATE })
    }
}

fn done(reply: RingReply) -> Result<i32, String> {
    match reply {
        RingReply::Done => Ok(0),
        other => unexpected(&other),
    }
}

fn quorum() -> Result<RingQuorum, String> {
    match ask(NAME, RingRequest::Quorum)? {
        RingReply::Quorum(quorum) => Ok(quorum),
        other => unexpected(&other),
    }
}

fn date() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    holdfast_node::machine::local_time(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Shows the status whenever it changes, until interrupted.
fn monitor(style: Style, short: bool) -> Result<i32, String> {
    let mut before = None;
    if short {
        println!("Watching for updates:");
    }
    loop {
        let now = quorum()?;
        if before.as_ref() != Some(&now) {
            if short {
                println!("{}", if now.quorate { "Quorate" } else { "Not quorate" });
            } else {
                println!("{}", status(&now, &names(style)?, style, &date()));
            }
            before = Some(now);
        }
        std::thread::sleep(LOOK);
    }
}

/// Addresses of nodes by id, where they are to be shown or to order by.
fn names(style: Style) -> Result<BTreeMap<u32, Vec<String>>, String> {
    let mut found = BTreeMap::new();
    if !style.addresses && style.order != Order::Address {
        return Ok(found);
    }
    let keys = map(NAME, "nodelist.node.")?;
    for (key, _, value) in &keys {
        let Some(position) = key.strip_suffix("nodeid") else { continue };
        let Ok(node) = value.parse() else { continue };
        let addresses = keys
            .iter()
            .filter(|(key, _, _)| key.starts_with(position) && key.ends_with("_addr"))
            .map(|(_, _, value)| value.clone())
            .collect();
        found.insert(node, addresses);
    }
    Ok(found)
}

fn id(style: Style, node: u32) -> String {
    if style.hexadecimal { format!("0x{node:08x}") } else { format!("{node:>10}") }
}

/// `-l`, and the end of `-s`.
fn members(quorum: &RingQuorum, addresses: &BTreeMap<u32, Vec<String>>, style: Style) -> String {
    let device = quorum.witness.is_some();
    let mut text = String::from("\nMembership information\n----------------------\n");
    let column = if device || style.parsable { format!("{:>10} ", "Qdevice") } else { String::new() };
    let _ = writeln!(text, "{:>10} {:>10} {column}Name", "Nodeid", "Votes");
    let name = |node: u32, name: &str| {
        let known = addresses.get(&node).filter(|list| style.addresses && !list.is_empty());
        match known {
            Some(list) if style.all => list.join(", "),
            Some(list) => list[0].clone(),
            None => name.to_owned(),
        }
    };
    let mut rows: Vec<&(u32, u32, String)> = quorum.members.iter().collect();
    match style.order {
        Order::Address if rows.iter().all(|row| addresses.contains_key(&row.0)) => rows.sort_by_key(|row| {
            let first = addresses.get(&row.0).and_then(|list| list.first()).cloned().unwrap_or_default();
            (first.parse::<std::net::IpAddr>().ok(), row.0)
        }),
        Order::Name => rows.sort_by(|a, b| a.2.cmp(&b.2)),
        // Nodes that were met without a list have no addresses here.
        Order::Address | Order::Id => rows.sort_by_key(|row| row.0),
    }
    for (node, votes, own) in rows {
        let column = match (device, device || style.parsable) {
            (_, false) => String::new(),
            (false, true) => format!("{:>10} ", "NR"),
            (true, true) => {
                let own = quorum.witnesses.iter().find(|(id, _, _)| id == node);
                let (alive, vote) = own.map_or((false, false), |(_, alive, vote)| (*alive, *vote));
                let words = [
                    if alive { "A" } else { "NA" },
                    if vote { "V" } else { "NV" },
                    if quorum.witness_wins { "MW" } else { "NMW" },
                ];
                format!("{:>10} ", words.join(","))
            }
        };
        let local = if *node == quorum.local { " (local)" } else { "" };
        let _ = writeln!(text, "{} {votes:>10} {column}{}{local}", id(style, *node), name(*node, own));
    }
    if let Some((votes, cast)) = quorum.witness {
        let shown = if cast { votes } else { 0 };
        let tail = if cast { String::new() } else { format!(" (votes {votes})") };
        let _ = writeln!(text, "{} {shown:>10}            Qdevice{tail}", id(style, 0));
    }
    text
}

/// `-s`.
fn status(quorum: &RingQuorum, addresses: &BTreeMap<u32, Vec<String>>, style: Style, date: &str) -> String {
    let mut flags: String = quorum.flags.iter().map(|flag| format!("{flag} ")).collect();
    if flags.is_empty() {
        flags.push(' ');
    }
    let node = if style.hexadecimal { format!("0x{:08x}", quorum.local) } else { quorum.local.to_string() };
    format!(
        "Quorum information\n\
         ------------------\n\
         Date:             {date}\n\
         Quorum provider:  {}\n\
         Nodes:            {}\n\
         Node ID:          {node}\n\
         Ring ID:          {:x}.{:x}\n\
         Quorate:          {}\n\
         \n\
         Votequorum information\n\
         ----------------------\n\
         Expected votes:   {}\n\
         Highest expected: {}\n\
         Total votes:      {}\n\
         Quorum:           {} {}\n\
         Flags:            {}\n{}",
        if quorum.provider.is_empty() { "corosync_votequorum" } else { &quorum.provider },
        quorum.members.len(),
        quorum.representative,
        quorum.sequence,
        if quorum.quorate { "Yes" } else { "No" },
        quorum.expected,
        quorum.highest_expected,
        quorum.total,
        quorum.needed,
        if quorum.quorate { " " } else { "Activity blocked" },
        flags,
        members(quorum, addresses, style),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> RingQuorum {
        RingQuorum {
            representative: 1,
            sequence: 0x2c,
            local: 2,
            quorate: true,
            expected: 2,
            highest_expected: 2,
            total: 2,
            needed: 1,
            flags: vec!["2Node".to_owned(), "Quorate".to_owned(), "WaitForAll".to_owned()],
            members: vec![(1, 1, "node1".to_owned()), (2, 1, "node2".to_owned())],
            provider: "corosync_votequorum".to_owned(),
            witness: None,
            witnesses: Vec::new(),
            witness_wins: false,
        }
    }

    #[test]
    fn the_status_has_the_shape_of_old() {
        let style = Style { order: Order::Id, ..Style::default() };
        let text = status(&example(), &BTreeMap::new(), style, "Sat Nov 21 11:51:38 2026");
        let expected = "\
Quorum information
------------------
Date:             Sat Nov 21 11:51:38 2026
Quorum provider:  corosync_votequorum
Nodes:            2
Node ID:          2
Ring ID:          1.2c
Quorate:          Yes

Votequorum information
----------------------
Expected votes:   2
Highest expected: 2
Total votes:      2
Quorum:           1 \x20
Flags:            2Node Quorate WaitForAll\x20

Membership information
----------------------
    Nodeid      Votes Name
         1          1 node1
         2          1 node2 (local)
";
        assert_eq!(text, expected);
    }

    #[test]
    fn votes_beyond_eight_bits_are_shown_whole() {
        let quorum = RingQuorum { expected: 600, needed: 301, quorate: false, ..example() };
        let text = status(&quorum, &BTreeMap::new(), Style::default(), "");
        assert!(text.contains("Quorum:           301 Activity blocked"), "{text}");
    }

    #[test]
    fn the_witness_has_its_column_and_row() {
        let witnesses = vec![(1, true, true), (2, false, false)];
        let quorum = RingQuorum { witness: Some((1, true)), witnesses, ..example() };
        let style = Style { hexadecimal: true, addresses: true, order: Order::Id, ..Style::default() };
        let addresses = [(1, vec!["10.0.0.1".to_owned()]), (2, vec!["10.0.0.2".to_owned()])].into();
        let expected = "
Membership information
----------------------
    Nodeid      Votes    Qdevice Name
0x00000001          1    A,V,NMW 10.0.0.1
0x00000002          1  NA,NV,NMW 10.0.0.2 (local)
0x00000000          1            Qdevice
";
        assert_eq!(members(&quorum, &addresses, style), expected);
    }
}
