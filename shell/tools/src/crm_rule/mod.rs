//! `crm_rule`: whether a rule with a date is in effect.

use std::path::Path;

use holdfast_model::iso8601::{DateTime, Duration};
use holdfast_xml::{Document, Element};

use crate::arguments::{Group, Parsed, Syntax, flag, valued};
use crate::cib_source::{CibSource, read_document};
use crate::exit;
use crate::output::{Failure, Output, run_tool};

const SYNTAX: Syntax = Syntax {
    name: "crm_rule",
    summary: "evaluate rules from the Pacemaker configuration",
    operands: "",
    output: true,
    groups: &[
        Group {
            heading: "Modes (mutually exclusive):",
            options: &[flag("check", Some('c'), "Check whether a rule is in effect")],
        },
        Group {
            heading: "Data:",
            options: &[valued(
                "xml-text",
                Some('X'),
                "XML",
                "Use this configuration (or standard input if '-')",
            )],
        },
        Group {
            heading: "Additional Options:",
            options: &[
                valued("date", Some('d'), "DATE", "Whether the rule is in effect at this time"),
                valued("rule", Some('r'), "ID", "The rule to check (may be given several times)"),
            ],
        },
    ],
    epilogue: "",
};

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&SYNTAX, &args, crm_rule)
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    InEffect,
    Satisfied,
    Expired,
    NotYet,
    Undetermined { status: i32, why: &'static str },
}

impl Verdict {
    fn status(&self) -> i32 {
        match self {
            Verdict::InEffect | Verdict::Satisfied => exit::OK,
            Verdict::Expired => exit::EXPIRED,
            Verdict::NotYet => exit::NOT_YET,
            Verdict::Undetermined { status, .. } => *status,
        }
    }

    fn text(&self, rule: &str) -> String {
        match self {
            Verdict::InEffect => format!("Rule {rule} is still in effect"),
            Verdict::Satisfied => format!("Rule {rule} satisfies conditions"),
            Verdict::Expired => format!("Rule {rule} is expired"),
            Verdict::NotYet => format!("Rule {rule} has not yet taken effect"),
            Verdict::Undetermined { why, .. } => {
                format!("Could not determine whether rule {rule} is in effect: {why}")
            }
        }
    }
}

fn crm_rule(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    if !parsed.has("check") {
        return Err(Failure::usage("No mode operation given"));
    }
    let rules: Vec<&str> = parsed
        .options
        .iter()
        .filter(|(key, _)| *key == "rule")
        .filter_map(|(_, value)| value.as_deref())
        .collect();
    if rules.is_empty() {
        return Err(Failure::usage("--check requires use of --rule="));
    }
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let clock = clock.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let now = match parsed.value("date") {
        None => DateTime::from_epoch(clock),
        Some(text) => DateTime::parse(text, clock)
            .filter(|date| (1..=9999).contains(&date.fields().year))
            .ok_or_else(|| Failure::new(exit::BAD_DATA, format!("Invalid date specified: '{text}'")))?,
    };
    let document = input(parsed)?;
    let mut worst = exit::OK;
    for rule in rules {
        let verdict = check(&document, rule, now);
        let text = verdict.text(rule);
        match verdict {
            Verdict::Undetermined { .. } => output.error(&text),
            _ => output.info(&text),
        }
        output.element("rule-check", &[("rule-id", rule), ("rc", &verdict.status().to_string())]);
        worst = verdict.status();
    }
    Ok(worst)
}

fn input(parsed: &Parsed) -> Result<Document, Failure> {
    match parsed.value("xml-text") {
        Some("-") => read_document(Path::new("-")).map_err(|error| {
            eprintln!("error: {error}");
            Failure::new(exit::BAD_DATA, "Couldn't parse input from STDIN")
        }),
        Some(text) => Document::parse_default(text).map_err(|error| {
            eprintln!("error: {error}");
            Failure::new(exit::BAD_DATA, format!("Couldn't parse input string: {text}"))
        }),
        None => CibSource::open("crm_rule").and_then(|mut source| source.document()).map_err(|error| {
            error.explain(parsed.has("verbose"));
            error.failure("Could not query the CIB")
        }),
    }
}

fn check(document: &Document, rule: &str, now: DateTime) -> Verdict {
    let unsupported = |why| Verdict::Undetermined { status: exit::UNIMPLEMENTED, why };
    let found: Vec<Element<'_>> = document
        .root()
        .self_and_descendants()
        .filter(|element| element.name() == "rule" && element.id() == Some(rule))
        .collect();
    let [rule] = found.as_slice() else {
        return if found.is_empty() {
            Verdict::Undetermined { status: exit::NO_SUCH, why: "Rule not found" }
        } else {
            Verdict::Undetermined { status: exit::ERROR, why: "Multiple rules have this id" }
        };
    };
    let dates: Vec<Element<'_>> =
        rule.descendants().filter(|element| element.name() == "date_expression").collect();
    let [date] = dates.as_slice() else {
        return unsupported(if dates.is_empty() {
            "Rule does not have a date expression"
        } else {
            "Rule has more than one date expression"
        });
    };
    match date.attr("operation").unwrap_or("in_range") {
        "date_spec" => match date.child("date_spec") {
            Some(spec) if spec.has_attr("years") && !spec.has_attr("moon") => by_spec(spec, now),
            Some(_) | None => {
                unsupported("Rule must either not use date_spec, or use date_spec with years= but not moon=")
            }
        },
        operation => by_range(*date, operation, now),
    }
}

fn by_range(date: Element<'_>, operation: &str, now: DateTime) -> Verdict {
    let time = |name: &str| date.attr(name).and_then(|text| DateTime::parse(text, now.epoch_seconds));
    let (start, mut end) = (time("start"), time("end"));
    if let (None, Some(start), Some(length)) = (end, start, date.child("duration")) {
        let part = |name: &str| length.attr(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        end = Some(start.plus(&Duration {
            years: part("years"),
            months: part("months"),
            days: part("days") + 7 * part("weeks"),
            seconds: part("hours") * 3600 + part("minutes") * 60 + part("seconds"),
        }));
    }
    let now = now.epoch_seconds;
    let before = start.is_some_and(|start| now < start.epoch_seconds);
    let after = end.is_some_and(|end| now > end.epoch_seconds);
    match operation {
        "gt" if start.is_some_and(|start| now > start.epoch_seconds) => Verdict::InEffect,
        "gt" => Verdict::NotYet,
        "lt" if end.is_some_and(|end| now < end.epoch_seconds) => Verdict::InEffect,
        "lt" => Verdict::Expired,
        _ if before => Verdict::NotYet,
        _ if after => Verdict::Expired,
        _ => Verdict::InEffect,
    }
}

/// The first field that does not fit decides: years say expired or not yet, others that conditions are not met now.
fn by_spec(spec: Element<'_>, now: DateTime) -> Verdict {
    let fields = now.fields();
    let parts = [
        ("years", fields.year),
        ("months", fields.month),
        ("monthdays", fields.month_day),
        ("hours", fields.hour),
        ("minutes", fields.minute),
        ("seconds", fields.second),
        ("yeardays", fields.year_day),
        ("weekyears", fields.week_year),
        ("weeks", fields.week),
        ("weekdays", fields.week_day),
    ];
    for (name, value) in parts {
        let Some(range) = spec.attr(name) else { continue };
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        if low.parse().is_ok_and(|low: i64| value < low) {
            return Verdict::NotYet;
        }
        if high.parse().is_ok_and(|high: i64| value > high) {
            return Verdict::Expired;
        }
    }
    Verdict::Satisfied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let check_rule = |date: &str, at: &str, expected: Verdict| {
            let text = format!("<constraints><rule id=\"r\">{date}</rule></constraints>");
            let document = Document::parse_default(text).unwrap();
            assert_eq!(check(&document, "r", DateTime::parse(at, 0).unwrap()), expected, "{date} at {at}");
        };
        let until = "<date_expression operation='lt' end='2020-01-01'/>";
        check_rule(until, "2019-12-31", Verdict::InEffect);
        check_rule(until, "2020-01-02", Verdict::Expired);
        let from = "<date_expression operation='gt' start='2020-01-01'/>";
        check_rule(from, "2019-12-31", Verdict::NotYet);
        check_rule(from, "2020-01-02", Verdict::InEffect);
        let both = "<date_expression operation='in_range' start='2020-01-01'><duration months='1'/></date_expression>";
        check_rule(both, "2020-01-15", Verdict::InEffect);
        check_rule(both, "2020-02-02", Verdict::Expired);
        let spec = "<date_expression operation='date_spec'><date_spec years='2019-2020' months='6'/></date_expression>";
        check_rule(spec, "2019-06-01", Verdict::Satisfied);
        check_rule(spec, "2021-06-01", Verdict::Expired);
        check_rule(spec, "2018-06-01", Verdict::NotYet);
        let none = Verdict::Undetermined { status: 3, why: "Rule does not have a date expression" };
        check_rule("<expression/>", "2018-06-01", none);
    }
}
