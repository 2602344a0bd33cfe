//! Dependency arrows: who may know whom. Anything not listed here fails.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Crates that every crate may use.
const EVERYBODY: &[&str] = &["serde", "thiserror", "tracing"];

/// One row a crate: package, our crates it may use, outside crates it may use beside [`EVERYBODY`].
/// Rows mirror the table in `ARCHITECTURE.md`; `*` means everything of ours.
const ALLOWED: &[(&str, &[&str], &[&str])] = &[
    ("holdfast-totem", &[], &["ring"]),
    ("holdfast-node", &["holdfast-totem"], &["tokio", "socket2", "rustix", "libc", "ring"]),
    ("holdfast-xml", &[], &["quick-xml"]),
    ("holdfast-model", &["holdfast-xml"], &["jiff", "md-5", "uuid", "indexmap"]),
    ("holdfast-store", &["holdfast-xml", "holdfast-model"], &["md-5"]),
    ("holdfast-scheduler", &["holdfast-model"], &["indexmap", "regex-lite"]),
    (
        "holdfast-core",
        &[
            "holdfast-totem",
            "holdfast-model",
            "holdfast-store",
            "holdfast-scheduler",
            "holdfast-agent-protocol",
            "holdfast-api",
            "holdfast-xml",
        ],
        &["postcard"],
    ),
    ("holdfast-api", &["holdfast-model", "holdfast-xml"], &["postcard"]),
    (
        "holdfast-daemon",
        &[
            "holdfast-core",
            "holdfast-api",
            "holdfast-node",
            "holdfast-totem",
            "holdfast-agent-protocol",
            "holdfast-store",
            "holdfast-model",
            "holdfast-xml",
            "holdfast-scheduler",
        ],
        &["tokio", "rustix", "libc", "tracing-subscriber", "uuid", "ring", "zbus", "bzip2"],
    ),
    ("holdfast-agent-protocol", &["holdfast-model", "holdfast-xml"], &[]),
    (
        "holdfast-agent-stock",
        &["holdfast-agent-protocol", "holdfast-model", "holdfast-xml"],
        &["clap", "rustix", "libc"],
    ),
    ("holdfast-client", &["holdfast-api", "holdfast-model", "holdfast-xml"], &["tokio", "rustix"]),
    (
        "holdfast-view",
        &["holdfast-model", "holdfast-scheduler", "holdfast-api", "holdfast-xml"],
        &["serde_json", "anstyle"],
    ),
    (
        "holdfast-tools",
        &[
            "holdfast-client",
            "holdfast-view",
            "holdfast-store",
            "holdfast-scheduler",
            "holdfast-xml",
            "holdfast-model",
            "holdfast-agent-protocol",
            "holdfast-node",
            "holdfast-totem",
            "holdfast-api",
        ],
        &[
            "clap",
            "rustyline",
            "regex-lite",
            "similar",
            "annotate-snippets",
            "serde_json",
            "anstyle",
            "tokio",
            "rustix",
            "ring",
            "uuid",
            "bzip2",
        ],
    ),
    ("holdfast", &["*"], &["clap", "rustix", "libc", "tokio", "serde_json", "ring"]),
    ("holdfast-sim", &["*"], &["proptest", "postcard"]),
    ("holdfast-golden", &["*"], &["similar", "insta", "proptest", "serde_json"]),
    ("holdfast-e2e", &["*"], &["rustix", "serde_json", "libc", "tokio", "zbus"]),
    ("holdfast-bench", &["*"], &["serde_json", "rustix", "libc"]),
    ("holdfast-decoders", &["*"], &["proptest"]),
    ("holdfast-tidy", &[], &["serde_json"]),
];

/// Crates that a pure core must never reach, directly or through others.
const IMPURE: &[&str] = &["tokio", "socket2", "zbus"];
/// The pure crates.
const PURE: &[&str] = &[
    "holdfast-totem",
    "holdfast-xml",
    "holdfast-model",
    "holdfast-store",
    "holdfast-scheduler",
    "holdfast-core",
    "holdfast-api",
    "holdfast-agent-protocol",
];

fn metadata() -> Value {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn arrows_point_only_where_the_architecture_says() {
    let metadata = metadata();
    let allowed: BTreeMap<&str, (&[&str], &[&str])> =
        ALLOWED.iter().map(|(p, o, x)| (*p, (*o, *x))).collect();
    let members: BTreeSet<&str> =
        metadata["workspace_members"].as_array().unwrap().iter().map(text).collect();
    let mut faults = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        if !members.contains(text(&package["id"])) {
            continue;
        }
        let name = text(&package["name"]);
        let Some((ours, outside)) = allowed.get(name) else {
            faults.push(format!("{name}: no row in tests/tidy/src/arrows.rs and ARCHITECTURE.md"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            if text(&dependency["kind"]) == "dev" {
                continue;
            }
            let other = text(&dependency["name"]);
            let fine = if other == "holdfast" || other.starts_with("holdfast-") {
                ours.contains(&"*") || ours.contains(&other)
            } else {
                EVERYBODY.contains(&other) || outside.contains(&other)
            };
            if !fine {
                faults.push(format!("{name} must not use {other}"));
            }
        }
    }
    assert!(faults.is_empty(), "dependency arrows:\n{}", faults.join("\n"));
}

#[test]
fn pure_crates_reach_no_runtime() {
    let metadata = metadata();
    let names: BTreeMap<&str, &str> =
        metadata["packages"].as_array().unwrap().iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
    let edges: BTreeMap<&str, Vec<&str>> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let targets = node["deps"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|d| d["dep_kinds"].as_array().unwrap().iter().any(|k| k["kind"].is_null()));
            (text(&node["id"]), targets.map(|d| text(&d["pkg"])).collect())
        })
        .collect();
    for (start, name) in names.iter().filter(|(_, name)| PURE.contains(*name)) {
        let mut seen = BTreeSet::from([*start]);
        let mut stack = vec![*start];
        while let Some(id) = stack.pop() {
            assert!(!IMPURE.contains(&names[id]), "{name} reaches {}", names[id]);
            stack.extend(edges[id].iter().filter(|next| seen.insert(**next)));
        }
    }
}
