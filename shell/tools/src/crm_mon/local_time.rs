//! Times in the zone of this machine.

use std::path::PathBuf;
use std::sync::OnceLock;

use holdfast_view::status::universal;

/// When which offset from universal time began to hold, in seconds.
struct Zone {
    first: i64,
    changes: Vec<(i64, i64)>,
}

/// `Tue Nov 14 22:13:20 2023` in local time.
pub fn text(epoch: i64) -> String {
    static ZONE: OnceLock<Zone> = OnceLock::new();
    let zone = ZONE.get_or_init(|| load().unwrap_or(Zone { first: 0, changes: Vec::new() }));
    let offset = zone
        .changes
        .iter()
        .rev()
        .find(|(since, _)| *since <= epoch)
        .map_or(zone.first, |(_, offset)| *offset);
    universal(epoch + offset)
}

/// Seconds since the epoch, now.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn load() -> Option<Zone> {
    let path = match std::env::var("TZ") {
        Ok(name) => {
            let name = name.trim_start_matches(':').to_string();
            match name.starts_with('/') {
                true => PathBuf::from(name),
                false => PathBuf::from("/usr/share/zoneinfo").join(name),
            }
        }
        Err(_) => PathBuf::from("/etc/localtime"),
    };
    parse(&std::fs::read(path).ok()?)
}

/// Reads the 64-bit part of a compiled zone file.
fn parse(bytes: &[u8]) -> Option<Zone> {
    let number = |at: usize| {
        let field = bytes.get(at..at + 4)?;
        usize::try_from(u32::from_be_bytes(field.try_into().ok()?)).ok()
    };
    let counts = |at: usize| -> Option<[usize; 6]> {
        if bytes.get(at..at + 4)? != b"TZif" {
            return None;
        }
        let mut counts = [0; 6];
        for (index, count) in counts.iter_mut().enumerate() {
            *count = number(at + 20 + 4 * index)?;
        }
        Some(counts)
    };
    let [utc, standard, leaps, times, types, letters] = counts(0)?;
    let second = 44 + times * 5 + types * 6 + letters + leaps * 8 + standard + utc;
    let [_, _, _, times, types, _] = counts(second)?;
    let start = second + 44;
    let offset = |index: usize| -> Option<i64> {
        let at = start + times * 9 + index * 6;
        Some(i64::from(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?)))
    };
    let mut changes = Vec::with_capacity(times.min(bytes.len()));
    for index in 0..times {
        let at = start + index * 8;
        let since = i64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?);
        let kind = usize::from(*bytes.get(start + times * 8 + index)?);
        if kind < types {
            changes.push((since, offset(kind)?));
        }
    }
    Some(Zone { first: offset(0)?, changes })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone file with one change to one hour east at second 1000.
    fn sample() -> Vec<u8> {
        let header = |times: u32, types: u32, letters: u32| {
            let mut bytes = b"TZif2".to_vec();
            bytes.resize(20, 0);
            for count in [0, 0, 0, times, types, letters] {
                bytes.extend(count.to_be_bytes());
            }
            bytes
        };
        let mut bytes = header(0, 0, 0);
        bytes.extend(header(1, 2, 4));
        bytes.extend(1000i64.to_be_bytes());
        bytes.push(1);
        for offset in [0i32, 3600] {
            bytes.extend(offset.to_be_bytes());
            bytes.extend([0, 0]);
        }
        bytes.extend(b"UTC\0");
        bytes
    }

    #[test]
    fn zones() {
        let zone = parse(&sample()).unwrap();
        assert_eq!((zone.first, zone.changes), (0, vec![(1000, 3600)]));
        assert!(parse(b"nonsense").is_none());
        assert!(parse(&sample()[..60]).is_none());
    }
}
