//! Answers the questions of the tools with corosync's names: from the ring's snapshot to the shapes of the socket.
//!
//! Knows both vocabularies and decides nothing.

use holdfast_api::ring::{
    GroupMember, LinkInfo, PeerInfo, RingLinks, RingQuorum, RingReply, RingRequest, WitnessInfo,
};
use holdfast_api::{Failure, FailureKind, Reply};
use holdfast_node::admin::{Admin, AdminError};
use holdfast_node::thread::{RingStatus, WitnessStatus};
use holdfast_node::witness as words;
use holdfast_totem::witness::State;

/// What the daemon itself must do after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Nothing.
    None,
    /// Call [`Admin::reload`] here, off the hot path.
    ReloadHere,
    /// Leave the ring and end, without moving resources.
    Shutdown,
    /// Open log files anew.
    ReopenLogs,
}

/// Answers one request. Who may ask is checked before: everything but showing needs privileges.
pub async fn answer(admin: &mut Admin, request: RingRequest) -> (Reply, Errand) {
    let errand = match &request {
        RingRequest::Reload { local: true } => Errand::ReloadHere,
        RingRequest::Shutdown => Errand::Shutdown,
        RingRequest::ReopenLogs => Errand::ReopenLogs,
        _ => Errand::None,
    };
    match act(admin, request).await {
        Ok(reply) => (Reply::Ring(reply), errand),
        Err(error) => (Reply::Failed(failure(&error)), Errand::None),
    }
}

/// Whether the request only shows something.
pub fn is_harmless(request: &RingRequest) -> bool {
    matches!(
        request,
        RingRequest::Links
            | RingRequest::Quorum
            | RingRequest::MapList { .. }
            | RingRequest::Groups
            | RingRequest::Witness
    )
}

async fn act(admin: &mut Admin, request: RingRequest) -> Result<RingReply, AdminError> {
    match request {
        RingRequest::Links => Ok(RingReply::Links(links(admin, &*admin.status().await?))),
        RingRequest::Quorum => Ok(RingReply::Quorum(quorum(&*admin.status().await?))),
        RingRequest::MapList { prefix } => Ok(RingReply::Map(admin.keys(&prefix).await?)),
        RingRequest::MapSet { key, kind, value } => {
            admin.set_key(&key, &kind, &value).await.map(|()| RingReply::Done)
        }
        RingRequest::MapDelete { key } => admin.delete_key(&key).await.map(|()| RingReply::Done),
        RingRequest::MapClear { what } => admin.clear(&what).map(|()| RingReply::Done),
        RingRequest::Reload { local: false } => admin.reload_all().await.map(|()| RingReply::Done),
        RingRequest::Reload { local: true } | RingRequest::Shutdown | RingRequest::ReopenLogs => {
            Ok(RingReply::Done)
        }
        RingRequest::SetVotes { node, votes } => admin.set_votes(node, votes).await.map(|()| RingReply::Done),
        RingRequest::SetExpected { votes } => admin.set_expected(votes).await.map(|()| RingReply::Done),
        RingRequest::Kill { node } => admin.kill(node).await.map(|()| RingReply::Done),
        RingRequest::Groups => Ok(RingReply::Groups(groups(&*admin.status().await?))),
        RingRequest::Witness => Ok(RingReply::Witness(witness(&*admin.status().await?))),
    }
}

fn failure(error: &AdminError) -> Failure {
    let kind = match error {
        AdminError::Load(_) | AdminError::Map(_) => FailureKind::BadData,
        AdminError::Reload(_) | AdminError::Key(_) => FailureKind::Unavailable,
        AdminError::FromFile { .. } => FailureKind::Permission,
        AdminError::NoKey(_) => FailureKind::NotFound,
        AdminError::NoNode(_) => FailureKind::NoSuchNode,
        AdminError::NoCounters(_) | AdminError::Expected { .. } => FailureKind::Usage,
        AdminError::Ring(_) => FailureKind::NotConnected,
    };
    Failure::new(kind, error.to_string())
}

fn links(admin: &Admin, status: &RingStatus) -> RingLinks {
    RingLinks {
        node: status.local.0,
        transport: admin.loaded().conf.transport.name().to_owned(),
        links: status
            .links
            .iter()
            .map(|(number, address)| LinkInfo {
                id: *number,
                address: address.ip().to_string(),
                peers: status
                    .peers
                    .iter()
                    .filter(|peer| peer.link == *number)
                    .map(|peer| PeerInfo {
                        node: peer.node.0,
                        address: peer.address.ip().to_string(),
                        connected: peer.up,
                        round_trip_us: peer.round_trip.map_or(0, |span| span.0),
                        mtu: u32::from(peer.datagram),
                    })
                    .collect(),
            })
            .collect(),
    }
}

fn groups(status: &RingStatus) -> Vec<GroupMember> {
    let addresses = |node: u32| {
        let member = status.config.members.iter().find(|member| member.id.0 == node);
        member.into_iter().flat_map(|m| &m.addresses).map(|a| a.address.ip().to_string()).collect()
    };
    let row = |(group, node, pid): &(String, u32, u32)| GroupMember {
        group: group.clone(),
        node: *node,
        pid: *pid,
        addresses: addresses(*node),
    };
    status.groups.iter().map(row).collect()
}

fn quorum(status: &RingStatus) -> RingQuorum {
    let own = &status.quorum;
    let flags = [
        ("2Node", own.two_node),
        ("Quorate", own.quorate),
        ("WaitForAll", own.wait_for_all),
        ("LastManStanding", own.last_man_standing),
        ("AutoTieBreaker", own.auto_tie_breaker),
        ("AllowDownscale", own.allow_downscale),
        ("Qdevice", status.config.quorum.witness_votes > 0),
    ];
    let ring = status.view.as_ref().map(|view| view.ring).unwrap_or_default();
    RingQuorum {
        representative: ring.representative.0,
        sequence: ring.seq,
        local: status.local.0,
        quorate: own.quorate,
        expected: own.expected_votes,
        highest_expected: own.expected_votes,
        total: own.total_votes,
        needed: own.quorum,
        flags: flags.iter().filter(|(_, on)| *on).map(|(word, _)| (*word).to_owned()).collect(),
        members: status
            .view
            .iter()
            .flat_map(|view| &view.members)
            .map(|member| (member.id.0, member.votes, member.name.clone()))
            .collect(),
        provider: "corosync_votequorum".to_owned(),
        witness: (status.config.quorum.witness_votes > 0)
            .then_some((status.config.quorum.witness_votes, own.witness_votes > 0)),
        witnesses: own.witnesses.iter().map(|w| (w.node.0, w.alive, w.votes > 0)).collect(),
        witness_wins: status.config.quorum.witness_wins,
    }
}

fn witness(status: &RingStatus) -> Option<WitnessInfo> {
    let WitnessStatus { settings, standing } = status.witness.as_ref()?;
    let state = match standing.state {
        State::Unresolved => "Host name has no address",
        State::Connecting => "Connect failed",
        State::Connected => "Connected",
    };
    Some(WitnessInfo {
        node: status.local.0,
        cluster: status.config.cluster_name.clone(),
        host: format!("{}:{}", settings.host, settings.port),
        address: standing.address.map(|address| address.to_string()).unwrap_or_default(),
        name: standing.name.clone(),
        algorithm: words::algorithm(settings.terms.algorithm).to_owned(),
        tie_breaker: words::tie_breaker(&settings.terms.tie_breaker),
        state: state.to_owned(),
        vote: standing.verdict.word().to_owned(),
        lease_ms: standing.lease.map(|span| span.as_millis()),
        silent_ms: standing.silent.map(|span| span.as_millis()),
        heuristics: words::health(standing.heuristics).to_owned(),
        configured: status.config.members.iter().map(|member| member.id.0).collect(),
        members: status.view.iter().flat_map(|view| &view.members).map(|member| member.id.0).collect(),
        votes: settings.terms.votes,
    })
}
