//! Truth values as the configuration spells them.

/// Reads a boolean: `true/on/yes/y/1` and `false/off/no/n/0`, in any letter case.
///
/// Returns `None` for anything else, so that the caller decides between a default and a complaint.
pub fn parse_bool(text: &str) -> Option<bool> {
    const YES: [&str; 5] = ["true", "on", "yes", "y", "1"];
    const NO: [&str; 5] = ["false", "off", "no", "n", "0"];
    if YES.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Some(true)
    } else if NO.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Some(false)
    } else {
        None
    }
}

/// True only for a valid spelling of "true"; missing and malformed values are false.
pub fn is_true(text: Option<&str>) -> bool {
    text.and_then(parse_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let check = |input, expected| assert_eq!(parse_bool(input), expected, "{input:?}");
        check("true", Some(true));
        check("YES", Some(true));
        check("1", Some(true));
        check("off", Some(false));
        check("N", Some(false));
        check("", None);
        check("maybe", None);
    }
}
