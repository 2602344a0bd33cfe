//! From words to the tree of an expression, by recursive descent with a bounded depth.

use super::lex::{Token, Word, words};
use super::{Axis, Compare, Function, Node, Step, Test, XPathError};

/// Brackets inside brackets.
const DEPTH: usize = 64;
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
    let mut parser = Parser { source, tokens: words(source)?, at: 0, depth: 0 };
    let tree = parser.or()?;
    if parser.peek() != &Word::End {
        return parser.fail("expected the end, /, [ or |");
    }
    Ok(tree)
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
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

    fn or(&mut self) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.fail("brackets are nested too deep");
        }
        let mut left = self.and()?;
        while matches!(self.peek(), Word::Name(name) if name == "or") {
            self.next();
            left = Node::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Node> {
        let mut left = self.comparison()?;
        while matches!(self.peek(), Word::Name(name) if name == "and") {
            self.next();
            left = Node::And(Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Parsed<Node> {
        let mut left = self.union()?;
        loop {
            let compare = match self.peek() {
                Word::Sign("=") => Compare::Equal,
                Word::Sign("!=") => Compare::NotEqual,
                Word::Sign("<") => Compare::Less,
                Word::Sign("<=") => Compare::LessEqual,
                Word::Sign(">") => Compare::Greater,
                Word::Sign(">=") => Compare::GreaterEqual,
                _ => return Ok(left),
            };
            self.next();
            left = Node::Compare(compare, Box::new(left), Box::new(self.union()?));
        }
    }

    fn union(&mut self) -> Parsed<Node> {
        let mut left = self.path()?;
        while self.take("|") {
            left = Node::Union(Box::new(left), Box::new(self.path()?));
        }
        Ok(left)
    }

    fn path(&mut self) -> Parsed<Node> {
        let mut steps = Vec::new();
        let mut absolute = false;
        let mut from = None;
        let mut predicates = Vec::new();
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
            if matches!(self.peek(), Word::End | Word::Sign("|" | ")" | "]" | "=" | "!=" | ",")) {
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
            axis = match name.as_str() {
                "child" => Axis::Child,
                "descendant" => Axis::Descendant,
                "descendant-or-self" => Axis::DescendantOrSelf,
                "parent" => Axis::Parent,
                "ancestor" => Axis::Ancestor,
                "ancestor-or-self" => Axis::AncestorOrSelf,
                "self" => Axis::Itself,
                "attribute" => Axis::Attribute,
                "following-sibling" => Axis::FollowingSibling,
                "preceding-sibling" => Axis::PrecedingSibling,
                _ => return self.fail("this axis is not supported"),
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
        let (function, least, most) = match name {
            "not" => (Function::Not, 1, 1),
            "contains" => (Function::Contains, 2, 2),
            "starts-with" => (Function::StartsWith, 2, 2),
            "name" => (Function::Name, 0, 1),
            "local-name" => (Function::LocalName, 0, 1),
            "position" => (Function::Position, 0, 0),
            "last" => (Function::Last, 0, 0),
            "count" => (Function::Count, 1, 1),
            "string" => (Function::String, 0, 1),
            "string-length" => (Function::StringLength, 0, 1),
            "normalize-space" => (Function::NormalizeSpace, 0, 1),
            "concat" => (Function::Concat, 2, 32),
            "number" => (Function::Number, 0, 1),
            "boolean" => (Function::Boolean, 1, 1),
            "true" => (Function::True, 0, 0),
            "false" => (Function::False, 0, 0),
            _ => return self.fail("this function is not supported"),
        };
        let name_at = self.at;
        self.next();
        self.expect("(")?;
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                arguments.push(self.or()?);
                if self.take(")") {
                    break;
                }
                self.expect(",")?;
            }
        }
        if arguments.len() < least || arguments.len() > most {
            self.at = name_at;
            return self.fail("wrong number of arguments");
        }
        Ok(Node::Call(function, arguments))
    }
}

fn anything_below() -> Step {
    Step { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: Vec::new() }
}
