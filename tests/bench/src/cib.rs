//! Generated CIBs of any size: 32 nodes by default, one location a resource, every third colocated with the one before,
//! every fourth ordered after the one before, and a status of one's choice.
//!
//! Histories carry the digests that Pacemaker would write, so that an active cluster really has nothing to do.

use std::collections::BTreeMap;

use holdfast_model::digest::of_parameters;
use holdfast_xml::{Document, NodeIx};

/// That of Debian 12's Pacemaker, which carries nothing out on a configuration written by a newer one.
const FEATURE_SET: &str = "3.16.1";

/// What is active in a generated cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was ever done: no histories.
    Empty,
    /// Everything runs where it is preferred.
    Settled,
    /// Everything runs somewhere, so about half has to move.
    Scattered,
    /// As settled, but the last node is gone.
    NodeDown,
}

impl State {
    /// Reads a word.
    pub fn parse(word: &str) -> Option<State> {
        match word {
            "empty" => Some(State::Empty),
            "settled" => Some(State::Settled),
            "scattered" => Some(State::Scattered),
            "node-down" => Some(State::NodeDown),
            _ => None,
        }
    }
}

/// What to generate.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Cluster nodes.
    pub nodes: usize,
    /// Primitives.
    pub primitives: usize,
    /// What is active.
    pub state: State,
    /// Start of the random numbers.
    pub seed: u64,
}

/// A small generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % limit.max(1)
    }
}

const UUID: &str = "bd5d0b1c-6a2e-4c3e-9f6c-2f3c1f1f1f1f";

fn element(document: &mut Document, parent: NodeIx, name: &str, attributes: &[(&str, &str)]) -> NodeIx {
    let ix = document.append(parent, name);
    for (name, value) in attributes {
        document.set_attr(ix, name, value);
    }
    ix
}

/// Makes the document.
pub fn generate(shape: &Shape) -> Document {
    let mut random = Random(shape.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut document = Document::new("cib");
    let root = document.root().ix();
    for (name, value) in [
        ("validate-with", "pacemaker-3.0"),
        ("crm_feature_set", FEATURE_SET),
        ("admin_epoch", "0"),
        ("epoch", "1"),
        ("num_updates", "0"),
        ("have-quorum", "1"),
        ("dc-uuid", "1"),
    ] {
        document.set_attr(root, name, value);
    }
    let configuration = document.append(root, "configuration");
    let options = document.append(configuration, "crm_config");
    let set = element(&mut document, options, "cluster_property_set", &[("id", "cib-bootstrap-options")]);
    for (name, value) in
        [("fencing-enabled", "false"), ("stonith-enabled", "false"), ("no-quorum-policy", "ignore")]
    {
        let id = format!("option-{name}");
        element(&mut document, set, "nvpair", &[("id", &id), ("name", name), ("value", value)]);
    }
    let nodes = document.append(configuration, "nodes");
    for node in 1..=shape.nodes {
        let (id, name) = (node.to_string(), format!("node{node}"));
        element(&mut document, nodes, "node", &[("id", &id), ("uname", &name)]);
    }
    let preferred: Vec<usize> = (0..shape.primitives).map(|_| random.below(shape.nodes)).collect();
    // A colocated resource prefers what its partner prefers, so that a settled cluster stays settled.
    let home = |index: usize| if index % 3 == 2 { preferred[index - 1] } else { preferred[index] };
    resources(&mut document, configuration, shape);
    constraints(&mut document, configuration, shape, &home);
    let status = document.append(root, "status");
    for node in 0..shape.nodes {
        node_state(&mut document, status, shape, node, &mut |index| match shape.state {
            State::Empty | State::Settled | State::NodeDown => home(index),
            State::Scattered => {
                (home(index) + index % 2 * (1 + index % (shape.nodes.max(2) - 1))) % shape.nodes
            }
        });
    }
    document
}

fn resources(document: &mut Document, configuration: NodeIx, shape: &Shape) {
    let resources = document.append(configuration, "resources");
    for index in 0..shape.primitives {
        let id = format!("rsc{index}");
        let primitive = element(
            document,
            resources,
            "primitive",
            &[("id", &id), ("class", "ocf"), ("provider", "pacemaker"), ("type", "Dummy")],
        );
        let operations = document.append(primitive, "operations");
        let op = format!("{id}-monitor-10s");
        element(
            document,
            operations,
            "op",
            &[("id", &op), ("name", "monitor"), ("interval", "10s"), ("timeout", "20s")],
        );
    }
}

fn constraints(document: &mut Document, configuration: NodeIx, shape: &Shape, home: &dyn Fn(usize) -> usize) {
    let constraints = document.append(configuration, "constraints");
    for index in 0..shape.primitives {
        let id = format!("rsc{index}");
        let node = format!("node{}", home(index) + 1);
        let location = format!("location-{index}");
        element(
            document,
            constraints,
            "rsc_location",
            &[("id", &location), ("rsc", &id), ("node", &node), ("score", "100")],
        );
        if index == 0 {
            continue;
        }
        let other = format!("rsc{}", index - 1);
        if index % 3 == 2 {
            let colocation = format!("colocation-{index}");
            element(
                document,
                constraints,
                "rsc_colocation",
                &[("id", &colocation), ("score", "INFINITY"), ("rsc", &id), ("with-rsc", &other)],
            );
        }
        if index % 4 == 3 {
            let order = format!("order-{index}");
            element(document, constraints, "rsc_order", &[("id", &order), ("first", &other), ("then", &id)]);
        }
    }
}

fn node_state(
    document: &mut Document,
    status: NodeIx,
    shape: &Shape,
    node: usize,
    active_on: &mut dyn FnMut(usize) -> usize,
) {
    let (id, name) = ((node + 1).to_string(), format!("node{}", node + 1));
    let down = shape.state == State::NodeDown && node + 1 == shape.nodes;
    let (member, peer, join) = if down { ("false", "offline", "down") } else { ("true", "online", "member") };
    let state = element(
        document,
        status,
        "node_state",
        &[
            ("id", &id),
            ("uname", &name),
            ("in_ccm", member),
            ("crmd", peer),
            ("join", join),
            ("expected", join),
        ],
    );
    if shape.state == State::Empty {
        return;
    }
    let lrm = element(document, state, "lrm", &[("id", &id)]);
    let histories = document.append(lrm, "lrm_resources");
    let none = of_parameters(&BTreeMap::new());
    let monitor = of_parameters(&[("CRM_meta_timeout".to_owned(), "20000".to_owned())].into());
    for index in 0..shape.primitives {
        let rsc = format!("rsc{index}");
        let history = element(
            document,
            histories,
            "lrm_resource",
            &[("id", &rsc), ("class", "ocf"), ("provider", "pacemaker"), ("type", "Dummy")],
        );
        let mut call = index * 3 + 1;
        let mut record = |task: &str, interval: &str, rc: &str, digest: &str| {
            let suffix = if interval == "0" { "last_0".to_owned() } else { format!("{task}_{interval}") };
            let id = format!("{rsc}_{suffix}");
            let key = format!("{rsc}_{task}_{interval}");
            let transition = format!("{}:1:{rc}:{UUID}", call + 1);
            let magic = format!("0:{rc};{transition}");
            let call_id = call.to_string();
            call += 1;
            element(
                document,
                history,
                "lrm_rsc_op",
                &[
                    ("id", &id),
                    ("operation_key", &key),
                    ("operation", task),
                    ("crm_feature_set", FEATURE_SET),
                    ("transition-key", &transition),
                    ("transition-magic", &magic),
                    ("on_node", &name),
                    ("call-id", &call_id),
                    ("rc-code", rc),
                    ("op-status", "0"),
                    ("interval", interval),
                    ("last-rc-change", "1700000000"),
                    ("exec-time", "10"),
                    ("queue-time", "0"),
                    ("op-digest", digest),
                ],
            );
        };
        if active_on(index) == node {
            record("start", "0", "0", &none);
            record("monitor", "10000", "0", &monitor);
        } else {
            record("monitor", "0", "7", &none);
        }
    }
}
