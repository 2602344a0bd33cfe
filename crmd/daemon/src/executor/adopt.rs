//! Agents that an earlier run of the daemon started (safety rule 12): awaited, or ended at their time limit. Their
//! exit code is lost with their parent, so the core probes afterwards.

use std::time::Duration;

use holdfast_agent_protocol::{Outcome, Rc};
use holdfast_core::Operation;
use holdfast_model::status::ExecStatus;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::info;

use super::process::signal_group;

/// Between SIGTERM and SIGKILL, and after it.
const GRACE: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until the agent is gone; `pid` was checked to be the very process of the journal.
pub(super) async fn finish(
    operation: &Operation,
    pid: Option<i32>,
    killed: oneshot::Receiver<()>,
) -> Outcome {
    let lost = |text: &str| Outcome::failed(Rc::ERROR, ExecStatus::Error, text);
    let Some(pid) = pid else {
        return lost(
            "the daemon ended before the agent was started, or the agent ended while nobody watched",
        );
    };
    info!("waiting for {} {} (process {pid}) of the daemon's last run", operation.rsc, operation.operation);
    let limit = Duration::from_micros(operation.timeout.0.max(1));
    let ended = tokio::select! {
        () = gone(pid) => true,
        () = sleep(limit), if operation.timeout.0 > 0 => false,
        Ok(()) = killed => false,
    };
    if ended {
        return lost("the daemon was restarted while the agent ran; its result is unknown");
    }
    signal_group(pid, Signal::TERM);
    if timeout(GRACE, gone(pid)).await.is_err() {
        signal_group(pid, Signal::KILL);
        let _ = timeout(GRACE, gone(pid)).await;
    }
    Outcome::failed(
        Rc::ERROR,
        ExecStatus::Timeout,
        "the agent outlived a restart of the daemon and was ended",
    )
}

/// Returns when the process is gone. It is no child of ours, so its descriptor is looked at now and then.
async fn gone(pid: i32) {
    let watched = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let Some(watched) = watched else { return };
    loop {
        let mut ready = [PollFd::new(&watched, PollFlags::IN)];
        match poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            Ok(0) | Err(_) => sleep(PAUSE).await,
            Ok(_) => return,
        }
    }
}
