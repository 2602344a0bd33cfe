//! `check(input, expected)` over whole files: old and new forms, every rule, every refusal with its place.

use super::*;
use proptest::prelude::*;
use std::net::IpAddr;

fn machine() -> Environment {
    let address = |interface: &str, address: &str, prefix, index, loopback| InterfaceAddress {
        interface: interface.to_owned(),
        address: address.parse().unwrap(),
        prefix,
        index,
        up: true,
        loopback,
    };
    Environment {
        file: "corosync.conf".to_owned(),
        config_dir: "/etc/corosync".to_owned(),
        hostname: "node1.magedu.com".to_owned(),
        addresses: vec![
            address("lo", "127.0.0.1", 8, 1, true),
            address("eth0", "192.168.1.11", 24, 2, false),
            address("eth1", "10.0.0.1", 24, 3, false),
            address("eth0", "fe80::1", 64, 2, false),
        ],
        hosts: [("node2".to_owned(), vec!["192.168.1.12".parse::<IpAddr>().unwrap()])].into(),
        votes_seen: 0,
    }
}

/// Findings as `severity line:column message`.
fn told(reading: &Reading) -> Vec<String> {
    reading
        .findings
        .iter()
        .map(|finding| {
            let place = finding.span.map_or("-".to_owned(), |span| format!("{}:{}", span.line, span.column));
            format!("{} {place} {}", finding.severity, finding.message)
        })
        .collect()
}

fn conf(text: &str) -> CorosyncConf {
    let reading = read(text, &machine());
    reading.conf.unwrap_or_else(|| panic!("{text}\nis refused: {:#?}", reading.findings))
}

/// The file of the tutorial for corosync 1.2.7, as typed there.
const TUTORIAL: &str = "totem {
       version: 2
       secauth: on
       threads: 2
       interface {
                ringnumber: 0
               bindnetaddr: 192.168.1.0
                mcastaddr: 226.94.1.1
                mcastport: 5405
        }
}
logging {
       fileline: off
       to_stderr: no
       to_logfile: yes
       to_syslog: no
       logfile: /var/log/cluster/corosync.log
       debug: off
       timestamp: on
       logger_subsys {
                subsys: AMF
                debug: off
       }
}
amf {
       mode: disabled
}
service {
       ver: 0
       name: pacemaker
       #use_mgmtd: yes
}
aisexec {
       user: root
       group: root
}
";

#[test]
fn the_tutorial_of_corosync_1_is_read() {
    let reading = read(TUTORIAL, &machine());
    assert_eq!(
        told(&reading),
        [
            "note 3:8 messages are sealed with AES-256-GCM",
            "warning 4:8 'threads' has no effect: the ring runs on one thread of its own",
            "warning 26:8 'mode' has no effect: the AIS services are not part of this program",
            "warning 34:8 'user' has no effect: the daemon runs as root",
            "warning 35:8 'group' has no effect: the daemon runs as root",
        ]
    );
    let conf = reading.conf.unwrap();
    assert_eq!(conf.local_name, "node1.magedu.com");
    assert_eq!(conf.local_id, u32::from_be_bytes([192, 168, 1, 11]));
    assert!(conf.open);
    assert_eq!(conf.quorum.expected_votes, 2);
    assert_eq!(conf.links[0].bind, "192.168.1.11:5405".parse().unwrap());
    assert_eq!(conf.links[0].multicast, Some("226.94.1.1:5405".parse().unwrap()));
    assert_eq!(conf.logging.logfile.as_deref(), Some("/var/log/cluster/corosync.log"));
    assert!(!conf.logging.to_stderr && !conf.logging.to_syslog);
    assert_eq!(conf.manager, Manager::Plugin);
    assert_eq!(conf.timings.token, 3000);
    assert_eq!(conf.seal, Seal::KeyFile("/etc/corosync/authkey".to_owned()));
    assert_eq!(conf.map.get("totem.interface.0.mcastport"), Some(&Value::U16(5405)));
    assert_eq!(conf.map.get("totem.threads"), Some(&Value::U32(2)));
    let ring = conf.totem();
    assert!(ring.open_membership);
    assert_eq!(ring.links.len(), 1);
}

const MODERN: &str = "totem {
    version: 2
    cluster_name: hf
    transport: knet
    token: 1000
}
nodelist {
    node {
        name: node1
        nodeid: 1
        ring0_addr: 192.168.1.11
        ring1_addr: 10.0.0.1
    }
    node {
        name: node2
        nodeid: 2
        ring0_addr: node2
        ring1_addr: 10.0.0.2
    }
    node {
        name: node3
        nodeid: 3
        ring0_addr: 192.168.1.13
        ring1_addr: 10.0.0.3
        quorum_votes: 2
    }
}
quorum {
    provider: corosync_votequorum
}
";

#[test]
fn a_list_of_nodes_gives_members_links_and_votes() {
    let conf = conf(MODERN);
    assert_eq!((conf.local_id, conf.local_name.as_str()), (1, "node1"));
    assert_eq!(conf.nodes.len(), 3);
    assert_eq!(conf.nodes[1].addresses[&0], "192.168.1.12:5405".parse().unwrap());
    assert_eq!(conf.nodes[1].addresses[&1], "10.0.0.2:5406".parse().unwrap());
    assert_eq!(conf.quorum.expected_votes, 4);
    assert_eq!(conf.timings.token, 1000, "no coefficient unless written");
    assert_eq!(conf.timings.token_retransmit, 238);
    assert_eq!(conf.timings.hold, 180);
    assert_eq!(conf.map.get("nodelist.node.2.quorum_votes"), Some(&Value::U32(2)));
    assert_eq!(names_to_resolve(MODERN), ["node2"]);
}

#[test]
fn the_coefficient_counts_when_it_is_written() {
    let text = MODERN.replace("token: 1000", "token: 1000\n    token_coefficient: 650");
    assert_eq!(conf(&text).timings.token, 1650);
}

/// One change of the modern file, and the findings it leads to.
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(MODERN.contains(from), "{from:?} is not in the file");
    let reading = read(&MODERN.replacen(from, to, 1), &machine());
    assert_eq!(told(&reading), expected, "{from:?} -> {to:?}");
    let refused = expected.iter().any(|line| line.starts_with("error"));
    assert_eq!(reading.conf.is_none(), refused, "{from:?} -> {to:?}");
}

#[test]
fn mistakes_are_named_with_their_place() {
    check(
        "version: 2",
        "version: 3",
        &["error 2:14 this is the version of the file's form, and only 2 exists"],
    );
    check("    version: 2\n", "", &["error 1:1 section 'totem' has no version"]);
    check("token: 1000", "token: 1s", &["error 5:12 bad value of 'token'"]);
    check("token: 1000", "token: -5", &["error 5:12 bad value of 'token'"]);
    check("token: 1000", "token:", &["error 5:5 bad value of 'token'"]);
    check(
        "token: 1000",
        "token: 100",
        &["error 5:12 token is so short that it would be sent again every 23 ms"],
    );
    check(
        "token: 1000",
        "tokken: 1000",
        &["warning 5:5 option 'tokken' is not known in section totem and has no effect"],
    );
    check("transport: knet", "transport: tcp", &["error 4:16 bad value of 'transport'"]);
    check("nodeid: 2", "nodeid: 1", &["error 16:17 node id 1 is used twice"]);
    check("nodeid: 2", "nodeid: 0", &["error 16:17 a node id is never 0"]);
    check("name: node2", "name: node1", &["error 15:15 two nodes are called 'node1'"]);
    check("10.0.0.2", "10.0.0.1", &["error 18:21 address 10.0.0.1 is used twice"]);
    check("ring0_addr: node2", "ring0_addr: node9", &["error 17:21 'node9' has no address"]);
    check(
        "ring0_addr: 192.168.1.11",
        "ring0_addr: 192.168.1.99",
        &["warning 11:21 this node (node1) does not have the address 192.168.1.99 now"],
    );
    check(
        "        ring1_addr: 10.0.0.2\n",
        "",
        &["warning 14:5 node 2 has no ring1_addr, so link 1 does not reach it"],
    );
    check(
        "quorum {",
        "qorum {",
        &[
            "warning 28:1 section 'qorum' is not known and has no effect",
            "note - no quorum provider is written; votes are counted all the same",
        ],
    );
    check(
        "nodelist {\n",
        "nodelist\n{\n",
        &[
            "error 7:1 neither a section, nor a key with a value, nor a closing brace",
            "error 8:1 an opening brace without a name",
            "error 28:1 closing brace without an open section",
        ],
    );
    check(
        "nodelist {",
        "nodelist { node {",
        &["error 7:12 text after an opening brace", "error 27:1 closing brace without an open section"],
    );
}

#[test]
fn files_of_uidgid_d_let_users_in_and_nothing_else() {
    let (allowed, findings) =
        read_allowed("uidgid {\n  uid: web\n  gid: www\n}\nuidgid {\n  gid: 7\n}\n", "f");
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(allowed.len(), 2);
    assert_eq!((allowed[0].user.as_deref(), allowed[1].group.as_deref()), (Some("web"), Some("7")));
    let (_, findings) = read_allowed("totem {\n  token: 1\n}\n", "/etc/f");
    let error = findings.iter().find(|f| f.is_error()).unwrap();
    assert_eq!((error.file.as_str(), error.span.unwrap().line), ("/etc/f", 1));
}

#[test]
fn the_witness_and_its_heuristics_are_read_and_bad_commands_refused() {
    let device = |heuristics: &str| {
        let device = format!(
            "device {{\nmodel: net\ntimeout: 4000\nmaster_wins: 1\nnet {{\nhost: w\nport: 5500\nalgorithm: lms\n\
             tie_breaker: 1\nforce_ip_version: 4\n}}\nheuristics {{\n{heuristics}\n}}\n}}"
        );
        let list = TWO_NODES.replace("ring0_addr: 192.168.1.11", "ring0_addr: 192.168.1.11\nnodeid: 1");
        read(&list.replace("two_node: 1", &device), &machine())
    };
    let conf = device("mode: on\nexec_ping: /bin/ping -c 1 '10.0.0.1'").conf.unwrap();
    let witness = conf.witness().unwrap();
    assert_eq!((witness.host.as_str(), witness.port, witness.family), ("w", 5500, 4));
    assert_eq!((witness.terms.lease.as_millis(), witness.terms.master_wins), (4000, true));
    assert_eq!(
        witness.terms.tie_breaker,
        holdfast_totem::witness::TieBreaker::Nodes(vec![holdfast_totem::NodeId(1)])
    );
    assert_eq!(witness.commands, [("ping".to_owned(), "/bin/ping -c 1 '10.0.0.1'".to_owned())]);
    assert!(device("mode: off\nexec_x: anything").conf.unwrap().witness().unwrap().commands.is_empty());
    for bad in ["ping 10.0.0.1", "/bin/sh -c 'open"] {
        let reading = device(&format!("mode: sync\nexec_x: {bad}"));
        let error = reading.errors().next().unwrap();
        assert_eq!(error.value.as_deref(), Some(bad));
    }
}

#[test]
fn clear_messages_are_sealed_all_the_same() {
    check(
        "token: 1000",
        "token: 1000\n    secauth: off",
        &["warning 6:14 'secauth' asks for clear messages; they are sealed all the same"],
    );
    check(
        "token: 1000",
        "crypto_cipher: none",
        &["warning 5:20 'crypto_cipher' asks for clear messages; they are sealed all the same"],
    );
    let unsealed = conf(&MODERN.replace("token: 1000", "holdfast_unsealed: yes"));
    assert_eq!(unsealed.seal, Seal::Unsealed);
    assert_eq!(unsealed.totem().sealing, holdfast_totem::config::Sealing::Clear);
}

#[test]
fn quorum_options_follow_votequorum() {
    let with = |lines: &str| {
        let text = MODERN
            .replace("quorum_votes: 2", "")
            .replace("provider: corosync_votequorum", &format!("provider: corosync_votequorum\n{lines}"));
        read(&text, &machine())
    };
    assert_eq!(
        told(&with("two_node: 1")),
        ["warning 30:11 'two_node' is switched off: 3 votes are expected"]
    );
    assert_eq!(
        told(&with("auto_tie_breaker: 1")),
        [
            "warning 30:19 'auto_tie_breaker' is switched off: where the number of votes is odd it needs 'wait_for_all'"
        ]
    );
    assert!(with("auto_tie_breaker: 1\nlast_man_standing: 1").conf.is_none());
    let two = TWO_NODES.replace("two_node: 1", "two_node: 1\nwait_for_all: 0");
    let warnings = read(&two, &machine()).findings;
    assert_eq!(warnings.iter().filter(|finding| finding.severity == Severity::Warning).count(), 1);
    let quorum = conf(TWO_NODES).quorum;
    assert!(quorum.two_node && quorum.wait_for_all);
    let device = "device {\nmodel: net\nnet {\nhost: w\nalgorithm: ffsplit\n}\n}";
    assert!(
        read(&TWO_NODES.replace("two_node: 1", &format!("two_node: 1\n{device}")), &machine()).conf.is_none()
    );
    let quorum = conf(&TWO_NODES.replace("two_node: 1", device)).quorum;
    assert_eq!((quorum.expected_votes, quorum.device.unwrap().votes), (3, 1));
    let many = conf(&TWO_NODES.replace("two_node: 1", "expected_votes: 600")).quorum;
    assert_eq!(many.expected_votes, 600);
}

const TWO_NODES: &str = "totem {
version: 2
transport: udpu
}
nodelist {
node {
ring0_addr: 192.168.1.11
}
node {
ring0_addr: 192.168.1.12
}
}
quorum {
provider: corosync_votequorum
two_node: 1
}
";

#[test]
fn ids_come_from_addresses_where_none_is_written() {
    let reading = read(TWO_NODES, &machine());
    let conf = reading.conf.unwrap();
    assert_eq!(conf.local_id, 0xc0a8_010b);
    assert_eq!(conf.local_name, "node1.magedu.com");
    assert_eq!(conf.nodes[1].id, 0xc0a8_010c);
    assert!(reading.findings.iter().all(|finding| finding.severity == Severity::Note));
}

#[test]
fn members_of_1_3_and_two_rings_become_nodes_and_links() {
    let text = "totem {\nversion: 2\ntransport: udpu\nrrp_mode: active\ninterface {\nringnumber: 0\n\
        bindnetaddr: 192.168.1.0\nmember {\nmemberaddr: 192.168.1.11\n}\nmember {\nmemberaddr: 192.168.1.12\n}\n}\n\
        interface {\nringnumber: 1\nbindnetaddr: 10.0.0.0\nmember {\nmemberaddr: 10.0.0.1\n}\n\
        member {\nmemberaddr: 10.0.0.2\n}\n}\n}\n";
    let conf = conf(text);
    assert!(!conf.open);
    assert_eq!(conf.link_mode, LinkMode::Active);
    assert_eq!(conf.nodes.len(), 2);
    assert_eq!(conf.nodes[1].addresses.len(), 2);
    assert_eq!(conf.links.len(), 2);
}

#[test]
fn an_expected_vote_that_was_seen_is_remembered() {
    let environment = Environment { votes_seen: 5, ..machine() };
    assert_eq!(read(TUTORIAL, &environment).conf.unwrap().quorum.expected_votes, 5);
}

#[test]
fn a_wrong_network_lists_what_is_there() {
    let reading = read(&TUTORIAL.replace("192.168.1.0", "172.16.0.0"), &machine());
    let error = reading.errors().next().unwrap();
    assert_eq!(error.span.unwrap().line, 7);
    assert!(error.expected.as_deref().unwrap().contains("eth0 192.168.1.11/24"));
}

#[test]
fn bytes_that_are_no_text_pass_in_comments_only() {
    let comment = [b"# caf\xe9\n".as_slice(), MODERN.as_bytes()].concat();
    assert!(read_bytes(&comment, &machine()).conf.is_some());
    let value = MODERN.as_bytes().iter().map(|b| if *b == b'h' { 0xe9 } else { *b }).collect::<Vec<u8>>();
    assert!(read_bytes(&value, &machine()).conf.is_none());
}

#[test]
fn every_row_of_the_table_can_be_found() {
    for row in table::ROWS {
        let name = row.name.replace('#', "3").replace('*', "anything");
        let section = row.section.replace('*', "anything");
        assert!(table::find(&section, &name).is_some(), "{section}.{name}");
    }
}

/// Lines that are nearly right, so that random files reach deep.
fn line() -> impl Strategy<Value = String> {
    let sections =
        "totem|interface|member|nodelist|node|quorum|device|net|heuristics|logging|logger_subsys|service|x";
    prop_oneof![
        3 => sections.prop_map_section(),
        3 => Just("}".to_owned()),
        6 => (0..table::ROWS.len(), "[0-9a-z.:% -]{0,12}|[0-9]{1,12}|yes|no|\\PC{0,6}").prop_map(|(row, value)| {
            format!("{}: {value}", table::ROWS[row].name.replace('#', "0").replace('*', "y"))
        }),
        1 => "\\PC{0,20}",
    ]
}

trait SectionLine {
    fn prop_map_section(self) -> BoxedStrategy<String>;
}

impl SectionLine for &'static str {
    fn prop_map_section(self) -> BoxedStrategy<String> {
        self.prop_map(|name| format!("{name} {{")).boxed()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = read_bytes(&bytes, &machine());
    }

    #[test]
    fn arbitrary_lines_give_spans_inside_the_file(lines in proptest::collection::vec(line(), 0..60)) {
        let text = lines.join("\n");
        let reading = read(&text, &machine());
        for span in reading.findings.iter().filter_map(|finding| finding.span) {
            prop_assert!(span.offset + span.length <= text.len());
            prop_assert!(text.get(span.offset..span.offset + span.length).is_some());
        }
        if let Some(conf) = reading.conf {
            let ring = conf.totem();
            prop_assert!(ring.members.iter().any(|member| member.id.0 == conf.local_id));
        }
    }

    #[test]
    fn damaged_files_never_panic(at in 0..MODERN.len(), byte in any::<u8>()) {
        let mut bytes = MODERN.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = read_bytes(&bytes, &machine());
    }
}

/// The table of `docs/corosync.conf.md`, from the rows that the program reads.
fn options_page() -> String {
    let mut page = String::from("\n| section | option | values | what becomes of it |\n|---|---|---|---|\n");
    for row in table::ROWS {
        let values = match row.kind {
            table::Kind::Number(low, high) if high >= u64::from(u32::MAX) => format!("number from {low}"),
            table::Kind::Number(low, high) => format!("{low} to {high}"),
            table::Kind::Signed(..) => "number".to_owned(),
            table::Kind::Switch => "yes, no".to_owned(),
            table::Kind::Word(words) => words.join(", "),
            table::Kind::Text => "text".to_owned(),
        };
        let fate = match row.fate {
            table::Fate::Read => "read".to_owned(),
            table::Fate::Translated(how) => format!("read as: {how}"),
            table::Fate::NoEffect(why) => format!("no effect: {why}"),
        };
        let section = if row.section.is_empty() { "(top)" } else { row.section };
        page.push_str(&format!("| {section} | `{}` | {values} | {fate} |\n", row.name.replace('*', "…")));
    }
    page
}

#[test]
fn the_page_has_every_row_of_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/corosync.conf.md");
    let page = std::fs::read_to_string(path).unwrap();
    let marker = page.find("<!-- options").and_then(|at| Some(at + page[at..].find("-->")? + 4)).unwrap();
    let wanted = format!("{}{}", &page[..marker], options_page());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, wanted).unwrap();
    } else {
        assert!(page == wanted, "docs/corosync.conf.md is behind; UPDATE=1 cargo test -p holdfast-node page");
    }
}

#[test]
fn the_example_of_the_page_is_accepted() {
    let page = include_str!("../../../../docs/corosync.conf.md");
    let example = page.split("```").nth(1).unwrap();
    let environment = Environment { hostname: "node1".to_owned(), ..Environment::default() };
    let reading = read(example, &environment);
    assert_eq!(told(&reading), Vec::<String>::new());
}
