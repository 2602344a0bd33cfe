//! The executor with real scripts of every class that needs no system service.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use holdfast_agent_protocol::{Machine, Paths};
use holdfast_core::{CallId, Operation, Outcome, OutcomeStatus};
use holdfast_daemon::executor::{Executor, Happened};
use holdfast_totem::time::Span;

struct Lab {
    folder: PathBuf,
}

impl Lab {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("holdfast-executor-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    fn script(&self, path: &str, text: &str) -> String {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn machine(&self) -> Machine {
        let mut paths = Paths::new(self.folder.join("ocf"));
        paths.heartbeat = vec![self.folder.join("resource.d")];
        paths.fence = vec![self.folder.join("sbin")];
        Machine {
            node: "alpha".into(),
            paths,
            program: "/nonexistent/holdfast".into(),
            agent_state: self.folder.join("state"),
            agent_log: None,
            extra: Vec::new(),
        }
    }

    /// Runs operations one after the other.
    fn run(&self, operations: Vec<Operation>) -> Vec<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (to, mut happened) = tokio::sync::mpsc::unbounded_channel();
            let mut executor = Executor::new(self.machine(), to);
            let mut outcomes = Vec::new();
            for operation in operations {
                executor.spawn(operation);
                outcomes.push(loop {
                    match happened.recv().await.unwrap() {
                        Happened::Started { pid, .. } => assert!(pid > 1),
                        Happened::Done { outcome, .. } => break outcome,
                    }
                });
            }
            outcomes
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn operation(agent: &str, name: &str, parameters: &[(&str, &str)]) -> Operation {
    let parts: Vec<&str> = agent.splitn(3, ':').collect();
    let (provider, kind) = match parts.as_slice() {
        [_, provider, kind] => (Some((*provider).to_owned()), *kind),
        [_, kind] => (None, *kind),
        _ => panic!("{agent}"),
    };
    Operation {
        call: CallId(1),
        rsc: "rsc".into(),
        class: parts[0].into(),
        provider,
        agent: kind.into(),
        operation: name.into(),
        interval_ms: 0,
        timeout: Span(20_000_000),
        parameters: parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        target: None,
        capture: true,
    }
}

#[test]
fn ocf_with_parameters_reason_and_facts() {
    let lab = Lab::new("ocf");
    lab.script(
        "ocf/resource.d/test/thing",
        "#!/bin/sh\ncase $1 in\nmeta-data) echo '<resource-agent name=\"thing\" version=\"1.2\"><parameters>\
         <parameter name=\"a\" unique=\"1\"/><parameter name=\"b\" private=\"1\"/></parameters><actions>\
         <action name=\"reload\"/></actions></resource-agent>';;\n\
         start) echo \"a=$OCF_RESKEY_a\"; exit 0;;\n\
         *) echo ocf-exit-reason:no such luck >&2; exit 7;; esac\n",
    );
    let outcomes = lab.run(vec![
        operation("ocf:test:thing", "start", &[("a", "1 2")]),
        operation("ocf:test:thing", "monitor", &[]),
        operation("ocf:test:absent", "start", &[]),
    ]);
    assert_eq!((outcomes[0].rc, outcomes[0].stdout.as_str()), (0, "a=1 2\n"));
    let facts = outcomes[0].facts.as_ref().unwrap();
    assert!(facts.reloads);
    assert_eq!(facts.restart_parameters, ["a"]);
    assert_eq!(facts.private_parameters, ["b"]);
    assert_eq!((outcomes[1].rc, outcomes[1].reason.as_deref()), (7, Some("no such luck")));
    assert_eq!((outcomes[2].rc, outcomes[2].status), (5, OutcomeStatus::NotInstalled));
}

#[test]
fn a_hanging_agent_is_ended_in_time() {
    let lab = Lab::new("hang");
    lab.script("ocf/resource.d/test/hang", "#!/bin/sh\n[ $1 = meta-data ] && exit 1\nexec sleep 600\n");
    let mut hanging = operation("ocf:test:hang", "start", &[]);
    hanging.timeout = Span(50_000);
    let outcomes = lab.run(vec![hanging]);
    assert_eq!((outcomes[0].rc, outcomes[0].status), (1, OutcomeStatus::Timeout));
}

#[test]
fn init_scripts_and_resource_scripts() {
    let lab = Lab::new("init");
    let init = lab.script("web", "#!/bin/sh\n[ \"$1\" = status ] && exit 3\nexit 0\n");
    lab.script("resource.d/vip", "#!/bin/sh\n# $1 address\nshift\ncase $1 in status) echo running;; esac\n");
    let marker = lab.folder.join("started");
    lab.script("resource.d/deaf", &format!("#!/bin/sh\ntouch {}\n", marker.display()));
    let outcomes = lab.run(vec![
        operation(&format!("lsb:{init}"), "monitor", &[]),
        operation(&format!("lsb:{init}"), "start", &[]),
        operation("heartbeat:vip", "monitor", &[("1", "10.0.0.1")]),
        operation("heartbeat:deaf", "monitor", &[]),
        operation(&format!("lsb:{init}"), "promote", &[]),
    ]);
    let rcs: Vec<i32> = outcomes.iter().map(|outcome| outcome.rc).collect();
    assert_eq!(rcs, [7, 0, 0, 5, 3]);
    assert!(outcomes[3].reason.as_deref().unwrap().contains("wrap-resource-script"));
    assert!(!Path::new(&marker).exists(), "a question for the status started it");
}

#[test]
fn fence_agents_get_their_target_by_the_name_they_want() {
    let lab = Lab::new("fence");
    lab.script(
        "sbin/fence_thing",
        "#!/bin/sh\ntext=$(cat)\ncase $text in *action=metadata*) echo '<resource-agent name=\"x\"><parameters>\
         <parameter name=\"plug\"/></parameters></resource-agent>';; *) echo \"$text\";; esac\n",
    );
    let mut fencing = operation("stonith:fence_thing", "off", &[("pcmk_host_map", "beta:7")]);
    fencing.target = Some("beta".into());
    let mut probe = operation("stonith:fence_thing", "monitor", &[]);
    probe.capture = false;
    let mut start = probe.clone();
    start.operation = "start".into();
    let mut stop = probe.clone();
    stop.operation = "stop".into();
    let outcomes = lab.run(vec![fencing, probe.clone(), start, probe.clone(), stop, probe]);
    assert_eq!(outcomes[0].stdout, "action=off\nnodename=beta\nplug=7\n");
    // A device runs where it was started, not wherever its agent answers.
    let rcs: Vec<i32> = outcomes[1..].iter().map(|outcome| outcome.rc).collect();
    assert_eq!(rcs, [7, 0, 0, 0, 7]);
}
