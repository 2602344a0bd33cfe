//! Calls alert programs: each in a process of its own, with a time limit, never awaited by anything.

use std::path::PathBuf;
use std::time::Duration;

use holdfast_agent_protocol::outcome::Reading;
use holdfast_agent_protocol::{Call, Ended};
use holdfast_core::Alert;
use tokio::sync::{Semaphore, oneshot};
use tracing::{debug, warn};

use crate::executor::process::{self, Limits};
use crate::sys;
use crate::users;

/// Programs at one time; more wait, and beyond the second limit are left out.
static ROOM: Semaphore = Semaphore::const_new(16);
static WAITING: Semaphore = Semaphore::const_new(1024);

/// Calls the program that the alert names.
pub fn call(alert: Alert) {
    let Ok(place) = WAITING.try_acquire() else {
        warn!("alert {} is left out: too many wait", alert.id);
        return;
    };
    let call = Call {
        program: PathBuf::from(&alert.path),
        arguments: Vec::new(),
        environment: environment(&alert),
        input: None,
        reading: Reading::Fence,
    };
    // As with the old stack, these programs run as the cluster's account, where the machine has one.
    let user = rustix::process::geteuid().is_root().then(|| users::account(users::CLUSTER_USER)).flatten();
    let limit = Duration::from_micros(alert.timeout.0);
    let id = alert.id;
    tokio::spawn(async move {
        let Ok(_running) = ROOM.acquire().await else { return };
        let ended = match process::start_as(&call, std::path::Path::new("/"), user) {
            Ok(started) => {
                let (_keep, kill) = oneshot::channel();
                started.finish(Limits { time: Some(limit), output: 4096 }, kill).await
            }
            Err(ended) => process::Run { ended, output: holdfast_agent_protocol::Output::default() },
        };
        match ended.ended {
            Ended::Exit(0) => debug!("alert {id}: done"),
            how => {
                let said = ended.output.stderr;
                warn!("alert {id} ({}) failed: {how:?} {}", call.program.display(), said.trim());
            }
        }
        drop(place);
    });
}

fn environment(alert: &Alert) -> Vec<(String, String)> {
    let mut environment =
        vec![("PATH".to_owned(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned())];
    let at = alert.at.0;
    let mut stamps = vec![
        ("timestamp_epoch", at.div_euclid(1_000_000).to_string()),
        ("timestamp_usec", format!("{:06}", at.rem_euclid(1_000_000))),
    ];
    let stamp = sys::local_time(&alert.timestamp_format, at);
    if !stamp.is_empty() {
        stamps.push(("timestamp", stamp));
    }
    for (name, value) in stamps {
        environment.push((format!("CRM_alert_{name}"), value.clone()));
        environment.push((format!("CRM_notify_{name}"), value));
    }
    let usable = |(name, value): &&(String, String)| {
        !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
    };
    environment.extend(alert.environment.iter().filter(usable).cloned());
    environment
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_core::time::{Span, Wall};

    #[test]
    fn the_time_is_told_in_three_ways() {
        let alert = Alert {
            id: "a".into(),
            path: "/a".into(),
            timeout: Span::secs(1),
            at: Wall(1_700_000_000_000_042),
            timestamp_format: "%s.%06N %% %3N %%6N".into(),
            environment: vec![("CRM_alert_kind".into(), "node".into()), ("b=c".into(), "no".into())],
        };
        let told = environment(&alert);
        let value = |name: &str| told.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(value("CRM_alert_timestamp_epoch"), Some("1700000000"));
        assert_eq!(value("CRM_notify_timestamp_usec"), Some("000042"));
        assert_eq!(value("CRM_alert_timestamp"), Some("1700000000.000042 % 000 %6N"));
        assert_eq!(value("CRM_alert_kind"), Some("node"));
        assert_eq!(value("b=c"), None);
        let silent = Alert { timestamp_format: String::new(), ..alert };
        assert!(!environment(&silent).iter().any(|(name, _)| name == "CRM_alert_timestamp"));
    }
}
