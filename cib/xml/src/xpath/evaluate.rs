//! Evaluating an expression on a document, with a bound on the work.

use super::axes;
use super::value::{Value, number_text};
use super::{Arithmetic, Axis, Compare, Expr, Hit, Node, Step, Test, XPathError};
use crate::document::{Document, Kind, NodeIx};

pub(super) fn select(
    expr: &Expr,
    document: &Document,
    context: NodeIx,
    limit: u64,
) -> Result<Vec<Hit>, XPathError> {
    let mut run = Run { document, budget: limit, ranks: None };
    let context = Context { item: Item::node(context.0), position: 1, size: 1 };
    match run.evaluate(&expr.tree, context) {
        Err(Exhausted) => Err(XPathError::TooMuchWork { expression: expr.source.clone(), limit }),
        Ok(Value::Set(items)) => Ok(items.iter().filter_map(|item| item.hit(document)).collect()),
        Ok(Value::Text(_) | Value::Number(_) | Value::Truth(_)) => {
            Err(XPathError::NotAPath { expression: expr.source.clone() })
        }
    }
}

pub(super) struct Exhausted;

pub(super) type Evaluated<T> = Result<T, Exhausted>;

/// A node, or the attribute of a node by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) node: u32,
    pub(super) attribute: Option<u32>,
}

impl Item {
    fn node(node: u32) -> Item {
        Item { node, attribute: None }
    }

    fn hit(self, document: &Document) -> Option<Hit> {
        match self.attribute {
            Some(at) => {
                let attr = document.attr_slice(self.node)[at as usize];
                Some(Hit::Attribute(NodeIx(self.node), document.names.get(attr.name).to_owned()))
            }
            None if self.node == 0 => None,
            None => Some(Hit::Node(NodeIx(self.node))),
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Context {
    pub(super) item: Item,
    pub(super) position: usize,
    pub(super) size: usize,
}

pub(super) struct Run<'a> {
    pub(super) document: &'a Document,
    budget: u64,
    /// Document order of every node, made when first needed.
    ranks: Option<Vec<u32>>,
}

impl Run<'_> {
    pub(super) fn spend(&mut self, work: usize) -> Evaluated<()> {
        self.budget = self.budget.checked_sub(work as u64).ok_or(Exhausted)?;
        Ok(())
    }

    pub(super) fn evaluate(&mut self, node: &Node, context: Context) -> Evaluated<Value> {
        self.spend(1)?;
        Ok(match node {
            Node::Or(parts) => {
                for part in parts {
                    if self.evaluate(part, context)?.truth() {
                        return Ok(Value::Truth(true));
                    }
                }
                Value::Truth(false)
            }
            Node::And(parts) => {
                for part in parts {
                    if !self.evaluate(part, context)?.truth() {
                        return Ok(Value::Truth(false));
                    }
                }
                Value::Truth(true)
            }
            Node::Compare(compare, left, right) => {
                let (left, right) = (self.evaluate(left, context)?, self.evaluate(right, context)?);
                Value::Truth(self.compare(*compare, &left, &right)?)
            }
            Node::Arithmetic(arithmetic, left, right) => {
                let (left, right) = (self.evaluate(left, context)?, self.evaluate(right, context)?);
                let (left, right) = (self.number(left)?, self.number(right)?);
                Value::Number(match arithmetic {
                    Arithmetic::Add => left + right,
                    Arithmetic::Subtract => left - right,
                    Arithmetic::Multiply => left * right,
                    Arithmetic::Divide => left / right,
                    Arithmetic::Remainder => left % right,
                })
            }
            Node::Negate(inner) => {
                let inner = self.evaluate(inner, context)?;
                Value::Number(-self.number(inner)?)
            }
            Node::Union(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(self.set_of(part, context)?);
                }
                Value::Set(self.in_order(all)?)
            }
            Node::Path { from, predicates, absolute, steps } => {
                let mut items = match from {
                    Some(from) => self.set_of(from, context)?,
                    None if *absolute => vec![Item::node(0)],
                    None => vec![context.item],
                };
                for predicate in predicates {
                    items = self.filter(items, predicate)?;
                }
                for step in steps {
                    items = self.step(&items, step)?;
                }
                Value::Set(items)
            }
            Node::Text(text) => Value::Text(text.clone()),
            Node::Number(number) => Value::Number(*number),
            Node::Call(function, arguments) => self.call(*function, arguments, context)?,
        })
    }

    fn set_of(&mut self, node: &Node, context: Context) -> Evaluated<Vec<Item>> {
        Ok(match self.evaluate(node, context)? {
            Value::Set(items) => items,
            Value::Text(_) | Value::Number(_) | Value::Truth(_) => Vec::new(),
        })
    }

    fn step(&mut self, contexts: &[Item], step: &Step) -> Evaluated<Vec<Item>> {
        let mut all = Vec::new();
        for context in contexts {
            let mut found = Vec::new();
            self.walk(*context, step, &mut found)?;
            for predicate in &step.predicates {
                found = self.filter(found, predicate)?;
            }
            all.extend(found);
        }
        if contexts.len() > 1
            || matches!(
                step.axis,
                Axis::Ancestor | Axis::AncestorOrSelf | Axis::Preceding | Axis::PrecedingSibling
            )
        {
            all = self.in_order(all)?;
        }
        Ok(all)
    }

    fn filter(&mut self, items: Vec<Item>, predicate: &Node) -> Evaluated<Vec<Item>> {
        let size = items.len();
        let mut kept = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            let context = Context { item, position: at + 1, size };
            let keep = match self.evaluate(predicate, context)? {
                Value::Number(number) => number == context.position as f64,
                value => value.truth(),
            };
            if keep {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    fn walk(&mut self, context: Item, step: &Step, found: &mut Vec<Item>) -> Evaluated<()> {
        let document = self.document;
        if step.axis == Axis::Attribute {
            if context.attribute.is_some() {
                return Ok(());
            }
            let attributes = document.attr_slice(context.node);
            for (at, attr) in attributes.iter().enumerate() {
                let accepted = match &step.test {
                    Test::Any | Test::Node => true,
                    Test::Name(name) => document.names.get(attr.name) == name,
                    Test::Text | Test::Comment => false,
                };
                if accepted {
                    found.push(Item { node: context.node, attribute: Some(at as u32) });
                }
            }
            return self.spend(1 + attributes.len());
        }
        if context.attribute.is_some()
            && step.test == Test::Node
            && matches!(step.axis, Axis::Itself | Axis::DescendantOrSelf | Axis::AncestorOrSelf)
        {
            found.push(context);
        }
        let mut steps = 1;
        axes::visit(document, step.axis, context.node, context.attribute.is_some(), |node| {
            steps += 1;
            if self.accepts(node, &step.test) {
                found.push(Item::node(node));
            }
        });
        self.spend(steps)
    }

    fn accepts(&self, node: u32, test: &Test) -> bool {
        let kind = self.document.node(node).kind;
        match test {
            Test::Node => true,
            Test::Any => kind == Kind::Element,
            Test::Name(name) => {
                kind == Kind::Element && self.document.names.get(self.document.node(node).name) == name
            }
            Test::Text => matches!(kind, Kind::Text | Kind::CData),
            Test::Comment => kind == Kind::Comment,
        }
    }

    fn in_order(&mut self, mut items: Vec<Item>) -> Evaluated<Vec<Item>> {
        if items.len() < 2 {
            return Ok(items);
        }
        if self.ranks.is_none() {
            let mut ranks = vec![0; self.document.nodes.len()];
            let (mut at, mut rank) = (Some(0), 0);
            while let Some(node) = at {
                ranks[node as usize] = rank;
                rank += 1;
                at = self.document.following(node, 0);
            }
            self.spend(ranks.len())?;
            self.ranks = Some(ranks);
        }
        if let Some(ranks) = &self.ranks {
            items.sort_unstable_by_key(|item| {
                (ranks[item.node as usize], item.attribute.map_or(0, |at| at + 1))
            });
        }
        items.dedup();
        self.spend(items.len())?;
        Ok(items)
    }

    pub(super) fn string(&mut self, item: Item) -> Evaluated<String> {
        let document = self.document;
        if let Some(at) = item.attribute {
            return Ok(document.str(document.attr_slice(item.node)[at as usize].value).to_owned());
        }
        if !matches!(document.node(item.node).kind, Kind::Element | Kind::Document) {
            return Ok(document.str(document.node(item.node).content).to_owned());
        }
        let mut text = String::new();
        let mut at = item.node;
        while let Some(next) = document.following(at, item.node) {
            self.spend(1)?;
            if matches!(document.node(next).kind, Kind::Text | Kind::CData) {
                text.push_str(document.str(document.node(next).content));
            }
            at = next;
        }
        Ok(text)
    }

    pub(super) fn number(&mut self, value: Value) -> Evaluated<f64> {
        Ok(match value {
            Value::Set(_) => Value::Text(self.text(value)?).number(),
            Value::Text(_) | Value::Number(_) | Value::Truth(_) => value.number(),
        })
    }

    pub(super) fn text(&mut self, value: Value) -> Evaluated<String> {
        Ok(match value {
            Value::Text(text) => text,
            Value::Number(number) => number_text(number),
            Value::Truth(truth) => truth.to_string(),
            Value::Set(items) => match items.first() {
                Some(first) => self.string(*first)?,
                None => String::new(),
            },
        })
    }

    /// XPath 1.0, section 3.4: a comparison with a set holds if it holds for one of its members; with a truth value the
    /// set counts as one.
    fn compare(&mut self, compare: Compare, left: &Value, right: &Value) -> Evaluated<bool> {
        let members = |run: &mut Self, value: &Value, other: &Value| match (value, other) {
            (Value::Set(_), Value::Truth(_)) => Ok(vec![Value::Truth(value.truth())]),
            _ => run.operands(value),
        };
        let (left_all, right_all) = (members(self, left, right)?, members(self, right, left)?);
        for one in &left_all {
            for other in &right_all {
                self.spend(1)?;
                if one.compare(compare, other) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn operands(&mut self, value: &Value) -> Evaluated<Vec<Value>> {
        Ok(match value {
            Value::Set(items) => {
                let mut all = Vec::new();
                for item in items {
                    all.push(Value::Text(self.string(*item)?));
                }
                all
            }
            Value::Text(text) => vec![Value::Text(text.clone())],
            Value::Number(number) => vec![Value::Number(*number)],
            Value::Truth(truth) => vec![Value::Truth(*truth)],
        })
    }
}
