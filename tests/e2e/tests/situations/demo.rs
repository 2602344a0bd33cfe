//! `holdfast demo` at a terminal: its keys, its end; and the configuration that it writes for real machines.

use holdfast_e2e::{Terminal, executable, inside, wait};
use std::process::Command;
use std::time::Duration;

/// Processes that were started from the executable under test and still run.
fn ours() -> Vec<String> {
    let program = executable();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let runs = |path: std::path::PathBuf| {
        let same = std::fs::read_link(path.join("exe")).is_ok_and(|exe| exe == program);
        same.then(|| path.display().to_string())
    };
    processes.filter_map(|entry| runs(entry.path())).collect()
}

fn demonstration(scratch: &std::path::Path) -> Terminal {
    let mut command = Command::new(executable());
    command.arg("demo").env("TMPDIR", scratch);
    let mut demo = Terminal::start(&command);
    demo.until("k kill the active node");
    demo.until("client: answered by");
    demo
}

/// Nothing is left: no process, no file, no mount.
fn nothing_left(scratch: &std::path::Path) {
    wait("the end of all processes", Duration::from_secs(10), || {
        let left = ours();
        if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
    });
    let files: Vec<_> = std::fs::read_dir(scratch).unwrap().flatten().map(|e| e.path()).collect();
    assert!(files.is_empty(), "{files:?}");
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains("holdfast-demo"), "{mounts}");
}

#[test]
fn the_keys_kill_pause_split_and_heal() {
    inside("demo::the_keys_kill_pause_split_and_heal", |scratch| {
        let mut demo = demonstration(&scratch);
        for (key, word) in [("k", "kill"), ("p", "pause"), ("s", "split")] {
            demo.keys(key);
            demo.until(&format!("last:   {word} "));
            // How much was lost is told when it is over; another node answers.
            let said = demo.until("active twice: 0");
            assert!(said.contains(" requests lost, ") && !said.contains("nobody answers"), "{said}");
            // The node that was struck was switched off by its fence device.
            demo.until(" off ");
            demo.until("client: answered by");
            demo.keys("h");
            demo.until("last:   heal ");
            demo.until("active twice: 0");
            demo.until("client: answered by");
        }
        demo.keys("q");
        assert_eq!(demo.ended().1, 0);
        nothing_left(&scratch);
    });
}

#[test]
fn ctrl_c_ends_it_without_a_trace() {
    inside("demo::ctrl_c_ends_it_without_a_trace", |scratch| {
        let mut demo = demonstration(&scratch);
        demo.keys("\u{3}");
        demo.ended();
        nothing_left(&scratch);
    });
}

#[test]
fn the_configuration_for_real_machines_is_whole() {
    inside("demo::the_configuration_for_real_machines_is_whole", |scratch| {
        let folder = scratch.join("export");
        let run = |words: &[&str]| {
            let output = Command::new(executable()).args(words).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{words:?}: {said}");
            said
        };
        run(&["demo", "--export", folder.to_str().unwrap()]);
        for file in ["corosync.conf", "authkey", "cib.xml"] {
            assert!(folder.join(file).metadata().is_ok_and(|data| data.len() > 0), "{file} is missing");
        }
        run(&["crm_verify", "-V", "-x", folder.join("cib.xml").to_str().unwrap()]);
    });
}
