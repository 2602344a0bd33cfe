//! Converted heartbeat clusters at work: they start at home, survive the loss of each node, and go home or stay.
//!
//! Runs our own cases always and the shared ones where they are.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use holdfast_golden::{heartbeat_root::Root, shared};
use holdfast_model::Cib;
use holdfast_model::attributes::{AttributeSet, NameValue};
use holdfast_model::status::NodeState;
use holdfast_scheduler::graph::run::End;
use holdfast_scheduler::schedule::{Settings, schedule_facts};
use holdfast_scheduler::simulate::{self, Step};
use holdfast_scheduler::{facts, simulate::clear_node};
use holdfast_xml::{Document, Element};

const NOW: i64 = 1_790_000_000;
/// More transitions than any recovery takes.
const MOST_TRANSITIONS: usize = 8;

/// A cluster under simulation.
struct Cluster {
    cib: Cib,
    what: String,
}

impl Cluster {
    fn new(case: &str, xml: &str) -> Cluster {
        let mut document = Document::parse_default(xml).unwrap();
        let findings = holdfast_store::validate::document(&document);
        assert!(findings.is_empty(), "{case}: {findings:#?}");
        let root = document.root().ix();
        // A pair keeps its quorum by `two_node`; of three nodes two keep it.
        document.set_attr(root, "have-quorum", "true");
        let (cib, problems) = holdfast_model::read::cib(&document);
        assert!(problems.is_empty(), "{case}: {problems:#?}");
        Cluster { cib, what: case.to_owned() }
    }

    fn nodes(&self) -> Vec<String> {
        self.cib.nodes.iter().map(|node| node.name.clone()).collect()
    }

    fn state(&mut self, node: &str) -> &mut NodeState {
        let id = self.cib.nodes.iter().find(|n| n.name == node).map(|n| n.id.clone());
        simulate::node_state(&mut self.cib.status, node, id.as_deref())
    }

    /// The node comes up, new and without memory.
    fn up(&mut self, node: &str) {
        let state = self.state(node);
        clear_node(state);
        simulate::set_node_state(state, true);
    }

    /// The node is lost without a word: nobody expected it to go.
    fn lose(&mut self, node: &str) {
        let state = self.state(node);
        simulate::set_node_state(state, false);
        state.expected = Some("member".to_owned());
    }

    /// Sets what a ping agent on the node would.
    fn reach(&mut self, node: &str, name: &str, value: &str) {
        let state = self.state(node);
        let set = AttributeSet {
            id: format!("status-{node}-{name}"),
            score: holdfast_model::Score::default(),
            rule: None,
            pairs: vec![NameValue {
                id: format!("status-{node}-{name}-value"),
                name: name.to_owned(),
                value: value.to_owned(),
            }],
        };
        state.transient.sets.retain(|old| old.id != set.id);
        state.transient.sets.push(set);
    }

    /// Carries out transitions until there is nothing left to do; returns all steps.
    fn settle(&mut self, when: &str) -> Vec<Step> {
        let mut all = Vec::new();
        for _ in 0..MOST_TRANSITIONS {
            let mut status = self.cib.status.clone();
            let facts = facts::unpack(&self.cib, NOW);
            let schedule = schedule_facts(&facts, Settings::default());
            // That a lost node gets fenced is announced; everything else would be a fault.
            let problems: Vec<_> =
                schedule.problems.iter().filter(|p| !p.message.contains("will be fenced")).collect();
            assert!(problems.is_empty(), "{} {when}: {problems:#?}", self.what);
            if schedule.graph.actions.is_empty() {
                return all;
            }
            let (steps, end) = simulate::execute(&schedule.graph, &facts, &mut status, &[], NOW);
            assert_eq!(end, End::Complete, "{} {when}: {steps:#?}", self.what);
            self.cib.status = status;
            all.extend(steps);
        }
        panic!("{} {when}: something is left to do after {MOST_TRANSITIONS} transitions", self.what)
    }

    /// Where each primitive runs.
    fn places(&self) -> BTreeMap<String, Vec<String>> {
        let facts = facts::unpack(&self.cib, NOW);
        let primitives = facts.rscs.iter().filter(|rsc| rsc.is_primitive());
        let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for rsc in primitives {
            let on = rsc.running_on.iter().map(|node| facts.nodes[*node].name.clone());
            let list = places.entry(rsc.config_id.clone()).or_default();
            list.extend(on);
            list.sort();
        }
        places
    }
}

/// What a converted CIB wants: members of each service and the node that its line named.
struct Service {
    members: Vec<String>,
    node: String,
}

fn services(cib: &Document) -> Vec<Service> {
    let locations: Vec<Element<'_>> =
        cib.root().descendants().filter(|e| e.name() == "rsc_location").collect();
    let resources = cib.root().descendants().find(|e| e.name() == "resources").unwrap();
    let preferred = |id: &str| {
        locations.iter().filter(|l| l.attr("rsc") == Some(id)).find_map(|location| {
            let expression = location.child("rule")?.child("expression")?;
            (expression.attr("attribute") == Some("#uname"))
                .then(|| expression.attr("value").unwrap().to_owned())
        })
    };
    resources
        .children()
        .filter(|rsc| rsc.attr("class") != Some("stonith"))
        .filter_map(|rsc| {
            let members = match rsc.name() {
                "primitive" => vec![rsc.id()?.to_owned()],
                _ => rsc.children_named("primitive").filter_map(|p| p.id().map(str::to_owned)).collect(),
            };
            Some(Service { members, node: preferred(rsc.id()?)? })
        })
        .collect()
}

fn property(cib: &Document, name: &str) -> Option<String> {
    let pairs = cib.root().descendants().filter(|e| e.name() == "nvpair");
    pairs.filter(|p| p.attr("name") == Some(name)).find_map(|p| p.attr("value").map(str::to_owned))
}

/// The life of one converted cluster.
fn check(case: &str, xml: &str) {
    let document = Document::parse_default(xml).unwrap();
    let services = services(&document);
    assert!(!services.is_empty(), "{case}: no service was converted");
    let stays = property(&document, "resource-stickiness").is_some();
    let fenced = property(&document, "stonith-enabled").as_deref() == Some("true");
    let mut cluster = Cluster::new(case, xml);
    let nodes = cluster.nodes();
    for lost in &nodes {
        cluster.cib.status.nodes.clear();
        for node in &nodes {
            cluster.up(node);
        }
        cluster.settle("at the start");
        let at = |cluster: &Cluster, when: &str, expected: &dyn Fn(&Service, &str) -> bool| {
            let places = cluster.places();
            for service in &services {
                let first = &places[&service.members[0]];
                for member in &service.members {
                    let on = &places[member];
                    let right = on.len() == 1 && on == first && expected(service, &on[0]);
                    assert!(right, "{case} {when}: {member} of {} runs on {on:?}", service.node);
                }
            }
            places
        };
        at(&cluster, "at the start", &|service, node| node == service.node);
        let when = format!("without {lost}");
        cluster.lose(lost);
        let steps = cluster.settle(&when);
        let fencings =
            steps.iter().filter(|s| matches!(s, Step::Fencing { target, .. } if target == lost)).count();
        assert_eq!(fencings, usize::from(fenced), "{case} {when}: {steps:#?}");
        let survivors = at(&cluster, &when, &|service, node| {
            node != lost && (service.node == *lost || service.node == node)
        });
        let when = format!("after the return of {lost}");
        cluster.up(lost);
        cluster.settle(&when);
        let returned = at(&cluster, &when, &|service, node| stays || node == service.node);
        if stays {
            for member in services.iter().flat_map(|s| &s.members) {
                assert_eq!(returned[member], survivors[member], "{case} {when}: {member} moved");
            }
        }
    }
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("haresources").is_file())
        .collect();
    cases.sort();
    cases
}

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/heartbeat")
}

fn check_folder(folder: &Path, name: &str) -> usize {
    let root = Root::new(name);
    let cases = cases(folder);
    for case in &cases {
        let xml = root.convert(case).unwrap_or_else(|e| panic!("{}: {e:?}", case.display()));
        check(&case.file_name().unwrap().to_string_lossy(), &xml);
    }
    assert!(!cases.is_empty(), "{} is empty", folder.display());
    cases.len()
}

#[test]
fn own_clusters_live() {
    let ran = check_folder(&own(), "own-clusters");
    eprintln!("{ran} own clusters: start, loss and return of each node");
}

#[test]
fn shared_clusters_live() {
    let Some(folder) = shared::folder("conformance/haresources") else { return };
    let ran = check_folder(&folder, "shared-clusters");
    eprintln!("{ran} shared clusters: start, loss and return of each node");
}

/// `ipfail`: services go where more ping nodes answer, and nowhere else while both sides see the same.
#[test]
fn services_follow_connectivity() {
    let root = Root::new("connectivity");
    let xml = root.convert(&own().join("connectivity")).unwrap();
    let document = Document::parse_default(&xml).unwrap();
    let members = services(&document).remove(0).members;
    let points: u32 = property(&document, "multiplier").unwrap().parse().unwrap();
    let points = |hosts: u32| (hosts * points).to_string();
    let mut cluster = Cluster::new("connectivity", &xml);
    cluster.up("alpha");
    cluster.up("beta");
    // Ping nodes that answer each side, members of the ping group that do, and where services are then.
    for (alpha, beta, group_alpha, group_beta, expected) in [
        (2, 2, 2, 2, "alpha"),
        // A group counts once, however many of it answer.
        (2, 2, 1, 2, "alpha"),
        (2, 2, 0, 2, "beta"),
        // The loss is mended: equal counts move nothing.
        (2, 2, 2, 2, "beta"),
        (2, 2, 2, 1, "beta"),
        (2, 1, 2, 2, "alpha"),
        // Both lost everything: services go on.
        (0, 0, 0, 0, "alpha"),
        // One lost ping node on each side is a draw.
        (1, 2, 2, 0, "alpha"),
        (1, 2, 2, 2, "beta"),
    ] {
        for (node, count, group) in [("alpha", alpha, group_alpha), ("beta", beta, group_beta)] {
            cluster.reach(node, "pingd", &points(count));
            cluster.reach(node, "pingd-far", &group.to_string());
        }
        let when = format!("{alpha}:{beta} and {group_alpha}:{group_beta}");
        cluster.settle(&when);
        let places = cluster.places();
        for member in &members {
            assert_eq!(places[member], [expected], "{when}: {member}");
        }
    }
}
