//! Units of systemd over the system bus. The meaning of what systemd says is in `holdfast_agent_protocol::systemd`.
//!
//! A job is awaited by asking for the unit's state until it has none: unlike a subscription this survives a reload
//! or restart of systemd, and it costs a few messages a second while something starts.

use std::path::Path;
use std::time::Duration;

use holdfast_agent_protocol::systemd::{self, UnitAction};
use holdfast_agent_protocol::{Outcome, Rc};
use holdfast_model::status::ExecStatus;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};
use zbus::{Connection, OwnedObjectPath, OwnedVariant};

const SERVICE: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
/// A bus that does not answer a connection in this time is not there.
const CONNECT: Duration = Duration::from_secs(10);
/// First and longest pause between two looks at a unit on its way.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// The connection to the system bus, made when first needed.
#[derive(Default)]
pub(crate) struct Units {
    connection: Mutex<Option<Connection>>,
}

impl Units {
    /// Carries out one action; its time limit is the caller's.
    pub(crate) async fn ask(&self, unit: &str, action: UnitAction) -> Outcome {
        let connection = match self.connect().await {
            Ok(connection) => connection,
            Err(why) => {
                let reason = format!(
                    "{unit}: systemd cannot be reached over the system bus ({why}); agents of class systemd need it"
                );
                return Outcome::failed(Rc::NOT_INSTALLED, ExecStatus::NotInstalled, &reason);
            }
        };
        match carry_out(&connection, unit, action).await {
            Ok(outcome) => outcome,
            Err(zbus::Error::MethodError(name, message, _)) => {
                systemd::bus_error(action, name.as_str(), &message.unwrap_or_default())
            }
            Err(error) => {
                // The bus may have been restarted: the next action connects anew.
                *self.connection.lock().await = None;
                Outcome::failed(Rc::ERROR, ExecStatus::Error, &format!("{unit}: {error}"))
            }
        }
    }

    async fn connect(&self) -> Result<Connection, String> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref() {
            return Ok(connection.clone());
        }
        let connection = timeout(CONNECT, Connection::system())
            .await
            .map_err(|_| "it does not answer".to_owned())?
            .map_err(|error| error.to_string())?;
        *slot = Some(connection.clone());
        Ok(connection)
    }
}

async fn carry_out(connection: &Connection, unit: &str, action: UnitAction) -> zbus::Result<Outcome> {
    let loaded = manager(connection, "LoadUnit", &(unit,)).await?;
    let unit_path: OwnedObjectPath = loaded.body().deserialize()?;
    let properties = Properties { connection, path: &unit_path };
    let load_state = properties.text("LoadState").await?;
    if matches!(load_state.as_str(), "not-found" | "masked" | "bad-setting" | "error") {
        let message = format!("unit {unit} cannot be used: systemd has it as {load_state}");
        return Ok(systemd::bus_error(action, ".NoSuchUnit", &message));
    }
    let method = match action {
        UnitAction::Status => None,
        UnitAction::Start => {
            if write_override(unit) {
                manager(connection, "Reload", &()).await?;
            }
            Some("StartUnit")
        }
        UnitAction::Stop => Some("StopUnit"),
        UnitAction::Reload => Some("ReloadOrRestartUnit"),
        UnitAction::Restart => Some("RestartUnit"),
    };
    if let Some(method) = method {
        manager(connection, method, &(unit, "replace")).await?;
    }
    let state = properties.settled().await?;
    let status = systemd::status(&state).unwrap_or_else(|| Outcome::done(Rc::NOT_RUNNING));
    Ok(match action {
        UnitAction::Status => status,
        UnitAction::Start | UnitAction::Restart | UnitAction::Reload if status.rc == Rc::OK => status,
        UnitAction::Start | UnitAction::Restart | UnitAction::Reload => {
            let message = format!("unit {unit} is {state} after its start; see `systemctl status {unit}`");
            Outcome::failed(Rc::ERROR, ExecStatus::Done, &message)
        }
        UnitAction::Stop if status.rc == Rc::OK => Outcome::failed(
            Rc::ERROR,
            ExecStatus::Done,
            &format!("unit {unit} is still {state} after its stop"),
        ),
        UnitAction::Stop => {
            if remove_override(unit) {
                manager(connection, "Reload", &()).await?;
            }
            Outcome::done(Rc::OK)
        }
    })
}

async fn manager<B>(connection: &Connection, method: &str, body: &B) -> zbus::Result<zbus::Message>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    connection.call_method(Some(SERVICE), MANAGER_PATH, Some(MANAGER), method, body).await
}

/// What one unit says about itself, asked anew each time.
struct Properties<'a> {
    connection: &'a Connection,
    path: &'a OwnedObjectPath,
}

impl Properties<'_> {
    async fn get(&self, name: &str) -> zbus::Result<OwnedVariant> {
        let interface = Some("org.freedesktop.DBus.Properties");
        let answer =
            self.connection.call_method(Some(SERVICE), self.path, interface, "Get", &(UNIT, name)).await?;
        answer.body().deserialize()
    }

    async fn text(&self, name: &str) -> zbus::Result<String> {
        let value = self.get(name).await?;
        String::try_from(value).map_err(|error| zbus::Error::Failure(format!("property {name}: {error}")))
    }

    /// The unit's state once it has no job and is on its way nowhere.
    async fn settled(&self) -> zbus::Result<String> {
        let mut pause = FIRST_PAUSE;
        loop {
            let state = self.text("ActiveState").await?;
            let job = self.get("Job").await?;
            let waiting = <(u32, OwnedObjectPath)>::try_from(job).is_ok_and(|(number, _)| number != 0);
            if !waiting && systemd::status(&state).is_some() {
                return Ok(state);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Makes the override that takes restarts and start-up order out of systemd's hands; true when it changed.
fn write_override(unit: &str) -> bool {
    let (path, text) = systemd::override_file(unit);
    if std::fs::read_to_string(&path).is_ok_and(|present| present == text) {
        return false;
    }
    let folder = Path::new(&path).parent().map(Path::to_owned).unwrap_or_default();
    match std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text)) {
        Ok(()) => true,
        Err(error) => {
            warn!("{path}: {error}; systemd may restart {unit} by itself");
            false
        }
    }
}

fn remove_override(unit: &str) -> bool {
    let (path, _) = systemd::override_file(unit);
    match std::fs::remove_file(&path) {
        Ok(()) => {
            if let Some(folder) = Path::new(&path).parent() {
                // Others may have their own overrides in it.
                if let Err(error) = std::fs::remove_dir(folder) {
                    debug!("{}: {error}", folder.display());
                }
            }
            true
        }
        Err(_) => false,
    }
}
