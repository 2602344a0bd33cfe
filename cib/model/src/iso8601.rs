//! Dates, times and durations in the ISO 8601 spellings that configurations use.
//!
//! Accepted: `2005-01-20`, `20050120`, `2005-020` (day of year), `2005-W03-4` (week and day), each with an optional
//! time after `T` or a space (`12:30:00`, `1230`, `12`) and an optional zone (`Z`, `+02:00`), and `epoch`. A missing zone
//! means UTC: the local zone of a machine has no place in a plan that several machines must agree on.

use std::fmt;

const DAY: i64 = 86_400;
/// Days in 400 years.
const CYCLE_DAYS: i64 = 146_097;

/// A point in time with the zone it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub epoch_seconds: i64,
    /// Zone: seconds east of UTC.
    pub offset_seconds: i32,
}

/// The calendar fields of a time, as `date_spec` compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// Year.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: i64,
    /// Day of the month, from 1.
    pub month_day: i64,
    /// Hour.
    pub hour: i64,
    /// Minute.
    pub minute: i64,
    /// Second.
    pub second: i64,
    /// Day of the year, from 1.
    pub year_day: i64,
    /// Year that the week belongs to.
    pub week_year: i64,
    /// Week of that year, from 1.
    pub week: i64,
    /// Day of the week, Monday = 1.
    pub week_day: i64,
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_year(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to January 1 of `year`.
fn days_before_year(year: i64) -> i64 {
    let previous = year - 1;
    previous * 365 + previous.div_euclid(4) - previous.div_euclid(100) + previous.div_euclid(400) - 719_162
}

/// Day of the week (Monday = 1) of a day counted from 1970-01-01.
fn week_day(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

fn weeks_in_year(year: i64) -> i64 {
    let first = week_day(days_before_year(year));
    if first == 4 || (first == 3 && is_leap(year)) { 53 } else { 52 }
}

impl DateTime {
    /// A time in UTC.
    pub fn from_epoch(epoch_seconds: i64) -> DateTime {
        DateTime { epoch_seconds, offset_seconds: 0 }
    }

    /// Reads a date, time or both; a lone time is meant on the day of `now`. `None` when malformed.
    pub fn parse(text: &str, now: i64) -> Option<DateTime> {
        let text = text.trim();
        if text.len() >= 5 && text.is_char_boundary(5) && text[..5].eq_ignore_ascii_case("epoch") {
            return match text.as_bytes().get(5) {
                None | Some(b'/' | b' ') => Some(DateTime::from_epoch(0)),
                Some(_) => None,
            };
        }
        if let Some(time) = text.strip_prefix('T') {
            return parse_time(time, now.div_euclid(DAY));
        }
        if text.as_bytes().get(2) == Some(&b':') {
            return parse_time(text, now.div_euclid(DAY));
        }
        let split = text.find(|c: char| !(c.is_ascii_digit() || c == '-' || c == 'W')).unwrap_or(text.len());
        let days = parse_date(&text[..split])?;
        match text[split..].chars().next() {
            Some('T' | ' ') => parse_time(&text[split + 1..], days),
            Some(_) | None => Some(DateTime::from_epoch(days * DAY)),
        }
    }

    /// Calendar fields in the zone of this time.
    pub fn fields(self) -> Fields {
        let local = self.epoch_seconds.saturating_add(i64::from(self.offset_seconds));
        let days = local.div_euclid(DAY);
        let seconds = local.rem_euclid(DAY);
        // Calendars repeat after 400 years; within them the guess is at most one short.
        let mut year = 1970 + days.div_euclid(CYCLE_DAYS) * 400 + days.rem_euclid(CYCLE_DAYS) / 366;
        while days_before_year(year + 1) <= days {
            year += 1;
        }
        let year_day = days - days_before_year(year) + 1;
        let mut month = 1;
        let mut month_day = year_day;
        while month_day > days_in_month(year, month) {
            month_day -= days_in_month(year, month);
            month += 1;
        }
        let week_day = week_day(days);
        let mut week_year = year;
        let mut week = (year_day - week_day + 10) / 7;
        if week < 1 {
            week_year -= 1;
            week = weeks_in_year(week_year);
        } else if week > weeks_in_year(year) {
            week_year += 1;
            week = 1;
        }
        Fields {
            year,
            month,
            month_day,
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            year_day,
            week_year,
            week,
            week_day,
        }
    }

    /// This time plus years, months and so on; a day that does not exist in the month reached becomes its last day.
    pub fn plus(self, duration: &Duration) -> DateTime {
        let fields = self.fields();
        let months =
            fields.year * 12 + fields.month - 1 + duration.years.saturating_mul(12) + duration.months;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let day = fields.month_day.min(days_in_month(year, month));
        let year_day: i64 = (1..month).map(|month| days_in_month(year, month)).sum::<i64>() + day;
        let days = days_before_year(year) + year_day - 1 + duration.days;
        let seconds = fields.hour * 3600 + fields.minute * 60 + fields.second + duration.seconds;
        let local = days.saturating_mul(DAY).saturating_add(seconds);
        DateTime {
            epoch_seconds: local - i64::from(self.offset_seconds),
            offset_seconds: self.offset_seconds,
        }
    }
}

impl fmt::Display for DateTime {
    /// `YYYY-MM-DD HH:MM:SSZ`, always in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = DateTime::from_epoch(self.epoch_seconds).fields();
        write!(
            f,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z",
            fields.year, fields.month, fields.month_day, fields.hour, fields.minute, fields.second
        )
    }
}

fn number(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 9 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Days since 1970-01-01.
fn parse_date(text: &str) -> Option<i64> {
    let parts: Vec<&str> = text.split('-').collect();
    let (year, day_of_year) = match parts.as_slice() {
        [compact] if compact.len() == 8 => {
            let year = number(&compact[..4])?;
            (year, day_of_year(year, number(&compact[4..6])?, number(&compact[6..])?)?)
        }
        [year, day] => (number(year)?, number(day)?),
        [year, week, day] if week.starts_with('W') => {
            let (year, week, day) = (number(year)?, number(&week[1..])?, number(day)?);
            if year < 1 || !(1..=weeks_in_year(year)).contains(&week) || !(1..=7).contains(&day) {
                return None;
            }
            let january_1 = days_before_year(year);
            let first = week_day(january_1);
            let monday = january_1 + if first <= 4 { 1 - first } else { 8 - first };
            return Some(monday + (week - 1) * 7 + day - 1);
        }
        [year, month, day] => {
            let year = number(year)?;
            (year, day_of_year(year, number(month)?, number(day)?)?)
        }
        _ => return None,
    };
    (year >= 1 && (1..=days_in_year(year)).contains(&day_of_year))
        .then(|| days_before_year(year) + day_of_year - 1)
}

fn day_of_year(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    Some((1..month).map(|month| days_in_month(year, month)).sum::<i64>() + day)
}

/// Seconds of a time of day or zone: `hh[:mm[:ss]]` or `hh[mm[ss]]`.
fn parse_clock(text: &str) -> Option<i64> {
    let text = &text[..text.bytes().take_while(|b| b.is_ascii_digit() || *b == b':').count()];
    let parts: Vec<i64> = if text.contains(':') {
        text.split(':').map(number).collect::<Option<_>>()?
    } else {
        text.as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).ok().and_then(number))
            .collect::<Option<_>>()?
    };
    let hour = *parts.first()?;
    let minute = parts.get(1).copied().unwrap_or(0);
    let second = parts.get(2).copied().unwrap_or(0);
    let whole_day = hour == 24 && minute == 0 && second == 0;
    (whole_day || (hour < 24 && minute < 60 && second < 60)).then_some(hour * 3600 + minute * 60 + second)
}

fn parse_time(text: &str, days: i64) -> Option<DateTime> {
    let seconds = parse_clock(text)?;
    let zone = match text.find('Z') {
        Some(_) => "",
        None => text.find([' ', '+', '-']).map_or("", |at| text[at..].trim_start()),
    };
    let offset = match zone.chars().next() {
        Some('-') => -parse_clock(&zone[1..])?,
        Some('+') => parse_clock(&zone[1..])?,
        Some(c) if c.is_ascii_digit() => parse_clock(zone)?,
        Some(_) | None => 0,
    };
    Some(DateTime {
        epoch_seconds: days * DAY + seconds - offset,
        offset_seconds: i32::try_from(offset).unwrap_or(0),
    })
}

/// A length of time in calendar units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Duration {
    /// Years.
    pub years: i64,
    /// Months.
    pub months: i64,
    /// Days (weeks included).
    pub days: i64,
    /// Seconds (hours and minutes included).
    pub seconds: i64,
}

impl Duration {
    /// Reads `P[nY][nM][nW][nD][T[nH][nM][nS]]`. `None` when malformed.
    pub fn parse(text: &str) -> Option<Duration> {
        let mut rest = text.strip_prefix('P')?;
        let mut duration = Duration::default();
        let mut in_time = false;
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('T') {
                in_time = true;
                rest = after;
                continue;
            }
            let sign = usize::from(rest.starts_with(['+', '-']));
            let digits = rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
            let magnitude = number(&rest[sign..sign + digits])?;
            let value = if rest.starts_with('-') { -magnitude } else { magnitude };
            rest = &rest[sign + digits..];
            match (rest.chars().next()?, in_time) {
                ('Y', _) => duration.years = value,
                ('M', false) => duration.months = value,
                ('M', true) => duration.seconds += value * 60,
                ('W', _) => duration.days += value * 7,
                ('D', _) => duration.days += value,
                ('H', _) => duration.seconds += value * 3600,
                ('S', _) => duration.seconds += value,
                _ => return None,
            }
            rest = &rest[1..];
        }
        Some(duration)
    }

    /// The length in seconds when it is not known from when it counts: years of 365, months of 30 days.
    pub fn approximate_seconds(&self) -> i64 {
        (self.years * 365 + self.months * 30 + self.days).saturating_mul(DAY).saturating_add(self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading() {
        let check = |text: &str, expected: Option<&str>| {
            let found = DateTime::parse(text, 0).map(|time| time.to_string());
            assert_eq!(found.as_deref(), expected, "{text:?}");
        };
        check("2005-020", Some("2005-01-20 00:00:00Z"));
        check("2005-020T12:30", Some("2005-01-20 12:30:00Z"));
        check("2005-01-20T12:30:05+02:00", Some("2005-01-20 10:30:05Z"));
        check("20050120 1230", Some("2005-01-20 12:30:00Z"));
        check("2009-W01-1", Some("2008-12-29 00:00:00Z"));
        check("2009-W53-7", Some("2010-01-03 00:00:00Z"));
        check("2014-05-07 00:28:00", Some("2014-05-07 00:28:00Z"));
        check("2014-05-07 24:00:00Z", Some("2014-05-08 00:00:00Z"));
        check("epoch", Some("1970-01-01 00:00:00Z"));
        check("12:00", Some("1970-01-01 12:00:00Z"));
        check("2005-13-01", None);
        check("2005-02-29", None);
        check("yesterday", None);
        check("", None);
    }

    #[test]
    fn calendar_fields() {
        let fields = DateTime::parse("2008-12-29T01:02:03Z", 0).expect("valid").fields();
        assert_eq!((fields.week_year, fields.week, fields.week_day, fields.year_day), (2009, 1, 1, 364));
        assert_eq!((fields.hour, fields.minute, fields.second), (1, 2, 3));
        let fields = DateTime::parse("2010-01-03", 0).expect("valid").fields();
        assert_eq!((fields.week_year, fields.week, fields.week_day), (2009, 53, 7));
        let far = DateTime::from_epoch(i64::MAX).fields();
        assert_eq!((far.year, far.month, far.month_day), (292_277_026_596, 12, 4));
        assert_eq!(DateTime::from_epoch(-1).fields().year_day, 365);
    }

    #[test]
    fn durations() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(Duration::parse(text).map(|d| d.approximate_seconds()), expected, "{text:?}");
        };
        check("PT5M", Some(300));
        check("P1D", Some(86_400));
        check("P1Y", Some(365 * 86_400));
        check("P2WT1H", Some(14 * 86_400 + 3600));
        check("P", None);
        check("P5", None);
        let leap_day = DateTime::parse("2024-02-29", 0).expect("valid");
        let next = leap_day.plus(&Duration { years: 1, ..Duration::default() });
        assert_eq!(next.to_string(), "2025-02-28 00:00:00Z");
    }
}
