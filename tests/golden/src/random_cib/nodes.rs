//! Random nodes and their states.

use super::{Element, Maker, NOW, Pairs, element};

const NAMES: [&str; 10] = [
    "node1",
    "node2",
    "node3",
    "node10",
    "alpha",
    "Beta",
    "n02",
    "n2",
    "db-1.example.com",
    "db-11.example.com",
];

impl Maker {
    /// The section `nodes`.
    pub(super) fn nodes(&mut self) -> Element {
        let mut section = element("nodes");
        let mut names = NAMES;
        if self.random.chance(30) {
            self.random.shuffle(&mut names);
        }
        let mut count = [1, 2, 2, 3, 3, 3, 4, 5][self.random.below(8)];
        if self.taste.large {
            count += 1 + self.random.below(5);
        }
        for (at, name) in names.iter().take(count).enumerate() {
            let id = if self.random.chance(85) { (at + 1).to_string() } else { format!("uuid-{name}") };
            let mut attributes = Pairs::new("instance_attributes", &format!("attributes-{name}"));
            if self.random.chance(6) {
                attributes.set("standby", self.random.pick(&["true", "on", "off"]));
            }
            if self.random.chance(4) {
                attributes.set("maintenance", "true");
            }
            if self.taste.rules || self.random.chance(15) {
                attributes.set("site", self.random.pick(&["a", "b", "c"]));
                if self.random.chance(50) {
                    attributes.set("rack", self.random.pick(&["1", "2", "10"]));
                }
            }
            if self.taste.health {
                self.health(&mut attributes);
            }
            let mut node =
                element("node").with("id", &id).with("uname", name).child_unless_empty(attributes.finish());
            if self.taste.utilization && self.random.chance(90) {
                let mut capacity = Pairs::new("utilization", &format!("capacity-{name}"));
                capacity.set("cpu", 1 + self.random.below(8));
                if self.random.chance(60) {
                    capacity.set("memory", 512 * (1 + self.random.below(8)));
                }
                node.push(capacity.finish());
            }
            section.push(node);
            self.names.nodes.push(((*name).to_owned(), id));
        }
        section
    }

    fn health(&mut self, attributes: &mut Pairs) {
        for name in ["#health-disk", "#health-cpu"] {
            if self.random.chance(35) {
                attributes.set(name, self.random.pick(&["red", "yellow", "green", "-20", "10"]));
            }
        }
    }

    /// The section `status`, without history.
    pub(super) fn status(&mut self) -> Element {
        let mut section = element("status");
        if self.taste.tickets {
            let mut tickets = element("tickets");
            for name in ["ticketA", "ticketB"] {
                if self.random.chance(70) {
                    let granted = self.random.chance(60);
                    let mut state = element("ticket_state").with("id", name).with("granted", granted);
                    if self.random.chance(70) {
                        state = state.with("last-granted", NOW - 5_000);
                    }
                    if self.random.chance(15) {
                        state = state.with("standby", "true");
                    }
                    tickets.push(state);
                }
            }
            section = section.child_unless_empty(tickets);
        }
        let mut nodes = self.names.nodes.clone();
        if self.random.chance(30) {
            self.random.shuffle(&mut nodes);
        }
        for (name, id) in nodes {
            if self.random.chance(if self.taste.node_states { 6 } else { 1 }) {
                continue;
            }
            let mut state = element("node_state").with("id", &id).with("uname", &name);
            let (in_ccm, crmd, join, expected) =
                match if self.taste.node_states { self.random.below(14) } else { 13 } {
                    0 => ("false", "offline", "down", "down"),
                    1 => ("false", "offline", "member", "member"),
                    2 => ("true", "offline", "member", "member"),
                    3 => ("true", "online", "pending", "member"),
                    4 => ("true", "online", "down", "down"),
                    _ => ("true", "online", "member", "member"),
                };
            for (attribute, value) in
                [("in_ccm", in_ccm), ("crmd", crmd), ("join", join), ("expected", expected)]
            {
                state = state.with(attribute, value);
            }
            let mut attributes = Pairs::new("instance_attributes", &format!("status-{name}"));
            self.transient(&mut attributes);
            let attributes = attributes.finish();
            if !attributes.is_empty() {
                state.push(element("transient_attributes").with("id", &id).child(attributes));
            }
            section.push(state.child(element("lrm").with("id", &id).child(element("lrm_resources"))));
        }
        section
    }

    fn transient(&mut self, attributes: &mut Pairs) {
        if self.taste.rules && self.random.chance(60) {
            attributes.set("pingd", self.random.pick(&["0", "100", "1000", "none"]));
        }
        if self.taste.health && self.random.chance(25) {
            attributes.set("#health-ram", self.random.pick(&["red", "yellow", "green"]));
        }
        if self.taste.node_states && self.random.chance(5) {
            attributes.set("shutdown", NOW - 60);
        }
        if self.taste.node_states && self.random.chance(3) {
            attributes.set("terminate", "true");
        }
        if self.random.chance(4) {
            attributes.set("standby", "on");
        }
        if self.taste.promotable {
            let names: Vec<String> = self.names.agents.clone();
            for name in names {
                if self.random.chance(40) {
                    let score = self.random.pick(&["5", "10", "100", "-5", "INFINITY", "1", "0"]);
                    attributes.set(&format!("master-{name}"), score);
                }
            }
        }
    }
}
