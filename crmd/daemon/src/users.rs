//! Names of users and groups, from the local files. A directory service is asked through `getent` with a time limit,
//! never through the C library: a slow directory must not stop a node.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use holdfast_node::machine::{MappedId, is_mapped};

/// Account and group that own what old tools share.
pub const CLUSTER_USER: &str = "hacluster";
pub const CLUSTER_GROUP: &str = "haclient";

/// How long a directory service may take.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A user with the names of all groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub groups: Vec<String>,
}

/// Finds out who a user id is. Blocks for at most a few seconds when a directory service is slow.
#[must_use]
pub fn user(uid: u32, gid: u32) -> User {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let group = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let name = match name_of(&passwd, uid).map(str::to_owned) {
        Some(name) => name,
        None => match ask_directory("passwd", uid).as_deref().and_then(|line| name_of(line, uid)) {
            Some(name) => name.to_owned(),
            None => uid.to_string(),
        },
    };
    let groups = groups_of(&group, &name, gid);
    User { name, groups }
}

/// Number of a local group that exists for this process.
#[must_use]
pub fn group_id(name: &str) -> Option<u32> {
    number_of(&std::fs::read_to_string("/etc/group").unwrap_or_default(), name)
        .filter(|number| is_mapped(MappedId::Group, *number))
}

/// Number of a local user that exists for this process.
#[must_use]
pub fn user_id(name: &str) -> Option<u32> {
    number_of(&std::fs::read_to_string("/etc/passwd").unwrap_or_default(), name)
        .filter(|number| is_mapped(MappedId::User, *number))
}

/// Numbers of a local user and its first group.
#[must_use]
pub fn account(name: &str) -> Option<(u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut fields = passwd
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next()? == name).then_some(fields))?;
    let (user, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
    (is_mapped(MappedId::User, user) && is_mapped(MappedId::Group, group)).then_some((user, group))
}

fn number_of(file: &str, name: &str) -> Option<u32> {
    file.lines().map(|line| line.split(':')).find_map(|mut fields| {
        let found = fields.next()? == name;
        let number = fields.nth(1)?.parse().ok()?;
        found.then_some(number)
    })
}

fn name_of(file: &str, number: u32) -> Option<&str> {
    file.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse::<u32>().ok()? == number).then_some(name)
    })
}

fn groups_of(file: &str, user: &str, primary: u32) -> Vec<String> {
    file.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, number, members] = fields.as_slice() else { return None };
            let member = number.parse() == Ok(primary) || members.split(',').any(|member| member == user);
            member.then(|| (*name).to_owned())
        })
        .collect()
}

fn ask_directory(database: &str, number: u32) -> Option<String> {
    let mut command = Command::new("getent");
    command
        .arg(database)
        .arg(number.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    crate::sys::prepare_std_child(&mut command);
    let mut child = command.spawn().ok()?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(_)) => break,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take()?, &mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read() {
        let passwd = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\nbroken\n";
        let group = "root:x:0:\nhaclient:x:189:alice,bob\nalice:x:1000:\nwheel:x:10:bob\n";
        assert_eq!(name_of(passwd, 1000), Some("alice"));
        assert_eq!(name_of(passwd, 7), None);
        assert_eq!(number_of(group, "haclient"), Some(189));
        assert_eq!(groups_of(group, "alice", 1000), ["haclient", "alice"]);
    }
}
