//! `test7` and `test8`: one address and `http`, broadcast, `ipfail`, a converter with a misspelt option, cloned machines.

use super::*;
use holdfast_e2e::inside;
use std::path::PathBuf;

const HA_CF: &str = "\
debugfile /var/log/ha-debug
logfile /var/log/ha-log
keepalive 2
deadtime 60
warntime 10
initdead 120
#udpport 694
bcast eth0
auto_failback on
#ping_group group1 172.18.3.208 172.18.3.205
ping 172.18.3.208
respawn root /usr/lib/heartbeat/ipfail
apiauth ipfail gid=root uid=root
hopfudge 1
use_logd yes
node test7
node test8
#crm on
";
const HARESOURCES: &str = "test7 172.18.3.209 http\n";
const AUTHKEYS: &str = "auth 1\n1 crc\n";
const HOSTS: &str = "172.18.3.208 test7\n172.18.3.205 test8\n";
const ADDRESS: &str = "172.18.3.209";
const CONVERT: &str =
    "/usr/lib/heartbeat/haresources2cib.py --stout -c /etc/ha.d/ha.cf /etc/ha.d/haresources";

fn site(scratch: PathBuf, ha_cf: &str) -> Site {
    site_with(scratch, ha_cf, "172.18.3.206/24")
}

/// With a third machine that has this address.
fn site_with(scratch: PathBuf, ha_cf: &str, third: &str) -> Site {
    let site = Site::new(
        scratch,
        &[("eth0", &["172.18.3.1/24"])],
        &[
            ("test7", &[("eth0", "172.18.3.208/24")]),
            ("test8", &[("eth0", "172.18.3.205/24")]),
            ("copy", &[("eth0", third)]),
        ],
    );
    for host in 0..2 {
        configure(&site, host, ha_cf, HARESOURCES, AUTHKEYS, HOSTS);
        web_server(&site, host, "http", site.name(host));
    }
    site
}

/// Converts on test7 and hands the ring's files over to test8.
fn converted(scratch: PathBuf, ha_cf: &str) -> Site {
    convert(site(scratch, ha_cf))
}

fn convert(site: Site) -> Site {
    for host in 0..2 {
        site.write(host, "/etc/machine-id", &format!("{host}0123456789abcdef0123456789abcde\n"), 0o444);
    }
    site.must(0, CONVERT);
    hand_over(&site, 1);
    site
}

fn start(site: &Site, host: usize) {
    assert_eq!(site.must(host, "/etc/init.d/heartbeat start"), STARTED);
}

#[test]
fn the_address_and_http_run_on_test7_and_move_when_it_stops() {
    inside(
        "heartbeat_tutorials::test7_test8::the_address_and_http_run_on_test7_and_move_when_it_stops",
        |scratch| {
            let site = converted(scratch, HA_CF);
            start(&site, 0);
            start(&site, 1);
            wait_page(ADDRESS, "test7");
            wait_holders(&site, ADDRESS, &[0]);
            ifconfig_shows(&site, 0, "eth0:0", ADDRESS, "172.18.3.255", "255.255.255.0");
            if site.has(0, "netstat") {
                let said = site.must(0, "netstat -ant|grep 80");
                assert!(said.lines().any(|l| l.contains(":::80 ") && l.contains("LISTEN")), "{said}");
            }
            assert!(site.must(0, "/etc/init.d/heartbeat status").contains("is running on test7"));

            assert_eq!(site.must(0, "/etc/init.d/heartbeat stop"), STOPPED);
            wait_page(ADDRESS, "test8");
            wait_holders(&site, ADDRESS, &[1]);
            assert_eq!(site.sh(0, "/etc/init.d/http status").status, 3, "http still runs on test7");
            wait_shows(&site, 1, &["Online: [ test8 ]", "OFFLINE: [ test7 ]"]);

            // auto_failback on: it goes home.
            start(&site, 0);
            wait_page(ADDRESS, "test7");
            wait_holders(&site, ADDRESS, &[0]);
        },
    );
}

#[test]
fn a_lost_machine_is_replaced_and_comes_back() {
    inside("heartbeat_tutorials::test7_test8::a_lost_machine_is_replaced_and_comes_back", |scratch| {
        let mut site = converted(scratch, &hurried(HA_CF));
        start(&site, 0);
        start(&site, 1);
        wait_page(ADDRESS, "test7");
        site.power_off(0);
        wait_page(ADDRESS, "test8");
        wait_shows(&site, 1, &["OFFLINE: [ test7 ]"]);
        site.power_on(0);
        start(&site, 0);
        wait_page(ADDRESS, "test7");
        wait_holders(&site, ADDRESS, &[0]);
    });
}

/// There is one network: no program can know more than that the other is silent, and heartbeat ran both then. Clients
/// reach one of the two, and when the cable is back one of them has the address, without a stop of the other services.
#[test]
fn the_only_cable_is_pulled_and_put_back() {
    inside("heartbeat_tutorials::test7_test8::the_only_cable_is_pulled_and_put_back", |scratch| {
        let site = converted(scratch, &hurried(HA_CF));
        start(&site, 0);
        start(&site, 1);
        wait_page(ADDRESS, "test7");
        site.cable(0, "eth0", false);
        wait_page(ADDRESS, "test8");
        wait_shows(&site, 1, &["OFFLINE: [ test7 ]"]);
        site.cable(0, "eth0", true);
        wait_holders(&site, ADDRESS, &[0]);
        wait_page(ADDRESS, "test7");
        wait_shows(&site, 1, &["Online: [ test7 test8 ]"]);
    });
}

#[test]
fn a_node_that_starts_alone_waits_and_takes_everything() {
    inside(
        "heartbeat_tutorials::test7_test8::a_node_that_starts_alone_waits_and_takes_everything",
        |scratch| {
            let site = converted(scratch, &hurried(HA_CF));
            // The CIB lies where the converter put it; test8 is the one that nobody prefers.
            site.copy(0, 1, "/var/lib/heartbeat/crm/cib.xml");
            start(&site, 1);
            wait_page(ADDRESS, "test8");
            wait_shows(&site, 1, &["Online: [ test8 ]", "OFFLINE: [ test7 ]"]);
        },
    );
}

#[test]
fn stout_writes_and_prints_nothing_and_refuses_what_is_there() {
    inside(
        "heartbeat_tutorials::test7_test8::stout_writes_and_prints_nothing_and_refuses_what_is_there",
        |scratch| {
            let site = site(scratch, HA_CF);
            site.write(0, "/var/lib/heartbeat/crm/cib.xml", "<cib/>\n", 0o600);
            site.write(0, "/var/lib/heartbeat/crm/cib.xml.sig", "x\n", 0o600);
            let said = site.sh(0, CONVERT);
            let printed = "cib.xml or cib.xml.sig exist in /var/lib/heartbeat/crm/\nplease remove them before generating new cib.xml\n";
            assert!(said.text.starts_with(printed), "{}", said.text);
            for file in ["cib.xml", "cib.xml.sig"] {
                let step = format!("mv /var/lib/heartbeat/crm/{file} /var/lib/heartbeat/crm/{file}.before");
                assert!(said.text.contains(&step), "{step} in: {}", said.text);
            }
            assert_eq!(said.status, 73, "{}", said.text);
            assert_eq!(site.sh(0, "ls /etc/corosync").status, 2, "nothing else was written");
            site.must(0, "rm -rf  /var/lib/heartbeat/crm/cib.xml");
            site.must(0, "rm -rf /var/lib/heartbeat/crm/cib.xml.sig");
            assert_eq!(site.must(0, CONVERT), "");
            for (file, mode) in [
                ("/var/lib/heartbeat/crm/cib.xml", "600"),
                ("/etc/corosync/corosync.conf", "644"),
                ("/etc/corosync/authkey", "400"),
            ] {
                assert_eq!(site.must(0, &format!("stat -c %a {file}")).trim(), mode, "{file}");
            }
            site.must(0, "crm_verify -V -x /var/lib/heartbeat/crm/cib.xml");
            // `#crm on` without its comment sign: the CIB that was just made is taken over.
            site.must(0, "sed -i 's/^#crm on/crm on/' /etc/ha.d/ha.cf");
            let said = site.must(0, "haresources2cib --dry-run");
            assert!(said.contains("is taken over"), "{said}");
        },
    );
}

#[test]
fn nothing_is_written_where_not_everything_can_be() {
    inside("heartbeat_tutorials::test7_test8::nothing_is_written_where_not_everything_can_be", |scratch| {
        let site = site(scratch, HA_CF);
        let nothing = |what: &str, said: &holdfast_e2e::Said| {
            assert_eq!(said.status, 73, "{what}: {}", said.text);
            assert!(said.text.contains("nothing was written"), "{what}: {}", said.text);
            let left = site.must(0, "find /var/lib/heartbeat/crm /etc/corosync -type f 2>/dev/null || true");
            assert_eq!(left, "", "{what}");
        };
        site.must(0, "mkdir -p /var/lib/heartbeat/crm /etc/corosync");
        site.must(0, "mount -t tmpfs -o ro none /etc/corosync");
        nothing("a disk that takes no file", &site.sh(0, "haresources2cib"));
        site.must(0, "umount /etc/corosync");
        // Room for one of two files.
        site.must(0, "mount -t tmpfs -o size=4k none /etc/corosync");
        nothing("a full disk", &site.sh(0, "haresources2cib"));
        site.must(0, "umount /etc/corosync && rmdir /etc/corosync && touch /etc/corosync");
        let said = site.sh(0, "haresources2cib");
        assert_eq!(said.status, 73, "{}", said.text);
        assert_eq!(site.must(0, "find /var/lib/heartbeat/crm -type f"), "");
        // And with room everything is there.
        site.must(0, "rm /etc/corosync");
        site.must(0, "haresources2cib");
        assert_eq!(
            site.must(0, "ls -A /etc/corosync /var/lib/heartbeat/crm"),
            "/etc/corosync:\nauthkey\ncorosync.conf\n\n/var/lib/heartbeat/crm:\ncib.xml\n"
        );
    });
}

/// Makes the third machine a copy of test7: its name, both files that tell who a machine is, its state, its key.
fn cloned(site: &Site) {
    for file in ["/etc/machine-id", "/etc/corosync/corosync.conf", "/etc/corosync/authkey", "/etc/hosts"] {
        site.copy(0, 2, file);
    }
    let state = site.root().join("state.tar");
    site.must(0, &format!("tar -C / -cf {} var/lib/holdfast", state.display()));
    site.must(2, &format!("tar -C / -xf {}", state.display()));
    site.must(2, "echo test7 > /proc/sys/kernel/hostname");
}

/// Waits until both hosts that can are told of both: the second is refused, the first goes on.
fn refused(site: &Site, newcomer: &str) {
    let log =
        |host: usize| site.read(host, "/var/log/ha-log") + &site.read(host, "/var/log/holdfast/start.log");
    let named = format!("test7 (172.18.3.208) was there first, test7 ({newcomer}) is refused");
    for wanted in [named.as_str(), "a new /etc/machine-id"] {
        for host in [1, 2] {
            wait(&format!("{wanted} on {}", site.name(host)), PATIENCE, || {
                let seen = log(host);
                if seen.contains(wanted) { Ok(()) } else { Err(seen) }
            });
        }
    }
    wait_shows(site, 1, &["Online: [ test7 test8 ]", "Started test7"]);
    assert_eq!(site.holders(ADDRESS), [0]);
    wait_page(ADDRESS, "test7");
}

#[test]
fn a_cloned_machine_is_refused() {
    inside("heartbeat_tutorials::test7_test8::a_cloned_machine_is_refused", |scratch| {
        let site = converted(scratch, &hurried(HA_CF));
        for host in 0..2 {
            start(&site, host);
        }
        wait_page(ADDRESS, "test7");
        cloned(&site);
        // Its owner gave it an address of its own, and nothing else.
        site.must(2, "sed -i 's/172.18.3.208/172.18.3.206/' /etc/corosync/corosync.conf");
        // The script may say either: the daemon answers until it hears of the other.
        site.sh(2, "/etc/init.d/heartbeat start");
        refused(&site, "172.18.3.206");
    });
}

/// The copy has another address, and its configuration is that of test7: it is not the machine that it says it is, or
/// its network is not up yet.
#[test]
fn a_copy_that_lacks_its_address_starts_nothing_until_it_has_it() {
    inside(
        "heartbeat_tutorials::test7_test8::a_copy_that_lacks_its_address_starts_nothing_until_it_has_it",
        |scratch| {
            let mut site = converted(scratch, &hurried(HA_CF));
            for host in 0..2 {
                start(&site, host);
            }
            wait_page(ADDRESS, "test7");
            cloned(&site);
            web_server(&site, 2, "http", "copy of test7");
            let waits = |said: &str| {
                for wanted in [
                    "(test7) has the address 172.18.3.208",
                    "this machine has 172.18.3.206",
                    "a new /etc/machine-id",
                ] {
                    assert!(said.contains(wanted), "{wanted} in: {said}");
                }
            };
            let said = site.sh(2, "/etc/init.d/heartbeat start");
            assert_eq!(said.status, 1, "{}", said.text);
            assert!(said.text.contains("Starting High-Availability services: Failed."), "{}", said.text);
            waits(&said.text);
            let log = || site.read(2, "/var/log/ha-log") + &site.read(2, "/var/log/holdfast/start.log");
            wait("the reason in the log", PATIENCE, || {
                let seen = log();
                if seen.contains("this machine has 172.18.3.206") { Ok(()) } else { Err(seen) }
            });
            waits(&log());
            // The others go on, long after the copy would have taken over.
            wait_shows(&site, 2, &["Current DC: NONE", "OFFLINE: [ test7 test8 ]", "No active resources"]);
            wait_shows(&site, 1, &["Online: [ test7 test8 ]", "Started test7"]);
            assert_eq!(site.sh(2, "/etc/init.d/http status").status, 3, "http runs on the copy");
            assert_eq!(site.holders(ADDRESS), [0]);
            // It can be stopped and started meanwhile.
            assert_eq!(site.must(2, "/etc/init.d/heartbeat stop"), STOPPED);
            assert_eq!(site.sh(2, "/etc/init.d/heartbeat start").status, 1);
            waits(&site.sh(2, "/etc/init.d/heartbeat status").text);

            // The first one goes for good, and the copy takes its place and its address.
            site.power_off(0);
            wait_page(ADDRESS, "test8");
            site.address(2, "eth0", "172.18.3.208/24");
            wait_shows(&site, 1, &["Online: [ test7 test8 ]"]);
            wait_page(ADDRESS, "copy of test7");
            assert_eq!(site.must(2, "/etc/init.d/heartbeat start"), STARTED);
        },
    );
}

/// The copy has everything of test7, its address too: the network brings it what is meant for test7.
#[test]
fn an_exact_clone_with_the_same_address_is_refused() {
    inside("heartbeat_tutorials::test7_test8::an_exact_clone_with_the_same_address_is_refused", |scratch| {
        let site = convert(site_with(scratch, &hurried(HA_CF), "172.18.3.208/24"));
        for host in 0..2 {
            start(&site, host);
        }
        wait_page(ADDRESS, "test7");
        cloned(&site);
        web_server(&site, 2, "http", "copy of test7");
        // The script may say either: the daemon answers until it hears of the other.
        site.sh(2, "/etc/init.d/heartbeat start");
        wait("the end of the copy", PATIENCE, || {
            assert_eq!(site.holders(ADDRESS), [0], "the address of the service moved");
            let said = site.sh(2, "/etc/init.d/heartbeat status");
            if said.status == 3 { Ok(()) } else { Err(said.text) }
        });
        refused(&site, "172.18.3.208");
        let log = site.read(2, "/var/log/ha-log") + &site.read(2, "/var/log/holdfast/start.log");
        let boots =
            [0, 2].map(|host| site.must(host, "cat /proc/sys/kernel/random/boot_id").trim().replace('-', ""));
        assert!(log.contains(&format!("Their boot ids are {} and {}", boots[0], boots[1])), "{log}");
    });
}
