//! From words to the tree of an expression, by recursive descent with a bounded depth.

use super::lex::{Token, Word, words};
use super::{AXES, Arithmetic, Axis, Compare, FUNCTIONS, Function, Node, Step, Test, XPathError};

/// Brackets inside brackets.
const DEPTH: usize = 64;
/// Comparisons and reckonings of one kind in a row, as in `1 + 2 + 3`, in all: each after the first is a level of the
/// tree that is walked.
const CHAINED: usize = 128;
/// Bytes of one expression; tools and access rules stay far below.
const LENGTH: usize = 64 << 10;

pub(super) fn parse(source: &str) -> Result<Node, XPathError> {
    if source.len() > LENGTH {
        return Err(XPathError::Syntax {
            message: format!("the expression has more than {LENGTH} bytes"),
            expression: source.chars().take(40).collect(),
            start: 0,
            end: 0,
        });
    }
    let mut parser = Parser { source, tokens: words(source)?, at: 0, depth: 0, chained: 0 };
    let tree = parser.or()?;
    if parser.peek() != &Word::End {
        return parser.fail("expected the end, /, [, | or an operator");
    }
    Ok(tree)
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    chained: usize,
}

type Parsed<T> = Result<T, XPathError>;

impl Parser<'_> {
    fn peek(&self) -> &Word {
        &self.tokens[self.at].word
    }

    fn peek_second(&self) -> &Word {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].word
    }

    fn next(&mut self) -> Word {
        let word = self.tokens[self.at].word.clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        word
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Word::Sign(here) if *here == sign);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, sign: &'static str) -> Parsed<()> {
        if self.take(sign) { Ok(()) } else { self.fail(&format!("expected {sign}")) }
    }

    fn fail<T>(&self, message: &str) -> Parsed<T> {
        let token = &self.tokens[self.at];
        Err(XPathError::Syntax {
            message: message.to_owned(),
            expression: self.source.to_owned(),
            start: token.start,
            end: token.end,
        })
    }

    /// Takes an operator; `again` when its left side is an operation of the same kind.
    fn operator(&mut self, again: bool) -> Parsed<()> {
        self.chained += usize::from(again);
        if self.chained > CHAINED {
            return self.fail("too many operators in a row, split the expression");
        }
        self.next();
        Ok(())
    }

    fn or(&mut self) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.fail("brackets are nested too deep");
        }
        let mut parts = vec![self.and()?];
        while matches!(self.peek(), Word::Name(name) if name == "or") {
            self.next();
            parts.push(self.and()?);
        }
        self.depth -= 1;
        Ok(single(parts, Node::Or))
    }

    fn and(&mut self) -> Parsed<Node> {
        let mut parts = vec![self.equality()?];
        while matches!(self.peek(), Word::Name(name) if name == "and") {
            self.next();
            parts.push(self.equality()?);
        }
        Ok(single(parts, Node::And))
    }

    fn equality(&mut self) -> Parsed<Node> {
        let mut left = self.relation()?;
        loop {
            let compare = match self.peek() {
                Word::Sign("=") => Compare::Equal,
                Word::Sign("!=") => Compare::NotEqual,
                _ => return Ok(left),
            };
            self.operator(matches!(left, Node::Compare(..)))?;
            left = Node::Compare(compare, Box::new(left), Box::new(self.relation()?));
        }
    }

    fn relation(&mut self) -> Parsed<Node> {
        let mut left = self.sum()?;
        loop {
            let compare = match self.peek() {
                Word::Sign("<") => Compare::Less,
                Word::Sign("<=") => Compare::LessEqual,
                Word::Sign(">") => Compare::Greater,
                Word::Sign(">=") => Compare::GreaterEqual,
                _ => return Ok(left),
            };
            self.operator(matches!(left, Node::Compare(..)))?;
            left = Node::Compare(compare, Box::new(left), Box::new(self.sum()?));
        }
    }

    fn sum(&mut self) -> Parsed<Node> {
        let mut left = self.product()?;
        loop {
            let arithmetic = match self.peek() {
                Word::Sign("+") => Arithmetic::Add,
                Word::Sign("-") => Arithmetic::Subtract,
                _ => return Ok(left),
            };
            self.operator(matches!(left, Node::Arithmetic(..)))?;
            left = Node::Arithmetic(arithmetic, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Parsed<Node> {
        let mut left = self.negation()?;
        loop {
            let arithmetic = match self.peek() {
                Word::Sign("*") => Arithmetic::Multiply,
                Word::Name(name) if name == "div" => Arithmetic::Divide,
                Word::Name(name) if name == "mod" => Arithmetic::Remainder,
                _ => return Ok(left),
            };
            self.operator(matches!(left, Node::Arithmetic(..)))?;
            left = Node::Arithmetic(arithmetic, Box::new(left), Box::new(self.negation()?));
        }
    }

    fn negation(&mut self) -> Parsed<Node> {
        let mut signs = 0;
        while self.peek() == &Word::Sign("-") {
            self.operator(signs > 0)?;
            signs += 1;
        }
        let mut node = self.union()?;
        for _ in 0..signs {
            node = Node::Negate(Box::new(node));
        }
        Ok(node)
    }

    fn union(&mut self) -> Parsed<Node> {
        let mut begin = self.at;
        let mut parts = vec![self.path()?];
        while self.peek() == &Word::Sign("|") {
            self.places(&parts[parts.len() - 1], begin)?;
            self.next();
            begin = self.at;
            parts.push(self.path()?);
        }
        if parts.len() > 1 {
            self.places(&parts[parts.len() - 1], begin)?;
        }
        Ok(single(parts, Node::Union))
    }

    /// Refuses a value where only places make sense; it began at that word.
    fn places(&mut self, node: &Node, begin: usize) -> Parsed<()> {
        if node.is_places() {
            return Ok(());
        }
        self.at = begin;
        self.fail("expected a path, this is a value")
    }

    fn path(&mut self) -> Parsed<Node> {
        let mut steps = Vec::new();
        let mut absolute = false;
        let mut from = None;
        let mut predicates = Vec::new();
        let begin = self.at;
        let primary = match self.peek() {
            Word::Text(_) | Word::Number(_) | Word::Sign("(") => true,
            Word::Name(name) => {
                self.peek_second() == &Word::Sign("(")
                    && !["text", "node", "comment"].contains(&name.as_str())
            }
            Word::Sign(_) | Word::End => false,
        };
        if primary {
            let primary = self.primary()?;
            predicates = self.predicates()?;
            let goes_on = matches!(self.peek(), Word::Sign("/" | "//"));
            if predicates.is_empty() && !goes_on {
                return Ok(primary);
            }
            self.places(&primary, begin)?;
            from = Some(Box::new(primary));
            if !goes_on {
                return Ok(Node::Path { from, predicates, absolute, steps });
            }
            if self.take("//") {
                steps.push(anything_below());
            } else {
                self.next();
            }
        } else if self.take("//") {
            absolute = true;
            steps.push(anything_below());
        } else if self.take("/") {
            absolute = true;
            if !matches!(self.peek(), Word::Name(_) | Word::Sign("*" | "@" | "." | "..")) {
                return Ok(Node::Path { from, predicates, absolute, steps });
            }
        }
        loop {
            steps.push(self.step()?);
            if self.take("//") {
                steps.push(anything_below());
            } else if !self.take("/") {
                return Ok(Node::Path { from, predicates, absolute, steps });
            }
        }
    }

    fn step(&mut self) -> Parsed<Step> {
        if self.take("..") {
            return Ok(Step { axis: Axis::Parent, test: Test::Node, predicates: self.predicates()? });
        }
        if self.take(".") {
            return Ok(Step { axis: Axis::Itself, test: Test::Node, predicates: self.predicates()? });
        }
        let mut axis = if self.take("@") { Axis::Attribute } else { Axis::Child };
        if let Word::Name(name) = self.peek()
            && self.peek_second() == &Word::Sign("::")
        {
            axis = match AXES.iter().find(|(known, _)| known == name) {
                Some((_, axis)) => *axis,
                None if name == "namespace" => {
                    return self.fail("namespaces are not kept, test name() or an attribute instead");
                }
                None => {
                    let known: Vec<&str> = AXES.iter().map(|(name, _)| *name).collect();
                    return self
                        .fail(&format!("there is no such axis, expected one of {}", known.join(", ")));
                }
            };
            self.next();
            self.next();
        }
        let test = match self.peek().clone() {
            Word::Sign("*") => {
                self.next();
                Test::Any
            }
            Word::Name(name) => {
                self.next();
                if self.take("(") {
                    self.expect(")")?;
                    match name.as_str() {
                        "text" => Test::Text,
                        "comment" => Test::Comment,
                        _ => Test::Node,
                    }
                } else {
                    Test::Name(name)
                }
            }
            Word::Sign(_) | Word::Text(_) | Word::Number(_) | Word::End => {
                return self.fail("expected an element name, *, @attribute, . or ..");
            }
        };
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn predicates(&mut self) -> Parsed<Vec<Node>> {
        let mut all = Vec::new();
        while self.take("[") {
            all.push(self.or()?);
            self.expect("]")?;
        }
        Ok(all)
    }

    fn primary(&mut self) -> Parsed<Node> {
        match self.peek().clone() {
            Word::Text(text) => {
                self.next();
                Ok(Node::Text(text))
            }
            Word::Number(number) => {
                self.next();
                Ok(Node::Number(number))
            }
            Word::Name(name) => self.call(&name),
            Word::Sign(_) | Word::End => {
                self.expect("(")?;
                let inner = self.or()?;
                self.expect(")")?;
                Ok(inner)
            }
        }
    }

    fn call(&mut self, name: &str) -> Parsed<Node> {
        let Some((_, function, least, most)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            return match name {
                "id" => self.fail("no DTD says which attributes are ids, write //*[@id='ID'] instead"),
                "namespace-uri" => self.fail("namespaces are not kept, use name() instead"),
                _ => {
                    let known: Vec<&str> = FUNCTIONS.iter().map(|(name, ..)| *name).collect();
                    self.fail(&format!("there is no such function, expected one of {}", known.join(", ")))
                }
            };
        };
        let name_at = self.at;
        self.next();
        self.expect("(")?;
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                let begin = self.at;
                let argument = self.or()?;
                if matches!(function, Function::Count | Function::Sum | Function::Name | Function::LocalName)
                {
                    self.places(&argument, begin)?;
                }
                arguments.push(argument);
                if self.take(")") {
                    break;
                }
                self.expect(",")?;
            }
        }
        if !(*least..=*most).contains(&arguments.len()) {
            self.at = name_at;
            let expected = if least == most { format!("{least}") } else { format!("{least} to {most}") };
            return self.fail(&format!("{} arguments, expected {expected}", arguments.len()));
        }
        Ok(Node::Call(*function, arguments))
    }
}

/// The only part, or all of them together.
fn single(mut parts: Vec<Node>, together: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => together(parts.into_iter().chain(last).collect()),
    }
}

fn anything_below() -> Step {
    Step { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: Vec::new() }
}
