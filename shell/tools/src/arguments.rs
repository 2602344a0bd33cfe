//! Reading a command line as the old tools do: bundled short options, values attached or apart, options repeated.
//!
//! One table of options feeds parser and help. Knows nothing of any tool.

use std::collections::VecDeque;

/// Whether an option has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    None,
    Required,
    /// Only attached: `--name=value` or `-nvalue`; or the next word unless it looks like an option.
    Optional,
}

/// One option. Long names that mean the same are separate rows with the same `key`.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// What the tool asks for; usually the long name.
    pub key: &'static str,
    pub long: &'static str,
    pub short: Option<char>,
    pub value: Value,
    /// Name of the value in the help.
    pub value_name: &'static str,
    /// Empty: understood but not shown.
    pub help: &'static str,
}

/// A switch.
pub const fn flag(long: &'static str, short: Option<char>, help: &'static str) -> Opt {
    Opt { key: long, long, short, value: Value::None, value_name: "", help }
}

/// An option with a value.
pub const fn valued(
    long: &'static str,
    short: Option<char>,
    value_name: &'static str,
    help: &'static str,
) -> Opt {
    Opt { key: long, long, short, value: Value::Required, value_name, help }
}

impl Opt {
    /// The same option under another name.
    pub const fn meaning(mut self, key: &'static str) -> Opt {
        self.key = key;
        self
    }

    /// An option that may go without its value.
    pub const fn optional(mut self) -> Opt {
        self.value = Value::Optional;
        self
    }
}

/// Options under one heading of the help.
pub struct Group {
    pub heading: &'static str,
    pub options: &'static [Opt],
}

/// Options that every tool has.
const COMMON: &[Opt] = &[
    flag("help", Some('?'), "Show help options"),
    flag("help-all", None, "Show all help options"),
    flag("version", Some('$'), "Display software version and exit"),
    flag("verbose", Some('V'), "Increase debug output (may be specified multiple times)"),
];

const OUTPUT: &[Opt] = &[
    valued("output-as", None, "FORMAT", "Specify output format as one of: text (default), xml"),
    valued("output-to", None, "DEST", "Specify file name for output (or \"-\" for stdout)"),
];

/// The command line of one tool.
pub struct Syntax {
    pub name: &'static str,
    pub summary: &'static str,
    /// What follows the options in the usage line.
    pub operands: &'static str,
    pub groups: &'static [Group],
    /// Whether `--output-as` exists.
    pub output: bool,
    /// Printed after the options.
    pub epilogue: &'static str,
}

/// A command line that was understood.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// Keys in the order given, with values.
    pub options: Vec<(&'static str, Option<String>)>,
    /// What is no option.
    pub operands: Vec<String>,
    /// The command line as it is shown again.
    pub request: String,
}

impl Parsed {
    pub fn has(&self, key: &str) -> bool {
        self.options.iter().any(|(name, _)| *name == key)
    }

    pub fn count(&self, key: &str) -> usize {
        self.options.iter().filter(|(name, _)| *name == key).count()
    }

    /// The value given last.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.options.iter().rev().find(|(name, _)| *name == key).and_then(|(_, value)| value.as_deref())
    }

    /// The last option among some that exclude each other.
    pub fn last_of(&self, keys: &[&str]) -> Option<(&'static str, Option<&str>)> {
        let found = self.options.iter().rev().find(|(name, _)| keys.contains(name));
        found.map(|(name, value)| (*name, value.as_deref()))
    }
}

impl Syntax {
    fn all(&self) -> impl Iterator<Item = &'static Opt> {
        let output: &'static [Opt] = if self.output { OUTPUT } else { &[] };
        self.groups.iter().flat_map(|group| group.options.iter()).chain(COMMON).chain(output)
    }

    /// Reads a command line; its first word is the program's name.
    ///
    /// # Errors
    /// What is wrong, as one sentence.
    pub fn parse(&self, args: &[String]) -> Result<Parsed, String> {
        let mut parsed = Parsed { request: quote(self.name, args), ..Parsed::default() };
        let mut words: VecDeque<&str> = args.iter().skip(1).map(String::as_str).collect();
        while let Some(word) = words.pop_front() {
            if word == "--" {
                parsed.operands.extend(words.drain(..).map(str::to_owned));
            } else if let Some(long) = word.strip_prefix("--") {
                let (name, attached) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                let option = self
                    .all()
                    .find(|option| option.long == name)
                    .ok_or(format!("Unknown option --{name}"))?;
                if option.value == Value::None && attached.is_some() {
                    return Err(format!("Option --{name} takes no value"));
                }
                let value = self.value(option, attached, &mut words, &format!("--{name}"))?;
                parsed.options.push((option.key, value));
            } else if word.len() > 1 && word.starts_with('-') && !self.is_number(word) {
                self.short(word, &mut words, &mut parsed)?;
            } else {
                parsed.operands.push(word.to_owned());
            }
        }
        Ok(parsed)
    }

    /// A negative number, unless its first digit is an option of this tool.
    fn is_number(&self, word: &str) -> bool {
        let digits = &word[1..];
        let number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let option = digits.chars().next().is_some_and(|c| self.all().any(|option| option.short == Some(c)));
        word == "-INFINITY" || number && !option
    }

    fn short(&self, word: &str, words: &mut VecDeque<&str>, parsed: &mut Parsed) -> Result<(), String> {
        let mut rest = &word[1..];
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            let option = self
                .all()
                .find(|option| option.short == Some(letter))
                .ok_or(format!("Unknown option -{letter}"))?;
            if option.value == Value::None {
                parsed.options.push((option.key, None));
                continue;
            }
            let attached = (!rest.is_empty()).then(|| rest.strip_prefix('=').unwrap_or(rest).to_owned());
            rest = "";
            let value = self.value(option, attached, words, &format!("-{letter}"))?;
            parsed.options.push((option.key, value));
        }
        Ok(())
    }

    fn value(
        &self,
        option: &Opt,
        attached: Option<String>,
        words: &mut VecDeque<&str>,
        shown: &str,
    ) -> Result<Option<String>, String> {
        match option.value {
            Value::None => Ok(None),
            Value::Required => match attached.or_else(|| words.pop_front().map(str::to_owned)) {
                Some(value) => Ok(Some(value)),
                None => Err(format!("Missing argument for {shown}")),
            },
            Value::Optional => {
                if attached.is_some() {
                    return Ok(attached);
                }
                let next = words.front().filter(|next| !next.starts_with('-') || next.len() == 1);
                if next.is_some() {
                    return Ok(words.pop_front().map(str::to_owned));
                }
                Ok(None)
            }
        }
    }

    /// The help page.
    pub fn help(&self) -> String {
        let operands = if self.operands.is_empty() { String::new() } else { format!(" {}", self.operands) };
        let mut text = format!("Usage:\n  {} [OPTION…]{operands}\n\n{}\n", self.name, self.summary);
        let mut section = |heading: &str, options: &mut dyn Iterator<Item = &'static Opt>| {
            let lines: Vec<(String, &str)> = options
                .filter(|option| !option.help.is_empty())
                .map(|option| {
                    let short = option.short.map(|letter| format!("-{letter}, ")).unwrap_or_default();
                    let value = match option.value {
                        Value::None => String::new(),
                        Value::Required => format!("={}", option.value_name),
                        Value::Optional => format!("[={}]", option.value_name),
                    };
                    (format!("  {short}--{}{value}", option.long), option.help)
                })
                .collect();
            if lines.is_empty() {
                return;
            }
            let width = lines.iter().map(|(head, _)| head.chars().count()).max().unwrap_or(0).min(36) + 2;
            text.push_str(&format!("\n{heading}\n"));
            for (head, help) in lines {
                let mut parts = help.lines();
                text.push_str(&format!("{head:width$} {}\n", parts.next().unwrap_or("")));
                for part in parts {
                    text.push_str(&format!("{:width$} {part}\n", ""));
                }
            }
        };
        section("Help Options:", &mut COMMON[..2].iter());
        for group in self.groups {
            section(group.heading, &mut group.options.iter());
        }
        if self.output {
            section("Output Options:", &mut OUTPUT.iter());
        }
        section("Application Options:", &mut COMMON[2..].iter());
        if !self.epilogue.is_empty() {
            text.push_str(&format!("\n{}", self.epilogue));
        }
        text
    }
}

/// The command line as one line that a shell would read the same way.
fn quote(name: &str, args: &[String]) -> String {
    let mut line = name.to_owned();
    for arg in args.iter().skip(1) {
        line.push(' ');
        if is_one_shell_word(arg) {
            line.push_str(arg);
        } else {
            line.push_str(&format!("'{}'", arg.replace('\'', "'\\''")));
        }
    }
    line
}

/// Whether a shell would read the text as exactly one word (quotes inside may be part of it).
fn is_one_shell_word(text: &str) -> bool {
    let (mut quote, mut escaped, mut inside, mut words) = (None, false, false, 0);
    for c in text.chars() {
        if escaped {
            escaped = false;
            continue;
        }
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('"') | None, '\\') => {
                escaped = true;
                if !inside {
                    inside = true;
                    words += 1;
                }
            }
            (Some(_), _) => {}
            (None, '\'' | '"') => {
                quote = Some(c);
                if !inside {
                    inside = true;
                    words += 1;
                }
            }
            (None, ' ' | '\t' | '\n') => inside = false,
            (None, '#') if !inside => return false,
            (None, _) => {
                if !inside {
                    inside = true;
                    words += 1;
                }
            }
        }
    }
    words == 1 && quote.is_none() && !escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNTAX: Syntax = Syntax {
        name: "tool",
        summary: "Does something",
        operands: "",
        groups: &[Group {
            heading: "Commands:",
            options: &[
                flag("query", Some('Q'), "Ask"),
                valued("file", Some('f'), "FILE", "Read a file"),
                flag("all", Some('a'), ""),
                valued("kind", Some('k'), "KIND", "Which").optional(),
            ],
        }],
        output: true,
        epilogue: "",
    };

    fn check(line: &str, expected: Result<&str, &str>) {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let shown = SYNTAX.parse(&args).map(|parsed| {
            let options: Vec<String> = parsed
                .options
                .iter()
                .map(|(key, value)| {
                    value.as_ref().map_or((*key).to_owned(), |value| format!("{key}={value}"))
                })
                .collect();
            format!("{} | {}", options.join(" "), parsed.operands.join(" "))
        });
        assert_eq!(shown.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn reads_all_shapes() {
        check("tool -Qaf x y", Ok("query all file=x | y"));
        check("tool -fx --file=y --file z", Ok("file=x file=y file=z | "));
        check("tool --query=1", Err("Option --query takes no value"));
        check("tool -f", Err("Missing argument for -f"));
        check("tool --nothing", Err("Unknown option --nothing"));
        check("tool -x", Err("Unknown option -x"));
        check("tool -V -V -5 -- -Q", Ok("verbose verbose | -5 -Q"));
        check("tool -k -Q", Ok("kind query | "));
        check("tool -k one --kind=two", Ok("kind=one kind=two | "));
        check("tool -f -", Ok("file=- | "));
    }

    #[test]
    fn shows_the_request_as_a_shell_reads_it() {
        let args = ["/usr/bin/tool", "a b", "it's", "--x='y z'", "", "<a b=\"c\"/>"].map(str::to_owned);
        assert_eq!(quote("tool", &args), "tool 'a b' 'it'\\''s' --x='y z' '' '<a b=\"c\"/>'");
    }
}
