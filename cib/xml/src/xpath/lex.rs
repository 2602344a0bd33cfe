//! Words of an expression, each with its place.

use super::XPathError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    Name(String),
    Text(String),
    Number(f64),
    /// One of `/ // | = != < <= > >= ( ) [ ] @ . .. * , :: + -`
    Sign(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) start: usize,
    pub(super) end: usize,
}

const SIGNS: &[&str] = &[
    "//", "!=", "<=", ">=", "::", "..", "/", "|", "=", "<", ">", "(", ")", "[", "]", "@", ".", "*", ",", "+",
    "-",
];

pub(super) fn words(source: &str) -> Result<Vec<Token>, XPathError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = source[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (word, len) = word(source, at, c)?;
        tokens.push(Token { word, start: at, end: at + len });
        at += len;
    }
    tokens.push(Token { word: Word::End, start: at, end: at });
    Ok(tokens)
}

fn word(source: &str, at: usize, c: char) -> Result<(Word, usize), XPathError> {
    let rest = &source[at..];
    let error = |message: &str, len: usize| XPathError::Syntax {
        message: message.to_owned(),
        expression: source.to_owned(),
        start: at,
        end: at + len,
    };
    if c == '\'' || c == '"' {
        let Some(len) = rest[1..].find(c) else {
            return Err(error("a closing quote is missing", rest.len()));
        };
        return Ok((Word::Text(rest[1..=len].to_owned()), len + 2));
    }
    if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
        let len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = rest[..len].parse().map_err(|_| error("expected a number", len))?;
        return Ok((Word::Number(number), len));
    }
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Ok((Word::Sign(sign), sign.len()));
    }
    if crate::is_name_start(c) && c != ':' {
        let mut len = rest.find(|c: char| !crate::is_name_character(c)).unwrap_or(rest.len());
        if let Some(axis) = rest[..len].find("::") {
            len = axis;
        }
        return Ok((Word::Name(rest[..len].to_owned()), len));
    }
    let message = match c {
        '$' => "variables have no values here, write the value itself between quotes",
        _ => "expected a path, a predicate or a value",
    };
    Err(error(message, c.len_utf8()))
}
