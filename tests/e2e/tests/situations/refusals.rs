//! Bad input that a daemon refuses to start with: status and message.

use crate::common::{NODES, configured};
use holdfast_e2e::{Cluster, inside};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn bad_keys_and_unknown_nodes_are_refused() {
    inside("refusals::bad_keys_and_unknown_nodes_are_refused", |scratch| {
        let mut cluster = configured(scratch, &NODES);
        let key = cluster.etc(0).join("authkey");
        let good = std::fs::read(&key).unwrap();
        let mode = |mode| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let conf = cluster.etc(0).join("corosync.conf");
        let text = std::fs::read_to_string(&conf).unwrap();
        let check = |cluster: &mut Cluster, what: &str, wanted: &[&str]| {
            let before = cluster.console(0).len();
            cluster.start(0);
            let status = cluster.ended(0);
            let said = cluster.console(0)[before..].to_owned();
            assert_eq!(status, 100, "{what}: {said}");
            for word in wanted {
                assert!(said.contains(word), "{what}: {word} not in: {said}");
            }
        };
        mode(0o600);
        std::fs::write(&key, &good[..16]).unwrap();
        check(&mut cluster, "a short key", &["has 16 bytes, expected 128 to 4096", "corosync-keygen"]);
        std::fs::write(&key, &good).unwrap();
        mode(0o644);
        check(&mut cluster, "a key that all can read", &["mode 0644, expected 0400", "chmod 0400"]);
        mode(0o400);
        std::fs::write(&conf, text.replace("test7", "test9").replace("10.98.0.1\n", "10.98.0.9\n")).unwrap();
        check(&mut cluster, "a node that is not listed", &["test7"]);
        std::fs::write(&conf, &text).unwrap();
        let _held = cluster.hold_port(0, 5405);
        check(&mut cluster, "a port in use", &["5405"]);
    });
}
