//! Reads `authkeys`: which method signs heartbeat's packets.
//!
//! Knows the grammar and the messages of heartbeat 3.0.6. Secrets never leave this module: the new cluster
//! gets a fresh key, so that only the method is of interest.

use super::source::{Account, Place, Verdict};

/// How heartbeat signed its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A checksum: no authentication at all.
    Crc,
    /// HMAC with MD5.
    Md5,
    /// HMAC with SHA-1.
    Sha1,
}

impl Method {
    fn of(word: &str) -> Option<Method> {
        match word {
            "crc" => Some(Method::Crc),
            "md5" => Some(Method::Md5),
            "sha1" => Some(Method::Sha1),
            _ => None,
        }
    }

    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Method::Crc => "crc",
            Method::Md5 => "md5",
            Method::Sha1 => "sha1",
        }
    }
}

/// Reads the file; `mode` holds its permission bits where they are known.
///
/// Returns the method that was selected, or `None` when the file is at fault (the faults are in `account`).
pub fn parse(file: &str, text: &str, mode: Option<u32>, account: &mut Account) -> Option<Method> {
    let before = account.errors().count();
    if let Some(mode) = mode.filter(|m| m & 0o044 != 0) {
        account.advise(
            &Place::new(file, 1),
            "",
            Verdict::Error,
            format!(
                "Bad permissions on keyfile [{file}], 600 recommended: mode {:o} lets others read it",
                mode & 0o777
            ),
            format!("chmod 600 {file}"),
        );
    }
    let mut selected: Option<(usize, u32, Place)> = None;
    let mut keys: Vec<(u32, Method, usize)> = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let place = Place::new(file, index + 1);
        let line = raw.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if line.starts_with('a') {
            match (words[0], words.get(1).and_then(|w| w.parse::<u32>().ok())) {
                ("auth", Some(number)) if number <= 15 => {
                    account.note(
                        &place,
                        line,
                        Verdict::Changed,
                        "one fresh random key takes the place of the keys",
                    );
                    selected.get_or_insert((index, number, place));
                }
                ("auth", _) => error(account, &place, line, "Invalid authnum", "auth N with N from 1 to 15"),
                _ => error(account, &place, line, "Invalid auth line", "auth N with N from 1 to 15"),
            }
            continue;
        }
        key_line(&words, &place, index, &mut keys, account);
    }
    let end = Place::new(file, text.lines().count().max(1));
    let method = choose(file, &end, selected, &keys, account);
    method.filter(|_| account.errors().count() == before)
}

fn error(account: &mut Account, place: &Place, line: &str, what: &str, expected: &str) {
    // The line may hold a secret: only its first two words are repeated.
    let shown: Vec<&str> = line.split_whitespace().take(2).collect();
    let shown = shown.join(" ");
    account.advise(
        place,
        &shown,
        Verdict::Error,
        format!("{what} [{shown}]"),
        format!("expected: {expected}"),
    );
}

fn key_line(
    words: &[&str],
    place: &Place,
    index: usize,
    keys: &mut Vec<(u32, Method, usize)>,
    account: &mut Account,
) {
    let shown = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    let Some(number) = words[0].parse::<u32>().ok().filter(|n| *n <= 15) else {
        return error(account, place, &shown, "Invalid authnum", "N METHOD [KEY] with N from 1 to 15");
    };
    let Some(method) = words.get(1).and_then(|w| Method::of(w)) else {
        // A key glued to its method must not be repeated.
        let first = words[0];
        return error(
            account,
            place,
            first,
            "Invalid authtype",
            "N METHOD [KEY] with METHOD crc, md5 or sha1",
        );
    };
    match (method, words.get(2)) {
        (Method::Crc, Some(_)) => {
            error(
                account,
                place,
                &shown,
                "Auth method [crc] doesn't use a key",
                "N crc, and nothing behind it",
            );
        }
        (Method::Md5 | Method::Sha1, None) => {
            let what = format!("Auth method [{}] requires a key", method.word());
            error(account, place, &shown, &what, "N METHOD KEY");
        }
        _ => {
            keys.push((number, method, index));
            let note = match method {
                Method::Crc => {
                    "had no authentication at all; every packet is now sealed with a fresh random key"
                }
                Method::Md5 | Method::Sha1 => {
                    "the secret is not carried over: a fresh random key takes its place"
                }
            };
            account.note(place, &shown, Verdict::Changed, note);
        }
    }
}

fn choose(
    file: &str,
    end: &Place,
    selected: Option<(usize, u32, Place)>,
    keys: &[(u32, Method, usize)],
    account: &mut Account,
) -> Option<Method> {
    let Some((auth_index, number, place)) = selected else {
        account.advise(
            end,
            "",
            Verdict::Error,
            format!("Missing auth directive in keyfile [{file}]"),
            "write a line `auth N` before the line `N METHOD KEY`",
        );
        return None;
    };
    // A key line before `auth` is read before the number is known, so it is never selected.
    let found = keys.iter().find(|(n, _, index)| *n == number && *index > auth_index);
    if found.is_none() {
        account.advise(
            &place,
            &format!("auth {number}"),
            Verdict::Error,
            format!("Auth Key [{number}] not found in keyfile [{file}]"),
            format!("write a line `{number} sha1 SECRET` behind `auth {number}`"),
        );
    }
    found.map(|(_, method, _)| *method)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, mode: Option<u32>, expected: Result<Method, usize>) {
        let mut account = Account::default();
        let got = parse("authkeys", text, mode, &mut account);
        match expected {
            Ok(method) => {
                assert_eq!(got, Some(method), "{text:?}: {:?}", account.errors().collect::<Vec<_>>())
            }
            Err(line) => {
                assert_eq!(got, None, "{text:?}");
                assert_eq!(account.errors().next().map(|r| r.place.line), Some(line), "{text:?}");
            }
        }
        for remark in account.remarks() {
            assert!(!format!("{remark:?}").contains("Hello"), "a secret is shown: {remark:?}");
        }
    }

    #[test]
    fn files_from_the_field() {
        check("auth 1\n1 crc\n", Some(0o600), Ok(Method::Crc));
        check("# c\nauth 3\n3 md5 Hello!\n", Some(0o620), Ok(Method::Md5));
        check("auth 2\n1 crc\n2 sha1 HelloThere # note\n", None, Ok(Method::Sha1));
        check("auth 1\n1 crc # note\n", None, Err(2));
        check("auth 1\n1 sha1Hello\n", None, Err(2));
        check("1 crc\nauth 1\n", None, Err(2));
        check("auth 16\n16 crc\n", None, Err(1));
        check("1 crc\n", None, Err(1));
        check("auth 1\n1 md5\n", None, Err(2));
        check("auth 1\n1 crc\n", Some(0o644), Err(1));
        check("", None, Err(1));
    }
}
