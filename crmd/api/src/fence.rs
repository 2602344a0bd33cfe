//! Fencing: `stonith_admin`, `crm node fence`, the history in `crm_mon`.

use serde::{Deserialize, Serialize};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FenceRequest {
    /// Fence or unfence a node.
    Act {
        /// Node name, or id when `target_is_id`.
        target: String,
        /// Whether `target` is a numeric id.
        target_is_id: bool,
        /// What to do.
        action: FenceAction,
        /// Longest time for the whole of it, in ms; 0 = as configured.
        timeout_ms: u32,
        /// Wait before it, in ms; negative: no delays at all, not even configured ones.
        delay_ms: i64,
        /// An equal success at most this long ago counts, in ms.
        tolerance_ms: u32,
    },
    /// An administrator vouches that the node is down.
    Confirm {
        /// Node name.
        target: String,
    },
    /// Past and running operations.
    History {
        /// Node; all when `None`.
        target: Option<String>,
    },
    /// Forget finished operations.
    HistoryCleanup {
        /// Node; all when `None`.
        target: Option<String>,
    },
    /// Devices that are configured, with where they can be used.
    Devices {
        /// Only those able to fence this node.
        target: Option<String>,
    },
    /// Nodes that a device can fence.
    Targets {
        /// Device.
        device: String,
    },
    /// Run `monitor` or `status` of a device now.
    Monitor {
        /// Device.
        device: String,
    },
}

/// What to do to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FenceAction {
    /// Off and on again.
    Reboot,
    /// Off.
    Off,
    /// On, or unfence.
    On,
}

impl FenceAction {
    /// The word used in options and agents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reboot => "reboot",
            Self::Off => "off",
            Self::On => "on",
        }
    }

    /// Reads the word; `poweroff` is an old name of `off`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "reboot" => Some(Self::Reboot),
            "off" | "poweroff" => Some(Self::Off),
            "on" => Some(Self::On),
            _ => None,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FenceReply {
    /// The operation ended with success.
    Fenced(FenceRecord),
    /// Operations, newest first.
    History(Vec<FenceRecord>),
    /// Devices.
    Devices(Vec<DeviceInfo>),
    /// Node names.
    Targets(Vec<String>),
}

/// One fencing operation, running or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceRecord {
    /// Unique id.
    pub id: String,
    /// Node that was or is to be fenced.
    pub target: String,
    /// What was asked.
    pub action: FenceAction,
    /// State.
    pub state: FenceState,
    /// Node that asked.
    pub origin: String,
    /// Program that asked.
    pub client: String,
    /// Node that carried it out, once known.
    pub delegate: Option<String>,
    /// Devices that did it, in order.
    pub devices: Vec<String>,
    /// Boot identity of the target that the success is bound to, if it was known.
    pub boot_id: Option<String>,
    /// When it was asked, µs since the epoch.
    pub requested_at: i64,
    /// When it ended, µs since the epoch; 0 while it runs.
    pub completed_at: i64,
    /// Why it failed.
    pub reason: Option<String>,
}

/// State of a fencing operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FenceState {
    /// Waits or runs.
    Pending,
    /// Confirmed.
    Done,
    /// Not confirmed.
    Failed,
}

/// One fencing device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// Id of the resource.
    pub id: String,
    /// Agent, for example `fence_ipmilan` or `external/ssh`.
    pub agent: String,
    /// Nodes it can fence, as far as known without asking it; `None` = ask the device.
    pub targets: Option<Vec<String>>,
    /// Nodes from which it can be used.
    pub usable_on: Vec<String>,
}
