//! Durations and intervals as options spell them.

use crate::score::parse_leading_integer;

/// Reads `10`, `10s`, `500ms`, `2min`, `1h`, `100us` and gives milliseconds.
///
/// A number without unit is seconds. `None` for anything malformed, negative values included.
/// Source: Pacemaker Explained, "Cluster options" (type duration).
pub fn parse_milliseconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.trim_start_matches('+').bytes().take_while(u8::is_ascii_digit).count();
    let digits = digits + usize::from(text.starts_with('+'));
    let number = parse_leading_integer(&text[..digits])?;
    let unit = text[digits..].trim();
    let (times, divide) = match unit.to_ascii_lowercase().as_str() {
        "" | "s" | "sec" => (1000, 1),
        "ms" | "msec" => (1, 1),
        "us" | "usec" => (1, 1000),
        "m" | "min" => (60_000, 1),
        "h" | "hr" => (3_600_000, 1),
        "d" => (86_400_000, 1),
        _ => return None,
    };
    Some(number.saturating_mul(times) / divide)
}
