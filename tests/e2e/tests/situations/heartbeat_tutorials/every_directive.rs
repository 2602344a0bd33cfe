//! A file with every directive: each line is in the report, and what comes out runs.

use super::*;
use holdfast_e2e::inside;

const HA_CF: &str = "\
debugfile /var/log/ha-debug
logfile /var/log/ha-log
logfacility local0
use_logd yes
conn_logd_time 60
syslogmsgfmt on
log_badpack true
debug 0
coredumps true
coreroot /var/lib/heartbeat/cores
keepalive 200ms
warntime 500ms
deadtime 1500ms
initdead 10
deadping 2
baud 19200
serial /dev/ttyS0
udpport 695
bcast eth0
ucast eth1 10.1.0.2
mcast eth1 225.0.0.1 696 1 0
hopfudge 1
auto_failback off
node alpha
node beta
ping 10.0.0.1
ping_group far 10.0.0.1 10.1.0.1
respawn hacluster /usr/lib/heartbeat/ipfail
respawn nobody /usr/local/bin/kept word
apiauth ipfail gid=haclient uid=hacluster
rtprio 5
realtime off
cluster old-one
autojoin none
uuidfrom file
hbgenmethod file
msgfmt classic
compression bz2
compression_threshold 2
traditional_compression no
max_rexmit_delay 250
memreserve 6500
env A=B
use_apphbd off
normalpoll on
record_config_changes on
record_pengine_inputs on
enable_config_writes on
crm_daemon_dir /usr/lib/heartbeat
crmd_spawns_pengine on
crm off
";
const HOSTS: &str = "10.0.0.2 alpha\n10.0.0.3 beta\n";
/// Ends with the code that says: do not start me again.
const KEPT: &str = "#!/bin/sh\necho \"$(id -un) $1\" >> /tmp/kept\nexit 100\n";

#[test]
fn every_directive_is_in_the_report_and_the_result_runs() {
    inside(
        "heartbeat_tutorials::every_directive::every_directive_is_in_the_report_and_the_result_runs",
        |scratch| {
            let site = Site::new(
                scratch,
                &[("eth0", &["10.0.0.1/24"]), ("eth1", &["10.1.0.1/24"])],
                &[
                    ("alpha", &[("eth0", "10.0.0.2/24"), ("eth1", "10.1.0.1/24")]),
                    ("beta", &[("eth0", "10.0.0.3/24"), ("eth1", "10.1.0.2/24")]),
                ],
            );
            for host in 0..2 {
                configure(&site, host, HA_CF, "alpha 10.0.0.50\n", "auth 2\n1 crc\n2 sha1 secret\n", HOSTS);
                site.write(host, "/usr/local/bin/kept", KEPT, 0o755);
            }
            let report = site.must(0, "haresources2cib --report json --dry-run");
            for number in 1..=HA_CF.lines().count() {
                assert!(report.contains(&format!("\"line\": {number}\n")), "line {number} in {report}");
            }
            site.must(0, "haresources2cib");
            let conf = site.read(0, "/etc/corosync/corosync.conf");
            for line in [
                "cluster_name: old-one",
                "token: 1500",
                "mcastport: 695",
                "ring1_addr: 10.1.0.2",
                "syslog_facility: local0",
                "logfile: /var/log/ha-log",
                "sched_rr: no",
                "priority: 5",
            ] {
                assert!(conf.contains(line), "{line} in {conf}");
            }
            hand_over(&site, 1);
            for host in 0..2 {
                assert_eq!(site.must(host, "service heartbeat start"), STARTED);
            }
            wait_holders(&site, "10.0.0.50", &[0]);
            wait_shows(&site, 0, &["Online: [ alpha beta ]", "client_kept"]);
            site.must(0, "crm_resource --wait");
            for host in 0..2 {
                let kept = site.read(host, "/tmp/kept");
                assert_eq!(kept, "nobody word\n", "once, and not again after the exit code 100");
            }
            let said = site.must(0, "attrd_updater -n pingd -Q --all || attrd_updater -n pingd -Q -A");
            assert!(said.contains("1000"), "{said}");
        },
    );
}
