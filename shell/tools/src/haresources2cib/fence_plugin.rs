//! Parameter names of a fence plug-in that the conversion's table does not know: the plug-in itself tells them.
//!
//! Knows where `external/*` plug-ins lie and how they are asked. Does not know what the parameters mean.

use super::machine::Machine;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Folders that hold `external/NAME`, as heartbeat's and cluster-glue's packages had them.
const FOLDERS: &[&str] = &["/usr/lib/stonith/plugins", "/usr/lib64/stonith/plugins"];
/// How long a plug-in may take to name its parameters.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer that is read.
const LARGEST: u64 = 64 * 1024;

/// What `PLUGIN getconfignames` prints for an `external/NAME` that is installed below the machine's root.
///
/// `None` for other types, and for a plug-in that is not there, is silent, or takes too long.
pub fn parameter_names(machine: &Machine, kind: &str) -> Option<Vec<String>> {
    let name = kind.strip_prefix("external/").filter(|n| !n.is_empty() && !n.contains('/') && *n != "..")?;
    let paths = FOLDERS.iter().map(|folder| machine.path(&format!("{folder}/external/{name}")));
    let plugin: PathBuf = paths.into_iter().find(|path| path.is_file())?;
    let mut child = Command::new(&plugin)
        .arg("getconfignames")
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .ok()?;
    let answer = answer(&mut child);
    end(&mut child);
    let names: Vec<String> = answer?
        .split_whitespace()
        .filter(|word| word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '|' | '.')))
        .map(str::to_owned)
        .collect();
    (!names.is_empty()).then_some(names)
}

fn answer(child: &mut Child) -> Option<String> {
    let output = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = output.take(LARGEST).read_to_end(&mut text);
        // Nobody listens any more when it took too long.
        let _ = sender.send(read.ok().map(|_| text));
    });
    let text = receiver.recv_timeout(PATIENCE).ok()??;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Whatever the plug-in left running ends with it.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It may be gone already.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(kind: &str, script: &str) -> Option<Vec<String>> {
        use std::os::unix::fs::PermissionsExt as _;
        let root =
            std::env::temp_dir().join(format!("holdfast-plugin-{}-{}", std::process::id(), script.len()));
        let folder = root.join("usr/lib/stonith/plugins/external");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("own");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let names = parameter_names(&Machine::new(&root), kind);
        std::fs::remove_dir_all(&root).unwrap();
        names
    }

    #[test]
    fn an_installed_plug_in_names_its_parameters() {
        let script = "#!/bin/sh\n[ \"$1\" = getconfignames ] && echo hostlist ipaddr && echo secret\n";
        let names = ["hostlist", "ipaddr", "secret"].map(str::to_owned).to_vec();
        assert_eq!(asked("external/own", script), Some(names));
        assert_eq!(asked("external/other", script), None);
        assert_eq!(asked("own", script), None);
        assert_eq!(asked("external/../own", script), None);
        assert_eq!(asked("external/own", "#!/bin/sh\nexit 1\n"), None);
    }
}
