//! Heartbeat on a machine of a site: its files, and Debian's program where it is installed.
//!
//! Knows where they lie and how the program is started by hand. Does not know what the files say, but for one pair.

use crate::Site;
use crate::site::Wiring;

/// Debian's heartbeat 3.0.6.
pub const HEARTBEAT: &str = "/usr/libexec/heartbeat/heartbeat";

/// Two machines on two networks, for [`Site::new`]; they want switches `eth0` and `eth1`.
pub const PAIR: [Wiring<'static>; 2] = [
    ("hba", &[("eth0", "10.77.0.1/24"), ("eth1", "10.78.0.1/24")]),
    ("hbb", &[("eth0", "10.77.0.2/24"), ("eth1", "10.78.0.2/24")]),
];
/// Their lines of `/etc/hosts`.
pub const PAIR_HOSTS: &str = "10.77.0.1 hba\n10.77.0.2 hbb\n";

/// `ha.cf` of the pair: a beat each 200 ms, over both networks.
#[must_use]
pub fn pair_ha_cf(deadtime: &str, warntime: &str) -> String {
    format!(
        "logfile /var/log/ha-log\nkeepalive 200ms\ndeadtime {deadtime}\nwarntime {warntime}\ninitdead 12\n\
         udpport 694\nrealtime off\nucast eth0 10.77.0.1\nucast eth0 10.77.0.2\nucast eth1 10.78.0.1\n\
         ucast eth1 10.78.0.2\nauto_failback on\nnode hba hbb\n"
    )
}

/// The three files of heartbeat on a machine, and its hosts.
///
/// # Panics
/// When its disk refuses.
pub fn configure(site: &Site, host: usize, ha_cf: &str, haresources: &str, authkeys: &str, hosts: &str) {
    site.write(host, "/etc/ha.d/ha.cf", ha_cf, 0o644);
    site.write(host, "/etc/ha.d/haresources", haresources, 0o644);
    site.write(host, "/etc/ha.d/authkeys", authkeys, 0o600);
    site.write(host, "/etc/hosts", &format!("127.0.0.1 localhost.localdomain localhost\n{hosts}"), 0o644);
}

/// Copies what a conversion on the first machine made to another, as `scp` does.
///
/// # Panics
/// When there is nothing, or the disk refuses.
pub fn hand_over(site: &Site, to: usize) {
    for file in ["/etc/corosync/corosync.conf", "/etc/corosync/authkey"] {
        site.copy(0, to, file);
    }
}

/// Starts Debian's heartbeat on a machine, with the folders that its init script makes.
///
/// # Panics
/// When it cannot be started.
pub fn start_heartbeat(site: &Site, host: usize) {
    site.must(
        host,
        "mkdir -p /run/heartbeat/ccm /run/heartbeat/crm /run/heartbeat/dopd /run/lock/subsys /run/resource-agents
         chown -R hacluster:haclient /run/heartbeat; chmod 750 /run/heartbeat /run/heartbeat/*",
    );
    site.must(host, &format!("{HEARTBEAT} >/dev/null 2>&1"));
}
