//! `srv5` and `srv6`: an address alone, two ping nodes, `ipfail`; the cable of the active node is pulled.

use super::*;
use holdfast_e2e::inside;
use std::path::PathBuf;

/// The page runs all lines of the file together; the line ends are put back.
const HA_CF: &str = "\
debugfile /var/log/ha-debug # used to record heartbeat debugging information
logfile /var/log/ha-log # used to record heartbeat log information
logfacility local0 # System log Level
keepalive 2 # Set HEARTBEAT (Monitoring) interval, the default unit is second
warntime 10 # warning time, usually half of the deadtime
deadtime 30 # the heartbeat of the peer node is not received after 30 seconds
initdead 120 # network start time, at least twice the deadtime
hopfudge 1 # option: used for ring topology
udpport 694 # Use udp port 694 for heartbeat monitoring
ucast eth1 192.168.9.6 # use single play for heartbeat monitoring, the IP address is the peer host IP
auto_failback on # the resource will be migrated to the owner
node srv5.localdomain
node srv6.localdomain # node 2
ping 192.168.8.2 192.168.9.7 # ping a node other than the cluster
respawn root /usr/lib/heartbeat/ipfail
apiauth ipfail gid=root uid=root
";
const HARESOURCES: &str = "srv5.localdomain IPaddr::192.168.8.100/32\n";
const HOSTS: &str = "192.168.8.5 srv5.localdomain\n192.168.8.6 srv6.localdomain\n";
const ADDRESS: &str = "192.168.8.100";

fn started(scratch: PathBuf) -> Site {
    let site = Site::new(
        scratch,
        &[("eth0", &["192.168.8.2/24"]), ("eth1", &["192.168.9.7/24"])],
        &[
            ("srv5.localdomain", &[("eth0", "192.168.8.5/24"), ("eth1", "192.168.9.5/24")]),
            ("srv6.localdomain", &[("eth0", "192.168.8.6/24"), ("eth1", "192.168.9.6/24")]),
        ],
    );
    let first = hurried(HA_CF);
    let second = first.replace("ucast eth1 192.168.9.6", "ucast eth1 192.168.9.5");
    for (host, (ha_cf, page)) in [(&first, "NodeA"), (&second, "NodeB")].into_iter().enumerate() {
        configure(&site, host, ha_cf, HARESOURCES, "auth 1\n1 crc\n", HOSTS);
        web_server(&site, host, "httpd", page);
        site.must(host, "service httpd start");
    }
    site.must(0, "haresources2cib");
    hand_over(&site, 1);
    for host in 0..2 {
        assert_eq!(site.must(host, "service heartbeat start"), STARTED);
    }
    wait_page(ADDRESS, "NodeA");
    wait_holders(&site, ADDRESS, &[0]);
    site
}

#[test]
fn the_better_connected_node_takes_over_when_eth1_is_disconnected() {
    inside(
        "heartbeat_tutorials::srv5_srv6::the_better_connected_node_takes_over_when_eth1_is_disconnected",
        |scratch| {
            let site = started(scratch);
            ifconfig_shows(&site, 0, "eth0:0", ADDRESS, ADDRESS, "255.255.255.255");
            site.cable(0, "eth1", false);
            wait_page(ADDRESS, "NodeB");
            // "the vip devices and their VIPs are not displayed" on the master.
            wait_holders(&site, ADDRESS, &[1]);
            site.cable(0, "eth1", true);
            wait_page(ADDRESS, "NodeA");
            wait_holders(&site, ADDRESS, &[0]);
        },
    );
}

#[test]
fn the_service_cable_of_the_active_node_is_pulled() {
    inside("heartbeat_tutorials::srv5_srv6::the_service_cable_of_the_active_node_is_pulled", |scratch| {
        let site = started(scratch);
        site.cable(0, "eth0", false);
        wait_page(ADDRESS, "NodeB");
        wait_holders(&site, ADDRESS, &[1]);
        // Equal loss on both sides moves nothing and stops nothing.
        site.cable(1, "eth0", false);
        wait_shows(&site, 1, &["Online: [ srv5.localdomain srv6.localdomain ]", "Started srv6.localdomain"]);
        site.cable(1, "eth0", true);
        site.cable(0, "eth0", true);
        wait_page(ADDRESS, "NodeA");
        wait_holders(&site, ADDRESS, &[0]);
    });
}

#[test]
fn kill_stop_and_return() {
    inside("heartbeat_tutorials::srv5_srv6::kill_stop_and_return", |scratch| {
        let mut site = started(scratch);
        site.power_off(0);
        wait_page(ADDRESS, "NodeB");
        site.power_on(0);
        site.must(0, "service httpd start");
        assert_eq!(site.must(0, "service heartbeat start"), STARTED);
        wait_page(ADDRESS, "NodeA");
        assert_eq!(site.must(0, "service heartbeat stop"), STOPPED);
        wait_page(ADDRESS, "NodeB");
        wait_holders(&site, ADDRESS, &[1]);
    });
}
