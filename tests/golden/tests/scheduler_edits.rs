//! Inputs of the scheduler suite with random edits: whatever they become, planning ends, and without a panic.
//!
//! `EDITS=N` runs N edited documents instead of the usual few; `SEED=S` starts elsewhere.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use holdfast_golden::random_cib::Random;
use holdfast_golden::shared;
use holdfast_scheduler::{facts, schedule, simulate};
use holdfast_xml::{Document, Limits, NodeIx};

const VALUES: &[&str] = &[
    "",
    "0",
    "-1",
    "1",
    "2",
    "true",
    "false",
    "INFINITY",
    "-INFINITY",
    "1000000",
    "-1000001",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999",
    "Stopped",
    "Started",
    "Promoted",
    "Unpromoted",
    "Master",
    "nothing",
    "unfencing",
    "10s",
    "1ms",
    "99999999h",
    "PT5M",
    "P99999999Y",
    "P",
    "PT-5S",
    ":",
    "#uname",
    "#default",
    "node1",
    "rsc1:0",
    "%1",
    "%9%",
    "(",
    "(a*)*b",
    "!.*",
    "1.5",
    "1e999",
    "2005-020",
    "9999-12-31T24:00:00Z",
    "0001-01-01",
    "-",
    "5-",
    "block",
    "fence",
    "demote",
    "stop_unexpected",
    "freeze",
    "exclusive",
    "remote",
    "255.255.255.255",
    "\u{e9}\u{1f600}",
    "-1:-1;x",
    "0:7;1:2:7:x",
];

/// Attributes whose numbers decide how much is made.
const SIZES: &[&str] = &[
    "clone-max",
    "clone-node-max",
    "promoted-max",
    "promoted-node-max",
    "clone-min",
    "replicas",
    "replicas-per-host",
    "migration-threshold",
    "resource-stickiness",
    "priority",
    "failure-timeout",
    "node-pending-timeout",
    "shutdown-lock-limit",
    "priority-fencing-delay",
    "stonith-timeout",
    "cluster-delay",
    "batch-limit",
];

fn elements(document: &Document) -> Vec<NodeIx> {
    document.root().descendants().map(|element| element.ix()).collect()
}

fn attribute(document: &Document, ix: NodeIx, random: &mut Random) -> Option<(String, String)> {
    let attrs: Vec<(String, String)> =
        document.element(ix).attrs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if attrs.is_empty() { None } else { Some(attrs[random.below(attrs.len())].clone()) }
}

/// One random change: a value taken from elsewhere or nonsense, two values exchanged, an attribute removed, an element
/// removed, doubled, moved, wrapped into itself, or copied to another place, a pair made that sets a size.
fn edit(document: &mut Document, random: &mut Random) {
    let all = elements(document);
    if all.is_empty() {
        return;
    }
    let target = all[random.below(all.len())];
    let other = all[random.below(all.len())];
    match random.below(16) {
        0..=4 => {
            let value = match (random.below(3), attribute(document, other, random)) {
                (0, Some((_, value))) => value,
                _ => VALUES[random.below(VALUES.len())].to_owned(),
            };
            if let Some((name, _)) = attribute(document, target, random) {
                document.set_attr(target, &name, &value);
            }
        }
        5 => {
            if let Some((name, value)) = attribute(document, other, random) {
                document.set_attr(target, &name, &value);
            }
        }
        6 => {
            if let Some((name, _)) = attribute(document, target, random) {
                document.remove_attr(target, &name);
            }
        }
        7 => {
            let pairs = (attribute(document, target, random), attribute(document, other, random));
            if let (Some((name, value)), Some((other_name, other_value))) = pairs {
                document.set_attr(target, &name, &other_value);
                document.set_attr(other, &other_name, &value);
            }
        }
        8..=9 => document.remove(target),
        10 => {
            let copy = Document::from_element(document.element(target));
            if let Some(parent) = document.element(target).parent() {
                let parent = parent.ix();
                document.append_copy(parent, &copy, copy.root().ix());
            }
        }
        11 => {
            let copy = Document::from_element(document.element(target));
            document.append_copy(other, &copy, copy.root().ix());
        }
        12 => {
            let copy = Document::from_element(document.element(target));
            document.remove(target);
            if other != target && document.kind(other) != holdfast_xml::Kind::Removed {
                document.append_copy(other, &copy, copy.root().ix());
            }
        }
        13 => {
            // A chain of copies inside each other.
            let copy = Document::from_element(document.element(target));
            let mut inside = target;
            for _ in 0..2 + random.below(6) {
                inside = document.append_copy(inside, &copy, copy.root().ix());
            }
        }
        _ => {
            let pairs: Vec<NodeIx> =
                all.iter().copied().filter(|ix| document.element(*ix).name() == "nvpair").collect();
            if pairs.is_empty() {
                return;
            }
            let pair = pairs[random.below(pairs.len())];
            document.set_attr(pair, "name", SIZES[random.below(SIZES.len())]);
            document.set_attr(pair, "value", VALUES[random.below(VALUES.len())]);
        }
    }
}

/// What the simulator does: plan, carry out in pretence, look again.
fn plan(document: &Document) {
    let (cib, _) = holdfast_model::read::cib(document);
    let now = cib.header.execution_date.unwrap_or(1_790_000_000);
    let facts = facts::unpack(&cib, now);
    let settings = schedule::Settings { scores: true, considered: true, ..schedule::Settings::default() };
    let plan = schedule::schedule_facts(&facts, settings);
    let mut after = cib.status.clone();
    simulate::execute(&plan.graph, &facts, &mut after, &[], now);
    let mut cib = cib.clone();
    cib.status = after;
    facts::unpack(&cib, now);
}

/// Some edited documents go through the whole upgrade, as a file would.
fn upgraded(document: &Document) {
    let mut document = document.clone();
    if holdfast_store::schema::upgrade(&mut document, None).is_ok() {
        plan(&document);
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Gives one input after the other, drawn at random, to `each` with its seed. Says how many were given: none where the
/// inputs are not there.
fn draw(runs: u64, mut each: impl FnMut(u64, &Path, &mut Random) + Send) -> u64 {
    let Some(folder) = shared::folder("conformance/scheduler/xml") else { return 0 };
    let mut inputs: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder can be read")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    inputs.sort();
    let first = number("SEED", 1);
    std::thread::scope(|scope| {
        // Chains of orderings are walked recursively.
        let worker = std::thread::Builder::new().stack_size(512 << 20).spawn_scoped(scope, || {
            for seed in first..first + runs {
                let mut random = Random::new(seed);
                let input = &inputs[random.below(inputs.len())];
                each(seed, input, &mut random);
            }
        });
        worker.expect("a thread can be made").join().expect("nothing that is drawn makes it panic");
    });
    runs
}

#[test]
fn edited_inputs_are_planned() {
    let mut panics: Vec<(u64, String)> = Vec::new();
    let edits = draw(number("EDITS", 400), |seed, input, random| {
        let text = fs::read(input).expect("inputs can be read");
        let mut document = Document::parse(&text, &Limits::default()).expect("inputs are well-formed");
        for _ in 0..1 + random.below(6) {
            edit(&mut document, random);
        }
        let begin = std::time::Instant::now();
        let whole = random.below(8) == 0;
        let run = AssertUnwindSafe(|| if whole { upgraded(&document) } else { plan(&document) });
        let panicked = catch_unwind(run).is_err();
        if begin.elapsed().as_secs() > 20 {
            eprintln!("seed {seed} took {} s", begin.elapsed().as_secs());
        }
        if panicked {
            panics.push((seed, input.file_stem().unwrap_or_default().to_string_lossy().into_owned()));
        }
    });
    eprintln!("{edits} edited inputs planned, {} panics", panics.len());
    assert!(panics.is_empty(), "{panics:?}");
}

/// Bytes of an input with some of them changed, cut off or doubled: read or refused with a place, never a panic.
#[test]
fn damaged_bytes_are_read_or_refused() {
    let mut read = 0;
    let runs = draw(number("BYTES", 300), |_, input, random| {
        let mut bytes = fs::read(input).expect("inputs can be read");
        for _ in 0..1 + random.below(6) {
            damage(&mut bytes, random);
        }
        match Document::parse(&bytes, &Limits::default()) {
            Ok(document) => {
                read += 1;
                plan(&document);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
    eprintln!("{runs} damaged inputs: {read} read, {} refused", runs - read);
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    let end = (at + random.below(40)).min(bytes.len());
    match random.below(7) {
        0 => bytes[at] = b"<>\"'&;/= \0\xff\xc3a0"[random.below(14)],
        1 => bytes.truncate(at),
        2 => {
            bytes.drain(at..end);
        }
        3 => {
            let piece = bytes[at..end].to_vec();
            let place = random.below(bytes.len());
            bytes.splice(place..place, piece);
        }
        4 => bytes[at] = bytes[at].wrapping_add(1),
        5 => bytes.splice(at..at, "<a>".repeat(1 + random.below(2000)).into_bytes()).for_each(drop),
        _ => {
            let digit = bytes.iter().skip(at).position(u8::is_ascii_digit).map(|skip| at + skip);
            if let Some(digit) = digit {
                bytes.splice(digit..digit, b"99999999999".iter().copied()).for_each(drop);
            }
        }
    }
}

/// Containers inside each other, by configuration and by what a history says of resources that were removed.
#[test]
fn containers_in_a_circle_are_named_and_planned() {
    let primitive = |id: &str, container: &str| {
        format!(
            "<primitive id='{id}' class='ocf' provider='pacemaker' type='Dummy'><meta_attributes id='{id}-m'>\
             <nvpair id='{id}-m-c' name='container' value='{container}'/></meta_attributes></primitive>"
        )
    };
    let history = |id: &str, container: &str| {
        format!(
            "<lrm_resource id='{id}' class='ocf' provider='pacemaker' type='Dummy' container='{container}'>\
             <lrm_rsc_op id='{id}_last_0' operation='start' operation_key='{id}_start_0' call-id='1' rc-code='0' \
             op-status='0' interval='0' transition-magic='0:0;1:1:0:x' transition-key='1:1:0:x'/></lrm_resource>"
        )
    };
    let fail_count = "<transient_attributes id='1'><instance_attributes id='t'>\
        <nvpair id='t-a' name='fail-count-a#start_0' value='2'/></instance_attributes></transient_attributes>";
    let text = format!(
        "<cib validate-with='pacemaker-3.0' have-quorum='1'><configuration><crm_config><cluster_property_set id='o'>\
         <nvpair id='o-f' name='stonith-enabled' value='false'/></cluster_property_set></crm_config>\
         <nodes><node id='1' uname='n1'/></nodes><resources>{}{}{}</resources><constraints/></configuration>\
         <status><node_state id='1' uname='n1' in_ccm='true' crmd='online' join='member' expected='member'>\
         {fail_count}<lrm id='1'><lrm_resources>{}{}</lrm_resources></lrm></node_state></status></cib>",
        primitive("a", "b"),
        primitive("b", "c"),
        primitive("c", "a"),
        history("x", "y"),
        history("y", "x"),
    );
    let document = Document::parse(text.as_bytes(), &Limits::default()).expect("well-formed");
    plan(&document);
    let (cib, _) = holdfast_model::read::cib(&document);
    let facts = facts::unpack(&cib, 1_790_000_000);
    let said: Vec<String> = facts.problems.iter().map(|problem| problem.message.clone()).collect();
    assert!(said.iter().any(|text| text.starts_with("its container \"a\" is inside it in turn")), "{said:?}");
    assert!(said.iter().any(|text| text.contains("\"x\", which it contains itself")), "{said:?}");
}

/// Guests that a status shows on each other: nobody can be sure of them. One host of two guests is no circle.
#[test]
fn guests_that_host_each_other_cannot_be_fenced() {
    let machine = |number: u32| {
        format!(
            "<primitive id='vm{number}' class='ocf' provider='heartbeat' type='VirtualDomain'><meta_attributes \
             id='m{number}'><nvpair id='m{number}-r' name='remote-node' value='g{number}'/></meta_attributes></primitive>"
        )
    };
    let text = format!(
        "<cib validate-with='pacemaker-3.0' have-quorum='1'><configuration><crm_config/>\
         <nodes><node id='1' uname='n1'/></nodes><resources><primitive id='st' class='stonith' type='fence_xvm'/>{}{}{}\
         </resources><constraints/></configuration><status/></cib>",
        machine(1),
        machine(2),
        machine(3),
    );
    let document = Document::parse(text.as_bytes(), &Limits::default()).expect("well-formed");
    let (cib, _) = holdfast_model::read::cib(&document);
    let mut facts = facts::unpack(&cib, 1_790_000_000);
    let node = |facts: &facts::Facts<'_>, name: &str| facts.node_named(name).expect("a node");
    let [host, first, second, third] = ["n1", "g1", "g2", "g3"].map(|name| node(&facts, name));
    let mut run = |machine: &str, hosts: &[facts::NodeIx]| {
        let rsc = facts.rsc_by_id[machine];
        facts.rscs[rsc].running_on = hosts.to_vec();
        [first, second, third].map(|guest| facts.can_fence(guest))
    };
    run("vm3", &[host]);
    run("vm2", &[third]);
    assert_eq!(run("vm1", &[second, third]), [true; 3], "the third is there for both");
    assert_eq!(run("vm2", &[first]), [false, false, true], "the first two are on each other");
    schedule::schedule_facts(&facts, schedule::Settings::default());
}
