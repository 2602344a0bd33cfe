//! Users and their groups, as far as access rules need them.

use holdfast_store::User;

/// Accounts that access rules do not bind.
const PRIVILEGED: [&str; 2] = ["root", "hacluster"];

/// The user this process acts for.
pub fn current_user() -> User {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let name = lines("/etc/passwd")
        .into_iter()
        .find(|fields| fields.get(2) == Some(&uid))
        .and_then(|fields| fields.into_iter().next());
    let name = name.or_else(|| super::variable("USER")).unwrap_or(uid);
    user_named(&name)
}

/// A user by name, with all groups.
pub fn user_named(name: &str) -> User {
    let primary = lines("/etc/passwd")
        .into_iter()
        .find(|fields| fields.first().is_some_and(|first| first == name))
        .and_then(|fields| fields.into_iter().nth(3));
    let groups = lines("/etc/group")
        .into_iter()
        .filter(|fields| {
            let member = fields.get(3).is_some_and(|members| members.split(',').any(|member| member == name));
            member || (primary.is_some() && fields.get(2) == primary.as_ref())
        })
        .filter_map(|fields| fields.into_iter().next())
        .collect();
    User { name: name.to_owned(), groups, privileged: PRIVILEGED.contains(&name) }
}

fn lines(path: &str) -> Vec<Vec<String>> {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .map(|line| line.split(':').map(str::to_owned).collect())
        .collect()
}
