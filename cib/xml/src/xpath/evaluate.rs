//! Evaluating an expression on a document, with a bound on the work.

use super::{Axis, Compare, Expr, Function, Hit, Node, Step, Test, XPathError};
use crate::document::{Document, Kind, NONE, NodeIx};

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

struct Exhausted;

type Evaluated<T> = Result<T, Exhausted>;

/// A node, or the attribute of a node by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    node: u32,
    attribute: Option<u32>,
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
struct Context {
    item: Item,
    position: usize,
    size: usize,
}

enum Value {
    Set(Vec<Item>),
    Text(String),
    Number(f64),
    Truth(bool),
}

struct Run<'a> {
    document: &'a Document,
    budget: u64,
    /// Document order of every node, made when first needed.
    ranks: Option<Vec<u32>>,
}

impl Run<'_> {
    fn spend(&mut self, work: usize) -> Evaluated<()> {
        self.budget = self.budget.checked_sub(work as u64).ok_or(Exhausted)?;
        Ok(())
    }

    fn evaluate(&mut self, node: &Node, context: Context) -> Evaluated<Value> {
        self.spend(1)?;
        Ok(match node {
            Node::Or(left, right) => {
                Value::Truth(self.truth_of(left, context)? || self.truth_of(right, context)?)
            }
            Node::And(left, right) => {
                Value::Truth(self.truth_of(left, context)? && self.truth_of(right, context)?)
            }
            Node::Compare(compare, left, right) => {
                let (left, right) = (self.evaluate(left, context)?, self.evaluate(right, context)?);
                Value::Truth(self.compare(*compare, &left, &right)?)
            }
            Node::Union(left, right) => {
                let mut all = self.set_of(left, context)?;
                all.extend(self.set_of(right, context)?);
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

    fn truth_of(&mut self, node: &Node, context: Context) -> Evaluated<bool> {
        let value = self.evaluate(node, context)?;
        Ok(truth(&value))
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
            || matches!(step.axis, Axis::Ancestor | Axis::AncestorOrSelf | Axis::PrecedingSibling)
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
                value => truth(&value),
            };
            if keep {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    fn walk(&mut self, context: Item, step: &Step, found: &mut Vec<Item>) -> Evaluated<()> {
        let document = self.document;
        let here = context.node;
        if context.attribute.is_some() {
            match step.axis {
                Axis::Itself | Axis::DescendantOrSelf | Axis::AncestorOrSelf if step.test == Test::Node => {
                    found.push(context);
                }
                Axis::Parent if self.accepts(here, &step.test) => found.push(Item::node(here)),
                _ => {}
            }
            return Ok(());
        }
        let mut steps = 1;
        let mut offer = |run: &Self, node: u32| {
            steps += 1;
            if run.accepts(node, &step.test) {
                found.push(Item::node(node));
            }
        };
        match step.axis {
            Axis::Itself => offer(self, here),
            Axis::Parent => {
                let parent = document.node(here).parent;
                if parent != NONE {
                    offer(self, parent);
                }
            }
            Axis::Ancestor | Axis::AncestorOrSelf => {
                if step.axis == Axis::AncestorOrSelf {
                    offer(self, here);
                }
                let mut at = document.node(here).parent;
                while at != NONE {
                    offer(self, at);
                    at = document.node(at).parent;
                }
            }
            Axis::Child => document.nodes_of(NodeIx(here)).for_each(|node| offer(self, node.0)),
            Axis::Descendant | Axis::DescendantOrSelf => {
                if step.axis == Axis::DescendantOrSelf {
                    offer(self, here);
                }
                let mut at = here;
                while let Some(next) = document.following(at, here) {
                    offer(self, next);
                    at = next;
                }
            }
            Axis::FollowingSibling | Axis::PrecedingSibling => {
                let forward = step.axis == Axis::FollowingSibling;
                let beside =
                    |at: u32| if forward { document.node(at).next } else { document.node(at).previous };
                let mut at = beside(here);
                while at != NONE {
                    offer(self, at);
                    at = beside(at);
                }
            }
            Axis::Attribute => {
                for (at, attr) in document.attr_slice(here).iter().enumerate() {
                    steps += 1;
                    let accepted = match &step.test {
                        Test::Any | Test::Node => true,
                        Test::Name(name) => document.names.get(attr.name) == name,
                        Test::Text | Test::Comment => false,
                    };
                    if accepted {
                        found.push(Item { node: here, attribute: Some(at as u32) });
                    }
                }
            }
        }
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

    fn string(&mut self, item: Item) -> Evaluated<String> {
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

    fn text(&mut self, value: Value) -> Evaluated<String> {
        Ok(match value {
            Value::Text(text) => text,
            Value::Number(number) => format!("{number}"),
            Value::Truth(truth) => truth.to_string(),
            Value::Set(items) => match items.first() {
                Some(first) => self.string(*first)?,
                None => String::new(),
            },
        })
    }

    fn argument(&mut self, arguments: &[Node], at: usize, context: Context) -> Evaluated<Value> {
        match arguments.get(at) {
            Some(argument) => self.evaluate(argument, context),
            None => Ok(Value::Set(vec![context.item])),
        }
    }

    fn call(&mut self, function: Function, arguments: &[Node], context: Context) -> Evaluated<Value> {
        let first = match function {
            Function::Position => return Ok(Value::Number(context.position as f64)),
            Function::Last => return Ok(Value::Number(context.size as f64)),
            Function::True => return Ok(Value::Truth(true)),
            Function::False => return Ok(Value::Truth(false)),
            _ => self.argument(arguments, 0, context)?,
        };
        Ok(match function {
            Function::Not => Value::Truth(!truth(&first)),
            Function::Boolean => Value::Truth(truth(&first)),
            Function::Contains | Function::StartsWith => {
                let whole = self.text(first)?;
                let second = self.argument(arguments, 1, context)?;
                let part = self.text(second)?;
                Value::Truth(match function {
                    Function::Contains => whole.contains(&part),
                    _ => whole.starts_with(&part),
                })
            }
            Function::Name | Function::LocalName => Value::Text(match first {
                Value::Set(items) => items.first().map_or(String::new(), |item| {
                    let symbol = match item.attribute {
                        Some(at) => self.document.attr_slice(item.node)[at as usize].name,
                        None => self.document.node(item.node).name,
                    };
                    self.document.names.get(symbol).to_owned()
                }),
                Value::Text(_) | Value::Number(_) | Value::Truth(_) => String::new(),
            }),
            Function::Count => match first {
                Value::Set(items) => Value::Number(items.len() as f64),
                Value::Text(_) | Value::Number(_) | Value::Truth(_) => Value::Number(f64::NAN),
            },
            Function::String => Value::Text(self.text(first)?),
            Function::StringLength => Value::Number(self.text(first)?.chars().count() as f64),
            Function::NormalizeSpace => {
                Value::Text(self.text(first)?.split_whitespace().collect::<Vec<_>>().join(" "))
            }
            Function::Concat => {
                let mut joined = self.text(first)?;
                for at in 1..arguments.len() {
                    let value = self.argument(arguments, at, context)?;
                    joined.push_str(&self.text(value)?);
                }
                Value::Text(joined)
            }
            Function::Number => Value::Number(number(&self.text(first)?)),
            Function::Position | Function::Last | Function::True | Function::False => first,
        })
    }

    /// XPath 1.0, section 3.4: a comparison with a set holds if it holds for one of its members.
    fn compare(&mut self, compare: Compare, left: &Value, right: &Value) -> Evaluated<bool> {
        let left_all = self.operands(left)?;
        let right_all = self.operands(right)?;
        for one in &left_all {
            for other in &right_all {
                self.spend(1)?;
                if compare_scalars(compare, one, other) {
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

fn truth(value: &Value) -> bool {
    match value {
        Value::Set(items) => !items.is_empty(),
        Value::Text(text) => !text.is_empty(),
        Value::Number(number) => *number != 0.0 && !number.is_nan(),
        Value::Truth(truth) => *truth,
    }
}

fn number(text: &str) -> f64 {
    text.trim().parse().unwrap_or(f64::NAN)
}

fn as_number(value: &Value) -> f64 {
    match value {
        Value::Set(_) => f64::NAN,
        Value::Text(text) => number(text),
        Value::Number(number) => *number,
        Value::Truth(truth) => f64::from(u8::from(*truth)),
    }
}

fn compare_scalars(compare: Compare, left: &Value, right: &Value) -> bool {
    let (a, b) = (as_number(left), as_number(right));
    let equal = match (left, right) {
        (Value::Truth(_), _) | (_, Value::Truth(_)) => truth(left) == truth(right),
        (Value::Text(left), Value::Text(right)) => left == right,
        _ => a == b,
    };
    match compare {
        Compare::Equal => equal,
        Compare::NotEqual => !equal,
        Compare::Less => a < b,
        Compare::LessEqual => a <= b,
        Compare::Greater => a > b,
        Compare::GreaterEqual => a >= b,
    }
}
