//! Reading rules.

use holdfast_xml::Element;

use super::{Reader, owned};
use crate::duration::checked_interval_ms;
use crate::problem::Level;
use crate::role::Role;
use crate::rule::{AttributeTest, Combine, Comparison, Condition, DateTest, Rule, ValueSource, ValueType};
use crate::score::Score;

/// How deep rules may be nested; deeper ones never hold.
const MAX_DEPTH: u32 = 32;

/// Reads a `rule` element (following a reference).
pub fn rule<'d>(reader: &mut Reader<'d>, element: Element<'d>) -> Rule {
    nested(reader, element, 0)
}

fn nested<'d>(reader: &mut Reader<'d>, element: Element<'d>, depth: u32) -> Rule {
    let never = || Rule { combine: Combine::And, conditions: vec![Condition::Invalid], ..Rule::default() };
    let Some(element) = reader.resolve(element) else { return never() };
    if depth >= MAX_DEPTH {
        reader.problem(Level::Error, element, format!("never met: rules are nested deeper than {MAX_DEPTH}"));
        return never();
    }
    let combine = match element.attr("boolean-op").unwrap_or("and") {
        text if text.eq_ignore_ascii_case("and") => Combine::And,
        text if text.eq_ignore_ascii_case("or") => Combine::Or,
        text => {
            let message = format!("never met: boolean-op \"{text}\" is neither \"and\" nor \"or\"");
            reader.problem(Level::Error, element, message);
            return never();
        }
    };
    let mut conditions = Vec::new();
    for child in element.children() {
        conditions.push(match child.name() {
            "rule" => Condition::Rule(nested(reader, child, depth + 1)),
            "expression" => attribute_test(reader, child),
            "date_expression" => date_test(reader, child),
            "rsc_expression" => Condition::Agent {
                class: owned(child.attr("class")),
                provider: owned(child.attr("provider")),
                agent_type: owned(child.attr("type")),
            },
            "op_expression" => operation_test(reader, child),
            other => {
                let message = format!("never met: <{other}> is no condition");
                reader.problem(Level::Error, child, message);
                Condition::Invalid
            }
        });
    }
    Rule {
        id: element.attr("id").unwrap_or_default().to_owned(),
        combine,
        score: element.attr("score").and_then(Score::parse),
        score_text: owned(element.attr("score")),
        score_attribute: owned(element.attr("score-attribute")),
        role: element.attr("role").and_then(Role::parse),
        role_text: owned(element.attr("role")),
        conditions,
    }
}

fn attribute_test(reader: &mut Reader<'_>, element: Element<'_>) -> Condition {
    let operation = match element.attr("operation").unwrap_or_default().to_ascii_lowercase().as_str() {
        "lt" => Comparison::Less,
        "gt" => Comparison::Greater,
        "lte" => Comparison::LessOrEqual,
        "gte" => Comparison::GreaterOrEqual,
        "eq" => Comparison::Equal,
        "ne" => Comparison::NotEqual,
        "defined" => Comparison::Defined,
        "not_defined" => Comparison::NotDefined,
        other => {
            let message = format!(
                "never met: operation \"{other}\" is none of lt, gt, lte, gte, eq, ne, defined, not_defined"
            );
            reader.problem(Level::Error, element, message);
            return Condition::Invalid;
        }
    };
    let value_type = match element.attr("type").map(str::to_ascii_lowercase).as_deref() {
        None => None,
        Some("string") => Some(ValueType::String),
        Some("integer") => Some(ValueType::Integer),
        Some("number") => Some(ValueType::Number),
        Some("version") => Some(ValueType::Version),
        Some(other) => {
            let message = format!("never met: type \"{other}\" is none of string, integer, number, version");
            reader.problem(Level::Error, element, message);
            return Condition::Invalid;
        }
    };
    let source = match element.attr("value-source").map(str::to_ascii_lowercase).as_deref() {
        None | Some("literal") => ValueSource::Literal,
        Some("param") => ValueSource::Parameter,
        Some("meta") => ValueSource::Meta,
        Some(other) => {
            let message = format!("never met: value-source \"{other}\" is none of literal, param, meta");
            reader.problem(Level::Error, element, message);
            return Condition::Invalid;
        }
    };
    let Some(attribute) = element.attr("attribute") else {
        reader.problem(Level::Error, element, "never met: it names no attribute");
        return Condition::Invalid;
    };
    let value = owned(element.attr("value"));
    Condition::Attribute(AttributeTest {
        attribute: attribute.to_owned(),
        operation,
        value_type,
        source,
        value,
    })
}

fn operation_test(reader: &mut Reader<'_>, element: Element<'_>) -> Condition {
    let Some(name) = element.attr("name") else {
        reader.problem(Level::Error, element, "never met: it names no operation");
        return Condition::Invalid;
    };
    let interval_ms = match element.attr("interval") {
        None => None,
        Some(text) => match checked_interval_ms(text) {
            Some(interval) => Some(interval),
            None => {
                let message = format!("never met: interval \"{text}\" is no duration (such as 10s or PT5M)");
                reader.problem(Level::Error, element, message);
                return Condition::Invalid;
            }
        },
    };
    Condition::Operation { name: name.to_owned(), interval_ms }
}

fn date_test(reader: &mut Reader<'_>, element: Element<'_>) -> Condition {
    let fields = |name: &str| -> Option<Vec<(String, String)>> {
        let child = element.child(name)?;
        Some(
            child
                .attrs()
                .filter(|(key, _)| *key != "id")
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        )
    };
    let start = owned(element.attr("start"));
    let end = owned(element.attr("end"));
    let operation = element.attr("operation").unwrap_or("in_range").to_ascii_lowercase();
    let test = match (operation.as_str(), start, end) {
        ("in_range", start, end) if start.is_some() || end.is_some() => {
            Some(DateTest::InRange { start, end, duration: fields("duration") })
        }
        ("gt", Some(start), _) => Some(DateTest::After(start)),
        ("lt", _, Some(end)) => Some(DateTest::Before(end)),
        ("date_spec", _, _) => fields("date_spec").map(DateTest::Spec),
        _ => None,
    };
    match test {
        Some(test) => Condition::Date(test),
        None => {
            let message = format!(
                "never met: operation \"{operation}\" needs start (gt), end (lt), one of both (in_range) or a <date_spec> (date_spec)"
            );
            reader.problem(Level::Error, element, message);
            Condition::Invalid
        }
    }
}
