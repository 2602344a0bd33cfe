//! The files of the demonstration: a small heartbeat configuration as an old cluster has it, and the scripts of its
//! services.
//!
//! Knows what is shipped and where it is laid. Does not start anything.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The nodes, in the order of their ids.
pub const NODES: [&str; 3] = ["alpha", "beta", "gamma"];
/// `ha.cf` as shipped.
pub const HA_CF: &str = include_str!("../../demo/ha.cf");
/// `authkeys` as shipped.
pub const AUTHKEYS: &str = include_str!("../../demo/authkeys");
/// `haresources` as shipped; `ADDRESS` stands for the service address.
pub const HARESOURCES: &str = include_str!("../../demo/haresources");
const WEB: &str = include_str!("../../demo/webserver");
const SERVICE: &str = include_str!("../../demo/service");

/// The folders of one node.
#[derive(Debug, Clone)]
pub struct NodeFolders {
    pub base: PathBuf,
}

impl NodeFolders {
    /// Variables that move everything of a node below its own folder.
    pub fn environment(&self, root: &Path) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("HOLDFAST_CONFIG_DIR", self.base.join("etc")),
            ("HOLDFAST_STATE_DIR", self.base.join("state")),
            ("HOLDFAST_RUN_DIR", self.base.join("run")),
            ("HOLDFAST_LOG_DIR", self.base.join("log")),
            ("HOLDFAST_PACEMAKER_DIR", self.base.join("pacemaker")),
            ("HOLDFAST_AGENT_DIR", root.join("agents")),
            ("HA_RSCTMP", self.base.join("run/agents")),
        ]
    }

    /// The socket of the node's daemon.
    pub fn socket(&self) -> PathBuf {
        self.base.join("run/api")
    }
}

/// Everything below one scratch folder, which is removed at the end.
#[derive(Debug)]
pub struct Scratch {
    pub root: PathBuf,
}

impl Scratch {
    /// Makes the folder and lays the shipped files.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn new(address: &str, node_addresses: &[(String, String)], exe: &Path) -> io::Result<Scratch> {
        let root = std::env::temp_dir().join(format!("holdfast-demo-{}", std::process::id()));
        let scratch = Scratch { root };
        let etc = scratch.root.join("etc/ha.d");
        std::fs::create_dir_all(etc.join("resource.d"))?;
        std::fs::set_permissions(&scratch.root, std::fs::Permissions::from_mode(0o700))?;
        std::fs::write(etc.join("ha.cf"), HA_CF)?;
        std::fs::write(etc.join("haresources"), HARESOURCES.replace("ADDRESS", address))?;
        private(&etc.join("authkeys"), AUTHKEYS, 0o600)?;
        let hosts: String =
            node_addresses.iter().map(|(node, address)| format!("{address} {node}\n")).collect();
        std::fs::write(scratch.root.join("etc/hosts"), hosts)?;
        let agents = scratch.root.join("agents");
        for (folder, name, body) in [
            ("resource.d", "webserver", WEB),
            ("resource.d", "queue", SERVICE),
            ("resource.d", "mailer", SERVICE),
            ("sbin", "fence_demo", "#!/bin/sh\nexec \"@EXE@\" demo fence\n"),
        ] {
            let folder = agents.join(folder);
            std::fs::create_dir_all(&folder)?;
            let body = body.replace("@EXE@", &exe.display().to_string());
            private(&folder.join(name), &body, 0o755)?;
            if name != "fence_demo" {
                private(&etc.join("resource.d").join(name), &body, 0o755)?;
            }
        }
        for node in NODES {
            let folders = scratch.node(node);
            for sub in ["etc", "state", "run/agents", "log", "pacemaker/cib", "pacemaker/pengine"] {
                std::fs::create_dir_all(folders.base.join(sub))?;
            }
        }
        Ok(scratch)
    }

    /// The folders of a node.
    pub fn node(&self, name: &str) -> NodeFolders {
        NodeFolders { base: self.root.join("nodes").join(name) }
    }

    /// Converts the shipped files and gives every node the result. Returns the CIB.
    ///
    /// # Errors
    /// A sentence that says which file failed and why.
    pub fn convert(&self) -> Result<String, String> {
        let out = self.root.join("converted");
        let root = self.root.display().to_string();
        let words: Vec<String> = [
            "haresources2cib",
            "--stout",
            "--root",
            &root,
            "-c",
            &format!("{root}/etc/ha.d/ha.cf"),
            "--output",
            &out.display().to_string(),
            &format!("{root}/etc/ha.d/haresources"),
        ]
        .into_iter()
        .map(str::to_owned)
        .collect();
        let status = holdfast_tools::haresources2cib::run(words);
        if status != 0 {
            return Err(format!("the conversion of the shipped files failed with status {status}"));
        }
        for node in NODES {
            for file in ["corosync.conf", "authkey"] {
                let (from, to) = (out.join(file), self.node(node).base.join("etc").join(file));
                std::fs::copy(&from, &to).map_err(|e| format!("cannot copy {}: {e}", from.display()))?;
            }
        }
        let cib = out.join("cib.xml");
        std::fs::read_to_string(&cib).map_err(|e| format!("cannot read {}: {e}", cib.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort: the folder lies in the temporary folder and bears the program's name.
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn private(path: &Path, body: &str, mode: u32) -> io::Result<()> {
    std::fs::write(path, body)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// The CIB with the demonstration's power switch as fence device of all nodes.
///
/// # Errors
/// A sentence, if the document has not the expected form.
pub fn with_fencing(cib: &str, socket: &Path) -> Result<String, String> {
    let mut doc = holdfast_xml::Document::parse_default(cib).map_err(|e| e.to_string())?;
    let property =
        doc.by_id("cib-bootstrap-options-stonith-enabled").ok_or("the CIB has no stonith-enabled")?;
    doc.set_attr(property, "value", "true");
    let resources = doc
        .root()
        .descendants()
        .find(|e| e.name() == "resources")
        .map(holdfast_xml::Element::ix)
        .ok_or("the CIB has no resources")?;
    let device = doc.append(resources, "primitive");
    for (name, value) in [("id", "power"), ("class", "stonith"), ("type", "fence_demo")] {
        doc.set_attr(device, name, value);
    }
    let set = doc.append(device, "instance_attributes");
    doc.set_attr(set, "id", "power-params");
    for (name, value) in [("switch", socket.display().to_string()), ("pcmk_host_list", NODES.join(" "))] {
        let pair = doc.append(set, "nvpair");
        doc.set_attr(pair, "id", &format!("power-{name}"));
        doc.set_attr(pair, "name", name);
        doc.set_attr(pair, "value", &value);
    }
    Ok(doc.to_string_pretty())
}
