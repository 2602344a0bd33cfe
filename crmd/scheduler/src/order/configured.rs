//! `rsc_order` constraints: kinds, symmetry, sets, and how many instances it takes.
//!
//! Knows configured orderings, tags and templates in them. Does not know implied ones.

use super::relation as ar;
use super::tables::End;
use crate::actions::kinds::{Key, Task};
use crate::actions::plan::Plan;
use crate::facts::{Facts, RscIx};
use holdfast_model::config::{Order, OrderKind, OrderSets, ResourceSet};
use holdfast_model::score::parse_leading_integer;
use holdfast_model::{Level, Problem, Role, Score, boolean};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Which of the relations that one constraint stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symmetry {
    /// The only one.
    Asymmetric,
    /// The one as written.
    Symmetric,
    /// The one for the way back.
    Inverse,
}

fn kind_of(kind: Option<&str>, score: Option<&str>) -> OrderKind {
    match (kind, score) {
        (Some("Optional"), _) => OrderKind::Optional,
        (Some("Serialize"), _) => OrderKind::Serialize,
        (Some(_), _) => OrderKind::Mandatory,
        (None, Some(score)) if Score::parse(score).unwrap_or(Score::ZERO) == Score::ZERO => {
            OrderKind::Optional
        }
        (None, _) => OrderKind::Mandatory,
    }
}

fn symmetry_of(kind: OrderKind, symmetrical: Option<&str>) -> Symmetry {
    match (symmetrical.and_then(boolean::parse_bool), kind) {
        (Some(true) | None, OrderKind::Optional | OrderKind::Mandatory) => Symmetry::Symmetric,
        (Some(true) | None, OrderKind::Serialize) | (Some(false), _) => Symmetry::Asymmetric,
    }
}

fn flags_of(kind: OrderKind, first: Option<Task>, symmetry: Symmetry) -> u32 {
    match (kind, symmetry) {
        (OrderKind::Optional, _) => ar::ORDERED,
        (OrderKind::Serialize, _) => ar::SERIALIZE,
        (OrderKind::Mandatory, Symmetry::Asymmetric) => ar::ORDERED | ar::ASYMMETRIC,
        (OrderKind::Mandatory, Symmetry::Symmetric) => {
            let up = if first.is_some_and(Task::is_up) { ar::UNRUNNABLE_FIRST_BLOCKS } else { 0 };
            ar::ORDERED | ar::FIRST_IMPLIES_THEN | up
        }
        (OrderKind::Mandatory, Symmetry::Inverse) => ar::ORDERED | ar::THEN_IMPLIES_FIRST,
    }
}

/// Resources by the names that constraints may use: by id, or by the name the history uses for an instance, which
/// then stands for the whole clone. The first in resource order wins.
pub(crate) fn index_names<'f>(facts: &'f Facts<'_>) -> BTreeMap<&'f str, RscIx> {
    let mut index = BTreeMap::new();
    for top in &facts.top {
        index_inside(facts, *top, *top, &mut index);
    }
    index
}

fn index_inside<'f>(facts: &'f Facts<'_>, rsc: RscIx, top: RscIx, index: &mut BTreeMap<&'f str, RscIx>) {
    let data = &facts.rscs[rsc];
    index.entry(&data.id).or_insert(rsc);
    let top = if data.parent.is_some_and(|parent| facts.rscs[parent].is_bundle()) { rsc } else { top };
    if let Some(history) = &data.history_id {
        index.entry(history).or_insert(top);
    }
    for child in &data.children {
        index_inside(facts, *child, top, index);
    }
}

/// Resources behind a name: itself, or the members of a tag or template.
enum Meaning {
    Resource,
    Several(Vec<String>),
}

impl Plan<'_> {
    fn meaning(&self, name: &str) -> Option<Meaning> {
        if self.find_constrained(name).is_some() {
            return Some(Meaning::Resource);
        }
        let facts = self.facts;
        let several = facts.templates.get(name).or_else(|| facts.tags.get(name))?;
        (!several.is_empty()).then(|| Meaning::Several(several.clone()))
    }

    fn find_constrained(&self, name: &str) -> Option<RscIx> {
        self.by_name.get(name).copied()
    }

    /// Unpacks a constraint between two names.
    pub(crate) fn order_pair(&mut self, order: &Order) {
        let (Some(first), Some(then)) = (self.meaning(&order.first), self.meaning(&order.then)) else {
            let message = format!(
                "ignored: \"{}\" or \"{}\" is not a resource, template or tag",
                order.first, order.then
            );
            self.problems.push(Problem::new(Level::Error, "rsc_order", &order.id, message));
            return;
        };
        if let (Meaning::Resource, Meaning::Resource) = (&first, &then) {
            self.order_two(order);
            return;
        }
        let set = |name: &str, meaning: Meaning, action: &Option<String>| match meaning {
            Meaning::Resource => ResourceSet {
                id: name.to_owned(),
                action: action.clone(),
                members: vec![name.to_owned()],
                ..ResourceSet::default()
            },
            Meaning::Several(members) => ResourceSet {
                id: name.to_owned(),
                action: action.clone(),
                sequential: Some("false".to_owned()),
                members,
                ..ResourceSet::default()
            },
        };
        let sets = OrderSets {
            id: order.id.clone(),
            kind: order.kind.clone(),
            score: order.score.clone(),
            symmetrical: order.symmetrical.clone(),
            sets: vec![
                set(&order.first, first, &order.first_action),
                set(&order.then, then, &order.then_action),
            ],
        };
        self.order_sets(&sets);
    }

    fn order_two(&mut self, order: &Order) {
        let (Some(first), Some(then)) =
            (self.find_constrained(&order.first), self.find_constrained(&order.then))
        else {
            return;
        };
        let first_name = order.first_action.as_deref().unwrap_or("start");
        let first_task = self.task(first_name);
        let then_task = self.task(order.then_action.as_deref().unwrap_or(first_name));
        let kind = kind_of(order.kind.as_deref(), order.score.as_deref());
        let symmetry = symmetry_of(kind, order.symmetrical.as_deref());
        let flags = flags_of(kind, Some(first_task), symmetry);
        let needed = self.instances_needed(first, order.require_all.as_deref());
        if needed > 0 {
            let enough = self.named_milestone(&format!("clone-one-or-more:{}", order.id));
            self.act_mut(enough).required_before = needed;
            for child in self.rscs[first].children.clone() {
                self.order(
                    End::task(child, first_task),
                    End::Action(enough),
                    ar::MIN_RUNNABLE | ar::FIRST_IMPLIES_THEN_GRAPHED,
                );
            }
            let flags = flags | ar::UNRUNNABLE_FIRST_BLOCKS;
            self.order(End::Action(enough), End::Key(then, Key::Op(then_task, 0)), flags);
        } else {
            self.order_tasks(first, first_task, then, then_task, flags);
        }
        if symmetry == Symmetry::Symmetric
            && let (Some(first_back), Some(then_back)) = (first_task.inverse(), then_task.inverse())
        {
            let flags = flags_of(kind, Some(first_back), Symmetry::Inverse);
            self.order_tasks(then, then_back, first, first_back, flags);
        }
    }

    /// How many instances of a clone have to be up first (0: all that will be).
    fn instances_needed(&self, first: RscIx, require_all: Option<&str>) -> u32 {
        if !self.rsc(first).is_clone() {
            return 0;
        }
        if let Some(min) = self.rsc(first).meta("clone-min") {
            return parse_leading_integer(min).and_then(|min| u32::try_from(min).ok()).unwrap_or(0);
        }
        match require_all {
            Some(text) if boolean::parse_bool(text) != Some(true) => 1,
            _ => 0,
        }
    }

    /// Unpacks a constraint made of sets.
    pub(crate) fn order_sets(&mut self, order: &OrderSets) {
        let kind = kind_of(order.kind.as_deref(), order.score.as_deref());
        let symmetry = symmetry_of(kind, order.symmetrical.as_deref());
        let sets = self.expanded_sets(order);
        let mut last: Option<(&ResourceSet, Vec<RscIx>)> = None;
        for set in sets.iter() {
            let Some(members) =
                set.members.iter().map(|name| self.find_constrained(name)).collect::<Option<Vec<RscIx>>>()
            else {
                return;
            };
            self.order_inside(set, &members, kind, order.symmetrical.as_deref());
            if let Some((before, before_members)) = &last {
                self.order_between((before, before_members), (set, &members), kind, symmetry);
                if symmetry == Symmetry::Symmetric {
                    self.order_between((set, &members), (before, before_members), kind, Symmetry::Inverse);
                }
            }
            last = Some((set, members));
        }
    }

    /// The sets with tags and templates replaced by what they stand for; as written when a name is unknown, in which
    /// case the sets before the one that has it still count.
    fn expanded_sets<'o>(&mut self, order: &'o OrderSets) -> Cow<'o, [ResourceSet]> {
        let mut sets: Vec<ResourceSet> = Vec::with_capacity(order.sets.len());
        for set in &order.sets {
            let mut members = Vec::new();
            for name in &set.members {
                match self.meaning(name) {
                    Some(Meaning::Resource) => members.push(name.clone()),
                    Some(Meaning::Several(several)) => members.extend(several),
                    None => {
                        let message = format!(
                            "\"{name}\" is not a resource, template or tag: its set and those after it are ignored"
                        );
                        self.problems.push(Problem::new(Level::Error, "rsc_order", &order.id, message));
                        return Cow::Borrowed(&order.sets);
                    }
                }
            }
            sets.push(ResourceSet { members, ..set.clone() });
        }
        Cow::Owned(sets)
    }

    fn order_inside(
        &mut self,
        set: &ResourceSet,
        members: &[RscIx],
        parent_kind: OrderKind,
        symmetrical: Option<&str>,
    ) {
        let task = self.task(set.action.as_deref().unwrap_or("start"));
        let kind = if set.kind.is_some() { kind_of(set.kind.as_deref(), None) } else { parent_kind };
        let sequential = set.sequential.is_none() || boolean::is_true(set.sequential.as_deref());
        let own_kind = if set.kind.is_some() || set.score.is_some() {
            kind_of(set.kind.as_deref(), set.score.as_deref())
        } else {
            parent_kind
        };
        let symmetry = symmetry_of(own_kind, symmetrical);
        if members.len() == 1 {
            return;
        }
        let flags = flags_of(kind, Some(task), symmetry);
        if kind == OrderKind::Serialize {
            for (at, first) in members.iter().enumerate() {
                for then in &members[at + 1..] {
                    self.order_tasks(*first, task, *then, task, flags);
                }
            }
        } else if sequential {
            for pair in members.windows(2) {
                self.order_tasks(pair[0], task, pair[1], task, flags);
            }
        }
        if symmetry == Symmetry::Asymmetric || !sequential {
            return;
        }
        let Some(back) = task.inverse() else {
            return;
        };
        let flags = flags_of(kind, Some(back), Symmetry::Inverse);
        for pair in members.windows(2) {
            self.order_tasks(pair[1], back, pair[0], back, flags);
        }
    }

    fn order_between(
        &mut self,
        first: (&ResourceSet, &[RscIx]),
        then: (&ResourceSet, &[RscIx]),
        kind: OrderKind,
        symmetry: Symmetry,
    ) {
        let inverse = symmetry == Symmetry::Inverse;
        let mut first_task = self.task(first.0.action.as_deref().unwrap_or("start"));
        let mut then_task = self.task(then.0.action.as_deref().unwrap_or("start"));
        if inverse {
            let (Some(first_back), Some(then_back)) = (first_task.inverse(), then_task.inverse()) else {
                return;
            };
            (first_task, then_task) = (first_back, then_back);
        }
        let mut require_all = first.0.require_all.as_deref().and_then(boolean::parse_bool).unwrap_or(true);
        if matches!(first_task, Task::Stop | Task::Demote) {
            require_all = true;
        }
        let flags = flags_of(kind, Some(first_task), symmetry);
        if !require_all {
            let any = self.named_milestone(&format!("one-or-more:{}", first.0.id));
            self.act_mut(any).required_before = 1;
            for rsc in first.1 {
                self.order(
                    End::task(*rsc, first_task),
                    End::Action(any),
                    ar::MIN_RUNNABLE | ar::FIRST_IMPLIES_THEN_GRAPHED,
                );
            }
            for rsc in then.1 {
                let flags = flags | ar::UNRUNNABLE_FIRST_BLOCKS;
                self.order(End::Action(any), End::Key(*rsc, Key::Op(then_task, 0)), flags);
            }
            return;
        }
        let ends = |members: &[RscIx], set: &ResourceSet, last: bool| -> Vec<RscIx> {
            if boolean::is_true(set.sequential.as_deref()) {
                let one = if last { members.last() } else { members.first() };
                one.copied().into_iter().collect()
            } else {
                members.to_vec()
            }
        };
        let firsts = ends(first.1, first.0, !inverse);
        let thens = ends(then.1, then.0, inverse);
        for first in &firsts {
            for then in &thens {
                self.order_tasks(*first, first_task, *then, then_task, flags);
            }
        }
    }

    /// Members of a colocation that forbids the same node: whoever leaves goes before the other comes.
    pub(crate) fn order_apart(&mut self, one: RscIx, one_role: Role, other: RscIx, other_role: Role) {
        let leaving: &[Task] = match one_role {
            Role::Promoted => &[Task::Demote],
            Role::Unpromoted => &[Task::Stop, Task::Promote],
            Role::Unknown | Role::Stopped | Role::Started => &[Task::Stop],
        };
        let coming: &[Task] = match other_role {
            Role::Promoted => &[Task::Promote],
            Role::Unpromoted => &[Task::Start, Task::Demote],
            Role::Unknown | Role::Stopped | Role::Started => &[Task::Start],
        };
        for first in leaving {
            for then in coming {
                self.order_tasks(one, *first, other, *then, ar::IF_REQUIRED_ON_SAME_NODE);
            }
        }
    }
}
