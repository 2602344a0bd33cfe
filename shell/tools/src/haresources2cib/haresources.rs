//! Reads `haresources`: which node prefers which resources, in which order.
//!
//! Knows the grammar as the version 1 executor read it: comments, continuation lines, `::` arguments, bare
//! addresses. Also the comment annotations of the first converters (`#id`, `#clone:id`, `#rsc_order`,
//! `#rsc_colocation`). Does not know what any script does.

use super::source::{Account, Place, Verdict};

/// One resource of a line: a script and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word as written.
    pub text: String,
    /// The script that it names; `IPaddr` for a bare address.
    pub script: String,
    /// What stands between `::`, in order.
    pub args: Vec<String>,
}

impl Word {
    /// Splits a word at `::`; a word that begins like an IPv4 address is an `IPaddr`.
    pub fn parse(text: &str) -> Word {
        if bare_address(text) {
            return Word { text: text.to_owned(), script: "IPaddr".to_owned(), args: vec![text.to_owned()] };
        }
        let mut parts = text.split("::").map(str::to_owned);
        let script = parts.next().unwrap_or_default();
        Word { text: text.to_owned(), script, args: parts.collect() }
    }
}

/// What an annotation in a comment asks of its line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Naming {
    /// Identifiers are made from positions.
    #[default]
    ByPosition,
    /// `#ID`: the identifier of the group or lone resource.
    Named(String),
    /// `#clone:ID`: the line is a clone of its first resource.
    Clone(String),
}

/// One line (joined with its continuations): a node and the resources that move together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Where its first line stands.
    pub place: Place,
    /// The line as written, joined.
    pub text: String,
    /// The preferred node, in lower case.
    pub node: String,
    /// Left to right.
    pub words: Vec<Word>,
    /// Its annotation.
    pub naming: Naming,
}

/// A constraint written as a comment for the first converters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Annotation {
    /// `#rsc_order FROM ACTION TYPE TO`.
    Order { place: Place, from: String, action: String, kind: String, to: String },
    /// `#rsc_colocation FROM TO SCORE`.
    Colocation { place: Place, from: String, to: String, score: String },
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Haresources {
    /// In file order.
    pub groups: Vec<Group>,
    /// In file order.
    pub annotations: Vec<Annotation>,
}

/// Longest line that is read; heartbeat's own buffer was shorter.
const LONGEST_LINE: usize = 65_536;

/// Whether a word begins with digits, a point, digits, a point, digits, a point and a digit.
fn bare_address(word: &str) -> bool {
    let mut rest = word;
    for part in 0..4 {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if digits == 0 {
            return false;
        }
        rest = &rest[digits..];
        if part < 3 {
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None => return false,
            }
        }
    }
    true
}

/// Reads the file `file` with the content `text`. What is wrong goes into `account` as errors.
pub fn parse(file: &str, text: &str, account: &mut Account) -> Haresources {
    let mut result = Haresources::default();
    let mut pending: Option<(Place, String)> = None;
    for (index, raw) in text.lines().enumerate() {
        let place = Place::new(file, index + 1);
        if raw.len() > LONGEST_LINE {
            account.advise(
                &place,
                &raw[..raw.floor_char_boundary(60)],
                Verdict::Error,
                format!("a line of {} bytes; at most {LONGEST_LINE} are read", raw.len()),
                "split the line in several groups, or into lines that end in a backslash",
            );
            continue;
        }
        let line = raw.trim_end_matches('\r');
        if pending.is_none() && annotation(line.trim(), &place, &mut result, account) {
            continue;
        }
        let (body, comment) = match line.find('#') {
            Some(at) => (&line[..at], Some(line[at + 1..].trim())),
            None => (line, None),
        };
        let (mut joined_place, mut joined) = pending.take().unwrap_or((place.clone(), String::new()));
        let trimmed = body.trim_end();
        if let Some(head) = trimmed.strip_suffix('\\').filter(|_| comment.is_none()) {
            if trimmed.len() != body.len() {
                account.note(
                    &place,
                    line.trim(),
                    Verdict::Changed,
                    "blanks behind the backslash: joined with the next line (heartbeat did not join it)",
                );
            }
            if joined.trim().is_empty() {
                joined_place = place;
            }
            joined.push_str(head);
            joined.push(' ');
            pending = Some((joined_place, joined));
            continue;
        }
        if joined.trim().is_empty() {
            joined_place = place;
        }
        joined.push_str(body);
        group(joined_place, &joined, comment, &mut result, account);
    }
    if let Some((place, joined)) = pending {
        account.note(
            &place,
            joined.trim(),
            Verdict::Changed,
            "the last line of the file ends in a backslash: read as if it ended there",
        );
        group(place, &joined, None, &mut result, account);
    }
    unique_keys(&result, account);
    result
}

/// Reads one joined line and adds its group.
fn group(place: Place, joined: &str, comment: Option<&str>, result: &mut Haresources, account: &mut Account) {
    let mut words = joined.split_ascii_whitespace();
    let Some(node) = words.next() else {
        return;
    };
    let text = joined.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let words: Vec<Word> = words.map(Word::parse).collect();
    if words.is_empty() {
        account.advise(
            &place,
            &text,
            Verdict::Error,
            format!("the line names the node {node} and no resource"),
            "add the resources of this line, or remove it",
        );
        return;
    }
    if let Some(word) = words.iter().find(|w| w.script.is_empty()) {
        account.advise(
            &place,
            &text,
            Verdict::Error,
            format!("`{}` names no script: expected SCRIPT or SCRIPT::ARGUMENT", word.text),
            "write IPv6 addresses in full, without `::`, and every resource as SCRIPT::ARGUMENT",
        );
        return;
    }
    let naming = match comment.map(|c| c.split_whitespace().collect::<Vec<_>>()).as_deref() {
        Some([one]) => match one.strip_prefix("clone:") {
            Some(id) if !id.is_empty() => Naming::Clone(identifier(id)),
            _ => Naming::Named(identifier(one)),
        },
        _ => Naming::ByPosition,
    };
    result.groups.push(Group { place, text, node: node.to_lowercase(), words, naming });
}

/// Makes an annotation fit for an XML id.
fn identifier(text: &str) -> String {
    let mut id: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' })
        .collect();
    if !id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        id.insert(0, '_');
    }
    id
}

/// Reads `#rsc_order` and `#rsc_colocation`; tells whether the line is one.
fn annotation(line: &str, place: &Place, result: &mut Haresources, account: &mut Account) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let expected = match words.first() {
        Some(&"#rsc_order") => "#rsc_order FROM ACTION TYPE TO",
        Some(&"#rsc_colocation") => "#rsc_colocation FROM TO SCORE",
        _ => return false,
    };
    let owned = |index: usize| words[index].to_owned();
    match words.len() {
        5 if words[0] == "#rsc_order" => {
            let place = place.clone();
            result.annotations.push(Annotation::Order {
                place,
                from: owned(1),
                action: owned(2),
                kind: owned(3),
                to: owned(4),
            });
        }
        4 if words[0] == "#rsc_colocation" => {
            let place = place.clone();
            result.annotations.push(Annotation::Colocation {
                place,
                from: owned(1),
                to: owned(2),
                score: owned(3),
            });
        }
        _ => account.note(
            place,
            line,
            Verdict::Dropped,
            format!("a comment that looks like an annotation; expected `{expected}`"),
        ),
    }
    true
}

/// The first resource of a line is its key: heartbeat looks the group up by it.
fn unique_keys(file: &Haresources, account: &mut Account) {
    for (index, group) in file.groups.iter().enumerate() {
        let has = |g: &Group, key: &str| g.words.iter().any(|w| w.text == key);
        let key = |g: &Group| g.words[0].text.clone();
        let meets = |g: &&Group| has(g, &key(group)) || has(group, &key(g));
        if let Some(other) = file.groups[..index].iter().find(meets) {
            let key = if has(other, &key(group)) { key(group) } else { key(other) };
            account.advise(
                &group.place,
                &group.text,
                Verdict::Error,
                format!("`{key}` begins one of two lines and stands in both, this one and line {}: heartbeat mixed them up", other.place.line),
                "keep each resource on one line only",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &[&str])]) -> Account {
        let mut account = Account::default();
        let file = parse("haresources", text, &mut account);
        let got: Vec<(&str, Vec<&str>)> = file
            .groups
            .iter()
            .map(|g| (g.node.as_str(), g.words.iter().map(|w| w.text.as_str()).collect()))
            .collect();
        let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(n, w)| (*n, w.to_vec())).collect();
        assert_eq!(got, expected, "{text:?}");
        account
    }

    #[test]
    fn lines_comments_and_continuations() {
        check("# a comment\n\nALPHA 10.0.0.1 httpd # both\r\n", &[("alpha", &["10.0.0.1", "httpd"])]);
        check(
            "a 10.0.0.1 \\\n  Filesystem::/dev/sda1::/d::ext2 \\\n nfs\n",
            &[("a", &["10.0.0.1", "Filesystem::/dev/sda1::/d::ext2", "nfs"])],
        );
        let account = check("a 10.0.0.1 \\ \n nfs\n", &[("a", &["10.0.0.1", "nfs"])]);
        assert!(account.remarks()[0].note.contains("backslash"));
        check("a b \\", &[("a", &["b"])]);
    }

    #[test]
    fn words_split_at_double_colons() {
        let word = Word::parse("LinuxSCSI::1:0:0::x");
        assert_eq!((word.script.as_str(), word.args.len(), word.args[0].as_str()), ("LinuxSCSI", 2, "1:0:0"));
        assert_eq!(Word::parse("1.2.3.4/24/eth0:0").script, "IPaddr");
        assert_eq!(Word::parse("1.2.3").script, "1.2.3");
    }

    #[test]
    fn annotations_name_things() {
        let mut account = Account::default();
        let file = parse(
            "h",
            "a x #web\nb y #clone:cl\nc z # two words\n#rsc_order web start after x\n#rsc_colocation a b INFINITY\n#rsc_order a\n",
            &mut account,
        );
        assert_eq!(file.groups[0].naming, Naming::Named("web".into()));
        assert_eq!(file.groups[1].naming, Naming::Clone("cl".into()));
        assert_eq!(file.groups[2].naming, Naming::ByPosition);
        assert_eq!(file.annotations.len(), 2);
        assert_eq!(account.remarks()[0].place.line, 6);
    }

    #[test]
    fn only_keys_have_to_be_unique() {
        check(
            "a 10.0.0.1 httpd\nb 10.0.0.2 httpd\n",
            &[("a", &["10.0.0.1", "httpd"]), ("b", &["10.0.0.2", "httpd"])],
        );
        let mut account = Account::default();
        parse("h", "a 10.0.0.1 httpd\nb 10.0.0.2 httpd\n", &mut account);
        assert_eq!(account.errors().count(), 0);
    }

    #[test]
    fn faults_have_lines() {
        for (text, line) in
            [("alpha\n", 1), ("a x\n\nb x\n", 3), ("a x\nb y x\n", 2), ("a y x\nb x\n", 2), ("a ::1\n", 1)]
        {
            let mut account = Account::default();
            parse("h", text, &mut account);
            let lines: Vec<usize> = account.errors().map(|r| r.place.line).collect();
            assert_eq!(lines, vec![line], "{text:?}");
        }
    }
}
