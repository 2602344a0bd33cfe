//! Reading constraints.

use holdfast_xml::Element;

use super::{Reader, owned};
use crate::config::{
    Colocation, ColocationSets, Constraint, Constraints, Location, LocationTarget, Order, OrderSets,
    ResourceSet, TicketConstraint,
};
use crate::problem::Level;

impl<'d> Reader<'d> {
    pub(super) fn constraints(&mut self, section: Element<'d>, constraints: &mut Constraints) {
        for element in section.children() {
            let Some(element) = self.resolve(element) else { continue };
            let Some(id) = element.attr("id") else {
                self.problem(Level::Error, element, "ignored: a constraint needs an id");
                continue;
            };
            let id = id.to_owned();
            let sets = self.resource_sets(element);
            let text = |name: &str| owned(element.attr(name));
            let constraint = match element.name() {
                "rsc_location" => self.location(element, id, sets).map(Constraint::Location),
                "rsc_colocation" if sets.is_empty() => Some(Constraint::Colocation(Colocation {
                    id,
                    score: text("score"),
                    rsc: text("rsc").unwrap_or_default(),
                    rsc_role: text("rsc-role"),
                    with_rsc: text("with-rsc").unwrap_or_default(),
                    with_rsc_role: text("with-rsc-role"),
                    node_attribute: text("node-attribute"),
                    influence: text("influence"),
                })),
                "rsc_colocation" => Some(Constraint::ColocationSets(ColocationSets {
                    id,
                    score: text("score"),
                    node_attribute: text("node-attribute"),
                    influence: text("influence"),
                    sets,
                })),
                "rsc_order" if sets.is_empty() => Some(Constraint::Order(Order {
                    id,
                    first: text("first").unwrap_or_default(),
                    first_action: text("first-action"),
                    then: text("then").unwrap_or_default(),
                    then_action: text("then-action"),
                    kind: text("kind"),
                    score: text("score"),
                    symmetrical: text("symmetrical"),
                    require_all: text("require-all"),
                })),
                "rsc_order" => Some(Constraint::OrderSets(OrderSets {
                    id,
                    kind: text("kind"),
                    score: text("score"),
                    symmetrical: text("symmetrical"),
                    sets,
                })),
                "rsc_ticket" => Some(Constraint::Ticket(TicketConstraint {
                    id,
                    ticket: text("ticket").unwrap_or_default(),
                    loss_policy: text("loss-policy"),
                    rsc: text("rsc"),
                    rsc_role: text("rsc-role"),
                    sets,
                })),
                other => {
                    let message = format!("ignored: <{other}> is no kind of constraint");
                    self.problem(Level::Error, element, message);
                    None
                }
            };
            constraints.all.extend(constraint);
        }
    }

    fn resource_sets(&mut self, element: Element<'d>) -> Vec<ResourceSet> {
        let mut sets = Vec::new();
        for set in element.children_named("resource_set") {
            let Some(set) = self.resolve(set) else { continue };
            let text = |name: &str| owned(set.attr(name));
            sets.push(ResourceSet {
                id: text("id").unwrap_or_default(),
                sequential: text("sequential"),
                require_all: text("require-all"),
                ordering: text("ordering"),
                action: text("action"),
                role: text("role"),
                score: text("score"),
                kind: text("kind"),
                members: set
                    .children_named("resource_ref")
                    .filter_map(|member| owned(member.attr("id")))
                    .collect(),
            });
        }
        sets
    }

    fn location(&mut self, element: Element<'d>, id: String, sets: Vec<ResourceSet>) -> Option<Location> {
        let target = if !sets.is_empty() {
            LocationTarget::Sets(sets)
        } else if let Some(rsc) = element.attr("rsc") {
            LocationTarget::Resource(rsc.to_owned())
        } else if let Some(pattern) = element.attr("rsc-pattern") {
            match pattern.strip_prefix('!') {
                Some(rest) => LocationTarget::Pattern { pattern: rest.to_owned(), negated: true },
                None => LocationTarget::Pattern { pattern: pattern.to_owned(), negated: false },
            }
        } else {
            self.problem(
                Level::Error,
                element,
                "ignored: it names no resource (rsc, rsc-pattern or resource_set)",
            );
            return None;
        };
        let mut rules = Vec::new();
        for rule in element.children_named("rule") {
            rules.push(super::rule(self, rule));
        }
        let lifetime = element.child("lifetime").and_then(|lifetime| lifetime.child("rule"));
        Some(Location {
            id,
            target,
            node: owned(element.attr("node")),
            score: owned(element.attr("score")),
            role: owned(element.attr("role")),
            discovery: owned(element.attr("resource-discovery")),
            lifetime: lifetime.map(|rule| super::rule(self, rule)),
            rules,
        })
    }
}
