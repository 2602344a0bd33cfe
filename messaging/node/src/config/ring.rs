//! From the settled configuration to what the ring takes.

use super::resolved::{CorosyncConf, LinkMode, Seal, TieBreaker};
use holdfast_totem::config::{self as totem, LinkAddress, LinkConfig, MemberConfig, Sealing, Timing};
use holdfast_totem::time::Span;
use holdfast_totem::{NodeId, quorum};

fn millis(value: u32) -> Span {
    Span::millis(u64::from(value))
}

impl CorosyncConf {
    /// The ring's own configuration.
    pub fn totem(&self) -> totem::Config {
        let timings = &self.timings;
        let defaults = Timing::from_token(millis(timings.token));
        let timing = Timing {
            token: millis(timings.token),
            token_retransmit: millis(timings.token_retransmit),
            join: millis(timings.join),
            consensus: millis(timings.consensus),
            merge: millis(timings.merge),
            fail_recv_const: timings.fail_recv_const,
            seqno_unchanged_const: timings.seqno_unchanged_const,
            miss_count_const: timings.miss_count_const,
            window_size: timings.window_size.unwrap_or(defaults.window_size),
            max_messages: timings.max_messages.unwrap_or(defaults.max_messages),
        };
        totem::Config {
            cluster_name: self.cluster_name.clone(),
            config_version: self.config_version,
            timing,
            members: self
                .nodes
                .iter()
                .map(|node| MemberConfig {
                    id: NodeId(node.id),
                    name: node.name.clone(),
                    votes: node.votes,
                    addresses: node
                        .addresses
                        .iter()
                        .map(|(link, address)| LinkAddress { link: *link, address: *address })
                        .collect(),
                })
                .collect(),
            links: self.links.iter().map(|link| self.link(link)).collect(),
            link_mode: match self.link_mode {
                LinkMode::Passive => totem::LinkMode::Passive,
                LinkMode::Active => totem::LinkMode::Active,
                LinkMode::RoundRobin => totem::LinkMode::RoundRobin,
            },
            open_membership: self.open,
            quorum: self.quorum_options(),
            sealing: match self.seal {
                Seal::Unsealed => Sealing::Clear,
                Seal::KeyFile(_) | Seal::Inline(_) => Sealing::Sealed,
            },
            require_progress: true,
        }
    }

    fn link(&self, link: &super::Link) -> LinkConfig {
        let defaults = LinkConfig::new(link.number);
        let headers = if link.bind.is_ipv4() { 28 } else { 48 };
        let datagram = self.timings.mtu.map_or(u32::from(defaults.datagram), |mtu| mtu - headers);
        LinkConfig {
            number: link.number,
            priority: link.priority,
            datagram: u16::try_from(datagram).unwrap_or(defaults.datagram),
            ping_interval: link.ping_interval.map(millis),
            ping_timeout: link.ping_timeout.map(millis),
            pong_count: u32::from(link.pong_count),
            multicast: link.multicast,
        }
    }

    fn quorum_options(&self) -> quorum::Options {
        let own = &self.quorum;
        quorum::Options {
            expected_votes: own.expected_votes,
            default_votes: self.local().votes,
            two_node: own.two_node,
            wait_for_all: Some(own.wait_for_all),
            last_man_standing: own.last_man_standing,
            last_man_standing_window: millis(own.last_man_standing_window),
            auto_tie_breaker: own.auto_tie_breaker.as_ref().map(|tie| match tie {
                TieBreaker::Lowest => quorum::TieBreaker::Lowest,
                TieBreaker::Highest => quorum::TieBreaker::Highest,
                TieBreaker::Nodes(ids) => quorum::TieBreaker::List(ids.iter().copied().map(NodeId).collect()),
            }),
            allow_downscale: own.allow_downscale,
            expected_votes_tracking: own.expected_votes_tracking || self.open,
            witness_votes: own.device.as_ref().map_or(0, |device| device.votes),
            witness_wins: own.device.as_ref().is_some_and(|device| device.master_wins),
        }
    }
}
