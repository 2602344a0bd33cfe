//! `ha-a`: serial line and broadcast, `nice_failback on`, and a script that starts something and never looks at what it
//! is asked.

use super::*;
use holdfast_e2e::inside;
use std::path::PathBuf;

/// The page loses blanks, which are put back. The optional line `watchdog /dev/watchdog` is left out: the test's
/// machines have no such device.
const HA_CF: &str = "\
serial /dev/ttyS0
bcast eth1
keepalive 2
warntime 10
deadtime 30
initdead 120
hopfudge 1
baud 19200
udpport 694
nice_failback on
node ha-a
node ha-b
respawn hacluster /usr/lib/heartbeat/ccm
respawn hacluster /usr/lib/heartbeat/ipfail
ping ping1.linux-ha.org ping2.linux-ha.org
";
const HARESOURCES: &str =
    "# This is a list of resources that move from machine to machine\nha-a 192.168.2.50 jdmail\n";
const HOSTS: &str =
    "192.168.2.1 ha-a\n192.168.2.2 ha-b\n192.168.2.8 ping1.linux-ha.org\n192.168.2.9 ping2.linux-ha.org\n";
const ADDRESS: &str = "192.168.2.50";
/// As the page prints it; no first line names an interpreter.
const SCRIPT: &str = "/jdmail/startjd.sh &\n/jdmail/web/bin/startup.sh &\n";

fn site(scratch: PathBuf) -> Site {
    let site = Site::new(
        scratch,
        &[("eth0", &["192.168.2.8/24", "192.168.2.9/24"]), ("eth1", &[])],
        &[
            ("ha-a", &[("eth0", "192.168.2.1/24"), ("eth1", "10.0.0.1/24")]),
            ("ha-b", &[("eth0", "192.168.2.2/24"), ("eth1", "10.0.0.2/24")]),
        ],
    );
    for host in 0..2 {
        configure(&site, host, &hurried(HA_CF), HARESOURCES, "auth 1\n1 crc\n", HOSTS);
        site.write(host, "/etc/ha.d/resource.d/jdmail", SCRIPT, 0o755);
        site.program(host, env!("CARGO_BIN_EXE_stand-in-web"), "/usr/sbin/jdmail-web");
        site.write(host, "/jdmail/startjd.sh", "#!/bin/sh\nexec sleep 100000\n", 0o755);
        let web = "#!/bin/sh\nexec /usr/sbin/jdmail-web 80 /jdmail/page\n";
        site.write(host, "/jdmail/web/bin/startup.sh", web, 0o755);
        site.write(host, "/jdmail/page", &format!("{}\n", site.name(host)), 0o644);
        let n = host + 1;
        let ifcfg = |address: &str| format!("BOOTPROTO=static\nIPADDR={address}\nNETMASK=255.255.255.0\n");
        let folder = "/etc/sysconfig/network-scripts";
        site.write(host, &format!("{folder}/ifcfg-eth1"), &ifcfg(&format!("10.0.0.{n}")), 0o644);
        site.write(host, &format!("{folder}/ifcfg-eth0"), &ifcfg(&format!("192.168.2.{n}")), 0o644);
    }
    // A copy of the other machine's tree, as `scp -r` makes it.
    for file in [
        "/etc/ha.d/ha.cf",
        "/etc/ha.d/haresources",
        "/etc/hosts",
        "/etc/sysconfig/network-scripts/ifcfg-eth1",
    ] {
        site.write(0, &format!("/root/ha-b{file}"), &site.read(1, file), 0o644);
    }
    site
}

#[test]
fn a_script_that_never_reads_its_argument_is_wrapped_and_stays_after_a_return() {
    inside(
        "heartbeat_tutorials::jdmail::a_script_that_never_reads_its_argument_is_wrapped_and_stays_after_a_return",
        |scratch| {
            let mut site = site(scratch);
            let convert = "haresources2cib --root ha-a=/ --root ha-b=/root/ha-b";
            let said = site.sh(0, convert);
            assert_eq!(said.status, 78, "{}", said.text);
            assert!(said.text.contains("/etc/ha.d/haresources: line 2"), "{}", said.text);
            assert!(said.text.contains("never reads its argument"), "{}", said.text);
            assert_eq!(site.sh(0, "pidof jdmail-web").status, 1, "asking started it");
            // What the message offers, typed.
            let offer =
                "haresources2cib --wrapper /etc/ha.d/resource.d/jdmail > /etc/ha.d/resource.d/jdmail.ha";
            assert!(said.text.contains(offer), "{}", said.text);
            for host in 0..2 {
                site.must(host, offer);
                site.must(host, "chmod 755 /etc/ha.d/resource.d/jdmail.ha");
                site.must(host, "sed -i 's/ jdmail$/ jdmail.ha/' /etc/ha.d/haresources");
            }
            site.write(0, "/root/ha-b/etc/ha.d/haresources", &site.read(1, "/etc/ha.d/haresources"), 0o644);
            let said = site.must(0, convert);
            for part in [
                "the redundancy of /dev/ttyS0 is lost",
                "it means auto_failback off",
                "part of the one daemon now",
            ] {
                assert!(said.contains(part), "{part} in {said}");
            }
            hand_over(&site, 1);
            for host in 0..2 {
                assert_eq!(site.must(host, "service heartbeat start"), STARTED);
            }
            wait_page(ADDRESS, "ha-a");
            wait_holders(&site, ADDRESS, &[0]);

            site.power_off(0);
            wait_page(ADDRESS, "ha-b");
            site.power_on(0);
            assert_eq!(site.must(0, "service heartbeat start"), STARTED);
            wait_shows(&site, 1, &["Online: [ ha-a ha-b ]"]);
            // nice_failback on: it stays, until its node stops.
            site.must(0, "crm_resource --wait");
            assert_eq!(page(ADDRESS).as_deref(), Ok("ha-b"));
            assert_eq!(site.must(1, "service heartbeat stop"), STOPPED);
            wait_page(ADDRESS, "ha-a");
            wait_holders(&site, ADDRESS, &[0]);
            assert_eq!(site.sh(1, "pidof jdmail-web").status, 1, "it still runs on ha-b");

            // The cable of the active node: the ping nodes are out of its reach.
            assert_eq!(site.must(1, "service heartbeat start"), STARTED);
            wait_shows(&site, 0, &["Online: [ ha-a ha-b ]"]);
            site.cable(0, "eth0", false);
            wait_page(ADDRESS, "ha-b");
            wait_holders(&site, ADDRESS, &[1]);
            site.cable(0, "eth0", true);
            wait_shows(&site, 1, &["Online: [ ha-a ha-b ]"]);
        },
    );
}
