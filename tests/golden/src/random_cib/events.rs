//! Rare events in the status of a random cluster.
//!
//! Knows what a status may say. Does not know what follows from it.

use super::more::{add, named, one_named};
use super::stories::transient;
use super::{Maker, NOW};
use holdfast_xml::{Document, Element, NodeIx};

/// One event; nothing happens where it does not fit.
type Event = fn(&mut Document, &mut Maker);

const EVENTS: [Event; 14] = [
    interrupted_migration,
    active_twice,
    reload,
    locked,
    states_in_seconds,
    counted_failures,
    other_promotion_scores,
    unknown_resource,
    unusual_results,
    unfenced,
    old_times,
    remote_state,
    node_in_maintenance,
    pending_things,
];

/// Lets some rare things happen.
pub fn happen(document: &mut Document, maker: &mut Maker) {
    let chance = [0, 8, 15, 25][maker.random.below(4)];
    for event in EVENTS {
        if maker.random.chance(chance) {
            event(document, maker);
        }
    }
}

/// Where a history element belongs: the node's state.
fn state_of(document: &Document, element: NodeIx) -> Option<NodeIx> {
    document.element(element).ancestors().find(|up| up.name() == "node_state").map(Element::ix)
}

/// The histories of this resource's node and of another node, made if it is missing.
fn pair_of_histories(document: &mut Document, maker: &mut Maker) -> Option<(NodeIx, NodeIx)> {
    let from = one_named(document, maker, "lrm_resource")?;
    let id = document.element(from).id()?.to_owned();
    let here = state_of(document, from)?;
    let others: Vec<NodeIx> = named(document, "lrm_resources")
        .into_iter()
        .filter(|resources| state_of(document, *resources) != Some(here))
        .collect();
    if others.is_empty() {
        return None;
    }
    let there = others[maker.random.below(others.len())];
    let known =
        document.element(there).children().find(|entry| entry.id() == Some(id.as_str())).map(Element::ix);
    let to = known.unwrap_or_else(|| {
        let old: Vec<(String, String)> =
            document.element(from).attrs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let new = document.append(there, "lrm_resource");
        for (name, value) in old {
            document.set_attr(new, &name, &value);
        }
        new
    });
    Some((from, to))
}

fn uname(document: &Document, element: NodeIx) -> String {
    let state = state_of(document, element);
    state.and_then(|state| document.element(state).attr("uname")).unwrap_or_default().to_owned()
}

/// Adds a record after all others of a resource.
fn record(
    document: &mut Document,
    history: NodeIx,
    maker: &mut Maker,
    task: &str,
    outcome: (i32, i32),
    call: i64,
) -> NodeIx {
    let id = document.element(history).id().unwrap_or_default().to_owned();
    let node = uname(document, history);
    let (rc, status) = outcome;
    let key = format!("{}:9:0:aaaaaaaa-0000-4000-8000-000000000001", maker.next());
    let digest = "f2317cad3d54cec5d7d7aa7d0bf35cf8";
    add(
        document,
        history,
        "lrm_rsc_op",
        &[
            ("id", &format!("{id}_{task}_more{}", maker.next())),
            ("operation_key", &format!("{id}_{task}_0")),
            ("operation", task),
            ("crm_feature_set", "3.16.1"),
            ("transition-key", &key),
            ("transition-magic", &format!("{status}:{rc};{key}")),
            ("on_node", &node),
            ("call-id", &call.to_string()),
            ("rc-code", &rc.to_string()),
            ("op-status", &status.to_string()),
            ("interval", "0"),
            ("last-rc-change", &(NOW - 20).to_string()),
            ("exec-time", "0"),
            ("queue-time", "0"),
            ("op-digest", digest),
        ],
    )
}

fn interrupted_migration(document: &mut Document, maker: &mut Maker) {
    let Some((from, to)) = pair_of_histories(document, maker) else { return };
    let (source, target) = (uname(document, from), uname(document, to));
    let outcome = |maker: &mut Maker| [(0, 0), (0, 0), (193, -1), (1, 4), (1, 2)][maker.random.below(5)];
    let mut records = Vec::new();
    let first = outcome(maker);
    records.push(record(document, from, maker, "migrate_to", first, 900));
    if maker.random.chance(60) {
        let second = outcome(maker);
        records.push(record(document, to, maker, "migrate_from", second, 901));
    }
    for record in records {
        document.set_attr(record, "migrate_source", &source);
        document.set_attr(record, "migrate_target", &target);
    }
    if maker.random.chance(20) {
        let outcome = outcome(maker);
        record(document, from, maker, "stop", outcome, 902);
    }
}

fn active_twice(document: &mut Document, maker: &mut Maker) {
    let Some((_, to)) = pair_of_histories(document, maker) else { return };
    let task = maker.random.pick(&["monitor", "start", "promote"]);
    let rc = if task == "monitor" && maker.random.chance(20) { 8 } else { 0 };
    record(document, to, maker, task, (rc, 0), 910);
}

/// Another version of the agent's parameters, of which some may change while it runs.
fn reload(document: &mut Document, maker: &mut Maker) {
    let Some(record) = one_named(document, maker, "lrm_rsc_op") else { return };
    let digest = maker.random.pick(&["f2317cad3d54cec5d7d7aa7d0bf35cf8", "0123456789abcdef0123456789abcdef"]);
    for (name, value) in [
        ("op-digest", "00000000000000000000000000000000"),
        ("op-restart-digest", digest),
        ("op-force-restart", " state op_sleep "),
    ] {
        document.set_attr(record, name, value);
    }
    if maker.random.chance(30) {
        document.set_attr(record, "op-secure-params", " passwd ");
        document.set_attr(record, "op-secure-digest", digest);
    }
}

fn locked(document: &mut Document, maker: &mut Maker) {
    let Some(history) = one_named(document, maker, "lrm_resource") else { return };
    let since = (NOW - [30, 400, 10_000][maker.random.below(3)]).to_string();
    document.set_attr(history, "shutdown-lock", &since);
}

fn states_in_seconds(document: &mut Document, maker: &mut Maker) {
    for state in named(document, "node_state") {
        if document.element(state).attr("crmd").is_none() {
            continue;
        }
        let second = (NOW - [5, 100, 5_000][maker.random.below(3)]).to_string();
        for name in ["in_ccm", "crmd"] {
            let up = matches!(document.element(state).attr(name), Some("true" | "online"));
            let value = if up { second.as_str() } else { "0" };
            document.set_attr(state, name, value);
        }
        if maker.random.chance(30) {
            document.set_attr(state, "join", maker.random.pick(&["member", "pending", "down", "nack"]));
        }
        if maker.random.chance(20) {
            document.set_attr(state, "expected", maker.random.pick(&["member", "down", "pending"]));
        }
    }
}

fn counted_failures(document: &mut Document, maker: &mut Maker) {
    let (Some(state), false) = (one_named(document, maker, "node_state"), maker.names.agents.is_empty())
    else {
        return;
    };
    let agent = maker.names.agents[maker.random.below(maker.names.agents.len())].clone();
    let task = maker.random.pick(&["start_0", "monitor_10000", "stop_0", "promote_0"]);
    let count = maker.random.pick(&["1", "2", "7", "INFINITY"]);
    transient(document, state, &format!("fail-count-{agent}#{task}"), count);
    if maker.random.chance(60) {
        let when = (NOW - [3, 700, 90_000][maker.random.below(3)]).to_string();
        transient(document, state, &format!("last-failure-{agent}#{task}"), &when);
    }
}

fn other_promotion_scores(document: &mut Document, maker: &mut Maker) {
    for state in named(document, "node_state") {
        for agent in maker.names.agents.clone() {
            if maker.random.chance(40) {
                let score = maker.random.pick(&["5", "6", "-INFINITY", "INFINITY", "100", "0", "-1"]);
                transient(document, state, &format!("master-{agent}"), score);
            }
        }
    }
}

fn unknown_resource(document: &mut Document, maker: &mut Maker) {
    let Some(resources) = one_named(document, maker, "lrm_resources") else { return };
    let id = format!("gone{}", maker.next());
    let (class, provider, agent) =
        [("ocf", Some("pacemaker"), "Dummy"), ("stonith", None, "fence_xvm"), ("systemd", None, "httpd")]
            [maker.random.below(3)];
    let history = add(document, resources, "lrm_resource", &[("id", &id), ("class", class), ("type", agent)]);
    if let Some(provider) = provider {
        document.set_attr(history, "provider", provider);
    }
    let outcome = [(0, 0), (7, 0), (1, 4), (5, 4)][maker.random.below(4)];
    let task = maker.random.pick(&["start", "monitor", "stop"]);
    record(document, history, maker, task, outcome, 920);
    if maker.random.chance(40) {
        let monitor = record(document, history, maker, "monitor", (0, 0), 921);
        document.set_attr(monitor, "interval", "10000");
        document.set_attr(monitor, "operation_key", &format!("{id}_monitor_10000"));
        document.set_attr(monitor, "id", &format!("{id}_monitor_10000"));
    }
}

fn unusual_results(document: &mut Document, maker: &mut Maker) {
    let Some(record) = one_named(document, maker, "lrm_rsc_op") else { return };
    let magic = document.element(record).attr("transition-key").unwrap_or("").to_owned();
    let (rc, status) = [
        (3, 3),
        (193, 1),
        (5, 7),
        (4, 5),
        (198, 8),
        (198, 9),
        (191, 0),
        (190, 4),
        (8, 0),
        (9, 4),
        (0, 4),
        (137, 4),
    ][maker.random.below(12)];
    for (name, value) in [
        ("rc-code", rc.to_string()),
        ("op-status", status.to_string()),
        ("transition-magic", format!("{status}:{rc};{magic}")),
        ("exit-reason", "it is late".to_owned()),
    ] {
        document.set_attr(record, name, &value);
    }
}

fn unfenced(document: &mut Document, maker: &mut Maker) {
    for state in named(document, "node_state") {
        if maker.random.chance(60) {
            transient(document, state, "#node-unfenced", maker.random.pick(&["0", "1789000000"]));
            if maker.random.chance(40) {
                let all = maker
                    .random
                    .pick(&["fence1:fence_xvm:f2317cad3d54cec5d7d7aa7d0bf35cf8,", "fence1:fence_xvm:0,"]);
                transient(document, state, "#digests-all", all);
                transient(document, state, "#digests-secure", all);
            }
        }
    }
}

fn old_times(document: &mut Document, maker: &mut Maker) {
    for record in named(document, "lrm_rsc_op") {
        match maker.random.below(6) {
            0 => {
                document.remove_attr(record, "last-rc-change");
            }
            1 => document.set_attr(record, "last-rc-change", &(NOW - 90_000).to_string()),
            2 => document.set_attr(record, "call-id", maker.random.pick(&["1", "2", "500"])),
            3 => {
                document.remove_attr(record, "op-digest");
            }
            _ => {}
        }
    }
}

fn remote_state(document: &mut Document, maker: &mut Maker) {
    let Some(status) = one_named(document, maker, "status") else { return };
    for name in maker.names.remotes.clone() {
        let known = named(document, "node_state")
            .iter()
            .any(|state| document.element(*state).id() == Some(name.as_str()));
        if known || !maker.random.chance(70) {
            continue;
        }
        let up = maker.random.pick(&["true", "false"]);
        let state = add(
            document,
            status,
            "node_state",
            &[("id", &name), ("uname", &name), ("remote_node", "true"), ("in_ccm", up)],
        );
        if maker.random.chance(15) {
            document.set_attr(state, "node_fenced", "1");
        }
        let value = maker.random.pick(&["0", "1000"]);
        transient(document, state, "pingd", value);
        let lrm = add(document, state, "lrm", &[("id", &name)]);
        document.append(lrm, "lrm_resources");
    }
}

fn node_in_maintenance(document: &mut Document, maker: &mut Maker) {
    let Some(state) = one_named(document, maker, "node_state") else { return };
    if document.element(state).attr("remote_node").is_some() && maker.random.chance(60) {
        document.set_attr(state, "node_in_maintenance", "1");
    } else {
        transient(document, state, maker.random.pick(&["maintenance", "standby"]), "true");
    }
}

fn pending_things(document: &mut Document, maker: &mut Maker) {
    let Some(history) = one_named(document, maker, "lrm_resource") else { return };
    let task = maker.random.pick(&["start", "stop", "promote", "demote", "monitor", "notify"]);
    record(document, history, maker, task, (193, -1), -1);
}
