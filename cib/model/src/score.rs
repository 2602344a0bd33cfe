//! Scores: how much a placement is wanted, with two infinities.
//!
//! Source of the arithmetic: Pacemaker Explained, "Scores"; minus infinity wins over plus infinity.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg};

/// A preference between minus infinity and infinity, both of which are ordinary values at ±1,000,000.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Score(i32);

impl Score {
    /// No preference.
    pub const ZERO: Score = Score(0);
    /// Must be.
    pub const INFINITY: Score = Score(1_000_000);
    /// Must not be.
    pub const MINUS_INFINITY: Score = Score(-1_000_000);

    /// Makes a score from a number, clamped into the range.
    pub const fn new(value: i32) -> Score {
        if value >= Score::INFINITY.0 {
            Score::INFINITY
        } else if value <= Score::MINUS_INFINITY.0 {
            Score::MINUS_INFINITY
        } else {
            Score(value)
        }
    }

    /// Makes a score from a wider number, clamped into the range.
    pub const fn from_i64(value: i64) -> Score {
        if value >= Score::INFINITY.0 as i64 {
            Score::INFINITY
        } else if value <= Score::MINUS_INFINITY.0 as i64 {
            Score::MINUS_INFINITY
        } else {
            Score(value as i32)
        }
    }

    /// The number behind the score.
    pub const fn get(self) -> i32 {
        self.0
    }

    /// Whether this is plus infinity.
    pub const fn is_infinite(self) -> bool {
        self.0 >= Score::INFINITY.0
    }

    /// Whether this is minus infinity.
    pub const fn is_minus_infinite(self) -> bool {
        self.0 <= Score::MINUS_INFINITY.0
    }

    /// Reads a score: an integer (clamped), `[+|-]INFINITY`, or one of the node health words `red`, `yellow`,
    /// `green` with the values given by the health options.
    pub fn parse_with_health(text: &str, health: HealthScores) -> Option<Score> {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if is("-INFINITY") {
            Some(Score::MINUS_INFINITY)
        } else if is("INFINITY") || is("+INFINITY") {
            Some(Score::INFINITY)
        } else if is("red") {
            Some(health.red)
        } else if is("yellow") {
            Some(health.yellow)
        } else if is("green") {
            Some(health.green)
        } else {
            parse_leading_integer(text).map(Score::from_i64)
        }
    }

    /// Reads a score without node health words (they count as 0).
    pub fn parse(text: &str) -> Option<Score> {
        Score::parse_with_health(text, HealthScores::default())
    }
}

/// The scores that the node health words stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HealthScores {
    /// `node-health-red`
    pub red: Score,
    /// `node-health-yellow`
    pub yellow: Score,
    /// `node-health-green`
    pub green: Score,
}

/// Reads an optionally signed run of digits at the start (after white space); what follows is ignored.
///
/// Numbers beyond 64 bits saturate. `None` when there is no digit.
pub fn parse_leading_integer(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let digits: &str = &digits[..digits.bytes().take_while(u8::is_ascii_digit).count()];
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.parse::<i64>().unwrap_or(i64::MAX);
    Some(if negative { -magnitude } else { magnitude })
}

impl Add for Score {
    type Output = Score;

    fn add(self, other: Score) -> Score {
        if self.is_minus_infinite() || other.is_minus_infinite() {
            Score::MINUS_INFINITY
        } else if self.is_infinite() || other.is_infinite() {
            Score::INFINITY
        } else {
            Score::new(self.0 + other.0)
        }
    }
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Score) {
        *self = *self + other;
    }
}

impl Neg for Score {
    type Output = Score;

    fn neg(self) -> Score {
        Score(-self.0)
    }
}

impl Sum for Score {
    fn sum<I: Iterator<Item = Score>>(iter: I) -> Score {
        iter.fold(Score::ZERO, Add::add)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_infinite() {
            f.pad("INFINITY")
        } else if self.is_minus_infinite() {
            f.pad("-INFINITY")
        } else {
            fmt::Display::fmt(&self.0, f)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: Score = Score::INFINITY;
    const MINUS: Score = Score::MINUS_INFINITY;

    #[test]
    fn addition() {
        let check = |a: Score, b: Score, sum: Score| assert_eq!(a + b, sum, "{a} + {b}");
        check(Score::new(1), Score::new(2), Score::new(3));
        check(INF, MINUS, MINUS);
        check(MINUS, INF, MINUS);
        check(INF, Score::new(-5), INF);
        check(MINUS, Score::new(5), MINUS);
        check(Score::new(999_999), Score::new(1), INF);
        check(Score::new(-999_999), Score::new(-7), MINUS);
    }

    #[test]
    fn reading_and_writing() {
        let check =
            |text: &str, expected: Option<Score>| assert_eq!(Score::parse(text), expected, "{text:?}");
        check("12", Some(Score::new(12)));
        check("+12", Some(Score::new(12)));
        check("-INFINITY", Some(MINUS));
        check("+infinity", Some(INF));
        check("99999999999999999999999", Some(INF));
        check("green", Some(Score::ZERO));
        check("five", None);
        assert_eq!(format!("{INF} {MINUS} {}", Score::new(-3)), "INFINITY -INFINITY -3");
    }
}
