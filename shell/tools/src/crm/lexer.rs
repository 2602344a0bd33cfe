//! Lines into words, as a shell splits them: blanks, quotes, backslashes, comments.
//!
//! Knows no command.

/// Why a line cannot be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the quote opened at character {at} is not closed; end it with {quote}")]
pub struct OpenQuote {
    /// Character position from 1.
    pub at: usize,
    /// The quote.
    pub quote: char,
}

/// Splits a line. A line that begins with `#` has no words.
///
/// # Errors
/// A quote that is not closed.
pub fn words(line: &str) -> Result<Vec<String>, OpenQuote> {
    let mut out = Vec::new();
    if line.trim_start().starts_with('#') {
        return Ok(out);
    }
    let (mut word, mut inside) = (String::new(), false);
    let mut quote: Option<(char, usize)> = None;
    let mut characters = line.chars().enumerate();
    while let Some((at, c)) = characters.next() {
        match (quote, c) {
            (Some((q, _)), c) if c == q => quote = None,
            (Some(('"', _)), '\\') => match characters.next() {
                // Only a quote and a backslash are special between double quotes.
                Some((_, escaped @ ('"' | '\\'))) => word.push(escaped),
                Some((_, other)) => word.extend(['\\', other]),
                None => word.push('\\'),
            },
            (Some(_), c) => word.push(c),
            (None, '\\') => {
                inside = true;
                word.extend(characters.next().map(|(_, c)| c));
            }
            (None, '\'' | '"') => {
                inside = true;
                quote = Some((c, at + 1));
            }
            (None, c) if c.is_whitespace() => {
                if inside {
                    out.push(std::mem::take(&mut word));
                }
                inside = false;
            }
            (None, c) => {
                inside = true;
                word.push(c);
            }
        }
    }
    match quote {
        Some((quote, at)) => Err(OpenQuote { at, quote }),
        None => {
            if inside {
                out.push(word);
            }
            Ok(out)
        }
    }
}

/// Whether a line goes on behind its end: an odd number of backslashes closes it.
pub fn continues(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) & 1 == 1
}

/// A value as `show` prints it: bare when it is made of word characters, points and hyphens, else in quotes.
pub fn quoted(value: &str) -> String {
    let bare =
        !value.is_empty() && value.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
    if bare { value.to_owned() } else { format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_words() {
        for (line, expected) in [
            ("a  b\tc", &["a", "b", "c"][..]),
            ("p params ip=\"10.0.0.1 x\" q='a\"b'", &["p", "params", "ip=10.0.0.1 x", "q=a\"b"]),
            ("a\\ b \"c\\\"d\\n\"", &["a b", "c\"d\\n"]),
            ("# all of it", &[]),
            ("rule 100: #uname eq n", &["rule", "100:", "#uname", "eq", "n"]),
            ("x=\"\"", &["x="]),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
        assert_eq!(words("a \"b"), Err(OpenQuote { at: 3, quote: '"' }));
    }

    #[test]
    fn quoting_round_trips() {
        for value in ["plain-1.2_x", "with blank", "a\"b\\c", ""] {
            assert_eq!(words(&format!("x={}", quoted(value))).unwrap(), [format!("x={value}")]);
        }
    }

    #[test]
    fn backslashes_join_lines() {
        assert!(continues("a \\") && !continues("a \\\\") && !continues("a"));
    }
}
