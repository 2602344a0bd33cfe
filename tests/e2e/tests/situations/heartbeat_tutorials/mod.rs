//! The old tutorials about heartbeat, typed as they are printed, on machines with the paths of real ones.
//!
//! What several of them share: services under the tutorials' names, times that let a test wait, looks at the site.

mod cutover;
mod every_directive;
mod groups;
mod jdmail;
mod master_slave;
mod srv5_srv6;
mod test7_test8;

pub use holdfast_e2e::heartbeat::{configure, hand_over};
use holdfast_e2e::{Site, wait};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any recovery takes, on a busy machine, and with the longest printed `deadtime` of 30 s.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// What the init script of heartbeat printed.
pub const STARTED: &str = "Starting High-Availability services: Done.\n\n";
pub const STOPPED: &str = "Stopping High-Availability services: Done.\n\n";

/// An init script as every distribution had them: it starts a server under the script's own name.
const INIT_SCRIPT: &str = r#"#!/bin/sh
# chkconfig: 345 85 15
# description: the web server of a tutorial
name=$(basename "$0")
pid=/run/$name.pid
running() { [ -e "$pid" ] && kill -0 "$(cat "$pid")" 2>/dev/null; }
case "$1" in
start)
	running && exit 0
	setsid "/usr/sbin/$name" 80 /var/www/html/index.html </dev/null >/dev/null 2>&1 &
	echo $! > "$pid"
	until grep -q ':0050 .* 0A ' /proc/net/tcp6; do running || exit 1; sleep 0.05; done
	;;
stop)
	running || exit 0
	kill "$(cat "$pid")"
	while running; do sleep 0.05; done
	rm -f "$pid"
	;;
status)
	if running; then echo "$name (pid $(cat "$pid")) is running..."; else echo "$name is stopped"; exit 3; fi
	;;
*)
	echo "Usage: $name {start|stop|status}"; exit 2
	;;
esac
"#;

/// Installs a web server that shows its machine's name, with its init script.
pub fn web_server(site: &Site, host: usize, name: &str, page: &str) {
    site.program(host, env!("CARGO_BIN_EXE_stand-in-web"), &format!("/usr/sbin/{name}"));
    site.write(host, &format!("/etc/init.d/{name}"), INIT_SCRIPT, 0o755);
    site.write(host, "/var/www/html/index.html", &format!("{page}\n"), 0o644);
}

/// A tutorial's ha.cf with times that let a test wait for a dead node: a beat each 200 ms, dead after one second.
/// Everything else stays as printed.
pub fn hurried(ha_cf: &str) -> String {
    let hurried = |line: &str| match line.split_whitespace().next() {
        Some("keepalive") => "keepalive 200ms".to_owned(),
        Some("deadtime") => "deadtime 1".to_owned(),
        Some("warntime") => "warntime 500ms".to_owned(),
        Some("initdead") => "initdead 4".to_owned(),
        _ => line.to_owned(),
    };
    ha_cf.lines().map(|line| hurried(line) + "\n").collect()
}

/// Lines of `crm_mon -1` with blanks as one.
pub fn status(site: &Site, host: usize) -> String {
    let said = site.sh(host, "crm_mon -1");
    said.text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

/// Waits until `crm_mon -1` on a machine shows all of these.
pub fn wait_shows(site: &Site, host: usize, wanted: &[&str]) {
    wait(&format!("{wanted:?} in crm_mon of {}", site.name(host)), PATIENCE, || {
        let seen = status(site, host);
        if wanted.iter().all(|w| seen.contains(w)) { Ok(()) } else { Err(seen) }
    });
}

/// Waits until exactly these machines hold an address.
pub fn wait_holders(site: &Site, address: &str, hosts: &[usize]) {
    wait(&format!("{address} on {hosts:?}"), PATIENCE, || {
        let seen = site.holders(address);
        if seen == hosts { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}

/// What a browser elsewhere in the network shows.
pub fn page(address: &str) -> Result<String, String> {
    let address: IpAddr = address.parse().map_err(|e| format!("{e}"))?;
    let patience = Duration::from_millis(500);
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::new(address, 80), patience).map_err(|e| e.to_string())?;
    stream.set_read_timeout(Some(patience)).map_err(|e| e.to_string())?;
    stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").map_err(|e| e.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|e| e.to_string())?;
    Ok(answer.lines().last().unwrap_or_default().to_owned())
}

/// Waits until a browser shows this page.
pub fn wait_page(address: &str, wanted: &str) {
    wait(&format!("the page {wanted} at {address}"), PATIENCE, || match page(address) {
        Ok(seen) if seen == wanted => Ok(()),
        seen => Err(format!("{seen:?}")),
    });
}

/// `ifconfig` shows an alias of an interface with this address, broadcast and mask, as the tutorials print it.
pub fn ifconfig_shows(site: &Site, host: usize, alias: &str, address: &str, broadcast: &str, mask: &str) {
    if !site.has(host, "ifconfig") {
        return;
    }
    let said = site.must(host, "ifconfig");
    let lines: Vec<&str> = said.lines().collect();
    let at =
        lines.iter().position(|l| l.starts_with(&format!("{alias}:")) || l.starts_with(&format!("{alias} ")));
    let at = at.unwrap_or_else(|| panic!("no {alias} in:\n{said}"));
    // The old form has colons (`inet addr:... Bcast:... Mask:...`), the new one blanks.
    let numbers: Vec<&str> =
        lines[at + 1].split([' ', ':']).filter(|w| w.starts_with(|c: char| c.is_ascii_digit())).collect();
    for wanted in [address, broadcast, mask] {
        assert!(numbers.contains(&wanted), "{wanted} of {alias} in:\n{said}");
    }
}
