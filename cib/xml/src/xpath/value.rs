//! Values of an expression and how one kind becomes another (XPath 1.0, sections 3.4, 3.5 and 4).

use super::Compare;
use super::evaluate::Item;

pub(super) enum Value {
    Set(Vec<Item>),
    Text(String),
    Number(f64),
    Truth(bool),
}

impl Value {
    pub(super) fn truth(&self) -> bool {
        match self {
            Value::Set(items) => !items.is_empty(),
            Value::Text(text) => !text.is_empty(),
            Value::Number(number) => *number != 0.0 && !number.is_nan(),
            Value::Truth(truth) => *truth,
        }
    }

    /// The number that a value other than a set is; text that is none is not a number.
    pub(super) fn number(&self) -> f64 {
        match self {
            Value::Set(_) => f64::NAN,
            Value::Text(text) => text_number(text),
            Value::Number(number) => *number,
            Value::Truth(truth) => f64::from(u8::from(*truth)),
        }
    }

    /// Compares values other than sets.
    pub(super) fn compare(&self, compare: Compare, other: &Value) -> bool {
        let (a, b) = (self.number(), other.number());
        let equal = match (self, other) {
            (Value::Truth(_), _) | (_, Value::Truth(_)) => self.truth() == other.truth(),
            (Value::Text(one), Value::Text(two)) => one == two,
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
}

/// Digits with at most one point and a sign before them; no exponent, no names of infinity.
fn text_number(text: &str) -> f64 {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        text.parse().unwrap_or(f64::NAN)
    } else {
        f64::NAN
    }
}

/// A number as text: no exponent, no sign before zero.
pub(super) fn number_text(number: f64) -> String {
    match number {
        _ if number.is_infinite() => if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        0.0 => "0".to_owned(),
        _ => number.to_string(),
    }
}

/// The nearest whole number, halves upwards.
pub(super) fn round(number: f64) -> f64 {
    let below = number.floor();
    if number - below >= 0.5 { below + 1.0 } else { below }
}
