//! Numeric ids of users, from the password file.
//!
//! Knows its form only; directory services are reached by numeric ids.

use crate::environment::Refusal;

/// User and primary group of a name or a number.
///
/// # Errors
/// Not configured, when there is no such user.
pub fn find(name: &str) -> Result<(u32, u32), Refusal> {
    let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let row = text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let same = fields.first() == Some(&name) || fields.get(2) == Some(&name);
        (same && fields.len() > 3).then(|| Some((fields[2].parse().ok()?, fields[3].parse().ok()?)))?
    });
    row.ok_or_else(|| Refusal::parameter("user", name, "the name or number of a user in /etc/passwd"))
}
