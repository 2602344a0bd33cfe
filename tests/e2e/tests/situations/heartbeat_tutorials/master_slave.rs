//! `master` and `slave`: an address with a label, nginx, unicast on a cable of its own, files that differ in one line.

use super::*;
use holdfast_e2e::{beside, inside};
use std::path::PathBuf;

const HA_CF: &str = "\
debugfile /var/log/ha-debug
logfile /var/log/ha-log
logfacility local0
keepalive 2
deadtime 30
warntime 10
initdead 60
udpport 694
ucast eth1 172.16.254.28
auto_failback on
node master
node slave
ping 172.16.254.1
respawn hacluster /usr/lib64/heartbeat/ipfail
";
const HARESOURCES: &str = "master 192.168.0.38/24/eth0:0 nginx\n";
const AUTHKEYS: &str = "auth 3\n3 md5 Hello!\n";
const HOSTS: &str = "192.168.0.18 master\n192.168.0.28 slave\n";
const ADDRESS: &str = "192.168.0.38";

fn site(scratch: PathBuf, ha_cf: &str) -> Site {
    let site = Site::new(
        scratch,
        &[("eth0", &["192.168.0.1/24"]), ("eth1", &["172.16.254.1/24"])],
        &[
            ("master", &[("eth0", "192.168.0.18/24"), ("eth1", "172.16.254.18/24")]),
            ("slave", &[("eth0", "192.168.0.28/24"), ("eth1", "172.16.254.28/24")]),
        ],
    );
    let slaves = ha_cf.replace("ucast eth1 172.16.254.28", "ucast eth1 172.16.254.18");
    for (host, ha_cf) in [ha_cf, &slaves].into_iter().enumerate() {
        configure(&site, host, ha_cf, HARESOURCES, AUTHKEYS, HOSTS);
        web_server(&site, host, "nginx", site.name(host));
    }
    site
}

fn converted(scratch: PathBuf, ha_cf: &str) -> Site {
    let site = site(scratch, ha_cf);
    let said = site.must(0, "haresources2cib");
    assert!(
        said.contains("becomes a second link, so that pulling the heartbeat cable does not split"),
        "{said}"
    );
    assert!(!said.contains("Hello!"), "the secret is in the report:\n{said}");
    hand_over(&site, 1);
    site
}

fn start(site: &Site) {
    for host in 0..2 {
        assert_eq!(site.must(host, "service heartbeat start"), STARTED);
    }
    wait_page(ADDRESS, "master");
    wait_holders(site, ADDRESS, &[0]);
}

fn plays(scratch: PathBuf, ha_cf: &str) {
    let mut site = converted(scratch, ha_cf);
    start(&site);
    ifconfig_shows(&site, 0, "eth0:0", ADDRESS, "192.168.0.255", "255.255.255.0");
    if site.has(0, "ps") {
        let said = site.must(0, "ps aux | grep nginx");
        assert!(said.lines().any(|l| l.contains("/usr/sbin/nginx")), "{said}");
    }
    assert_eq!(site.must(0, "service heartbeat stop"), STOPPED);
    wait_page(ADDRESS, "slave");
    wait_holders(&site, ADDRESS, &[1]);
    assert_eq!(site.must(0, "service heartbeat start"), STARTED);
    wait_page(ADDRESS, "master");

    site.power_off(0);
    wait_page(ADDRESS, "slave");
    site.power_on(0);
    assert_eq!(site.must(0, "service heartbeat start"), STARTED);
    wait_page(ADDRESS, "master");
    wait_holders(&site, ADDRESS, &[0]);
}

#[test]
fn the_address_and_nginx_run_on_the_master() {
    inside("heartbeat_tutorials::master_slave::the_address_and_nginx_run_on_the_master", |scratch| {
        plays(scratch, &hurried(HA_CF));
    });
}

/// Takes as long as the tutorial's deadtime of 30 s.
#[test]
fn the_address_and_nginx_run_on_the_master_with_the_printed_times() {
    beside(
        "heartbeat_tutorials::master_slave::the_address_and_nginx_run_on_the_master_with_the_printed_times",
        |scratch| {
            plays(scratch, HA_CF);
        },
    );
}

/// Heartbeat had only this cable and split; here the other network keeps the pair together, and the ping node beyond
/// the cable says who is better connected.
#[test]
fn the_heartbeat_cable_is_pulled_and_services_move_instead_of_splitting() {
    inside(
        "heartbeat_tutorials::master_slave::the_heartbeat_cable_is_pulled_and_services_move_instead_of_splitting",
        |scratch| {
            let site = converted(scratch, &hurried(HA_CF));
            start(&site);
            site.cable(0, "eth1", false);
            wait_page(ADDRESS, "slave");
            wait_holders(&site, ADDRESS, &[1]);
            for host in 0..2 {
                wait_shows(&site, host, &["Online: [ master slave ]"]);
            }
            site.cable(0, "eth1", true);
            wait_page(ADDRESS, "master");
            wait_holders(&site, ADDRESS, &[0]);
        },
    );
}

#[test]
fn two_files_that_differ_in_ucast_make_one_configuration() {
    inside(
        "heartbeat_tutorials::master_slave::two_files_that_differ_in_ucast_make_one_configuration",
        |scratch| {
            let site = site(scratch, HA_CF);
            site.write(0, "/root/slave.ha.cf", &site.read(1, "/etc/ha.d/ha.cf"), 0o644);
            site.must(0, "haresources2cib --output /root/alone");
            site.must(1, "haresources2cib --output /root/alone");
            let both =
                "haresources2cib -c master=/etc/ha.d/ha.cf -c slave=/root/slave.ha.cf --output /root/both";
            site.must(0, both);
            let conf = |host: usize, folder: &str| site.read(host, &format!("/root/{folder}/corosync.conf"));
            assert_eq!(conf(0, "alone"), conf(0, "both"));
            assert_eq!(conf(0, "alone"), conf(1, "alone"), "either node's file says the same");
            for line in [
                "ring0_addr: 172.16.254.18",
                "ring1_addr: 192.168.0.18",
                "ring0_addr: 172.16.254.28",
                "ring1_addr: 192.168.0.28",
                "two_node: 1",
                "wait_for_all: 0",
                "token: 30000",
                "mcastport: 694",
            ] {
                assert!(conf(0, "both").contains(line), "{line} in {}", conf(0, "both"));
            }
            let cib = site.read(0, "/root/both/cib.xml");
            for part in [
                "name=\"nic\" value=\"eth0\"",
                "name=\"iflabel\" value=\"0\"",
                "name=\"dc-deadtime\" value=\"60s\"",
            ] {
                assert!(cib.contains(part), "{part} in {cib}");
            }
        },
    );
}
