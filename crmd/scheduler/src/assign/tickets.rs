//! Tickets that are not granted, or in standby, and what that means for placement.

use holdfast_model::config::{Constraint, TicketConstraint};
use holdfast_model::{Role, Score};

use super::{Assigner, Why};
use crate::constraints::colocation::constraint_role;
use crate::constraints::sets::{Named, Names};
use crate::facts::{Flags, NodeIx, RscIx};

/// What happens to resources that run without their ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Stop,
    Demote,
    Fence,
    Freeze,
}

/// A resource that needs a ticket which is not usable here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    rsc: RscIx,
    role: Role,
    granted: bool,
    loss: Loss,
    position: usize,
}

impl Assigner<'_> {
    /// Finds resources without their ticket and keeps them from running.
    pub(super) fn apply_tickets(&mut self) {
        let facts = self.facts;
        let names = Names::new(facts);
        for (position, constraint) in facts.cib.constraints.all.iter().enumerate() {
            if let Constraint::Ticket(ticket) = constraint {
                self.apply_ticket(&names, ticket, position);
            }
        }
    }

    fn apply_ticket(&mut self, names: &Names<'_>, constraint: &TicketConstraint, position: usize) {
        let (granted, standby) = match self.facts.tickets.get(&constraint.ticket) {
            Some(ticket) => (ticket.granted, ticket.standby),
            None => (false, false),
        };
        if granted && !standby {
            return;
        }
        let add = |assigner: &mut Self, name: &str, role: Option<&str>| {
            let (Some(rsc), Some(role)) = (names.resource(name), constraint_role(role)) else { return false };
            let loss = assigner.loss(constraint.loss_policy.as_deref(), role);
            let need = Need { rsc, role, granted, loss, position };
            assigner.tickets.push(need);
            assigner.without_ticket(rsc, &need);
            true
        };
        if let Some(name) = &constraint.rsc {
            let role = constraint.rsc_role.as_deref();
            match names.find(name) {
                Some(Named::Many(members)) => {
                    for member in members {
                        if !add(self, member, role) {
                            return;
                        }
                    }
                }
                Some(Named::Resource(_)) => {
                    add(self, name, role);
                }
                None => {}
            }
        }
        for set in names.expand(&constraint.sets).iter() {
            for member in &set.members {
                if !add(self, member, set.role.as_deref()) {
                    return;
                }
            }
        }
    }

    fn loss(&self, policy: Option<&str>, role: Role) -> Loss {
        let is = |word: &str| policy.is_some_and(|policy| policy.eq_ignore_ascii_case(word));
        if is("fence") {
            if self.facts.options.fencing { Loss::Fence } else { Loss::Stop }
        } else if is("freeze") {
            Loss::Freeze
        } else if is("demote") || (!is("stop") && role == Role::Promoted) {
            Loss::Demote
        } else {
            Loss::Stop
        }
    }

    fn without_ticket(&mut self, rsc: RscIx, need: &Need) {
        let children = self.work[rsc].children.clone();
        if !children.is_empty() {
            for child in children {
                self.without_ticket(child, need);
            }
            return;
        }
        let role_matches = need.role == Role::Unknown || need.role == self.work[rsc].role;
        let ban = if !need.granted && !self.active(rsc).is_empty() {
            match need.loss {
                Loss::Stop => true,
                Loss::Demote => need.role != Role::Promoted,
                Loss::Fence if role_matches => {
                    self.prefer(rsc, None, Score::MINUS_INFINITY, Why::Ticket);
                    for node in self.active(rsc).to_vec() {
                        self.fence_for_ticket(need.position, node);
                    }
                    false
                }
                Loss::Freeze if role_matches => {
                    self.work[rsc].managed = false;
                    self.work[rsc].blocked = true;
                    false
                }
                Loss::Fence | Loss::Freeze => false,
            }
        } else {
            need.role != Role::Promoted || need.loss == Loss::Stop
        };
        if ban {
            self.prefer(rsc, None, Score::MINUS_INFINITY, Why::Ticket);
        }
    }

    fn fence_for_ticket(&mut self, position: usize, node: NodeIx) {
        self.ticket_fencing.push((position, node));
        let connection = self.facts.nodes[node].connection;
        let launcher = connection.and_then(|connection| self.facts.rscs[connection].launcher);
        if self.facts.nodes[node].is_guest() {
            // A guest is recovered by its launcher instead.
            if let Some(launcher) = launcher.filter(|&launcher| self.managed(launcher)) {
                self.work[launcher].failed = true;
            }
        } else if let Some(left) = connection.filter(|&it| self.is(it, Flags::REMOVED_LAUNCHED))
            && launcher.is_none()
        {
            self.work[left].failed = true;
        } else {
            self.nodes[node].unclean = true;
        }
    }

    /// Nothing is promoted without the ticket that promotion needs.
    pub(super) fn require_promotion_tickets(&mut self, clone: RscIx) {
        let needed =
            self.tickets.iter().filter(|need| need.rsc == clone && need.role == Role::Promoted).count();
        for _ in 0..needed {
            self.prefer(clone, None, Score::MINUS_INFINITY, Why::Ticket);
        }
    }
}
