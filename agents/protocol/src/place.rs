//! Where agents lie. Paths and the question "is there such a file" come from outside.

use std::path::{Path, PathBuf};

use crate::agent::{Agent, Class};
use crate::systemd;

/// Search paths of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `OCF_ROOT`.
    pub ocf_root: PathBuf,
    /// Folders with one folder a provider, first match wins.
    pub ocf: Vec<PathBuf>,
    /// Init scripts.
    pub lsb: Vec<PathBuf>,
    /// heartbeat's resource scripts; init scripts follow them, as in heartbeat itself.
    pub heartbeat: Vec<PathBuf>,
    /// `fence_*` agents.
    pub fence: Vec<PathBuf>,
    /// Folders that hold `external/`.
    pub stonith: Vec<PathBuf>,
}

impl Paths {
    /// The usual places below an OCF root (`/usr/lib/ocf`).
    #[must_use]
    pub fn new(ocf_root: impl Into<PathBuf>) -> Self {
        let ocf_root = ocf_root.into();
        Self {
            ocf: vec![ocf_root.join("resource.d")],
            ocf_root,
            lsb: vec!["/etc/init.d".into()],
            heartbeat: vec!["/etc/ha.d/resource.d".into(), "/etc/heartbeat/resource.d".into()],
            fence: vec!["/usr/sbin".into(), "/sbin".into(), "/usr/local/sbin".into()],
            stonith: vec!["/usr/lib/stonith/plugins".into(), "/usr/lib64/stonith/plugins".into()],
        }
    }

    /// Files that may be the agent, best first. Empty for systemd, whose units are no files to run.
    #[must_use]
    pub fn candidates(&self, agent: &Agent) -> Vec<PathBuf> {
        let below = |folders: &[PathBuf], name: &str| -> Vec<PathBuf> {
            // `join` of an absolute name is that name: an init script may be named by its path.
            let mut found: Vec<PathBuf> = folders.iter().map(|folder| folder.join(name)).collect();
            found.dedup();
            found
        };
        match agent.class {
            Class::Ocf => self
                .ocf
                .iter()
                .map(|folder| folder.join(agent.provider.as_deref().unwrap_or_default()).join(&agent.kind))
                .collect(),
            Class::Lsb | Class::Service => below(&self.lsb, &agent.kind),
            Class::Systemd => Vec::new(),
            Class::Heartbeat => {
                let mut found = below(&self.heartbeat, &agent.kind);
                found.extend(below(&self.lsb, &agent.kind));
                found
            }
            Class::Stonith if agent.kind.contains('/') => below(&self.stonith, &agent.kind),
            Class::Stonith => below(&self.fence, &agent.kind),
        }
    }

    /// Finds the agent. `executable` answers whether a path is a regular file that may be executed.
    #[must_use]
    pub fn locate(&self, agent: &Agent, executable: impl Fn(&Path) -> bool) -> Option<Place> {
        if let Some(path) = self.candidates(agent).into_iter().find(|path| executable(path)) {
            return Some(Place::File(path));
        }
        match agent.class {
            Class::Ocf => STOCK
                .iter()
                .find(|(provider, kind)| agent.provider.as_deref() == Some(*provider) && agent.kind == *kind)
                .map(|(provider, kind)| Place::Stock { provider, kind }),
            Class::Systemd | Class::Service => Some(Place::Unit(systemd::unit_name(&agent.kind))),
            Class::Lsb | Class::Heartbeat | Class::Stonith => None,
        }
    }
}

/// Where an agent was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An executable.
    File(PathBuf),
    /// Our own agent: `holdfast ocf PROVIDER KIND ACTION`.
    Stock { provider: &'static str, kind: &'static str },
    /// A unit of systemd.
    Unit(String),
}

/// Agents that ship with Holdfast, used where the distribution has none of that name: (provider, type).
pub const STOCK: &[(&str, &str)] = &[
    ("heartbeat", "Dummy"),
    ("heartbeat", "Filesystem"),
    ("heartbeat", "IPaddr"),
    ("heartbeat", "IPaddr2"),
    ("heartbeat", "anything"),
    ("holdfast", "respawn"),
    ("pacemaker", "Dummy"),
    ("pacemaker", "Stateful"),
    ("pacemaker", "ping"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_goes_first() {
        let paths = Paths::new("/usr/lib/ocf");
        let check = |name: &str, present: &[&str], expected: Option<Place>| {
            let agent = Agent::parse(name).unwrap();
            let found = paths.locate(&agent, |path| present.iter().any(|file| path == Path::new(file)));
            assert_eq!(found, expected, "{name}");
        };
        let file = |path: &str| Some(Place::File(path.into()));
        check(
            "ocf:heartbeat:IPaddr2",
            &["/usr/lib/ocf/resource.d/heartbeat/IPaddr2"],
            file("/usr/lib/ocf/resource.d/heartbeat/IPaddr2"),
        );
        check("ocf:heartbeat:IPaddr2", &[], Some(Place::Stock { provider: "heartbeat", kind: "IPaddr2" }));
        check("ocf:heartbeat:mysql", &[], None);
        check("ocf:pacemaker:IPaddr2", &[], None);
        check("lsb:/opt/app", &["/opt/app"], file("/opt/app"));
        check("heartbeat:httpd", &["/etc/init.d/httpd"], file("/etc/init.d/httpd"));
        check(
            "heartbeat:httpd",
            &["/etc/init.d/httpd", "/etc/ha.d/resource.d/httpd"],
            file("/etc/ha.d/resource.d/httpd"),
        );
        check("service:nginx", &["/etc/init.d/nginx"], file("/etc/init.d/nginx"));
        check("service:nginx", &[], Some(Place::Unit("nginx.service".into())));
        check("systemd:data.mount", &[], Some(Place::Unit("data.mount".into())));
        check("stonith:fence_x", &["/usr/sbin/fence_x"], file("/usr/sbin/fence_x"));
        check(
            "stonith:external/ssh",
            &["/usr/lib/stonith/plugins/external/ssh"],
            file("/usr/lib/stonith/plugins/external/ssh"),
        );
    }
}
