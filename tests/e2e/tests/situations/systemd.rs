//! Resources of class systemd, over a bus of the test's own with a stand-in for systemd on it.

use crate::common::{NODES, configure, join, status, wait_started};
use holdfast_e2e::{Cluster, inside, wait};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zbus::{OwnedObjectPath, fdo, interface, object_server::ObjectServer};

const LONG: Duration = Duration::from_secs(25);

/// What the stand-in knows of a unit.
#[derive(Default)]
struct Unit {
    state: String,
    /// So many looks until a unit on its way has arrived.
    looks: u32,
    arrives: String,
}

#[derive(Clone, Default)]
struct World {
    units: Arc<Mutex<BTreeMap<String, Unit>>>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn state(&self, unit: &str) -> String {
        self.units.lock().unwrap().get(unit).map(|unit| unit.state.clone()).unwrap_or_default()
    }

    fn set(&self, unit: &str, state: &str) {
        let found = Unit { state: state.to_owned(), ..Unit::default() };
        self.units.lock().unwrap().insert(unit.to_owned(), found);
    }

    /// A job was asked for.
    fn job(
        &self,
        what: &str,
        unit: &str,
        mode: &str,
        on_the_way: &str,
        arrives: &str,
    ) -> fdo::Result<OwnedObjectPath> {
        self.calls.lock().unwrap().push(format!("{what} {unit} {mode}"));
        let mut units = self.units.lock().unwrap();
        let Some(found) = units.get_mut(unit) else {
            return Err(fdo::Error::Failed(format!("Unit {unit} not found.")));
        };
        *found = Unit { state: on_the_way.to_owned(), looks: 3, arrives: arrives.to_owned() };
        Ok(path("/org/freedesktop/systemd1/job/1"))
    }
}

fn path(text: &str) -> OwnedObjectPath {
    OwnedObjectPath::try_from(text).unwrap()
}

struct Manager(World);

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    async fn load_unit(
        &self,
        name: String,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> fdo::Result<OwnedObjectPath> {
        let letters: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let place = format!("/org/freedesktop/systemd1/unit/{letters}");
        server.at(place.as_str(), UnitObject { name, world: self.0.clone() }).await?;
        Ok(path(&place))
    }

    fn start_unit(&self, name: String, mode: String) -> fdo::Result<OwnedObjectPath> {
        self.0.job("start", &name, &mode, "activating", "active")
    }

    fn stop_unit(&self, name: String, mode: String) -> fdo::Result<OwnedObjectPath> {
        self.0.job("stop", &name, &mode, "deactivating", "inactive")
    }

    fn reload(&self) {
        self.0.calls.lock().unwrap().push("reload".to_owned());
    }
}

struct UnitObject {
    name: String,
    world: World,
}

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl UnitObject {
    #[zbus(property)]
    fn load_state(&self) -> String {
        let known = self.world.units.lock().unwrap().contains_key(&self.name);
        if known { "loaded" } else { "not-found" }.to_owned()
    }

    #[zbus(property)]
    fn active_state(&self) -> String {
        let mut units = self.world.units.lock().unwrap();
        let Some(unit) = units.get_mut(&self.name) else { return "inactive".to_owned() };
        if unit.looks > 0 {
            unit.looks -= 1;
            if unit.looks == 0 {
                unit.state = unit.arrives.clone();
            }
        }
        unit.state.clone()
    }

    #[zbus(property)]
    fn job(&self) -> (u32, OwnedObjectPath) {
        let waiting = self.world.units.lock().unwrap().get(&self.name).is_some_and(|unit| unit.looks > 0);
        if waiting { (1, path("/org/freedesktop/systemd1/job/1")) } else { (0, path("/")) }
    }
}

/// A bus in a folder; ends with the value.
struct Bus {
    daemon: Child,
    address: String,
}

impl Bus {
    fn start(folder: &Path) -> Option<Self> {
        let socket = folder.join("bus");
        let configuration = folder.join("bus.conf");
        std::fs::write(
            &configuration,
            format!(
                "<busconfig><type>custom</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
                 <policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>\
                 <allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>",
                socket.display()
            ),
        )
        .unwrap();
        let daemon = Command::new("dbus-daemon")
            .arg("--nofork")
            .arg(format!("--config-file={}", configuration.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        wait("the bus to listen", LONG, || if socket.exists() { Ok(()) } else { Err(String::new()) });
        Some(Self { daemon, address: format!("unix:path={}", socket.display()) })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// The stand-in, served by a thread of its own until the test ends.
fn serve(address: &str, world: &World) {
    let (address, world) = (address.to_owned(), world.clone());
    let (ready, served) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let connection = zbus::connection::Builder::address(address.as_str())
                .serve_at("/org/freedesktop/systemd1", Manager(world))
                .name("org.freedesktop.systemd1")
                .build()
                .await
                .unwrap();
            ready.send(()).unwrap();
            std::future::pending::<()>().await;
            drop(connection);
        });
    });
    served.recv_timeout(LONG).unwrap();
}

fn starts(world: &World) -> usize {
    world.calls().iter().filter(|call| *call == "start web.service replace").count()
}

fn units_of_systemd(scratch: PathBuf) {
    let mut cluster = Cluster::new(scratch, &NODES);
    let Some(bus) = Bus::start(cluster.root()) else {
        eprintln!("SKIPPED: systemd::units_run_and_stop_over_the_bus: dbus-daemon is not installed");
        return;
    };
    let world = World::default();
    world.set("web.service", "inactive");
    serve(&bus.address, &world);
    configure(&cluster, &NODES);
    for node in 0..2 {
        // The overrides go where systemd looks for them, which must not be this machine's place.
        cluster.shell(node, "mount -t tmpfs run /run");
    }
    // Only the first machine has this systemd; on the second nobody answers.
    cluster.environment(0, "DBUS_SYSTEM_BUS_ADDRESS", &bus.address);
    cluster.environment(1, "DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere");
    join(&mut cluster, &NODES);
    let said = cluster.run_typing(
        0,
        &["crm", "-F", "configure"],
        "property stonith-enabled=false no-quorum-policy=ignore\n\
         primitive web systemd:web op monitor interval=1s\ncommit\n",
    );
    assert_eq!(said.status, 0, "{}", said.text);
    wait_started(&cluster, 1, &["web"], "test7");
    assert_eq!(world.state("web.service"), "active");
    let overrides = "ls /run/systemd/system/web.service.d 2>/dev/null | wc -l";
    assert_eq!(cluster.shell(0, overrides).trim(), "1", "systemd is kept from restarting it by itself");
    assert!(world.calls().contains(&"reload".to_owned()), "{:?}", world.calls());
    let probed = cluster.must(1, &["crm_resource", "-o", "-r", "web", "-N", "test8"]);
    assert!(probed.contains("rc=5"), "without systemd there are no units:\n{probed}");

    // It fails: the monitor finds out, and it is started again.
    let before = starts(&world);
    world.set("web.service", "failed");
    wait("the failed unit to be started again", LONG, || {
        let back = world.state("web.service") == "active" && starts(&world) > before;
        if back { Ok(()) } else { Err(format!("{:?}\n{}", world.calls(), status(&cluster, 0))) }
    });
    wait_started(&cluster, 1, &["web"], "test7");

    cluster.must(0, &["crm", "resource", "stop", "web"]);
    wait("the unit to be stopped", LONG, || {
        if world.state("web.service") == "inactive" { Ok(()) } else { Err(status(&cluster, 0)) }
    });
    cluster.must(0, &["crm_resource", "--wait", "--timeout", "20s"]);
    assert_eq!(cluster.shell(0, overrides).trim(), "0", "the override goes with the stop");
}

#[test]
fn units_run_and_stop_over_the_bus() {
    inside("systemd::units_run_and_stop_over_the_bus", units_of_systemd);
}
