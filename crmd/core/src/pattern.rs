//! POSIX extended regular expressions, as far as node and attribute patterns use them: literals, `.`, sets, groups,
//! `|`, `*`, `+`, `?`, `{m,n}`, `^`, `$`. Matches anywhere unless anchored. Work is bounded.

/// Most steps of one match.
const STEPS: usize = 100_000;
/// Most repetitions in `{m,n}`.
const REPEAT: u32 = 255;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    top: Node,
}

#[derive(Debug, Clone)]
enum Node {
    Empty,
    Char(char),
    Any,
    Set { ranges: Vec<(char, char)>, negated: bool },
    Start,
    End,
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    Repeat { node: Box<Node>, min: u32, max: u32 },
}

impl Pattern {
    /// Compiles; `None` when the text is not a valid expression.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let chars: Vec<char> = text.chars().collect();
        let mut parser = Parser { chars: &chars, at: 0, depth: 0 };
        let top = parser.either()?;
        (parser.at == chars.len()).then_some(Self { top })
    }

    /// Whether it matches somewhere in the text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        let mut steps = STEPS;
        (0..=chars.len()).any(|at| run(&self.top, &chars, at, &mut steps, &mut |_, _| true))
    }
}

fn run(
    node: &Node,
    text: &[char],
    at: usize,
    steps: &mut usize,
    next: &mut dyn FnMut(usize, &mut usize) -> bool,
) -> bool {
    if *steps == 0 {
        return false;
    }
    *steps -= 1;
    match node {
        Node::Empty => next(at, steps),
        Node::Char(c) => text.get(at) == Some(c) && next(at + 1, steps),
        Node::Any => at < text.len() && next(at + 1, steps),
        Node::Set { ranges, negated } => {
            let Some(c) = text.get(at) else { return false };
            let inside = ranges.iter().any(|(low, high)| low <= c && c <= high);
            inside != *negated && next(at + 1, steps)
        }
        Node::Start => at == 0 && next(at, steps),
        Node::End => at == text.len() && next(at, steps),
        Node::Sequence(parts) => sequence(parts, text, at, steps, next),
        Node::Either(branches) => branches.iter().any(|b| run(b, text, at, steps, next)),
        Node::Repeat { node, min, max } => repeat(node, *min, *max, text, at, steps, next),
    }
}

fn sequence(
    parts: &[Node],
    text: &[char],
    at: usize,
    steps: &mut usize,
    next: &mut dyn FnMut(usize, &mut usize) -> bool,
) -> bool {
    match parts.split_first() {
        None => next(at, steps),
        Some((first, rest)) => {
            run(first, text, at, steps, &mut |after, steps| sequence(rest, text, after, steps, next))
        }
    }
}

fn repeat(
    node: &Node,
    min: u32,
    max: u32,
    text: &[char],
    at: usize,
    steps: &mut usize,
    next: &mut dyn FnMut(usize, &mut usize) -> bool,
) -> bool {
    if max > 0 {
        let more = run(node, text, at, steps, &mut |after, steps| {
            (after > at || min > 0) && repeat(node, min.saturating_sub(1), max - 1, text, after, steps, next)
        });
        if more {
            return true;
        }
    }
    min == 0 && next(at, steps)
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn either(&mut self) -> Option<Node> {
        if self.depth > 50 {
            return None;
        }
        self.depth += 1;
        let mut branches = vec![self.sequence()?];
        while self.peek() == Some('|') {
            self.at += 1;
            branches.push(self.sequence()?);
        }
        self.depth -= 1;
        if branches.len() == 1 { branches.pop() } else { Some(Node::Either(branches)) }
    }

    fn sequence(&mut self) -> Option<Node> {
        let mut parts = Vec::new();
        while let Some(c) = self.peek() {
            if c == '|' || c == ')' {
                break;
            }
            let atom = self.atom()?;
            parts.push(self.repeated(atom)?);
        }
        Some(if parts.is_empty() { Node::Empty } else { Node::Sequence(parts) })
    }

    fn atom(&mut self) -> Option<Node> {
        let c = self.peek()?;
        self.at += 1;
        Some(match c {
            '.' => Node::Any,
            '^' => Node::Start,
            '$' => Node::End,
            '(' => {
                let inside = self.either()?;
                if self.peek() != Some(')') {
                    return None;
                }
                self.at += 1;
                inside
            }
            '[' => self.set()?,
            '\\' => {
                let escaped = self.peek()?;
                self.at += 1;
                Node::Char(escaped)
            }
            '*' | '+' | '?' => return None,
            other => Node::Char(other),
        })
    }

    fn set(&mut self) -> Option<Node> {
        let negated = self.peek() == Some('^');
        if negated {
            self.at += 1;
        }
        let mut ranges = Vec::new();
        let begin = self.at;
        loop {
            let c = self.peek()?;
            self.at += 1;
            if c == ']' && self.at - 1 > begin {
                return Some(Node::Set { ranges, negated });
            }
            if c == '[' && self.peek() == Some(':') {
                let rest: String = self.chars[self.at + 1..].iter().collect();
                let (name, _) = rest.split_once(":]")?;
                ranges.extend(class(name)?);
                self.at += name.chars().count() + 3;
                continue;
            }
            if self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|c| *c != ']') {
                let high = self.chars[self.at + 1];
                self.at += 2;
                ranges.push((c, high));
            } else {
                ranges.push((c, c));
            }
        }
    }

    fn repeated(&mut self, mut atom: Node) -> Option<Node> {
        while let Some(c) = self.peek() {
            let (min, max) = match c {
                '*' => (0, u32::MAX),
                '+' => (1, u32::MAX),
                '?' => (0, 1),
                '{' => {
                    let close = self.chars[self.at..].iter().position(|c| *c == '}')? + self.at;
                    let inside: String = self.chars[self.at + 1..close].iter().collect();
                    self.at = close;
                    let (low, high) = inside.split_once(',').unwrap_or((&inside, &inside));
                    let min: u32 = low.parse().ok()?;
                    let max: u32 = if high.is_empty() { u32::MAX } else { high.parse().ok()? };
                    if min > REPEAT || (max > REPEAT && max != u32::MAX) || min > max {
                        return None;
                    }
                    (min, max)
                }
                _ => return Some(atom),
            };
            self.at += 1;
            atom = Node::Repeat { node: Box::new(atom), min, max };
        }
        Some(atom)
    }
}

fn class(name: &str) -> Option<Vec<(char, char)>> {
    Some(match name {
        "digit" => vec![('0', '9')],
        "alpha" => vec![('a', 'z'), ('A', 'Z')],
        "alnum" => vec![('a', 'z'), ('A', 'Z'), ('0', '9')],
        "lower" => vec![('a', 'z')],
        "upper" => vec![('A', 'Z')],
        "space" => vec![(' ', ' '), ('\t', '\r')],
        "xdigit" => vec![('0', '9'), ('a', 'f'), ('A', 'F')],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_extended_expressions_do() {
        for (pattern, text, expected) in [
            ("node[0-9]+", "xnode12", true),
            ("^node[0-9]+$", "xnode12", false),
            ("^(a|b){2}$", "ab", true),
            ("^(a|b){2}$", "aba", false),
            ("^ping.*$", "pingd", true),
            ("^[^-]+$", "a-b", false),
            ("a{2,}", "caab", true),
            ("^[[:digit:]]?x$", "7x", true),
            ("\\.", "ab", false),
            ("^$", "", true),
            ("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().matches(text), expected, "{pattern} on {text}");
        }
        for bad in ["(", "a)", "[a", "*a", "a{2,1}", "a{x}"] {
            assert!(Pattern::new(bad).is_none(), "{bad}");
        }
    }
}
