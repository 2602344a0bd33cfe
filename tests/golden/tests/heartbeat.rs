//! Conversion of heartbeat configurations against the shared cases: what each CIB says, and which files are refused.

#![allow(clippy::unwrap_used)]

use holdfast_golden::{heartbeat_root::Root, shared};
use holdfast_tools::haresources2cib::{self, ha_cf, haresources, source::Account};
use holdfast_xml::{Document, Element};
use serde_json::Value;
use std::collections::BTreeMap;

/// One resource as both sides describe it: class, type, parameters.
type Member = (String, String, BTreeMap<String, String>);

fn member(class: &str, kind: &str, params: BTreeMap<String, String>) -> Member {
    let mut params = params;
    let class = if class == "UNKNOWN" { "lsb" } else { class };
    let address = matches!(kind, "IPaddr" | "IPaddr2");
    if address {
        params.remove("iflabel");
        params.remove("lvs_support");
    }
    (class.to_owned(), if address { "IPaddr" } else { kind }.to_owned(), params)
}

fn of_facts(rsc: &Value) -> (String, Vec<(String, Member)>) {
    let text = |v: &Value, key: &str| v[key].as_str().unwrap_or_default().to_owned();
    let one = |m: &Value| {
        let params = m["params"].as_object().cloned().unwrap_or_default();
        let params =
            params.into_iter().map(|(n, v)| (n, v.as_str().unwrap_or_default().to_owned())).collect();
        (text(m, "id"), member(&text(m, "class"), &text(m, "type"), params))
    };
    let members = match rsc["members"].as_array() {
        Some(members) => members.iter().map(one).collect(),
        None => vec![one(rsc)],
    };
    (text(rsc, "id"), members)
}

fn of_cib(rsc: Element<'_>) -> (String, Vec<(String, Member)>) {
    let attr = |e: Element<'_>, name: &str| e.attr(name).unwrap_or_default().to_owned();
    let one = |p: Element<'_>| {
        let pairs = p.child("instance_attributes").into_iter().flat_map(|set| set.children_named("nvpair"));
        let params = pairs.map(|n| (attr(n, "name"), attr(n, "value"))).collect();
        (attr(p, "id"), member(&attr(p, "class"), &attr(p, "type"), params))
    };
    let members = match rsc.name() {
        "primitive" => vec![one(rsc)],
        _ => rsc.children_named("primitive").map(one).collect(),
    };
    (attr(rsc, "id"), members)
}

fn preferences(cib: &Document) -> BTreeMap<String, String> {
    let locations = cib.root().descendants().filter(|e| e.name() == "rsc_location");
    locations
        .filter_map(|location| {
            let rule = location.child("rule")?;
            let expression = rule.child("expression").filter(|e| e.attr("attribute") == Some("#uname"))?;
            let positive = rule.attr("score")?.parse::<u32>().is_ok_and(|s| s > 0);
            positive.then_some(())?;
            Some((location.attr("rsc")?.to_owned(), expression.attr("value")?.to_owned()))
        })
        .collect()
}

#[test]
fn shared_conversions_say_what_they_must() {
    let Some(cases) = shared::folder("conformance/haresources") else { return };
    let root = Root::new("conversions");
    let mut ran = 0;
    let mut folders: Vec<_> = std::fs::read_dir(&cases).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    for case in folders.iter().filter(|c| c.join("facts.json").exists()) {
        let facts: Value = serde_json::from_slice(&std::fs::read(case.join("facts.json")).unwrap()).unwrap();
        let cib = root.convert(case).unwrap_or_else(|e| panic!("{}: {e:?}", case.display()));
        let cib = Document::parse_default(&cib).unwrap();
        let got: BTreeMap<_, _> = cib
            .root()
            .descendants()
            .find(|e| e.name() == "resources")
            .unwrap()
            .children()
            .map(of_cib)
            .collect();
        let preferred = preferences(&cib);
        for rsc in facts["expected"]["resources"].as_array().unwrap() {
            let (id, members) = of_facts(rsc);
            assert_eq!(got.get(&id), Some(&members), "{}: {id}", case.display());
        }
        for constraint in facts["expected"]["constraints"].as_array().unwrap() {
            if let (Some(rsc), Some(node)) = (constraint["rsc"].as_str(), constraint["value"].as_str()) {
                assert_eq!(preferred.get(rsc).map(String::as_str), Some(node), "{}: {rsc}", case.display());
            }
        }
        ran += 1;
    }
    eprintln!("{ran} shared conversions agree");
    assert!(ran > 0, "the folder of cases is empty");
}

#[test]
fn shared_haresources_have_the_same_groups() {
    let Some(folder) = shared::folder("conformance/heartbeat-configs") else { return };
    let facts: Value =
        serde_json::from_slice(&std::fs::read(folder.join("haresources.facts.json")).unwrap()).unwrap();
    for (name, groups) in facts.as_object().unwrap() {
        let text = String::from_utf8_lossy(&std::fs::read(folder.join("haresources").join(name)).unwrap())
            .into_owned();
        let file = haresources::parse(name, &text, &mut Account::default());
        let got: Vec<Value> = file
            .groups
            .iter()
            .map(|g| {
                let words: Vec<Value> = g
                    .words
                    .iter()
                    .map(|w| serde_json::json!({"word": w.text, "script": w.script, "args": w.args}))
                    .collect();
                serde_json::json!({"node": g.node, "resources": words})
            })
            .collect();
        assert_eq!(Value::Array(got), *groups, "{name}");
    }
}

#[test]
fn shared_files_get_heartbeats_verdict() {
    let Some(folder) = shared::folder("conformance/heartbeat-configs") else { return };
    let expected = std::fs::read_to_string(folder.join("expected.tsv")).unwrap();
    let mut differ = Vec::new();
    for row in expected.lines().skip(1) {
        let mut columns = row.split('\t');
        let (Some(name), Some(status), said) =
            (columns.next(), columns.next(), columns.next().unwrap_or_default())
        else {
            continue;
        };
        let text = String::from_utf8_lossy(&std::fs::read(folder.join(name)).unwrap()).into_owned();
        let mut account = Account::default();
        if name.starts_with("ha.cf/") {
            ha_cf::parse(name, &text, &mut account);
        } else {
            haresources2cib::authkeys_verdict(name, &text, &mut account);
        }
        // A host that did not resolve was at fault in the place where heartbeat ran, not in the file.
        let refused = status != "0" && !said.contains("unknown host");
        if refused != account.errors().next().is_some() {
            differ.push(format!("{name}: {:?}", account.errors().collect::<Vec<_>>()));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// The small good file of the measured verdicts.
const BASE: [&str; 7] = [
    "logfile /var/log/ha-log",
    "keepalive 1",
    "deadtime 30",
    "auto_failback on",
    "bcast eth0",
    "node alpha",
    "node beta",
];

fn unescaped(text: &str) -> String {
    let mut letters = text.chars();
    let mut out = String::new();
    while let Some(letter) = letters.next() {
        out.push(match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('v') => '\x0b',
                Some('f') => '\x0c',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    out
}

#[test]
fn single_lines_get_heartbeats_verdict() {
    let table = include_str!("../data/heartbeat-verdicts/lines.tsv");
    let mut differ = Vec::new();
    for row in table.lines().filter(|l| !l.starts_with('#')) {
        let columns: Vec<&str> = row.splitn(3, '\t').collect();
        let [place, verdict, line] = columns.as_slice() else { panic!("three columns: {row}") };
        let mut lines: Vec<String> = BASE.iter().map(|l| (*l).to_owned()).collect();
        lines.insert(place.parse().unwrap(), unescaped(line));
        let mut account = Account::default();
        ha_cf::parse("ha.cf", &(lines.join("\n") + "\n"), &mut account);
        let errors: Vec<String> = account.errors().map(|e| e.note.clone()).collect();
        if (*verdict == "refused") == errors.is_empty() {
            differ.push(format!("{verdict}: {line}: {errors:?}"));
        }
        for error in account.errors() {
            assert!(error.place.line > 0 && error.cure.is_some(), "{line}: {error:?}");
        }
    }
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
}

/// Every line that says something is in the report, for our own cases and for files from the field.
#[test]
fn every_line_is_in_the_report() {
    let root = Root::new("accounting");
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/data/heartbeat");
    let mut folders: Vec<std::path::PathBuf> =
        std::fs::read_dir(own).unwrap().map(|e| e.unwrap().path()).collect();
    if let Some(cases) = shared::folder("conformance/haresources") {
        folders.extend(std::fs::read_dir(cases).unwrap().map(|e| e.unwrap().path()));
    }
    let mut missing = Vec::new();
    for case in folders.iter().filter(|c| c.join("ha.cf").exists()) {
        let path = |name: &str| case.join(name).display().to_string();
        let words = ["--root", &root.path().display().to_string(), "--allow-missing", "--stdout"];
        let more = ["-c", &path("ha.cf"), &path("haresources")];
        let words: Vec<String> = words.iter().chain(&more).map(|w| (*w).to_owned()).collect();
        let Ok((_, remarks)) = haresources2cib::converted(&words) else { continue };
        for name in ["ha.cf", "haresources"] {
            let text = String::from_utf8_lossy(&std::fs::read(case.join(name)).unwrap()).into_owned();
            let mut joined = false;
            for (index, line) in text.lines().enumerate() {
                let body = line.split('#').next().unwrap_or_default().trim();
                let told = remarks.iter().any(|r| r.place.line == index + 1 && r.place.file.ends_with(name));
                if !body.is_empty() && !joined && !told {
                    missing.push(format!("{}: line {}: {line}", path(name), index + 1));
                }
                joined = body.ends_with('\\');
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
