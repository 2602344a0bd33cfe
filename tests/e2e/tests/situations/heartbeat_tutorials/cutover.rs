//! From a running pair of Debian's heartbeat to ours and back, as the manual's page `from-heartbeat.md` says.

use super::*;
use holdfast_e2e::heartbeat::{HEARTBEAT, PAIR, PAIR_HOSTS, pair_ha_cf, start_heartbeat};
use holdfast_e2e::inside;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const HARESOURCES: &str = "hba IPaddr2::10.77.0.100/24/eth0 httpd\n";
const ADDRESS: &str = "10.77.0.100";

/// A pair that runs heartbeat, with the service on hba; nothing where heartbeat is not installed.
fn running_heartbeat(scratch: PathBuf) -> Option<Site> {
    if !Path::new(HEARTBEAT).exists() || !Path::new("/etc/ha.d/resource.d/IPaddr2").exists() {
        eprintln!("SKIPPED: {HEARTBEAT} and its resource scripts are not installed here");
        return None;
    }
    let site = Site::as_it_is(scratch, &[("eth0", &["10.77.0.9/24"]), ("eth1", &[])], &PAIR);
    let ha_cf = pair_ha_cf("2", "1");
    for host in 0..2 {
        configure(&site, host, &ha_cf, HARESOURCES, "auth 1\n1 sha1 not-a-secret\n", PAIR_HOSTS);
        web_server(&site, host, "httpd", site.name(host));
        site.must(host, "rm -rf /etc/corosync /var/lib/pacemaker/cib/*");
    }
    (0..2).for_each(|host| start_heartbeat(&site, host));
    wait_page(ADDRESS, "hba");
    Some(site)
}

/// Both nodes of heartbeat see each other, so that a stop of one is no surprise for the other.
fn both_are_up(site: &Site) {
    for host in 0..2 {
        wait("both nodes to be active", PATIENCE, || {
            let said =
                site.sh(host, "cl_status nodestatus hba; cl_status nodestatus hbb; cl_status rscstatus");
            let good = said.text.lines().filter(|l| l.trim() == "active").count() == 2;
            if good { Ok(()) } else { Err(said.text) }
        });
    }
}

/// Asks for the page without a pause until told to end; the longest time without an answer.
fn longest_gap(end: &AtomicBool) -> Duration {
    let mut last = std::time::Instant::now();
    let mut longest = Duration::ZERO;
    while !end.load(Ordering::Relaxed) {
        if page(ADDRESS).is_ok() {
            longest = longest.max(last.elapsed());
            last = std::time::Instant::now();
        }
    }
    longest.max(last.elapsed())
}

/// Does something while a browser watches; says how long it saw nothing, and returns that.
fn watched(what: &str, act: impl FnOnce()) -> Duration {
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| longest_gap(&end));
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        end.store(true, Ordering::Relaxed);
        let gap = watch.join().unwrap();
        if let Err(panic) = done {
            std::panic::resume_unwind(panic);
        }
        eprintln!("MEASURED: {what}: longest time without an answer {} ms", gap.as_millis());
        gap
    })
}

/// Our tools by the path of the executable: the machine's own programs keep their names until the end of the cutover.
fn ours(site: &Site, host: usize, words: &str) -> String {
    site.must(host, &format!("{} {words}", site.executable().display()))
}

fn convert(site: &Site) {
    ours(site, 0, "haresources2cib");
    hand_over(site, 1);
    site.copy(0, 1, "/var/lib/heartbeat/crm/cib.xml");
}

#[test]
fn services_go_on_while_the_cluster_below_them_is_exchanged() {
    inside(
        "heartbeat_tutorials::cutover::services_go_on_while_the_cluster_below_them_is_exchanged",
        |scratch| {
            let Some(site) = running_heartbeat(scratch) else { return };
            both_are_up(&site);
            convert(&site);
            let file = "CIB_file=/var/lib/heartbeat/crm/cib.xml";
            for host in 0..2 {
                let exe = site.executable().display().to_string();
                site.must(
                    host,
                    &format!("{file} {exe} crm_attribute -t crm_config -n maintenance-mode -v true"),
                );
            }
            watched("from heartbeat, services left running", || {
                site.must(1, &format!("{HEARTBEAT} -k"));
                site.must(0, "while p=$(pidof heartbeat); do kill -9 $p || true; done");
                for host in [0, 1] {
                    ours(&site, host, "pacemaker start");
                }
                wait("both nodes and the running service to be known", PATIENCE, || {
                    let seen = ours(&site, 0, "crm_mon -1");
                    let all =
                        seen.contains("Online: [ hba hbb ]") && seen.matches("Started hba").count() == 2;
                    if all { Ok(()) } else { Err(seen) }
                });
                ours(&site, 0, "crm_attribute -t crm_config -n maintenance-mode -D");
                ours(&site, 0, "crm_resource --wait");
            });
            wait_holders(&site, ADDRESS, &[0]);
            wait_page(ADDRESS, "hba");
            // The services never stopped: the server is the one that heartbeat started.
            assert_eq!(site.must(0, "pidof httpd").split_whitespace().count(), 1);
            // The new cluster moves them.
            ours(&site, 0, "pacemaker stop");
            wait_page(ADDRESS, "hbb");
            wait_holders(&site, ADDRESS, &[1]);
        },
    );
}

#[test]
fn a_stop_and_a_start_and_back() {
    inside("heartbeat_tutorials::cutover::a_stop_and_a_start_and_back", |scratch| {
        let Some(site) = running_heartbeat(scratch) else { return };
        both_are_up(&site);
        convert(&site);
        watched("from heartbeat, with a stop", || {
            site.must(1, &format!("{HEARTBEAT} -k"));
            site.must(0, &format!("{HEARTBEAT} -k"));
            for host in [1, 0] {
                ours(&site, host, "pacemaker start");
            }
            wait_page(ADDRESS, "hba");
        });
        watched("back to heartbeat", || {
            for host in [1, 0] {
                ours(&site, host, "pacemaker stop");
            }
            (0..2).for_each(|host| start_heartbeat(&site, host));
            wait_page(ADDRESS, "hba");
        });
        wait_holders(&site, ADDRESS, &[0]);
    });
}
