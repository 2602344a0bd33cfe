//! Class `systemd`: unit names, the meaning of a unit's state, and the override that keeps systemd from restarting
//! or ordering away what the cluster manages.

use holdfast_model::status::ExecStatus;

use crate::outcome::Outcome;
use crate::rc::Rc;

/// Suffixes that already make a whole unit name.
const SUFFIXES: &[&str] = &[
    ".service",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
    ".snapshot",
];

/// `nginx` means `nginx.service`; a name with a unit suffix stays as it is.
#[must_use]
pub fn unit_name(kind: &str) -> String {
    if SUFFIXES.iter().any(|suffix| kind.ends_with(suffix)) {
        kind.to_owned()
    } else {
        format!("{kind}.service")
    }
}

/// What to ask of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitAction {
    Start,
    Stop,
    Reload,
    Restart,
    /// Only read the state.
    Status,
}

impl UnitAction {
    /// From an operation; `None` for those that a unit does not know.
    #[must_use]
    pub fn from_operation(action: &str) -> Option<Self> {
        match action {
            "start" => Some(Self::Start),
            "stop" => Some(Self::Stop),
            "reload" | "reload-agent" => Some(Self::Reload),
            "restart" => Some(Self::Restart),
            "monitor" | "status" => Some(Self::Status),
            _ => None,
        }
    }
}

/// The meaning of `ActiveState` (and `SubState`) for a status question; `None` while the unit is on its way and
/// the question has to be asked again.
#[must_use]
pub fn status(active_state: &str) -> Option<Outcome> {
    match active_state {
        "active" | "reloading" | "refreshing" => Some(Outcome::done(Rc::OK)),
        "activating" | "deactivating" => None,
        "failed" => {
            let mut outcome = Outcome::done(Rc::NOT_RUNNING);
            outcome.reason = Some("the unit is in state failed".to_owned());
            Some(outcome)
        }
        // inactive, maintenance and whatever later versions invent.
        _ => Some(Outcome::done(Rc::NOT_RUNNING)),
    }
}

/// The meaning of a job's result (`done`, `failed`, `timeout`, …).
#[must_use]
pub fn job_result(action: UnitAction, result: &str) -> Outcome {
    match (action, result) {
        (_, "done" | "skipped") => Outcome::done(Rc::OK),
        (_, "timeout") => Outcome::failed(
            Rc::ERROR,
            ExecStatus::Timeout,
            "systemd gave the job up after its own time limit",
        ),
        (_, other) => {
            Outcome::failed(Rc::ERROR, ExecStatus::Done, &format!("systemd reports the job as {other}"))
        }
    }
}

/// The meaning of a D-Bus error name.
#[must_use]
pub fn bus_error(action: UnitAction, name: &str, message: &str) -> Outcome {
    let missing = name.ends_with(".NoSuchUnit")
        || name.ends_with(".LoadFailed")
        || name.ends_with(".UnitMasked")
        || name.ends_with(".InvalidName");
    match (missing, action) {
        // What does not exist does not run: a stop has nothing to do.
        (true, UnitAction::Stop) => Outcome::done(Rc::OK),
        (true, _) => Outcome::failed(Rc::NOT_INSTALLED, ExecStatus::NotInstalled, message),
        (false, _) if name.ends_with(".AccessDenied") => {
            Outcome::failed(Rc::INSUFFICIENT_PRIVILEGES, ExecStatus::Error, message)
        }
        (false, _) => Outcome::failed(Rc::ERROR, ExecStatus::Error, &format!("{name}: {message}")),
    }
}

/// Folder and text of the run-time override of a unit.
#[must_use]
pub fn override_file(unit: &str) -> (String, String) {
    let mut text =
        format!("[Unit]\nDescription=Cluster Controlled {unit}\nBefore=holdfast.service pacemaker.service\n");
    if unit.ends_with(".service") {
        text.push_str("\n[Service]\nRestart=no\n");
    }
    (format!("/run/systemd/system/{unit}.d/50-holdfast.conf"), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_names() {
        let check = |kind: &str, expected: &str| assert_eq!(unit_name(kind), expected);
        check("nginx", "nginx.service");
        check("nginx.service", "nginx.service");
        check("data.mount", "data.mount");
        check("getty@tty1", "getty@tty1.service");
        check("my.app", "my.app.service");
    }

    #[test]
    fn states() {
        let check = |state: &str, expected: Option<Rc>| assert_eq!(status(state).map(|o| o.rc), expected);
        check("active", Some(Rc::OK));
        check("reloading", Some(Rc::OK));
        check("inactive", Some(Rc::NOT_RUNNING));
        check("failed", Some(Rc::NOT_RUNNING));
        check("activating", None);
    }

    #[test]
    fn errors() {
        let check = |action, name: &str, rc| assert_eq!(bus_error(action, name, "text").rc, rc);
        check(UnitAction::Start, "org.freedesktop.systemd1.NoSuchUnit", Rc::NOT_INSTALLED);
        check(UnitAction::Stop, "org.freedesktop.systemd1.NoSuchUnit", Rc::OK);
        check(UnitAction::Start, "org.freedesktop.DBus.Error.AccessDenied", Rc::INSUFFICIENT_PRIVILEGES);
        check(UnitAction::Start, "org.freedesktop.DBus.Error.Failed", Rc::ERROR);
    }
}
