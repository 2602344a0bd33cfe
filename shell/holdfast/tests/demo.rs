//! The demonstration plays by itself: three real nodes lose one, carry on, and leave nothing behind.

use std::process::Command;

#[test]
fn a_cluster_survives_kill_pause_and_split() {
    let program = env!("CARGO_BIN_EXE_holdfast");
    let output = Command::new(program).args(["demo", "--auto", "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the demonstration failed:\n{said}");
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["double_active"], 0, "{figures:#}");
    let actions = figures["actions"].as_array().unwrap();
    assert!(actions.len() >= 4, "{figures:#}");
    for action in actions {
        assert_eq!(action["double_active"], 0, "{action:#}");
        match action["action"].as_str() {
            Some("heal") => {
                assert_eq!(action["node"], action["survivor"], "services stay where they are: {action:#}")
            }
            _ => assert_ne!(action["node"], action["survivor"], "another node takes over: {action:#}"),
        }
    }
    let scratch = std::env::temp_dir();
    let left: Vec<_> = std::fs::read_dir(scratch)
        .unwrap()
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|n| n.starts_with("holdfast-demo-"))
        .filter(|n| {
            // Another demonstration may be running; a folder without its process was left behind.
            let pid = n.trim_start_matches("holdfast-demo-");
            !std::path::Path::new(&format!("/proc/{pid}")).exists()
        })
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
