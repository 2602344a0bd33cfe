//! Deciding whether a rule is met.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{AttributeTest, Combine, Comparison, Condition, DateTest, Rule, ValueSource, ValueType};
use crate::iso8601::{DateTime, Duration};
use crate::score::parse_leading_integer;

/// What a rule is evaluated against; parts that do not apply stay empty and then conditions on them fail.
#[derive(Debug, Clone, Copy, Default)]
pub struct Input<'a> {
    /// Time, seconds since the epoch.
    pub now: i64,
    /// Attributes of the node in question.
    pub node_attributes: Option<&'a BTreeMap<String, String>>,
    /// Parameters of the resource in question (for `value-source="param"`).
    pub parameters: Option<&'a BTreeMap<String, String>>,
    /// Meta attributes of the resource in question (for `value-source="meta"`).
    pub meta: Option<&'a BTreeMap<String, String>>,
    /// Agent of the resource in question: class, provider, type.
    pub agent: Option<(&'a str, Option<&'a str>, &'a str)>,
    /// Operation in question: name and interval in milliseconds.
    pub operation: Option<(&'a str, u32)>,
    /// What `%0` to `%9` in attribute names stand for: the text matched by the resource pattern and its groups.
    pub matches: &'a [&'a str],
}

impl Rule {
    /// Whether the rule is met. `next_change` is lowered to the second at which a date condition looked at will
    /// give another answer.
    pub fn holds(&self, input: &Input<'_>, next_change: &mut Option<i64>) -> bool {
        let mut holds = |condition: &Condition| condition.holds(input, next_change);
        match self.combine {
            Combine::And => self.conditions.iter().all(&mut holds),
            Combine::Or => self.conditions.is_empty() || self.conditions.iter().any(&mut holds),
        }
    }
}

impl Condition {
    fn holds(&self, input: &Input<'_>, next_change: &mut Option<i64>) -> bool {
        match self {
            Condition::Rule(rule) => rule.holds(input, next_change),
            Condition::Attribute(test) => test.holds(input),
            Condition::Date(test) => test.holds(input.now, next_change),
            Condition::Agent { class, provider, agent_type } => {
                let (is_class, is_provider, is_type) = match input.agent {
                    Some((class, provider, agent_type)) => (Some(class), provider, Some(agent_type)),
                    None => (None, None, None),
                };
                let fits = |wanted: &Option<String>, found: Option<&str>| {
                    wanted.is_none() || wanted.as_deref() == found
                };
                fits(class, is_class) && fits(provider, is_provider) && fits(agent_type, is_type)
            }
            Condition::Operation { name, interval_ms } => {
                input.operation.is_some_and(|(is_name, is_interval)| {
                    is_name == name && interval_ms.is_none_or(|wanted| wanted == is_interval)
                })
            }
            Condition::Invalid => false,
        }
    }
}

impl AttributeTest {
    fn holds(&self, input: &Input<'_>) -> bool {
        let name = expand(&self.attribute, input.matches);
        let actual = input.node_attributes.and_then(|table| table.get(&name)).map(String::as_str);
        match self.operation {
            Comparison::Defined => return self.value.is_none() && actual.is_some(),
            Comparison::NotDefined => return self.value.is_none() && actual.is_none(),
            _ => {}
        }
        let Some(value) = self.value.as_deref() else { return false };
        let reference = match self.source {
            ValueSource::Literal => Some(value),
            ValueSource::Parameter => input.parameters.and_then(|table| table.get(value)).map(String::as_str),
            ValueSource::Meta => input.meta.and_then(|table| table.get(value)).map(String::as_str),
        };
        let orders = !matches!(self.operation, Comparison::Equal | Comparison::NotEqual);
        let value_type = self.value_type.unwrap_or_else(|| {
            if !orders {
                ValueType::String
            } else if [actual, reference].iter().flatten().any(|text| text.contains('.')) {
                ValueType::Number
            } else {
                ValueType::Integer
            }
        });
        let ordering = match (actual, reference) {
            (Some(actual), Some(reference)) => compare(actual, reference, value_type),
            (actual, reference) => {
                return !orders
                    && (actual.is_none() && reference.is_none()) == (self.operation == Comparison::Equal);
            }
        };
        match self.operation {
            Comparison::Less => ordering.is_lt(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Defined | Comparison::NotDefined => false,
        }
    }
}

/// Replaces `%0` to `%9` by the matched texts.
fn expand(name: &str, matches: &[&str]) -> String {
    if matches.is_empty() || !name.contains('%') {
        return name.to_owned();
    }
    let mut expanded = String::new();
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek().and_then(|next| next.to_digit(10))) {
            ('%', Some(group)) => {
                rest.next();
                expanded.push_str(matches.get(group as usize).copied().unwrap_or(""));
            }
            _ => expanded.push(c),
        }
    }
    expanded
}

fn compare(a: &str, b: &str, value_type: ValueType) -> Ordering {
    let as_text = || a.to_lowercase().cmp(&b.to_lowercase());
    match value_type {
        ValueType::String => as_text(),
        ValueType::Integer => match (parse_leading_integer(a), parse_leading_integer(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => as_text(),
        },
        ValueType::Number => match (leading_number(a), leading_number(b)) {
            (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            _ => as_text(),
        },
        ValueType::Version => compare_versions(a, b),
    }
}

fn leading_number(text: &str) -> Option<f64> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E')))
        .unwrap_or(text.len());
    (1..=end).rev().find_map(|end| text.get(..end)?.parse().ok())
}

/// Compares dotted version numbers part by part; a missing part is older than 0.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let mut a = a.split('.');
    let mut b = b.split('.');
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => {
                let ordering =
                    parse_leading_integer(a).unwrap_or(0).cmp(&parse_leading_integer(b).unwrap_or(0));
                if ordering.is_ne() {
                    return ordering;
                }
            }
        }
    }
}

impl DateTest {
    fn holds(&self, now: i64, next_change: &mut Option<i64>) -> bool {
        let mut changes_at = |second: i64| {
            if next_change.is_none_or(|earlier| second < earlier) {
                *next_change = Some(second);
            }
        };
        let read = |text: &str| DateTime::parse(text, now);
        match self {
            DateTest::After(start) => {
                let Some(start) = read(start) else { return false };
                if now > start.epoch_seconds {
                    return true;
                }
                changes_at(start.epoch_seconds + 1);
                false
            }
            DateTest::Before(end) => {
                let Some(end) = read(end) else { return false };
                if now < end.epoch_seconds {
                    changes_at(end.epoch_seconds);
                    return true;
                }
                false
            }
            DateTest::InRange { start, end, duration } => {
                let begins = start.as_deref().map(read);
                let ends = end.as_deref().map(read);
                if begins == Some(None) || ends == Some(None) || (begins.is_none() && ends.is_none()) {
                    return false;
                }
                let begins = begins.flatten();
                let ends = match (ends.flatten(), duration, begins) {
                    (Some(end), _, _) => Some(end),
                    (None, Some(duration), Some(begins)) => match read_duration(duration) {
                        Some(duration) => Some(begins.plus(&duration)),
                        None => return false,
                    },
                    (None, _, _) => None,
                };
                if let Some(begins) = begins
                    && now < begins.epoch_seconds
                {
                    changes_at(begins.epoch_seconds);
                    return false;
                }
                if let Some(ends) = ends {
                    if now > ends.epoch_seconds {
                        return false;
                    }
                    changes_at(ends.epoch_seconds + 1);
                }
                true
            }
            DateTest::Spec(ranges) => spec_holds(ranges, now),
        }
    }
}

fn read_duration(parts: &[(String, String)]) -> Option<Duration> {
    let mut duration = Duration::default();
    for (unit, value) in parts {
        let value = parse_leading_integer(value).filter(|value| value.abs() <= i64::from(i32::MAX));
        match unit.as_str() {
            "years" => duration.years = value?,
            "months" => duration.months = value?,
            "weeks" => duration.days += value? * 7,
            "days" => duration.days += value?,
            "hours" => duration.seconds += value? * 3600,
            "minutes" => duration.seconds += value? * 60,
            "seconds" => duration.seconds += value?,
            _ => {}
        }
    }
    Some(duration)
}

fn spec_holds(ranges: &[(String, String)], now: i64) -> bool {
    let fields = DateTime::from_epoch(now).fields();
    ranges.iter().all(|(name, range)| {
        let value = match name.as_str() {
            "years" => fields.year,
            "months" => fields.month,
            "monthdays" => fields.month_day,
            "hours" => fields.hour,
            "minutes" => fields.minute,
            "seconds" => fields.second,
            "yeardays" => fields.year_day,
            "weekyears" => fields.week_year,
            "weeks" => fields.week,
            "weekdays" => fields.week_day,
            _ => return true,
        };
        in_range(value, range)
    })
}

/// Ranges are `5`, `3-7`, `3-` and `-7`.
fn in_range(value: i64, range: &str) -> bool {
    let bound = |text: &str| -> Option<Option<i64>> {
        if text.is_empty() { Some(None) } else { text.parse::<i64>().ok().map(Some) }
    };
    match range.split_once('-') {
        None => range.parse() == Ok(value),
        Some((low, high)) => match (bound(low), bound(high)) {
            (Some(None), Some(None)) => false,
            (Some(low), Some(high)) => {
                low.is_none_or(|low| value >= low) && high.is_none_or(|high| value <= high)
            }
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_of(operation: Comparison, value: Option<&str>, value_type: Option<ValueType>) -> AttributeTest {
        AttributeTest {
            attribute: "a".to_owned(),
            operation,
            value_type,
            source: ValueSource::Literal,
            value: value.map(str::to_owned),
        }
    }

    #[test]
    fn attributes() {
        let check = |actual: Option<&str>, test: AttributeTest, expected: bool| {
            let table = actual.map(|value| ("a".to_owned(), value.to_owned())).into_iter().collect();
            let input = Input { node_attributes: Some(&table), ..Input::default() };
            assert_eq!(test.holds(&input), expected, "{actual:?} {test:?}");
        };
        check(Some("x"), test_of(Comparison::Equal, Some("X"), None), true);
        check(None, test_of(Comparison::Equal, Some("x"), None), false);
        check(None, test_of(Comparison::NotEqual, Some("x"), None), true);
        check(None, test_of(Comparison::NotDefined, None, None), true);
        check(Some("10"), test_of(Comparison::Greater, Some("9"), None), true);
        check(Some("10"), test_of(Comparison::Greater, Some("9"), Some(ValueType::String)), false);
        check(Some("1.10"), test_of(Comparison::Greater, Some("1.9"), Some(ValueType::Version)), true);
        check(Some("1.10"), test_of(Comparison::Greater, Some("1.9"), None), false);
        check(None, test_of(Comparison::Less, Some("9"), None), false);
    }

    #[test]
    fn dates() {
        let now = DateTime::parse("2005-020T12:30", 0).expect("valid").epoch_seconds;
        let check = |test: DateTest, expected: bool, change: Option<&str>| {
            let mut next = None;
            assert_eq!(test.holds(now, &mut next), expected, "{test:?}");
            assert_eq!(
                next.map(|second| DateTime::from_epoch(second).to_string()).as_deref(),
                change,
                "{test:?}"
            );
        };
        let range = |start: &str, end: &str| DateTest::InRange {
            start: Some(start.to_owned()),
            end: Some(end.to_owned()),
            duration: None,
        };
        check(range("2005-020", "2005-021"), true, Some("2005-01-21 00:00:01Z"));
        check(range("2005-021", "2005-022"), false, Some("2005-01-21 00:00:00Z"));
        check(DateTest::After("2005-020T12:30".to_owned()), false, Some("2005-01-20 12:30:01Z"));
        check(DateTest::Before("2005-020T12:31".to_owned()), true, Some("2005-01-20 12:31:00Z"));
        let spec = |name: &str, value: &str| DateTest::Spec(vec![(name.to_owned(), value.to_owned())]);
        check(spec("hours", "9-16"), true, None);
        check(spec("hours", "-11"), false, None);
        check(spec("weekdays", "4"), true, None);
        check(spec("weekdays", "x"), false, None);
    }

    #[test]
    fn submatches() {
        assert_eq!(expand("loc-%1-%9", &["whole", "db"]), "loc-db-");
        assert_eq!(expand("100%", &["x"]), "100%");
    }
}
