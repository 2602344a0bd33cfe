//! Calls alert programs: each in a process of its own, with a time limit, never awaited by anything.

use std::path::PathBuf;
use std::time::Duration;

use holdfast_agent_protocol::outcome::Reading;
use holdfast_agent_protocol::{Call, Ended};
use holdfast_core::Alert;
use tokio::sync::{Semaphore, oneshot};
use tracing::{debug, warn};

use crate::executor::process::{self, Limits};

/// Time limit of a program that has none of its own.
const USUAL: Duration = Duration::from_secs(30);
/// Programs at one time; more wait, and beyond the second limit are left out.
static ROOM: Semaphore = Semaphore::const_new(16);
static WAITING: Semaphore = Semaphore::const_new(1024);

/// Calls the program that the alert names (variable `path`; `timeout_ms` limits it).
pub fn call(alert: Alert) {
    let value =
        |name: &str| alert.variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let Some(path) = value("path") else { return };
    let Ok(place) = WAITING.try_acquire() else {
        warn!("alert {path} is left out: too many wait");
        return;
    };
    let limit = value("timeout_ms").and_then(|ms| ms.parse().ok()).map_or(USUAL, Duration::from_millis);
    let mut environment = vec![
        ("PATH".to_owned(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ("CRM_alert_kind".to_owned(), alert.kind.to_owned()),
    ];
    environment.extend(
        alert
            .variables
            .into_iter()
            .filter(|(name, value)| !name.contains(['=', '\0']) && !value.contains('\0'))
            .map(|(name, value)| (format!("CRM_alert_{name}"), value)),
    );
    let call = Call {
        program: PathBuf::from(&path),
        arguments: Vec::new(),
        environment,
        input: None,
        reading: Reading::Fence,
    };
    tokio::spawn(async move {
        let Ok(_running) = ROOM.acquire().await else { return };
        let ended = match process::start(&call, std::path::Path::new("/")) {
            Ok(started) => {
                let (_keep, kill) = oneshot::channel();
                started.finish(Limits { time: Some(limit), output: 4096 }, kill).await.ended
            }
            Err(ended) => ended,
        };
        match ended {
            Ended::Exit(0) => debug!("alert {path}: done"),
            ended => warn!("alert {path} failed: {ended:?}"),
        }
        drop(place);
    });
}
