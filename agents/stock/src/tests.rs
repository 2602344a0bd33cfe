//! Agents through their front door: metadata, refusals, a life of start, monitor and stop.

use super::*;
use std::path::PathBuf;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("holdfast-stock-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn environment(folder: &Folder, parameters: &[(&str, &str)]) -> Environment {
    let mut all = vec![
        ("HA_RSCTMP".to_owned(), folder.0.display().to_string()),
        ("OCF_RESOURCE_INSTANCE".to_owned(), "r:0".to_owned()),
    ];
    all.extend(parameters.iter().map(|(n, v)| (format!("OCF_RESKEY_{n}"), (*v).to_owned())));
    Environment::from(all)
}

fn act(provider: &str, kind: &str, action: &str, environment: &Environment) -> Result<i32, Refusal> {
    dispatch(find(provider, kind).unwrap(), action, environment).map(|rc| rc.0)
}

#[test]
fn metadata_is_well_formed_and_complete() {
    for (provider, kind) in NAMES {
        let info = find(provider, kind).unwrap().info();
        let xml = metadata::xml(info);
        let body = xml.split_once("<resource-agent").map(|(_, b)| format!("<resource-agent{b}")).unwrap();
        let doc = holdfast_xml::Document::parse_default(&body).unwrap_or_else(|e| panic!("{kind}: {e}"));
        let actions: Vec<_> =
            doc.root().child("actions").unwrap().children().filter_map(|a| a.attr("name")).collect();
        for needed in ["start", "stop", "monitor", "meta-data", "validate-all"] {
            assert!(actions.contains(&needed), "{kind} has no {needed}");
        }
        for parameter in doc.root().child("parameters").unwrap().children() {
            assert!(parameter.child("content").is_some() && parameter.child("longdesc").is_some(), "{kind}");
        }
    }
}

#[test]
fn simple_resources_live_and_end() {
    for (provider, kind) in [("heartbeat", "Dummy"), ("pacemaker", "Dummy")] {
        let folder = Folder::new(&format!("{provider}-{kind}"));
        let env = environment(&folder, &[]);
        let step = |action: &str, expected: i32| {
            assert_eq!(act(provider, kind, action, &env), Ok(expected), "{kind} {action}")
        };
        for (action, expected) in [
            ("monitor", 7),
            ("start", 0),
            ("start", 0),
            ("monitor", 0),
            ("stop", 0),
            ("stop", 0),
            ("monitor", 7),
        ] {
            step(action, expected);
        }
    }
}

#[test]
fn anything_runs_a_program_and_ends_it() {
    let folder = Folder::new("anything");
    let env = environment(&folder, &[("binfile", "/bin/sleep"), ("cmdline_options", "1000")]);
    for (action, expected) in [("monitor", 7), ("start", 0), ("monitor", 0), ("stop", 0), ("monitor", 7)] {
        assert_eq!(act("heartbeat", "anything", action, &env), Ok(expected), "{action}");
    }
    let short = environment(&folder, &[("binfile", "/bin/true")]);
    assert_eq!(act("heartbeat", "anything", "start", &short).unwrap_err().rc, Rc::ERROR);
    let absent = environment(&folder, &[("binfile", "/nonexistent/program")]);
    assert_eq!(act("heartbeat", "anything", "start", &absent).unwrap_err().rc, Rc::NOT_INSTALLED);
    assert_eq!(act("heartbeat", "anything", "monitor", &absent), Ok(7), "a probe finds nothing");
}

#[test]
fn refusals_name_the_parameter_and_the_expectation() {
    let folder = Folder::new("refusals");
    for (provider, kind, parameters, rc, part) in [
        ("heartbeat", "IPaddr2", &[][..], Rc::NOT_CONFIGURED, "ip is not set"),
        ("heartbeat", "IPaddr2", &[("ip", "10.0.0.1/24")], Rc::NOT_CONFIGURED, "cidr_netmask"),
        ("heartbeat", "IPaddr", &[("ip", "10.0.0.1"), ("cidr_netmask", "33")], Rc::NOT_CONFIGURED, "0 to 32"),
        ("heartbeat", "IPaddr2", &[("ip", "10.0.0.1"), ("mac", "x")], Rc::NOT_CONFIGURED, "load sharing"),
        (
            "heartbeat",
            "Filesystem",
            &[("device", "/dev/x"), ("directory", "/"), ("fstype", "ext4")],
            Rc::NOT_CONFIGURED,
            "directory",
        ),
        ("heartbeat", "anything", &[("binfile", "/bin/sh; reboot")], Rc::NOT_CONFIGURED, "shell"),
        ("pacemaker", "ping", &[("host_list", "a"), ("attempts", "0")], Rc::NOT_CONFIGURED, "1 to 100"),
        ("pacemaker", "Stateful", &[("state", "relative")], Rc::NOT_CONFIGURED, "full path"),
    ] {
        let refusal = act(provider, kind, "validate-all", &environment(&folder, parameters)).unwrap_err();
        assert_eq!(refusal.rc, rc, "{kind} {parameters:?}");
        assert!(refusal.message.contains(part), "{kind}: {}", refusal.message);
    }
    let refusal = act("heartbeat", "Dummy", "fly", &environment(&folder, &[])).unwrap_err();
    assert_eq!(refusal.rc, Rc::UNIMPLEMENTED);
}

#[test]
fn clones_of_plain_file_systems_are_refused() {
    let folder = Folder::new("clones");
    let parameters =
        [("device", "/dev/x"), ("directory", "/mnt/x"), ("fstype", "ext4"), ("CRM_meta_clone_max", "2")];
    let refusal =
        act("heartbeat", "Filesystem", "validate-all", &environment(&folder, &parameters)).unwrap_err();
    assert!(refusal.message.contains("destroy"), "{}", refusal.message);
}

#[test]
fn command_lines_are_split_without_a_shell() {
    let words = |text: &str| process::words("x", text);
    assert_eq!(words("a 'b c' \"d \\\" e\" f\\ g").unwrap(), ["a", "b c", "d \" e", "f g"]);
    assert_eq!(words("").unwrap(), Vec::<String>::new());
    assert_eq!(words("''").unwrap(), [""]);
    for text in ["a | b", "a; b", "$(x)", "'open", "a > b"] {
        assert!(words(text).is_err(), "{text}");
    }
}
