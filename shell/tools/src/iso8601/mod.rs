//! `iso8601`: read dates, durations and periods, show and add them.

use holdfast_model::iso8601::{DateTime, Duration};

use crate::arguments::{Group, Parsed, Syntax, flag, valued};
use crate::crm_mon::local_time::now;
use crate::exit;
use crate::output::{Failure, Output, run_tool};

const SYNTAX: Syntax = Syntax {
    name: "iso8601",
    summary: "Display and parse ISO 8601 dates and times",
    operands: "",
    output: true,
    groups: &[
        Group {
            heading: "Commands:",
            options: &[
                flag("now", Some('n'), "Show the present date and time"),
                valued(
                    "date",
                    Some('d'),
                    "DATE",
                    "Read a date and time, such as '2019-09-24 00:30:00+01:00' or '2019-040'",
                ),
                valued("period", Some('p'), "PERIOD", "Read a period, such as '2005-040/2005-043'"),
                valued("duration", Some('D'), "DURATION", "Read a duration, such as 'P1M'"),
                valued("expected", Some('E'), "TEXT", "Fail unless the result is this text (with -n or -d)"),
            ],
        },
        Group {
            heading: "Output modifiers:",
            options: &[
                flag("seconds", Some('s'), "Seconds since the year 0"),
                flag("epoch", Some('S'), "Seconds since 1970-001 00:00:00Z"),
                flag("local", Some('L'), "In the zone that was given"),
                flag("ordinal", Some('O'), "With the day of the year"),
                flag("week", Some('W'), "With week and day of the week"),
            ],
        },
    ],
    epilogue: "",
};

/// Seconds from the beginning of year 1 to 1970.
const YEAR_ONE: i64 = 62_135_596_800;

/// Runs the tool.
pub fn run(args: Vec<String>) -> i32 {
    run_tool(&SYNTAX, &args, iso8601)
}

fn iso8601(parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    let invalid = |what: &str, text: &str| {
        Failure::new(exit::INVALID_PARAMETER, format!("Invalid {what} specified: {text}"))
    };
    let mut date = None;
    match parsed.last_of(&["now", "date"]) {
        Some(("now", _)) | Some(("date", Some("now"))) => {
            let time = DateTime::from_epoch(now());
            date = Some(time);
            say(output, "Current date/time", "date", &format(time, parsed, false));
        }
        Some((_, Some(text))) => {
            let time = read(text).ok_or_else(|| invalid("date/time", text))?;
            date = Some(time);
            say(output, "Date", "date", &format(time, parsed, false));
        }
        Some((_, None)) | None => {}
    }
    let mut duration = None;
    if let Some(text) = parsed.value("duration") {
        let length = Duration::parse(text).ok_or_else(|| invalid("duration", text))?;
        duration = Some(length);
        say(output, "Duration", "duration", &describe(&length));
    }
    if let Some(text) = parsed.value("period") {
        let (start, end) = period(text).map_err(|problem| {
            output.error(format!("error: '{text}' is not a valid ISO 8601 time period because {problem}"));
            invalid("interval", text)
        })?;
        let (start, end) = (format(start, parsed, false), format(end, parsed, false));
        output.info(format!("Period: {start} to {end}"));
        output.open("period", &[]);
        output.text_element("start", &[], &start);
        output.text_element("end", &[], &end);
        output.close();
    }
    let Some(mut date) = date else { return Ok(exit::OK) };
    if let Some(duration) = duration {
        date = date.plus(&duration);
        say(output, "Duration ends at", "duration_ends", &format(date, parsed, true));
    }
    let unexpected = parsed
        .value("expected")
        .is_some_and(|expected| !expected.eq_ignore_ascii_case(&format(date, parsed, false)));
    Ok(if unexpected { exit::ERROR } else { exit::OK })
}

fn say(output: &mut Output, label: &str, element: &str, text: &str) {
    output.info(format!("{label}: {text}"));
    output.text_element(element, &[], text);
}

fn read(text: &str) -> Option<DateTime> {
    if text == "epoch" {
        return Some(DateTime::from_epoch(0));
    }
    DateTime::parse(text, now())
}

fn format(time: DateTime, parsed: &Parsed, with_zone: bool) -> String {
    if parsed.has("epoch") {
        return time.epoch_seconds.to_string();
    }
    if parsed.has("seconds") {
        return (time.epoch_seconds + YEAR_ONE).to_string();
    }
    let zoned = (with_zone || parsed.has("local")) && time.offset_seconds != 0;
    let shown = if zoned { time } else { DateTime::from_epoch(time.epoch_seconds) };
    let fields = shown.fields();
    let day = if parsed.has("ordinal") {
        format!("{:04}-{:03}", fields.year, fields.year_day)
    } else if parsed.has("week") {
        format!("{:04}-W{:02}-{}", fields.week_year, fields.week, fields.week_day)
    } else {
        format!("{:04}-{:02}-{:02}", fields.year, fields.month, fields.month_day)
    };
    let zone = if zoned {
        let sign = if time.offset_seconds < 0 { '-' } else { '+' };
        let minutes = time.offset_seconds.unsigned_abs() / 60;
        format!(" {sign}{:02}:{:02}", minutes / 60, minutes % 60)
    } else {
        "Z".to_owned()
    };
    format!("{day} {:02}:{:02}:{:02}{zone}", fields.hour, fields.minute, fields.second)
}

/// A duration in the units it was given in, with the blanks that scripts know.
fn describe(duration: &Duration) -> String {
    let plural = |number: i64| if number == 1 { "" } else { "s" };
    let mut text = String::new();
    if duration.years != 0 {
        text.push_str(&format!("{:4} year{} ", duration.years, plural(duration.years)));
    }
    if duration.months != 0 {
        text.push_str(&format!("{:2} month{} ", duration.months, plural(duration.months)));
    }
    if duration.days != 0 {
        text.push_str(&format!("{:2} day{} ", duration.days, plural(duration.days)));
    }
    if duration.seconds == 0 {
        return text;
    }
    text.push_str(&format!("{} second{}", duration.seconds, plural(duration.seconds)));
    let length = duration.seconds.abs();
    if length < 60 {
        return text;
    }
    let (days, hours, minutes, seconds) =
        (length / 86_400, length / 3600 % 24, length / 60 % 60, length % 60);
    let parts: Vec<String> = [(days, "day"), (hours, "hour"), (minutes, "minute"), (seconds, "second")]
        .into_iter()
        .filter(|(number, _)| *number != 0)
        .map(|(number, unit)| format!("{number} {unit}{}", plural(number)))
        .collect();
    format!("{text} ({})", parts.join(" "))
}

/// Beginning and end of `start/end`, `start/duration`, `duration/end` or a duration from now.
fn period(text: &str) -> Result<(DateTime, DateTime), String> {
    let time = |text: &str| read(text).ok_or(format!("'{text}' is not a valid date and time"));
    let length = |text: &str| Duration::parse(text).ok_or(format!("'{text}' is not a valid duration"));
    let (start, end) = match text.split_once('/') {
        None if text.is_empty() => return Err("nothing is given".to_owned()),
        None if text.starts_with('P') => {
            let start = DateTime::from_epoch(now());
            (start, start.plus(&length(text)?))
        }
        None => return Err("it has no duration or ending time".to_owned()),
        Some((first, second)) => match (first.starts_with('P'), second.starts_with('P')) {
            (true, true) => return Err("it has two durations".to_owned()),
            (true, false) => {
                let (first, end) = (length(first)?, time(second)?);
                let back = Duration {
                    years: -first.years,
                    months: -first.months,
                    days: -first.days,
                    seconds: -first.seconds,
                };
                (end.plus(&back), end)
            }
            (false, true) => {
                let start = time(first)?;
                (start, start.plus(&length(second)?))
            }
            (false, false) => (time(first)?, time(second)?),
        },
    };
    for (time, what) in [(start, "start"), (end, "end")] {
        if !(1..=9999).contains(&time.fields().year) {
            return Err(format!(
                "the {what} is invalid (must be between 0001-01-01T00:00:00 and 9999-12-31T23:59:59)"
            ));
        }
    }
    Ok((start, end))
}
