//! Times, truth values and other small values as heartbeat read them.
//!
//! Rules measured on heartbeat 3.0.6: no unit means seconds, `ms` and `us` are the only units,
//! `s` is not one; truth words in any case.

/// A time span in milliseconds, rounded to the nearest, as `ha.cf` writes it.
///
/// `None` when the text is not such a time: `2s`, `2m` and words are not.
pub fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if number.is_empty() || number.len() > 15 {
        return None;
    }
    // As the C library reads it: up to a second point.
    let end = number.match_indices('.').nth(1).map_or(number.len(), |(at, _)| at);
    let number: f64 = if &number[..end] == "." { 0.0 } else { number[..end].parse().ok()? };
    let unit = unit.trim_start().to_ascii_lowercase();
    let per_unit = if unit.is_empty() {
        1000.0
    } else if unit.starts_with("ms") {
        1.0
    } else if unit.starts_with("us") {
        0.001
    } else {
        return None;
    };
    let span = (number * per_unit).round();
    (span <= u64::from(u32::MAX) as f64).then_some(span as u64)
}

/// The number at the start of a text as the C library reads it, and whether it is the whole text.
pub fn leading_number(text: &str) -> Option<(i64, bool)> {
    let sign = text.starts_with(['+', '-']) as usize;
    let digits = text[sign..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - sign);
    let number = text[..sign + digits].trim_start_matches('+').parse::<i64>().ok()?;
    Some((number, sign + digits == text.len()))
}

/// A truth value: yes, y, 1, true, on or no, n, 0, false, off in any case.
pub fn truth(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    match text.as_str() {
        "true" | "on" | "yes" | "y" | "1" => Some(true),
        "false" | "off" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// A span in milliseconds for a person: `30 s`, `1.5 s`, `200 ms`.
pub fn spoken(ms: u64) -> String {
    if ms < 1000 {
        format!("{ms} ms")
    } else if ms.is_multiple_of(1000) {
        format!("{} s", ms / 1000)
    } else {
        format!("{} s", ms as f64 / 1000.0)
    }
}

/// A span in milliseconds for the CIB: `30s` or `1500ms`.
pub fn written(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_heartbeat_did() {
        for (text, expected) in [
            ("2", Some(2000)),
            ("1500ms", Some(1500)),
            ("1.5", Some(1500)),
            ("200 ms", Some(200)),
            ("200msec", Some(200)),
            ("1500us", Some(2)),
            ("2s", None),
            ("2m", None),
            ("soon", None),
            ("", None),
            (".", Some(0)),
            ("1.2.3", Some(1200)),
            ("1..5", Some(1000)),
            (".5", Some(500)),
            ("99999999999", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text:?}");
        }
    }

    #[test]
    fn numbers_end_where_digits_end() {
        for (text, expected) in [
            ("694", Some((694, true))),
            ("694x", Some((694, false))),
            ("-1", Some((-1, true))),
            ("+5", Some((5, true))),
            ("x", None),
            ("-", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(leading_number(text), expected, "{text:?}");
        }
    }

    #[test]
    fn truth_has_ten_words() {
        for (text, expected) in
            [("on", Some(true)), ("YES", Some(true)), ("0", Some(false)), ("legacy", None)]
        {
            assert_eq!(truth(text), expected, "{text:?}");
        }
    }
}
