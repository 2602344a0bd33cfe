//! Lines of `haresources` with several resources: started left to right, stopped right to left; arguments behind `::`;
//! continuation lines; own scripts; a file system.

use super::*;
use holdfast_e2e::inside;

const HA_CF: &str = "\
keepalive 200ms
deadtime 1
initdead 4
bcast eth0
auto_failback off
node node1 node2
";
const HARESOURCES: &str = "\
node1 10.0.0.170 Filesystem::server:/data1::/data1::nfs::rw httpd
node2 10.0.0.110 10.0.0.111 10.0.0.112 \\
      noted::one::two noted::three
node2 10.0.0.3/28/eth0/10.0.0.12
";
const HOSTS: &str = "10.0.0.21 node1\n10.0.0.22 node2\n10.0.0.1 server\n";
/// Keeps a diary of what it is asked to do, with its arguments in order.
const NOTED: &str = r#"#!/bin/sh
for action in "$@"; do :; done
mark=/run/noted-$1
case "$action" in
start) echo "$(uname -n) $*" >> /var/lib/diary; touch "$mark" ;;
stop) echo "$(uname -n) $*" >> /var/lib/diary; rm -f "$mark" ;;
status) if [ -e "$mark" ]; then echo running; else echo stopped; fi ;;
esac
"#;
/// Stands in for the network file system: the server's folder is one of this machine's.
const MOUNT_NFS: &str = r#"#!/bin/sh
mkdir -p "/var/lib/export"
exec mount -i --bind /var/lib/export "$2"
"#;

#[test]
fn groups_start_from_left_to_right_and_stop_from_right_to_left() {
    inside(
        "heartbeat_tutorials::groups::groups_start_from_left_to_right_and_stop_from_right_to_left",
        |scratch| {
            let site = Site::new(
                scratch,
                &[("eth0", &["10.0.0.1/24"])],
                &[("node1", &[("eth0", "10.0.0.21/24")]), ("node2", &[("eth0", "10.0.0.22/24")])],
            );
            for host in 0..2 {
                configure(&site, host, HA_CF, HARESOURCES, "auth 1\n1 sha1 secret\n", HOSTS);
                web_server(&site, host, "httpd", site.name(host));
                site.write(host, "/etc/ha.d/resource.d/noted", NOTED, 0o755);
                site.write(host, "/usr/sbin/mount.nfs", MOUNT_NFS, 0o755);
                site.must(host, "mkdir -p /data1");
            }
            site.must(0, "haresources2cib");
            hand_over(&site, 1);
            for host in 0..2 {
                assert_eq!(site.must(host, "service heartbeat start"), STARTED);
            }
            wait_page("10.0.0.170", "node1");
            wait_holders(&site, "10.0.0.170", &[0]);
            site.must(0, "mountpoint -q /data1");
            for address in ["10.0.0.110", "10.0.0.111", "10.0.0.112", "10.0.0.3"] {
                wait_holders(&site, address, &[1]);
            }
            wait("both scripts to have started", PATIENCE, || {
                match site.read(1, "/var/lib/diary").as_str() {
                    "node2 one two start\nnode2 three start\n" => Ok(()),
                    seen => Err(seen.to_owned()),
                }
            });
            ifconfig_shows(&site, 1, "eth0:4", "10.0.0.3", "10.0.0.12", "255.255.255.240");

            assert_eq!(site.must(1, "service heartbeat stop"), STOPPED);
            assert_eq!(
                site.read(1, "/var/lib/diary"),
                "node2 one two start\nnode2 three start\nnode2 three stop\nnode2 one two stop\n"
            );
            for address in ["10.0.0.170", "10.0.0.110", "10.0.0.111", "10.0.0.112", "10.0.0.3"] {
                wait_holders(&site, address, &[0]);
            }
            // auto_failback off: what moved stays.
            assert_eq!(site.must(1, "service heartbeat start"), STARTED);
            wait_shows(&site, 0, &["Online: [ node1 node2 ]"]);
            site.must(0, "crm_resource --wait");
            assert_eq!(site.holders("10.0.0.110"), [0]);
            assert_eq!(site.must(0, "service heartbeat stop"), STOPPED);
            wait_page("10.0.0.170", "node2");
            assert_ne!(
                site.sh(0, "mountpoint -q /data1").status,
                0,
                "the file system is still mounted on node1"
            );
        },
    );
}
