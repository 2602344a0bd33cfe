//! Durations and intervals as options spell them.

use crate::iso8601;

/// Reads `10`, `10s`, `500ms`, `2min`, `1h`, `100us` and gives milliseconds.
///
/// A number without unit is seconds; decimals are cut off. `None` for anything without digits or with an unknown
/// unit; the sign is kept, what a negative duration means is up to the caller.
/// Source: Pacemaker Explained, "Cluster options" (type duration).
pub fn parse_milliseconds(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let sign = usize::from(text.starts_with(['+', '-']));
    let digits = text[sign..].bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    let magnitude = text[sign..sign + digits].parse::<i64>().unwrap_or(i64::MAX);
    let number = if text.starts_with('-') { -magnitude } else { magnitude };
    let unit =
        text[sign + digits..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start();
    let unit = unit.to_ascii_lowercase();
    // Units match by their beginning, as they always did: "seconds" is as good as "s".
    let (times, divide) = if unit.is_empty() || unit.starts_with('s') {
        (1000, 1)
    } else if unit.starts_with("ms") {
        (1, 1)
    } else if unit.starts_with("us") {
        (1, 1000)
    } else if unit.starts_with('m') {
        (60_000, 1)
    } else if unit.starts_with('h') {
        (3_600_000, 1)
    } else {
        return None;
    };
    Some(number.saturating_mul(times) / divide)
}

/// Reads an interval: a duration as above or an ISO 8601 duration (`PT5M`); milliseconds, 0 for missing, negative or
/// malformed values.
pub fn parse_interval_ms(text: Option<&str>) -> u32 {
    let Some(text) = text else { return 0 };
    checked_interval_ms(text).unwrap_or(0)
}

/// As [`parse_interval_ms`], but `None` for negative or malformed values.
pub fn checked_interval_ms(text: &str) -> Option<u32> {
    let milliseconds = if text.starts_with('P') {
        iso8601::Duration::parse(text)?.approximate_seconds().saturating_mul(1000)
    } else {
        parse_milliseconds(text)?
    };
    if milliseconds < 0 { None } else { Some(u32::try_from(milliseconds).unwrap_or(u32::MAX)) }
}

/// Milliseconds to the nearest whole second, where anything above zero is at least one second.
pub fn seconds_at_least_one(milliseconds: u64) -> i64 {
    if milliseconds == 0 { 0 } else { i64::try_from((milliseconds + 500) / 1000).unwrap_or(i64::MAX).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text, expected| assert_eq!(parse_milliseconds(text), expected, "{text:?}");
        check("10", Some(10_000));
        check(" 10 s", Some(10_000));
        check("10sec", Some(10_000));
        check("500ms", Some(500));
        check("2500us", Some(2));
        check("2min", Some(120_000));
        check("2m", Some(120_000));
        check("1h", Some(3_600_000));
        check("3.9s", Some(3000));
        check("-1", Some(-1000));
        check("", None);
        check("5 days", None);
    }

    #[test]
    fn intervals() {
        let check = |text, expected| assert_eq!(parse_interval_ms(text), expected, "{text:?}");
        check(None, 0);
        check(Some("10s"), 10_000);
        check(Some("PT1M"), 60_000);
        check(Some("-3"), 0);
        check(Some("later"), 0);
        check(Some("99999999999"), u32::MAX);
    }
}
