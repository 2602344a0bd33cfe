//! Random constraints and fencing levels.

use super::{Element, Maker, What, element};

/// Makes a constraint, unless what was drawn does not fit together.
type Make = fn(&mut Maker) -> Option<Element>;

impl Maker {
    /// The section `constraints`.
    pub(super) fn constraints(&mut self) -> Element {
        let mut section = element("constraints");
        let size = self.names.top.len();
        let kinds: [(bool, Make); 4] = [
            (self.taste.locations, Maker::location),
            (self.taste.colocations, Maker::colocation),
            (self.taste.orders, Maker::order),
            (self.taste.tickets, Maker::ticket),
        ];
        for (wanted, make) in kinds {
            if !wanted {
                continue;
            }
            let most = if self.taste.large { size } else { size.min(4) };
            for _ in 0..=self.random.below(most + 1) {
                if let Some(constraint) = make(self) {
                    section.push(constraint);
                }
            }
        }
        section
    }

    /// A resource or tag that a constraint may name, and whether it has roles.
    fn target(&mut self) -> (String, bool) {
        if !self.names.tags.is_empty() && self.random.chance(20) {
            let at = self.random.below(self.names.tags.len());
            return (self.names.tags[at].0.clone(), false);
        }
        if !self.names.members.is_empty() && self.random.chance(12) {
            let at = self.random.below(self.names.members.len());
            return (self.names.members[at].clone(), false);
        }
        if !self.names.devices.is_empty() && self.random.chance(4) {
            let at = self.random.below(self.names.devices.len());
            return (self.names.devices[at].clone(), false);
        }
        let at = self.random.below(self.names.top.len());
        let (id, what) = self.names.top[at].clone();
        (id, what == What::Promotable)
    }

    fn location(&mut self) -> Option<Element> {
        let (target, roles) = self.target();
        let mut location = element("rsc_location").with("id", format!("loc{}", self.next()));
        location = match self.random.below(12) {
            0 if self.taste.sets => {
                let sets = self.set(2, true, |set, _| set);
                location.children(sets)
            }
            1 => location.with("rsc-pattern", self.random.pick(&["^r[1-4]$", "r.*", "!r[3-9]", "m0$"])),
            _ => location.with("rsc", target),
        };
        if self.random.chance(8) {
            location =
                location.with("resource-discovery", self.random.pick(&["always", "never", "exclusive"]));
        }
        if roles && self.random.chance(40) {
            location = location.with("role", self.random.pick(&["Promoted", "Started", "Unpromoted"]));
        }
        if self.taste.rules && self.random.chance(60) {
            let mut rule = self.rule(true);
            rule = if self.random.chance(15) {
                let name = self.random.pick(&["pingd", "rack"]);
                // Nodes without the attribute were banned by older versions, and are left alone by newer ones.
                let id = format!("defined{}", self.next());
                element("rule").with("id", &id).with("score-attribute", name).child(
                    element("expression")
                        .with("id", format!("{id}-0"))
                        .with("attribute", name)
                        .with("operation", "defined"),
                )
            } else {
                let score = self.score();
                rule.with("score", score)
            };
            if roles && self.random.chance(30) {
                rule = rule.with("role", "Promoted");
            }
            return Some(location.child(rule));
        }
        let (node, score) = (self.node_name(), self.score());
        Some(location.with("node", node).with("score", score))
    }

    /// Sets of members that are all different; without circles in their order of definition. `finish` adds what the
    /// kind of constraint knows.
    fn set(
        &mut self,
        most: usize,
        circles: bool,
        mut finish: impl FnMut(Element, &mut Maker) -> Element,
    ) -> Vec<Element> {
        let mut names: Vec<String> = self.names.top.iter().map(|(id, _)| id.clone()).collect();
        if circles {
            self.random.shuffle(&mut names);
        } else {
            names.reverse();
            names.retain(|_| self.random.chance(75));
        }
        let mut sets = Vec::new();
        for _ in 0..1 + self.random.below(most) {
            let count = 1 + self.random.below(3);
            let mut members: Vec<String> = names.split_off(names.len().saturating_sub(count));
            members.reverse();
            if members.is_empty() {
                break;
            }
            let mut set = element("resource_set").with("id", format!("set{}", self.next()));
            set = finish(set, self);
            sets.push(set.children(members.iter().map(|id| element("resource_ref").with("id", id))));
        }
        sets
    }

    fn colocation(&mut self) -> Option<Element> {
        let colocation = element("rsc_colocation").with("id", format!("col{}", self.next()));
        let score = self.score();
        if self.taste.sets && self.random.chance(40) {
            let sets = self.set(3, true, |mut set, maker| {
                if maker.random.chance(50) {
                    set = set.with("sequential", maker.random.chance(50));
                }
                if maker.taste.promotable && maker.random.chance(10) {
                    set = set.with("role", maker.random.pick(&["Promoted", "Started"]));
                }
                set
            });
            return Some(colocation.with("score", score).children(sets));
        }
        let ((rsc, roles), (with, with_roles)) = (self.target(), self.target());
        if rsc == with {
            return None;
        }
        let mut colocation = colocation.with("rsc", rsc).with("with-rsc", with).with("score", score);
        if roles && self.random.chance(30) {
            colocation =
                colocation.with("rsc-role", self.random.pick(&["Promoted", "Started", "Unpromoted"]));
        }
        if with_roles && self.random.chance(60) {
            colocation =
                colocation.with("with-rsc-role", self.random.pick(&["Promoted", "Started", "Unpromoted"]));
        }
        if self.random.chance(8) {
            colocation = colocation.with("node-attribute", "site");
        }
        if self.random.chance(10) {
            colocation = colocation.with("influence", self.random.chance(40));
        }
        Some(colocation)
    }

    /// The first and the last place among top-level resources of what a name stands for; fence devices come first.
    fn places(&self, name: &str) -> (usize, usize) {
        let place = |name: &str| {
            let found = self.names.top.iter().position(|(id, _)| {
                id == name || name.strip_prefix(id.as_str()).is_some_and(|rest| rest.starts_with('m'))
            });
            found.map_or(0, |at| at + 1)
        };
        match self.names.tags.iter().find(|(id, _)| id == name) {
            Some((_, members)) => {
                let places = members.iter().map(|member| place(member));
                (places.clone().min().unwrap_or(0), places.max().unwrap_or(0))
            }
            None => (place(name), place(name)),
        }
    }

    fn order(&mut self) -> Option<Element> {
        let mut order = element("rsc_order").with("id", format!("ord{}", self.next()));
        match self.random.below(10) {
            0..=4 => {}
            5 | 6 => order = order.with("kind", "Optional"),
            7 => order = order.with("kind", "Serialize"),
            _ => order = order.with("kind", "Mandatory"),
        }
        if self.random.chance(15) {
            order = order.with("symmetrical", self.random.chance(30));
        }
        if self.taste.sets && self.random.chance(40) {
            let sets = self.set(3, false, |mut set, maker| {
                if maker.random.chance(50) {
                    set = set.with("sequential", maker.random.chance(50));
                }
                if maker.random.chance(30) {
                    set = set.with("require-all", maker.random.chance(40));
                }
                set
            });
            return Some(order.children(sets));
        }
        let ((first, first_roles), (then, then_roles)) = (self.target(), self.target());
        // No circles: from earlier to later resources only.
        let (before, after) = (self.places(&first), self.places(&then));
        let (first, first_roles, then, then_roles) = if before.1 < after.0 {
            (first, first_roles, then, then_roles)
        } else if after.1 < before.0 {
            (then, then_roles, first, first_roles)
        } else {
            return None;
        };
        order = order.with("first", first).with("then", then);
        if self.random.chance(30) {
            let actions: &[&str] =
                if first_roles { &["start", "promote", "stop", "demote"] } else { &["start", "stop"] };
            order = order.with("first-action", self.random.pick(actions));
        }
        if self.random.chance(30) {
            let actions: &[&str] =
                if then_roles { &["start", "promote", "stop", "demote"] } else { &["start", "stop"] };
            order = order.with("then-action", self.random.pick(actions));
        }
        if self.random.chance(5) {
            order = order.with("require-all", "false");
        }
        Some(order)
    }

    fn ticket(&mut self) -> Option<Element> {
        let (rsc, roles) = self.target();
        let name = self.random.pick(&["ticketA", "ticketB"]);
        let mut ticket = element("rsc_ticket")
            .with("id", format!("tic{}", self.next()))
            .with("ticket", name)
            .with("rsc", rsc);
        if self.random.chance(70) {
            let policies: &[&str] = if self.taste.fencing {
                &["stop", "demote", "freeze", "fence"]
            } else {
                &["stop", "demote", "freeze"]
            };
            ticket = ticket.with("loss-policy", self.random.pick(policies));
        }
        if roles && self.random.chance(50) {
            ticket = ticket.with("rsc-role", self.random.pick(&["Promoted", "Started"]));
        }
        Some(ticket)
    }

    /// The section `fencing-topology`.
    pub(super) fn topology(&mut self) -> Element {
        let mut section = element("fencing-topology");
        if !self.taste.topology || self.names.devices.is_empty() {
            return section;
        }
        for index in 1..=1 + self.random.below(2) {
            let devices = self.names.devices.join(",");
            let node = self.node_name();
            let level = element("fencing-level").with("id", format!("level{}", self.next()));
            let level = match self.random.below(3) {
                0 => level.with("target-pattern", "node.*"),
                1 => level.with("target-attribute", "site").with("target-value", "a"),
                _ => level.with("target", node),
            };
            section.push(level.with("index", index).with("devices", devices));
        }
        section
    }
}
