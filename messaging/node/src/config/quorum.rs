//! `quorum { }`: the options of votequorum and the rules between them.

use super::diagnostic::Diagnostic;
use super::environment::Environment;
use super::reader::{Findings, flag, number, place, positive, switch};
use super::resolved::{Device, DeviceAlgorithm, Heuristics, Node, Quorum, TieBreaker};
use super::syntax::Section;

pub(super) fn resolve(
    root: &Section,
    nodes: &[Node],
    open: bool,
    environment: &Environment,
    findings: &mut Findings,
) -> Quorum {
    let empty = Section::default();
    let section = root.all("quorum").last().unwrap_or(&empty);
    let listed = nodes.iter().map(|node| node.votes).fold(0u32, u32::saturating_add);
    let written = positive(section, "expected_votes");
    if section.value("expected_votes") == Some("0") {
        findings.push(
            Diagnostic::error(place(section, "expected_votes"), "'expected_votes' is 0")
                .value("0")
                .expected("the number of votes of the whole cluster, at least 1"),
        );
    }
    let mut expected_votes = match written {
        Some(votes) => votes,
        None if open => environment.votes_seen.max(listed).max(2),
        None => listed.max(1),
    };
    if let Some(votes) = written.filter(|votes| !open && *votes < listed) {
        findings.push(
            Diagnostic::warning(
                place(section, "expected_votes"),
                format!("the listed nodes have {listed} votes, {votes} are expected"),
            )
            .value(votes.to_string())
            .next_step("remove the line; the votes of the list are counted"),
        );
    }
    let provider = section.value("provider").is_some();
    if !provider && !open {
        findings.push(Diagnostic::note(
            (!root.sections.is_empty()).then_some(section.span).filter(|span| span.line > 0),
            "no quorum provider is written; votes are counted all the same",
        ));
    }
    let device =
        section.all("device").last().and_then(|device| resolve_device(device, nodes, written, findings));
    if let Some(device) = &device
        && written.is_none()
    {
        expected_votes = expected_votes.saturating_add(device.votes);
    }
    let mut quorum = Quorum {
        provider,
        expected_votes,
        expected_votes_written: written.is_some(),
        two_node: flag(section, "two_node").unwrap_or(false),
        wait_for_all: false,
        last_man_standing: flag(section, "last_man_standing").unwrap_or(false),
        last_man_standing_window: positive(section, "last_man_standing_window").unwrap_or(10_000),
        auto_tie_breaker: flag(section, "auto_tie_breaker")
            .unwrap_or(false)
            .then(|| tie_breaker(section, "auto_tie_breaker_node", nodes, findings)),
        allow_downscale: flag(section, "allow_downscale").unwrap_or(false),
        expected_votes_tracking: flag(section, "expected_votes_tracking").unwrap_or(false),
        device,
    };
    let one_vote_each = nodes.iter().all(|node| node.votes == 1);
    rules(&mut quorum, section, one_vote_each, findings);
    quorum
}

/// How the options get on with each other (votequorum(5), and where that is silent, what corosync does).
fn rules(quorum: &mut Quorum, section: &Section, one_vote_each: bool, findings: &mut Findings) {
    let even = quorum.expected_votes.is_multiple_of(2);
    if quorum.device.is_some() {
        let clash = [
            ("two_node", quorum.two_node),
            ("last_man_standing", quorum.last_man_standing),
            ("auto_tie_breaker", quorum.auto_tie_breaker.is_some()),
        ];
        for (key, _) in clash.into_iter().filter(|(_, on)| *on) {
            findings.push(
                Diagnostic::error(
                    place(section, key),
                    format!("'{key}' and a quorum device exclude each other"),
                )
                .value(section.value(key).unwrap_or_default())
                .next_step(format!("remove '{key}' or the section 'device'")),
            );
        }
    }
    if quorum.two_node && quorum.auto_tie_breaker.is_some() {
        findings.push(
            Diagnostic::warning(
                place(section, "two_node"),
                "'two_node' is switched off by 'auto_tie_breaker'",
            )
            .value("1"),
        );
        quorum.two_node = false;
    }
    if quorum.two_node && quorum.expected_votes > 2 {
        findings.push(
            Diagnostic::warning(
                place(section, "two_node"),
                format!("'two_node' is switched off: {} votes are expected", quorum.expected_votes),
            )
            .value("1")
            .expected("at most two votes"),
        );
        quorum.two_node = false;
    }
    let written = flag(section, "wait_for_all");
    quorum.wait_for_all = written.unwrap_or(quorum.two_node);
    if quorum.two_node && written == Some(false) {
        findings.push(
            Diagnostic::warning(
                place(section, "wait_for_all"),
                "with 'two_node' and without 'wait_for_all' a node that boots alone runs everything, and so may the other",
            )
            .value("0")
            .next_step("remove this line unless fencing works before the first start"),
        );
    }
    if quorum.last_man_standing && !one_vote_each {
        findings.push(
            Diagnostic::warning(
                place(section, "last_man_standing"),
                "'last_man_standing' is switched off: it needs one vote for every node",
            )
            .value("1"),
        );
        quorum.last_man_standing = false;
    }
    if !even && quorum.auto_tie_breaker.is_some() && !quorum.wait_for_all {
        if quorum.last_man_standing {
            findings.push(
                Diagnostic::error(
                    place(section, "auto_tie_breaker"),
                    "'last_man_standing' with 'auto_tie_breaker' needs 'wait_for_all' where the number of votes is odd",
                )
                .value("1")
                .next_step("add 'wait_for_all: 1'"),
            );
        } else {
            findings.push(
                Diagnostic::warning(
                    place(section, "auto_tie_breaker"),
                    "'auto_tie_breaker' is switched off: where the number of votes is odd it needs 'wait_for_all'",
                )
                .value("1")
                .next_step("add 'wait_for_all: 1'"),
            );
            quorum.auto_tie_breaker = None;
        }
    }
    if quorum.allow_downscale {
        quorum.expected_votes_tracking = true;
    }
}

fn tie_breaker(section: &Section, key: &str, nodes: &[Node], findings: &mut Findings) -> TieBreaker {
    let Some(text) = section.value(key) else { return TieBreaker::Lowest };
    match text {
        "lowest" => return TieBreaker::Lowest,
        "highest" => return TieBreaker::Highest,
        _ => {}
    }
    let ids: Vec<Option<u32>> =
        text.split([' ', ',', '\t']).filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect();
    let unknown =
        ids.iter().flatten().find(|id| !nodes.is_empty() && nodes.iter().all(|node| node.id != **id));
    if ids.contains(&None) || unknown.is_some() {
        findings.push(
            Diagnostic::error(place(section, key), format!("bad value of '{key}'"))
                .value(text)
                .expected("lowest, highest or a list of node ids of this cluster"),
        );
    }
    TieBreaker::Nodes(ids.into_iter().flatten().collect())
}

fn resolve_device(
    section: &Section,
    nodes: &[Node],
    expected: Option<u32>,
    findings: &mut Findings,
) -> Option<Device> {
    let empty = Section::default();
    let net = section.all("net").last().unwrap_or(&empty);
    if section.value("model").is_none() {
        findings.push(
            Diagnostic::warning(section.span, "the quorum device has no model and is not used")
                .expected("model: net"),
        );
        return None;
    }
    let Some(host) = net.value("host") else {
        findings.push(
            Diagnostic::error(section.span, "the quorum device has no host")
                .expected("net { host: NAME }")
                .next_step("name the machine that runs 'holdfast witness'"),
        );
        return None;
    };
    let written = number(section, "votes");
    let one_vote_each = nodes.iter().all(|node| node.votes == 1);
    if written.is_none() && (expected.is_some() || !one_vote_each) {
        findings.push(
            Diagnostic::error(
                section.span,
                "the quorum device needs 'votes' where 'expected_votes' is written or nodes have other than one vote",
            )
            .expected("votes: NUMBER"),
        );
    }
    let algorithm = match net.value("algorithm") {
        Some("lms" | "2nodelms") => DeviceAlgorithm::LastManStanding,
        Some("ffsplit") => DeviceAlgorithm::FfSplit,
        Some("test") => {
            findings.push(
                Diagnostic::error(place(net, "algorithm"), "algorithm 'test' is for corosync's developers")
                    .value("test")
                    .expected("ffsplit or lms"),
            );
            DeviceAlgorithm::FfSplit
        }
        _ => {
            findings.push(
                Diagnostic::error(
                    place(net, "algorithm").or(Some(net.span)),
                    "the quorum device has no algorithm",
                )
                .expected("algorithm: ffsplit or lms"),
            );
            DeviceAlgorithm::FfSplit
        }
    };
    let count = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
    let votes = written.unwrap_or(match algorithm {
        DeviceAlgorithm::FfSplit => 1,
        DeviceAlgorithm::LastManStanding => count.saturating_sub(1).max(1),
    });
    if expected.is_some_and(|expected| expected.saturating_sub(votes) < 2) {
        findings.push(
            Diagnostic::error(place(section, "votes"), "the quorum device has too many votes")
                .value(votes.to_string())
                .expected("at least two votes of 'expected_votes' left for the nodes"),
        );
    }
    if net.value("algorithm") == Some("2nodelms") {
        findings.push(
            Diagnostic::warning(place(net, "algorithm"), "algorithm '2nodelms' is read as 'lms'")
                .value("2nodelms"),
        );
    }
    let timeout = positive(section, "timeout").unwrap_or(10_000);
    let sync_timeout = positive(section, "sync_timeout").unwrap_or(30_000);
    Some(Device {
        votes,
        timeout,
        sync_timeout,
        master_wins: flag(section, "master_wins").unwrap_or(false),
        host: host.to_owned(),
        port: number(net, "port").and_then(|port| u16::try_from(port).ok()).unwrap_or(5403),
        connect_timeout: positive(net, "connect_timeout").unwrap_or(1_000),
        force_ip_version: number(net, "force_ip_version").and_then(|v| u8::try_from(v).ok()).unwrap_or(0),
        algorithm,
        tie_breaker: tie_breaker(net, "tie_breaker", nodes, findings),
        keep_active_partition: net
            .value("keep_active_partition_tie_breaker")
            .and_then(switch)
            .unwrap_or(false),
        heuristics: section
            .all("heuristics")
            .last()
            .and_then(|section| heuristics(section, timeout, sync_timeout, findings)),
    })
}

fn heuristics(
    section: &Section,
    timeout: u32,
    sync_timeout: u32,
    findings: &mut Findings,
) -> Option<Heuristics> {
    let regular = match section.value("mode") {
        Some("on") => true,
        Some("sync") => false,
        _ => return None,
    };
    for entry in section.keys.iter().filter(|entry| entry.key.starts_with("exec_")) {
        let words = crate::heuristics::words(&entry.value).filter(|words| !words.is_empty());
        if words.is_none_or(|words| !words[0].starts_with('/')) {
            findings.push(
                Diagnostic::error(entry.value_span, format!("bad value of '{}'", entry.key))
                    .value(&entry.value)
                    .expected("the path of a program from '/', with its arguments; quotes closed"),
            );
        }
    }
    Some(Heuristics {
        regular,
        interval: positive(section, "interval").unwrap_or(timeout.saturating_mul(3)),
        timeout: positive(section, "timeout").unwrap_or(timeout / 2),
        sync_timeout: positive(section, "sync_timeout").unwrap_or(sync_timeout / 2),
        commands: section
            .keys
            .iter()
            .filter_map(|entry| Some((entry.key.strip_prefix("exec_")?.to_owned(), entry.value.clone())))
            .collect(),
    })
}
