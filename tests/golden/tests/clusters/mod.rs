//! Random clusters: configuration as data and as XML, and what happens to their nodes.
//!
//! Knows what may be configured together. Does not know what a plan must look like.

use std::fmt::Write;

pub use holdfast_golden::random_cib::Random;
use holdfast_model::status::{NodeState, Status};
use holdfast_scheduler::graph::TransitionGraph;
use holdfast_scheduler::simulate::{clear_node, set_node_state};

/// What a top-level resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Primitive,
    Group,
    Clone,
    Promotable,
}

#[derive(Debug, Clone)]
pub struct Resource {
    pub id: String,
    pub kind: Kind,
    /// Primitives inside a group or cloned group; empty for others.
    pub members: Vec<String>,
    pub clone_max: Option<usize>,
    pub node_max: usize,
    pub promoted_max: usize,
    pub interleave: bool,
    pub unique: bool,
    stickiness: Option<i32>,
    stopped: bool,
    monitored: bool,
}

#[derive(Debug, Clone)]
pub enum Constraint {
    Location { rsc: usize, node: usize, score: &'static str },
    Colocation { rsc: usize, with: usize, score: &'static str },
    Order { first: usize, then: usize, mandatory: bool },
}

#[derive(Debug, Clone)]
pub struct Node {
    pub name: String,
    id: usize,
    standby: bool,
    maintenance: bool,
}

#[derive(Debug, Clone)]
pub struct Cluster {
    pub nodes: Vec<Node>,
    pub resources: Vec<Resource>,
    /// With their numbers, which are part of their ids.
    pub constraints: Vec<(usize, Constraint)>,
    /// Node names in document order.
    node_order: Vec<usize>,
    pub fencing: bool,
    stickiness: i32,
}

const SCORES: [&str; 6] = ["INFINITY", "-INFINITY", "100", "-100", "50", "7"];

impl Cluster {
    pub fn random(random: &mut Random) -> Cluster {
        let nodes: Vec<Node> = (0..2 + random.below(5))
            .map(|at| Node {
                name: format!("node{}", at + 1),
                id: at + 1,
                standby: random.chance(8),
                maintenance: random.chance(4),
            })
            .collect();
        let mut cluster = Cluster {
            node_order: (0..nodes.len()).collect(),
            nodes,
            resources: Vec::new(),
            constraints: Vec::new(),
            fencing: random.chance(75),
            stickiness: [0, 0, 1, 100, 1_000_000][random.below(5)],
        };
        for at in 0..1 + random.below(7) {
            let kind = [Kind::Primitive, Kind::Primitive, Kind::Group, Kind::Clone, Kind::Promotable]
                [random.below(5)];
            let with_members = kind == Kind::Group || (kind == Kind::Clone && random.chance(25));
            let count = if with_members { 1 + random.below(3) } else { 0 };
            let id = format!("r{at}");
            cluster.resources.push(Resource {
                members: (0..count).map(|member| format!("{id}m{member}")).collect(),
                id,
                kind,
                clone_max: random.chance(40).then(|| 1 + random.below(5)),
                node_max: if random.chance(20) { 2 } else { 1 },
                promoted_max: 1 + random.below(2),
                interleave: random.chance(50),
                unique: kind == Kind::Clone && random.chance(20),
                stickiness: random.chance(20).then(|| [0, 10, 200][random.below(3)]),
                stopped: random.chance(5),
                monitored: random.chance(50),
            });
        }
        for number in 0..random.below(2 * cluster.resources.len() + 1) {
            cluster.add_constraint(number, random);
        }
        cluster
    }

    fn add_constraint(&mut self, number: usize, random: &mut Random) {
        let (a, b) = (random.below(self.resources.len()), random.below(self.resources.len()));
        let score = SCORES[random.below(SCORES.len())];
        let constraint = match random.below(3) {
            0 => Constraint::Location { rsc: a, node: random.below(self.nodes.len()), score },
            // From later to earlier resources only: no circles.
            1 if a != b => Constraint::Colocation { rsc: a.max(b), with: a.min(b), score },
            2 if a != b => {
                Constraint::Order { first: a.min(b), then: a.max(b), mandatory: random.chance(75) }
            }
            _ => return,
        };
        // As in Pacemaker, of two orders of the same pair only the first counts, as far as they say the same, and of two
        // colocations of the same pair the later one is applied first.
        let pair = |constraint: &Constraint| match constraint {
            Constraint::Order { first, then, .. } => Some((*first, *then, true)),
            Constraint::Colocation { rsc, with, .. } => Some((*rsc, *with, false)),
            Constraint::Location { .. } => None,
        };
        if pair(&constraint).is_some_and(|new| self.constraints.iter().any(|(_, old)| pair(old) == Some(new)))
        {
            return;
        }
        self.constraints.push((number, constraint));
    }

    /// Another document order of nodes and constraints, same meaning.
    pub fn shuffle(&mut self, random: &mut Random) {
        random.shuffle(&mut self.node_order);
        random.shuffle(&mut self.constraints);
    }

    /// An administrator changes something.
    pub fn change(&mut self, random: &mut Random) {
        for _ in 0..1 + random.below(3) {
            let node = random.below(self.nodes.len());
            let rsc = random.below(self.resources.len());
            match random.below(6) {
                0 => self.nodes[node].standby ^= true,
                1 => self.nodes[node].maintenance ^= true,
                2 => self.resources[rsc].stopped ^= true,
                3 if !self.constraints.is_empty() => {
                    let at = random.below(self.constraints.len());
                    self.constraints.remove(at);
                }
                4 => {
                    let number = self.constraints.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
                    self.add_constraint(number, random);
                }
                _ => self.resources[rsc].clone_max = random.chance(50).then(|| 1 + random.below(4)),
            }
        }
    }

    /// Nodes when the story begins.
    pub fn first_status(&self, status: &mut Status, random: &mut Random) {
        for node in &self.nodes {
            if random.chance(5) {
                continue;
            }
            let mut state =
                NodeState { id: node.id.to_string(), name: node.name.clone(), ..NodeState::default() };
            set_node_state(&mut state, random.chance(93));
            state.has_history = true;
            status.nodes.push(state);
        }
    }

    /// Nodes fail, leave, come back.
    pub fn disturb(&self, status: &mut Status, random: &mut Random) {
        for state in &mut status.nodes {
            let up = state.crmd.as_deref() == Some("online");
            match random.below(12) {
                0 if up => {
                    // Lost: nobody knows what it still does.
                    state.in_ccm = Some("false".to_owned());
                    state.crmd = Some("offline".to_owned());
                }
                1 if up => {
                    set_node_state(state, false);
                    clear_node(state);
                }
                2..=6 if !up => {
                    clear_node(state);
                    set_node_state(state, true);
                    state.has_history = true;
                }
                _ => {}
            }
        }
    }

    /// Nodes told to shut down are gone afterwards.
    pub fn leave_when_asked(&self, graph: &TransitionGraph, status: &mut Status) {
        for action in graph.actions.values().filter(|action| action.operation == "do_shutdown") {
            let name = action.node.as_ref().map_or("", |node| node.name.as_str());
            if let Some(state) = status.nodes.iter_mut().find(|state| state.name == name) {
                set_node_state(state, false);
                clear_node(state);
            }
        }
    }

    /// Names of everything inside a resource that runs an agent.
    pub fn primitives(&self, at: usize) -> Vec<String> {
        let resource = &self.resources[at];
        match resource.kind {
            _ if !resource.members.is_empty() => resource.members.clone(),
            Kind::Clone | Kind::Promotable => vec![format!("{}p", resource.id)],
            Kind::Primitive | Kind::Group => vec![resource.id.clone()],
        }
    }

    pub fn to_xml(&self) -> String {
        let mut xml = String::from(
            "<cib validate-with=\"pacemaker-3.9\" have-quorum=\"1\" dc-uuid=\"1\" admin_epoch=\"0\" epoch=\"1\" num_updates=\"0\"><configuration><crm_config><cluster_property_set id=\"o\">",
        );
        option(&mut xml, "o", "stonith-enabled", &self.fencing.to_string());
        option(&mut xml, "o", "no-quorum-policy", "ignore");
        xml += "</cluster_property_set></crm_config><nodes>";
        for at in &self.node_order {
            let node = &self.nodes[*at];
            write!(
                xml,
                "<node id=\"{}\" uname=\"{}\"><instance_attributes id=\"n{}\">",
                node.id, node.name, node.id
            )
            .expect("strings can be written");
            let set = format!("n{}", node.id);
            option(&mut xml, &set, "standby", &node.standby.to_string());
            option(&mut xml, &set, "maintenance", &node.maintenance.to_string());
            xml += "</instance_attributes></node>";
        }
        xml += "</nodes><resources>";
        if self.fencing {
            xml += "<primitive id=\"fencer\" class=\"stonith\" type=\"fence_dummy\"/>";
        }
        for at in 0..self.resources.len() {
            self.write_resource(&mut xml, at);
        }
        xml += "</resources><constraints>";
        for (number, constraint) in &self.constraints {
            let id = |at: usize| self.resources[at].id.as_str();
            match constraint {
                Constraint::Location { rsc, node, score } => write!(
                    xml,
                    "<rsc_location id=\"c{number}\" rsc=\"{}\" node=\"{}\" score=\"{score}\"/>",
                    id(*rsc),
                    self.nodes[*node].name
                ),
                Constraint::Colocation { rsc, with, score } => write!(
                    xml,
                    "<rsc_colocation id=\"c{number}\" rsc=\"{}\" with-rsc=\"{}\" score=\"{score}\"/>",
                    id(*rsc),
                    id(*with)
                ),
                Constraint::Order { first, then, mandatory } => write!(
                    xml,
                    "<rsc_order id=\"c{number}\" first=\"{}\" then=\"{}\" kind=\"{}\"/>",
                    id(*first),
                    id(*then),
                    if *mandatory { "Mandatory" } else { "Optional" }
                ),
            }
            .expect("strings can be written");
        }
        write!(
            xml,
            "</constraints><rsc_defaults><meta_attributes id=\"d\"><nvpair id=\"d-s\" \
             name=\"resource-stickiness\" value=\"{}\"/></meta_attributes></rsc_defaults></configuration>\
             <status/></cib>",
            self.stickiness
        )
        .expect("strings can be written");
        xml
    }

    fn write_resource(&self, xml: &mut String, at: usize) {
        let resource = &self.resources[at];
        let id = &resource.id;
        let mut meta = format!("<meta_attributes id=\"{id}-meta\">");
        if let Some(stickiness) = resource.stickiness {
            option(&mut meta, id, "resource-stickiness", &stickiness.to_string());
        }
        if resource.stopped {
            option(&mut meta, id, "target-role", "Stopped");
        }
        let cloned = matches!(resource.kind, Kind::Clone | Kind::Promotable);
        if cloned {
            if let Some(max) = resource.clone_max {
                option(&mut meta, id, "clone-max", &max.to_string());
            }
            option(&mut meta, id, "clone-node-max", &resource.node_max.to_string());
            option(&mut meta, id, "interleave", &resource.interleave.to_string());
            option(&mut meta, id, "globally-unique", &resource.unique.to_string());
        }
        if resource.kind == Kind::Promotable {
            option(&mut meta, id, "promotable", "true");
            option(&mut meta, id, "promoted-max", &resource.promoted_max.to_string());
        }
        meta += "</meta_attributes>";
        let inner: String = self.primitives(at).iter().map(|name| primitive(name, resource, "")).collect();
        *xml += &match (resource.kind, resource.members.is_empty()) {
            (Kind::Primitive, _) => primitive(id, resource, &meta),
            (Kind::Group, _) => format!("<group id=\"{id}\">{meta}{inner}</group>"),
            (_, true) => format!("<clone id=\"{id}\">{meta}{inner}</clone>"),
            (_, false) => format!("<clone id=\"{id}\">{meta}<group id=\"{id}g\">{inner}</group></clone>"),
        };
    }
}

fn primitive(id: &str, resource: &Resource, meta: &str) -> String {
    let operations = match (resource.monitored, resource.kind) {
        (false, _) => String::new(),
        (true, Kind::Promotable) => format!(
            "<operations><op id=\"{id}-m\" name=\"monitor\" interval=\"10s\"/>\
             <op id=\"{id}-p\" name=\"monitor\" interval=\"5s\" role=\"Promoted\"/></operations>"
        ),
        (true, _) => {
            format!("<operations><op id=\"{id}-m\" name=\"monitor\" interval=\"10s\"/></operations>")
        }
    };
    let agent = if resource.kind == Kind::Promotable { "Stateful" } else { "Dummy" };
    format!(
        "<primitive id=\"{id}\" class=\"ocf\" provider=\"pacemaker\" type=\"{agent}\">{meta}{operations}</primitive>"
    )
}

fn option(xml: &mut String, set: &str, name: &str, value: &str) {
    write!(xml, "<nvpair id=\"{set}-{name}\" name=\"{name}\" value=\"{value}\"/>")
        .expect("strings can be written");
}
