//! Random CIBs, rich in what the scheduler knows: configuration and the state of nodes, from a seed.
//!
//! Knows which elements may stand where and which names fit together. Does not know what should happen in such a
//! cluster. History is left to whoever carries out a plan, see [`stories`].

mod constraints;
mod element;
pub mod events;
pub mod more;
mod nodes;
mod options;
mod random;
mod resources;
mod rules;
pub mod stories;

pub use element::{Element, Pairs, element};
pub use random::Random;

use holdfast_xml::Document;

/// When everything happens, in seconds since the epoch.
pub const NOW: i64 = 1_790_000_000;

/// What a random CIB may contain. Each seed draws its own selection, so that features meet in ever new company and
/// failing documents stay small.
#[derive(Debug, Clone)]
pub struct Taste {
    /// Utilization and a placement strategy.
    pub utilization: bool,
    /// Health attributes and a strategy.
    pub health: bool,
    /// Fence devices.
    pub fencing: bool,
    /// Levels of several devices.
    pub topology: bool,
    /// Rules with conditions.
    pub rules: bool,
    /// Tickets.
    pub tickets: bool,
    /// Sets in constraints.
    pub sets: bool,
    /// Templates.
    pub templates: bool,
    /// Tags.
    pub tags: bool,
    /// Remote and guest nodes.
    pub remotes: bool,
    /// Bundles.
    pub bundles: bool,
    /// Groups.
    pub groups: bool,
    /// Clones.
    pub clones: bool,
    /// Clones with roles.
    pub promotable: bool,
    /// Notifications of clones.
    pub notify: bool,
    /// Clones whose instances differ.
    pub unique: bool,
    /// Live migration.
    pub migration: bool,
    /// Operations with unusual reactions to failure.
    pub on_fail: bool,
    /// Location constraints.
    pub locations: bool,
    /// Colocation constraints.
    pub colocations: bool,
    /// Ordering constraints.
    pub orders: bool,
    /// Resources that are not managed or in maintenance.
    pub unmanaged: bool,
    /// Roles that administrators ask for.
    pub target_roles: bool,
    /// Priorities.
    pub priorities: bool,
    /// Unusual options of the whole cluster.
    pub options: bool,
    /// Failures in the history.
    pub failures: bool,
    /// Nodes in unusual states.
    pub node_states: bool,
    /// Later changes of the configuration.
    pub changes: bool,
    /// More nodes, resources and constraints than a person can follow.
    pub large: bool,
}

impl Taste {
    fn random(random: &mut Random) -> Taste {
        let common = 25 + random.below(40);
        let rare = 6 + random.below(20);
        let mut common = || random.chance(common);
        let (groups, clones, promotable) = (common(), common(), common());
        let (locations, colocations, orders) = (common(), common(), common());
        let (fencing, failures, node_states, changes) = (common() || common(), common(), common(), common());
        let mut rare = || random.chance(rare);
        Taste {
            groups,
            clones,
            promotable,
            locations,
            colocations,
            orders,
            fencing,
            failures,
            node_states,
            changes,
            utilization: rare(),
            health: rare(),
            topology: rare(),
            rules: rare(),
            tickets: rare(),
            sets: rare() || rare(),
            templates: rare(),
            tags: rare(),
            remotes: rare(),
            bundles: rare(),
            notify: rare(),
            unique: rare(),
            migration: rare(),
            on_fail: rare() || rare(),
            unmanaged: rare(),
            target_roles: rare() || rare(),
            priorities: rare(),
            options: rare() || rare(),
            large: false,
        }
    }
}

/// Names that have been given so far.
#[derive(Debug, Default)]
pub struct Names {
    /// Cluster nodes: name and id.
    pub nodes: Vec<(String, String)>,
    /// Names of remote and guest nodes.
    pub remotes: Vec<String>,
    /// Everything that a constraint may name at top level, with what it is.
    pub top: Vec<(String, What)>,
    /// Members of groups (not of clones).
    pub members: Vec<String>,
    /// Everything that has an agent, fence devices excepted.
    pub agents: Vec<String>,
    /// Fence devices.
    pub devices: Vec<String>,
    /// Tags with their members.
    pub tags: Vec<(String, Vec<String>)>,
}

/// What a top-level resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// One agent.
    Primitive,
    /// Several in a row.
    Group,
    /// Many instances.
    Clone,
    /// Many instances with roles.
    Promotable,
    /// Containers.
    Bundle,
}

/// Configuration under construction.
#[derive(Debug)]
pub struct Maker {
    /// Where chance comes from.
    pub random: Random,
    /// What may occur.
    pub taste: Taste,
    /// What is there.
    pub names: Names,
    counter: usize,
}

impl Maker {
    /// One that goes on with a cluster that is there already.
    #[must_use]
    pub fn of(document: &Document, seed: u64) -> Maker {
        let mut random = Random::new(seed);
        let taste = Taste::random(&mut random);
        let mut names = Names::default();
        for element in document.root().descendants() {
            let (Some(id), parent) = (element.id(), element.parent().map_or("", |parent| parent.name()))
            else {
                continue;
            };
            let what = match element.name() {
                "node" if parent == "nodes" => {
                    names.nodes.push((element.attr("uname").unwrap_or(id).to_owned(), id.to_owned()));
                    continue;
                }
                "nvpair" if element.attr("name") == Some("remote-node") => {
                    names.remotes.extend(element.attr("value").map(str::to_owned));
                    continue;
                }
                "primitive" => What::Primitive,
                "group" => What::Group,
                "clone" => What::Clone,
                "bundle" => What::Bundle,
                _ => continue,
            };
            let device = element.attr("class") == Some("stonith");
            match (parent, what) {
                ("resources", _) if !device => names.top.push((id.to_owned(), what)),
                ("group", _) => names.members.push(id.to_owned()),
                _ => {}
            }
            if what == What::Primitive {
                let list = if device { &mut names.devices } else { &mut names.agents };
                list.push(id.to_owned());
            }
        }
        Maker { random, taste, names, counter: 10_000 }
    }

    /// A number that was not used before.
    fn next(&mut self) -> usize {
        self.counter += 1;
        self.counter
    }

    fn node_name(&mut self) -> String {
        let all = self.names.nodes.len() + self.names.remotes.len();
        if all == 0 {
            return "nowhere".to_owned();
        }
        let at = self.random.below(all);
        match at.checked_sub(self.names.nodes.len()) {
            None => self.names.nodes[at].0.clone(),
            Some(at) => self.names.remotes[at].clone(),
        }
    }

    fn score(&mut self) -> &'static str {
        self.random.pick(&[
            "INFINITY",
            "INFINITY",
            "-INFINITY",
            "100",
            "-100",
            "50",
            "7",
            "1",
            "0",
            "500000",
            "-1",
            "1000",
        ])
    }
}

/// The CIB of a seed: a configuration, and nodes without history.
#[must_use]
pub fn cib(seed: u64) -> (String, Maker) {
    cib_of_size(seed, false)
}

/// The CIB of a seed, which may be large.
#[must_use]
pub fn cib_of_size(seed: u64, large: bool) -> (String, Maker) {
    let mut random = Random::new(seed);
    let taste = Taste { large, ..Taste::random(&mut random) };
    let mut maker = Maker { random, taste, names: Names::default(), counter: 0 };
    let nodes = maker.nodes();
    let crm_config = maker.options();
    let resources = maker.resources();
    let tags = maker.tags();
    let constraints = maker.constraints();
    let topology = maker.topology();
    let (rsc_defaults, op_defaults) = maker.defaults();
    let status = maker.status();
    let dc = maker.names.nodes[maker.random.below(maker.names.nodes.len())].1.clone();
    let quorum = u8::from(!(maker.taste.node_states && maker.random.chance(20)));
    let configuration = element("configuration")
        .child(crm_config)
        .child(nodes)
        .child(resources)
        .child(constraints)
        .child_unless_empty(topology)
        .child_unless_empty(rsc_defaults)
        .child_unless_empty(op_defaults)
        .child_unless_empty(tags);
    let cib = element("cib")
        .with("validate-with", "pacemaker-3.9")
        .with("crm_feature_set", "3.16.1")
        .with("admin_epoch", 0)
        .with("epoch", 1)
        .with("num_updates", 0)
        .with("have-quorum", quorum)
        .with("dc-uuid", dc)
        .with("execution-date", NOW)
        .child(configuration)
        .child(status);
    (cib.to_text(), maker)
}
