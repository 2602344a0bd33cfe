//! From `quorum { device { } }` to what the client of the witness takes.

use super::resolved::{CorosyncConf, DeviceAlgorithm, TieBreaker};
use holdfast_totem::NodeId;
use holdfast_totem::time::Span;
use holdfast_totem::witness::{self, Algorithm, Checks, Terms};
use std::time::Duration;

/// The witness of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessSettings {
    /// What the witness is told of the configuration.
    pub terms: Terms,
    /// When heuristics run.
    pub checks: Checks,
    /// Names and command lines of the heuristics.
    pub commands: Vec<(String, String)>,
    /// Longest run of the heuristics.
    pub check_timeout: Duration,
    /// Name or address of the witness.
    pub host: String,
    /// Its UDP port.
    pub port: u16,
    /// 4 or 6: only addresses of this version; 0: any.
    pub family: u8,
    /// How long one address is tried before the next.
    pub connect_timeout: Span,
    /// How long a view that may get the witness's votes is held back at most.
    pub hold: Span,
}

fn millis(value: u32) -> Span {
    Span::millis(u64::from(value))
}

impl CorosyncConf {
    /// The witness that the file names, if it names one.
    pub fn witness(&self) -> Option<WitnessSettings> {
        let device = self.quorum.device.as_ref()?;
        let token = millis(self.timings.token);
        let heuristics = device.heuristics.as_ref();
        let checks = match heuristics {
            None => Checks::Off,
            Some(own) if own.regular => Checks::Regular(millis(own.interval)),
            Some(_) => Checks::Sync,
        };
        let check_timeout =
            heuristics.map_or(0, |own| if own.regular { own.timeout } else { own.sync_timeout });
        Some(WitnessSettings {
            terms: Terms {
                votes: device.votes,
                algorithm: match device.algorithm {
                    DeviceAlgorithm::FfSplit => Algorithm::HalfSplit,
                    DeviceAlgorithm::LastManStanding => Algorithm::LastManStanding,
                },
                tie_breaker: match &device.tie_breaker {
                    TieBreaker::Lowest => witness::TieBreaker::Lowest,
                    TieBreaker::Highest => witness::TieBreaker::Highest,
                    TieBreaker::Nodes(ids) => {
                        witness::TieBreaker::Nodes(ids.iter().copied().map(NodeId).collect())
                    }
                },
                keep_active: device.keep_active_partition,
                master_wins: device.master_wins,
                lease: millis(device.timeout),
                token,
            },
            checks,
            commands: heuristics.map(|own| own.commands.clone()).unwrap_or_default(),
            check_timeout: Duration::from_millis(u64::from(check_timeout)),
            host: device.host.clone(),
            port: device.port,
            family: device.force_ip_version,
            connect_timeout: millis(device.connect_timeout),
            hold: crate::thread::witness_hold(token, millis(device.sync_timeout)),
        })
    }
}
