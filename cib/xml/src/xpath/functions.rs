//! The functions of XPath 1.0, section 4, but for those that need a DTD or namespaces.

use super::evaluate::{Context, Evaluated, Item, Run};
use super::value::{Value, round};
use super::{Function, Node};
use crate::document::NONE;

impl Run<'_> {
    pub(super) fn call(
        &mut self,
        function: Function,
        arguments: &[Node],
        context: Context,
    ) -> Evaluated<Value> {
        // What is left out means the context.
        let first = match arguments.first() {
            Some(argument) => self.evaluate(argument, context)?,
            None => Value::Set(vec![context.item]),
        };
        Ok(match function {
            Function::Boolean => Value::Truth(first.truth()),
            Function::Ceiling => Value::Number(self.number(first)?.ceil()),
            Function::Concat => {
                let mut joined = self.text(first)?;
                for argument in &arguments[1..] {
                    joined.push_str(&self.text_of(argument, context)?);
                }
                Value::Text(joined)
            }
            Function::Contains => {
                let (whole, part) = self.two_texts(first, arguments, context)?;
                Value::Truth(whole.contains(&part))
            }
            Function::Count => Value::Number(items(&first).len() as f64),
            Function::False => Value::Truth(false),
            Function::Floor => Value::Number(self.number(first)?.floor()),
            Function::Lang => {
                let wanted = self.text(first)?;
                Value::Truth(self.speaks(context.item, &wanted))
            }
            Function::Last => Value::Number(context.size as f64),
            Function::LocalName => {
                let name = self.name(&first);
                Value::Text(name.split_once(':').map_or(name.as_str(), |(_, local)| local).to_owned())
            }
            Function::Name => Value::Text(self.name(&first)),
            Function::NormalizeSpace => {
                let text = self.text(first)?;
                let words = text.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
                Value::Text(words.collect::<Vec<_>>().join(" "))
            }
            Function::Not => Value::Truth(!first.truth()),
            Function::Number => Value::Number(self.number(first)?),
            Function::Position => Value::Number(context.position as f64),
            Function::Round => Value::Number(round(self.number(first)?)),
            Function::StartsWith => {
                let (whole, part) = self.two_texts(first, arguments, context)?;
                Value::Truth(whole.starts_with(&part))
            }
            Function::String => Value::Text(self.text(first)?),
            Function::StringLength => Value::Number(self.text(first)?.chars().count() as f64),
            Function::Substring => {
                let whole = self.text(first)?;
                let begin = round(self.number_of(&arguments[1], context)?);
                let end = match arguments.get(2) {
                    Some(length) => begin + round(self.number_of(length, context)?),
                    None => f64::INFINITY,
                };
                // Characters are counted from 1; a comparison with what is not a number never holds.
                let inside = |at: usize| at as f64 >= begin && (at as f64) < end;
                let chosen = whole.chars().enumerate().filter(|(at, _)| inside(at + 1));
                Value::Text(chosen.map(|(_, character)| character).collect())
            }
            Function::SubstringAfter => {
                let (whole, part) = self.two_texts(first, arguments, context)?;
                Value::Text(whole.split_once(&part).map_or(String::new(), |(_, after)| after.to_owned()))
            }
            Function::SubstringBefore => {
                let (whole, part) = self.two_texts(first, arguments, context)?;
                Value::Text(whole.split_once(&part).map_or(String::new(), |(before, _)| before.to_owned()))
            }
            Function::Sum => {
                let mut sum = 0.0;
                for item in items(&first) {
                    sum += Value::Text(self.string(*item)?).number();
                }
                Value::Number(sum)
            }
            Function::Translate => {
                let whole = self.text(first)?;
                let from: Vec<char> = self.text_of(&arguments[1], context)?.chars().collect();
                let to: Vec<char> = self.text_of(&arguments[2], context)?.chars().collect();
                self.spend(whole.len().saturating_mul(1 + from.len() / 16))?;
                let changed = |character: char| match from.iter().position(|known| *known == character) {
                    Some(at) => to.get(at).copied(),
                    None => Some(character),
                };
                Value::Text(whole.chars().filter_map(changed).collect())
            }
            Function::True => Value::Truth(true),
        })
    }

    fn text_of(&mut self, argument: &Node, context: Context) -> Evaluated<String> {
        let value = self.evaluate(argument, context)?;
        self.text(value)
    }

    fn number_of(&mut self, argument: &Node, context: Context) -> Evaluated<f64> {
        let value = self.evaluate(argument, context)?;
        self.number(value)
    }

    fn two_texts(
        &mut self,
        first: Value,
        arguments: &[Node],
        context: Context,
    ) -> Evaluated<(String, String)> {
        Ok((self.text(first)?, self.text_of(&arguments[1], context)?))
    }

    /// The name of the first in document order; texts and comments have none.
    fn name(&self, value: &Value) -> String {
        items(value).first().map_or(String::new(), |item| {
            let symbol = match item.attribute {
                Some(at) => self.document.attr_slice(item.node)[at as usize].name,
                None => self.document.node(item.node).name,
            };
            self.document.names.get(symbol).to_owned()
        })
    }

    /// Whether the nearest `xml:lang` is that language, or a kind of it.
    fn speaks(&self, item: Item, wanted: &str) -> bool {
        let mut at = item.node;
        while at != NONE {
            let attributes = self.document.attr_slice(at);
            let lang = attributes.iter().find(|attr| self.document.names.get(attr.name) == "xml:lang");
            if let Some(attr) = lang {
                let (lang, wanted) = (self.document.str(attr.value).to_lowercase(), wanted.to_lowercase());
                return lang
                    .strip_prefix(&wanted)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
            }
            at = self.document.node(at).parent;
        }
        false
    }
}

/// The members of a set.
fn items(value: &Value) -> &[Item] {
    match value {
        Value::Set(items) => items,
        Value::Text(_) | Value::Number(_) | Value::Truth(_) => &[],
    }
}
