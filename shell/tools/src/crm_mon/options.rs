//! The command line of `crm_mon`: one table of options feeds the parser and the help.

use holdfast_view::status::Section;

/// What a word on the command line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Help,
    Version,
    Verbose,
    Quiet,
    OutputAs,
    OutputTo,
    Interval,
    OneShot,
    Daemonize,
    ExternalAgent,
    ExternalRecipient,
    WatchFencing,
    XmlFile,
    PidFile,
    Include,
    Exclude,
    Node,
    Resource,
    GroupByNode,
    Inactive,
    FailCounts,
    Operations,
    Timing,
    Tickets,
    FenceHistory,
    Bans,
    Attributes,
    HideHeaders,
    Detail,
    Description,
    Brief,
    Pending,
    AsXml,
    AsHtml,
    Simple,
    HtmlTitle,
    HtmlStylesheet,
    HtmlCgi,
    TextFancy,
}

/// Whether an option has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    Optional(&'static str),
    Needed(&'static str),
}

struct Row {
    long: &'static str,
    short: Option<char>,
    value: Value,
    meaning: Meaning,
    help: &'static str,
}

const fn row(
    long: &'static str,
    short: Option<char>,
    value: Value,
    meaning: Meaning,
    help: &'static str,
) -> Row {
    Row { long, short, value, meaning, help }
}

use Value::{Needed, None as No, Optional};

/// Every option. An empty help text hides it: it is understood for old callers only.
#[rustfmt::skip] // one line an option
static TABLE: &[Row] = &[
    row("help", Some('?'), No, Meaning::Help, "Show this help"),
    row("help-all", None, No, Meaning::Help, ""),
    row("help-output", None, No, Meaning::Help, ""),
    row("help-display", None, No, Meaning::Help, ""),
    row("help-additional", None, No, Meaning::Help, ""),
    row("version", Some('$'), No, Meaning::Version, "Show the version"),
    row("verbose", Some('V'), No, Meaning::Verbose, "Say more"),
    row("quiet", Some('Q'), No, Meaning::Quiet, "Show only the essentials"),
    row("output-as", None, Needed("FORMAT"), Meaning::OutputAs, "console, text, html, xml, json or none"),
    row("output-to", None, Needed("DEST"), Meaning::OutputTo, "Write to a file; - is standard output"),
    row("interval", Some('i'), Needed("TIMESPEC"), Meaning::Interval, "Refresh that often (default 5 seconds); events refresh at once"),
    row("one-shot", Some('1'), No, Meaning::OneShot, "Show the status once and exit"),
    row("daemonize", Some('d'), No, Meaning::Daemonize, "Run in the background; needs --output-to or --external-agent"),
    row("external-agent", Some('E'), Needed("FILE"), Meaning::ExternalAgent, "Run a program for every operation that ends"),
    row("external-recipient", Some('e'), Needed("RCPT"), Meaning::ExternalRecipient, "Recipient for that program"),
    row("watch-fencing", Some('W'), No, Meaning::WatchFencing, "Run the program for fencing, too"),
    row("xml-file", Some('x'), Needed("FILE"), Meaning::XmlFile, ""),
    row("pid-file", Some('p'), Needed("FILE"), Meaning::PidFile, ""),
    row("include", Some('I'), Needed("SECTION,..."), Meaning::Include, "Show these sections, too"),
    row("exclude", Some('U'), Needed("SECTION,..."), Meaning::Exclude, "Do not show these sections"),
    row("node", None, Needed("NODE"), Meaning::Node, "Only this node, or the nodes with this tag"),
    row("resource", None, Needed("RSC"), Meaning::Resource, "Only this resource, or the resources with this tag"),
    row("group-by-node", Some('n'), No, Meaning::GroupByNode, "Group resources by node"),
    row("inactive", Some('r'), No, Meaning::Inactive, "Show inactive resources, too"),
    row("failcounts", Some('f'), No, Meaning::FailCounts, "Show fail counts"),
    row("operations", Some('o'), No, Meaning::Operations, "Show operation history"),
    row("timing-details", Some('t'), No, Meaning::Timing, "Show operation history with timing"),
    row("tickets", Some('c'), No, Meaning::Tickets, "Show tickets"),
    row("fence-history", Some('m'), Optional("LEVEL"), Meaning::FenceHistory, "Show fencing: 0 none, 1 failed and pending, 2 all, 3 all in full"),
    row("neg-locations", Some('L'), Optional("PREFIX"), Meaning::Bans, "Show negative location constraints"),
    row("show-node-attributes", Some('A'), No, Meaning::Attributes, "Show node attributes"),
    row("hide-headers", Some('D'), No, Meaning::HideHeaders, "Leave the summary out"),
    row("show-detail", Some('R'), No, Meaning::Detail, "Show node ids and every clone instance"),
    row("show-description", None, No, Meaning::Description, "Show descriptions of resources"),
    row("brief", Some('b'), No, Meaning::Brief, "Count resources by agent"),
    row("pending", Some('j'), No, Meaning::Pending, ""),
    row("as-xml", Some('X'), No, Meaning::AsXml, ""),
    row("simple-status", Some('s'), No, Meaning::Simple, "One line, for monitoring programs"),
    row("html-title", None, Needed("TITLE"), Meaning::HtmlTitle, "Title of the page"),
    row("html-stylesheet", None, Needed("URI"), Meaning::HtmlStylesheet, "Style sheet of the page"),
    row("html-cgi", None, No, Meaning::HtmlCgi, "Write the header that a web server expects"),
    row("as-html", Some('h'), Needed("FILE"), Meaning::AsHtml, ""),
    row("web-cgi", Some('w'), No, Meaning::HtmlCgi, ""),
    row("disable-ncurses", Some('N'), No, Meaning::TextFancy, ""),
    row("text-fancy", None, No, Meaning::TextFancy, ""),
];

/// Options in the order in which they were given, with their values.
pub type Given = Vec<(Meaning, Option<String>)>;

/// Reads the words after the name of the program.
///
/// # Errors
/// What is wrong and what to type instead.
pub fn parse(words: &[String]) -> Result<Given, String> {
    let mut given = Given::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (long, None),
            };
            let row = TABLE
                .iter()
                .find(|row| row.long == name)
                .ok_or_else(|| format!("there is no option --{name}; see crm_mon --help"))?;
            let value = match (row.value, value) {
                (No, Some(_)) => return Err(format!("option --{name} takes no value")),
                (Needed(_), None) => Some(words.next().ok_or_else(|| missing(row))?.clone()),
                (No | Optional(_), value) | (Needed(_), value) => value,
            };
            given.push((row.meaning, value));
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            let mut rest = letters.chars();
            while let Some(letter) = rest.next() {
                let row = TABLE
                    .iter()
                    .find(|row| row.short == Some(letter))
                    .ok_or_else(|| format!("there is no option -{letter}; see crm_mon --help"))?;
                let attached = |rest: &mut std::str::Chars<'_>| {
                    let text: String = rest.collect();
                    let text = text.strip_prefix('=').unwrap_or(&text).to_string();
                    (!text.is_empty()).then_some(text)
                };
                let value = match row.value {
                    No => None,
                    // Only digits and prefixes directly behind the letter are its value, not further letters.
                    Optional(_) => attached(&mut rest),
                    Needed(_) => match attached(&mut rest) {
                        Some(value) => Some(value),
                        None => Some(words.next().ok_or_else(|| missing(row))?.clone()),
                    },
                };
                given.push((row.meaning, value));
            }
        } else if let Some((Meaning::FenceHistory, level @ None)) = given.last_mut()
            && word.len() == 1
            && word.bytes().all(|digit| digit.is_ascii_digit())
        {
            *level = Some(word.clone());
        } else if word == "-" {
            return Err("crm_mon does not read standard input; set CIB_file=FILE".into());
        } else {
            return Err(format!("what is \"{word}\"? crm_mon takes options only; see crm_mon --help"));
        }
    }
    Ok(given)
}

fn missing(row: &Row) -> String {
    match row.value {
        Needed(what) | Optional(what) => format!("option --{} needs {what}", row.long),
        No => format!("option --{}", row.long),
    }
}

/// The help text.
pub fn help() -> String {
    let mut text = String::from(
        "crm_mon - show the state of the cluster\n\nUsage: crm_mon [OPTION]...\n\n\
         Without --one-shot the display follows the cluster until it is interrupted.\n\nOptions:\n",
    );
    for row in TABLE.iter().filter(|row| !row.help.is_empty()) {
        let short = row.short.map_or("    ".to_string(), |short| format!("-{short}, "));
        let value = match row.value {
            No => String::new(),
            Optional(what) => format!("[={what}]"),
            Needed(what) => format!("={what}"),
        };
        text.push_str(&format!("  {short}{:<32} {}\n", format!("--{}{value}", row.long), row.help));
    }
    text.push_str(&format!("\nSections: {}\n", section_names()));
    text.push_str(
        "More: all, default (--include), none; bans:PREFIX limits constraints by the start of their ids.\n",
    );
    text.push_str(
        "\nKeys while it runs: c tickets, f fail counts, n by node, o operations, r inactive, t timing,\n",
    );
    text.push_str("A attributes, L bans, D headers, R details, b brief, q quit; any other key refreshes.\n");
    text
}

/// Sections by the names used on the command line.
pub const SECTIONS: &[(&str, &[Section])] = &[
    ("attributes", &[Section::Attributes]),
    ("bans", &[Section::Bans]),
    ("counts", &[Section::Counts]),
    ("dc", &[Section::Dc]),
    ("failcounts", &[Section::FailCounts]),
    ("failures", &[Section::Failures]),
    ("fencing", &[Section::FencingFailed, Section::FencingPending, Section::FencingSucceeded]),
    ("fencing-failed", &[Section::FencingFailed]),
    ("fencing-pending", &[Section::FencingPending]),
    ("fencing-succeeded", &[Section::FencingSucceeded]),
    ("maint-mode", &[Section::MaintenanceMode]),
    ("nodes", &[Section::Nodes]),
    ("operations", &[Section::Operations]),
    ("options", &[Section::Options]),
    ("resources", &[Section::Resources]),
    ("stack", &[Section::Stack]),
    ("summary", SUMMARY),
    ("tickets", &[Section::Tickets]),
    ("times", &[Section::Times]),
];

/// What makes up the summary.
pub const SUMMARY: &[Section] = &[
    Section::Stack,
    Section::Dc,
    Section::Times,
    Section::Counts,
    Section::Options,
    Section::MaintenanceMode,
];

/// The names of all sections.
pub fn section_names() -> String {
    SECTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[(Meaning, Option<&str>)]) {
        let words: Vec<String> = line.split_whitespace().map(String::from).collect();
        let parsed = parse(&words).unwrap();
        let expected: Given = expected.iter().map(|(m, v)| (*m, v.map(String::from))).collect();
        assert_eq!(parsed, expected, "{line}");
    }

    #[test]
    fn what_people_type() {
        check("-1", &[(Meaning::OneShot, None)]);
        check(
            "-1rfA",
            &[
                (Meaning::OneShot, None),
                (Meaning::Inactive, None),
                (Meaning::FailCounts, None),
                (Meaning::Attributes, None),
            ],
        );
        check("-bD1", &[(Meaning::Brief, None), (Meaning::HideHeaders, None), (Meaning::OneShot, None)]);
        check("--fence-history=3", &[(Meaning::FenceHistory, Some("3"))]);
        check("-m2 -1", &[(Meaning::FenceHistory, Some("2")), (Meaning::OneShot, None)]);
        check("-Lcli-", &[(Meaning::Bans, Some("cli-"))]);
        check("-i 3s", &[(Meaning::Interval, Some("3s"))]);
        check("--output-as xml", &[(Meaning::OutputAs, Some("xml"))]);
        check(
            "--exclude=all --include=nodes",
            &[(Meaning::Exclude, Some("all")), (Meaning::Include, Some("nodes"))],
        );
    }

    #[test]
    fn mistakes() {
        let check = |line: &str, expected: &str| {
            let words: Vec<String> = line.split_whitespace().map(String::from).collect();
            let error = parse(&words).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check("-y", "no option -y");
        check("--frobnicate", "no option --frobnicate");
        check("--output-as", "needs FORMAT");
        check("--inactive=3", "takes no value");
        check("node1", "options only");
    }
}
