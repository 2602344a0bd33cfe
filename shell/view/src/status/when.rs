//! Times and durations as listings show them.

/// Turns seconds since the epoch into text.
pub type Clock = fn(i64) -> String;

/// `Thu Jan  1 00:00:00 1970`, in universal time.
pub fn universal(epoch: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, second) = (epoch.div_euclid(86_400), epoch.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let weekday = DAYS[usize::try_from(days.rem_euclid(7)).unwrap_or(0)];
    let month = MONTHS[usize::try_from(month - 1).unwrap_or(0).min(11)];
    format!(
        "{weekday} {month} {day:2} {:02}:{:02}:{:02} {year}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// `1970-01-01 00:00:00Z`, in universal time.
pub fn universal_iso(epoch: i64) -> String {
    let (days, second) = (epoch.div_euclid(86_400), epoch.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day of a day counted from 1970-01-01, by the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// `1d2h3m4.005s`, leaving out what is zero.
pub fn duration_ms(mut ms: u64) -> String {
    if ms == 0 {
        return "0s".into();
    }
    let mut text = String::new();
    for (unit, letter) in [(86_400_000, 'd'), (3_600_000, 'h'), (60_000, 'm')] {
        if ms >= unit {
            text.push_str(&format!("{}{letter}", ms / unit));
            ms %= unit;
        }
    }
    match (ms / 1000, ms % 1000) {
        (0, 0) => {}
        (0, rest) => text.push_str(&format!("{rest}ms")),
        (seconds, 0) => text.push_str(&format!("{seconds}s")),
        (seconds, rest) => text.push_str(&format!("{seconds}.{rest:03}s")),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(universal(0), "Thu Jan  1 00:00:00 1970");
        assert_eq!(universal(1_700_000_000), "Tue Nov 14 22:13:20 2023");
        assert_eq!(universal_iso(951_782_400), "2000-02-29 00:00:00Z");
        assert_eq!(universal_iso(-1), "1969-12-31 23:59:59Z");
    }

    #[test]
    fn durations() {
        let check = |ms, expected: &str| assert_eq!(duration_ms(ms), expected);
        check(0, "0s");
        check(10_000, "10s");
        check(90_061_005, "1d1h1m1.005s");
        check(250, "250ms");
        check(3_600_000, "1h");
    }
}
