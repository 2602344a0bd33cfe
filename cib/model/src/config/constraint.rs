//! Constraints as configured: names are not resolved yet.

use crate::rule::Rule;

/// All constraints, each kind in document order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraints {
    /// Every constraint in document order, as the scheduler unpacks them one after the other.
    pub all: Vec<Constraint>,
}

/// One element of `constraints`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// `rsc_location`
    Location(Location),
    /// `rsc_colocation` between two resources
    Colocation(Colocation),
    /// `rsc_colocation` with sets
    ColocationSets(ColocationSets),
    /// `rsc_order` between two resources
    Order(Order),
    /// `rsc_order` with sets
    OrderSets(OrderSets),
    /// `rsc_ticket`
    Ticket(TicketConstraint),
}

/// When a resource may be probed on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ProbeMode {
    /// On every node.
    #[default]
    Always,
    /// Not on this node.
    Never,
    /// Only on nodes that say so.
    Exclusive,
}

/// Resources a location constraint speaks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocationTarget {
    /// `rsc`: a resource, template or tag
    Resource(String),
    /// `rsc-pattern`: extended regular expression, negated when it began with `!`
    Pattern {
        /// Expression without the `!`.
        pattern: String,
        /// Whether resources that do not match are meant.
        negated: bool,
    },
    /// `resource_set` elements
    Sets(Vec<ResourceSet>),
}

/// `rsc_location`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// `id`
    pub id: String,
    /// Resources concerned.
    pub target: LocationTarget,
    /// `node`
    pub node: Option<String>,
    /// `score` as written
    pub score: Option<String>,
    /// `role` as written
    pub role: Option<String>,
    /// `resource-discovery` as written
    pub discovery: Option<String>,
    /// Rules in document order.
    pub rules: Vec<Rule>,
    /// `lifetime` rule, in old documents
    pub lifetime: Option<Rule>,
}

/// `rsc_colocation` of one resource with another
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Colocation {
    /// `id`
    pub id: String,
    /// `score` as written
    pub score: Option<String>,
    /// `rsc`
    pub rsc: String,
    /// `rsc-role` as written
    pub rsc_role: Option<String>,
    /// `with-rsc`
    pub with_rsc: String,
    /// `with-rsc-role` as written
    pub with_rsc_role: Option<String>,
    /// `node-attribute`
    pub node_attribute: Option<String>,
    /// `influence` as written
    pub influence: Option<String>,
}

/// `rsc_colocation` made of sets
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColocationSets {
    /// `id`
    pub id: String,
    /// `score` as written
    pub score: Option<String>,
    /// `node-attribute`
    pub node_attribute: Option<String>,
    /// `influence` as written
    pub influence: Option<String>,
    /// Sets in document order.
    pub sets: Vec<ResourceSet>,
}

/// `resource_set`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourceSet {
    /// `id`
    pub id: String,
    /// `sequential` as written
    pub sequential: Option<String>,
    /// `require-all` as written
    pub require_all: Option<String>,
    /// `ordering` as written
    pub ordering: Option<String>,
    /// `action` as written
    pub action: Option<String>,
    /// `role` as written
    pub role: Option<String>,
    /// `score` as written
    pub score: Option<String>,
    /// `kind` as written
    pub kind: Option<String>,
    /// Ids of `resource_ref` elements.
    pub members: Vec<String>,
}

/// How strict an ordering is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrderKind {
    /// Only when both happen anyway.
    Optional,
    /// The second needs the first.
    #[default]
    Mandatory,
    /// Never at the same time.
    Serialize,
}

/// `rsc_order` between two resources
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// `id`
    pub id: String,
    /// `first`
    pub first: String,
    /// `first-action` as written
    pub first_action: Option<String>,
    /// `then`
    pub then: String,
    /// `then-action` as written
    pub then_action: Option<String>,
    /// `kind` as written
    pub kind: Option<String>,
    /// `score` as written (old way to say the kind)
    pub score: Option<String>,
    /// `symmetrical` as written
    pub symmetrical: Option<String>,
    /// `require-all` as written
    pub require_all: Option<String>,
}

/// `rsc_order` made of sets
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderSets {
    /// `id`
    pub id: String,
    /// `kind` as written
    pub kind: Option<String>,
    /// `score` as written (old way to say the kind)
    pub score: Option<String>,
    /// `symmetrical` as written
    pub symmetrical: Option<String>,
    /// Sets in document order.
    pub sets: Vec<ResourceSet>,
}

/// What happens to resources when a ticket is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TicketLoss {
    /// They are stopped.
    #[default]
    Stop,
    /// They are demoted.
    Demote,
    /// Their nodes are fenced.
    Fence,
    /// They become unmanaged.
    Freeze,
}

/// `rsc_ticket`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TicketConstraint {
    /// `id`
    pub id: String,
    /// `ticket`
    pub ticket: String,
    /// `loss-policy` as written
    pub loss_policy: Option<String>,
    /// `rsc` (empty when sets are used)
    pub rsc: Option<String>,
    /// `rsc-role` as written
    pub rsc_role: Option<String>,
    /// Sets in document order.
    pub sets: Vec<ResourceSet>,
}
