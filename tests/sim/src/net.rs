//! A network of hosts with several links each, and what can happen to a datagram on the way. Knows hosts by index
//! and nothing of what they say to each other.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use holdfast_totem::time::{Instant, Span};

use crate::chance::Chance;

/// A host by its number in the world.
pub type Host = usize;

/// What can happen to datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// This many in a million are lost.
    Loss(u64),
    /// Starting at this many in a million, all are lost for a while.
    Burst(u64, Span),
    /// This many in a million tokens are lost, when they can be told from other datagrams (sent in clear).
    TokenLoss(u64),
    /// All take this much longer.
    Delay(Span),
    /// Each takes up to this much longer.
    Jitter(Span),
    /// This many in a million are overtaken by what comes within this time.
    Reorder(u64, Span),
    /// This many in a million arrive twice.
    Duplicate(u64),
    /// This many in a million have a bit changed.
    Corrupt(u64),
    /// This many in a million are cut short.
    Truncate(u64),
    /// This many in a million are sent again much later.
    Replay(u64, Span),
    /// Nothing gets through.
    Cut,
    /// So many bytes a millisecond, and so long a queue.
    Slow(u64, Span),
    /// Nothing larger than this gets through.
    Mtu(usize),
}

impl Weather {
    /// Its name in counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss(_) => "loss",
            Self::Burst(..) => "burst",
            Self::TokenLoss(_) => "token loss",
            Self::Delay(_) => "delay",
            Self::Jitter(_) => "jitter",
            Self::Reorder(..) => "reorder",
            Self::Duplicate(_) => "duplicate",
            Self::Corrupt(_) => "corrupt",
            Self::Truncate(_) => "truncate",
            Self::Replay(..) => "replay",
            Self::Cut => "cut",
            Self::Slow(..) => "slow link",
            Self::Mtu(_) => "mtu",
        }
    }

    /// Its name as one word, and its two numbers.
    pub fn parts(self) -> (String, u64, u64) {
        let (a, b) = match self {
            Self::Loss(a)
            | Self::TokenLoss(a)
            | Self::Duplicate(a)
            | Self::Corrupt(a)
            | Self::Truncate(a) => (a, 0),
            Self::Burst(a, b) | Self::Reorder(a, b) | Self::Replay(a, b) | Self::Slow(a, b) => (a, b.0),
            Self::Delay(a) | Self::Jitter(a) => (a.0, 0),
            Self::Cut => (0, 0),
            Self::Mtu(a) => (a as u64, 0),
        };
        (self.name().replace(' ', "-"), a, b)
    }

    /// From its name as one word and its two numbers.
    pub fn from_parts(name: &str, a: u64, b: u64) -> Option<Self> {
        Some(match name {
            "loss" => Self::Loss(a),
            "burst" => Self::Burst(a, Span(b)),
            "token-loss" => Self::TokenLoss(a),
            "delay" => Self::Delay(Span(a)),
            "jitter" => Self::Jitter(Span(a)),
            "reorder" => Self::Reorder(a, Span(b)),
            "duplicate" => Self::Duplicate(a),
            "corrupt" => Self::Corrupt(a),
            "truncate" => Self::Truncate(a),
            "replay" => Self::Replay(a, Span(b)),
            "cut" => Self::Cut,
            "slow-link" => Self::Slow(a, Span(b)),
            "mtu" => Self::Mtu(usize::try_from(a).ok()?),
            _ => return None,
        })
    }
}

/// Whether a datagram is a token of the ring, as far as an onlooker can tell.
fn is_token(bytes: &[u8]) -> bool {
    // Header of 24 bytes with the kind `clear` in its third byte, then the body with its kind.
    bytes.get(2) == Some(&3) && bytes.get(24) == Some(&2)
}

/// Where a weather holds; `None` = everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Sender.
    pub from: Option<Host>,
    /// Receiver.
    pub to: Option<Host>,
    /// Link.
    pub link: Option<u8>,
}

impl Scope {
    fn covers(&self, from: Host, to: Host, link: u8) -> bool {
        self.from.is_none_or(|h| h == from)
            && self.to.is_none_or(|h| h == to)
            && self.link.is_none_or(|l| l == link)
    }
}

/// Names a weather so that it can be ended.
pub type WeatherId = u64;

/// The network.
#[derive(Debug)]
pub struct Net {
    chance: Chance,
    least: Span,
    spread: Span,
    weather: Vec<(WeatherId, Weather, Scope)>,
    next_id: WeatherId,
    bursts: BTreeMap<(WeatherId, Host, Host), Instant>,
    busy: BTreeMap<(WeatherId, Host, Host, u8), Instant>,
    counts: BTreeMap<&'static str, u64>,
}

/// The address of a host on a link.
pub fn address(host: Host, link: u8) -> SocketAddr {
    let [_, _, high, low] = u32::try_from(host + 1).unwrap_or(0).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, link, high, low)), 5405)
}

/// The host and link of an address.
pub fn locate(address: SocketAddr) -> Option<(Host, u8)> {
    let IpAddr::V4(ip) = address.ip() else { return None };
    let [ten, link, high, low] = ip.octets();
    let host = usize::from(u16::from_be_bytes([high, low])).checked_sub(1)?;
    (ten == 10).then_some((host, link))
}

impl Net {
    /// A calm network where a datagram takes `least` to `least + spread`.
    pub fn new(seed: u64, least: Span, spread: Span) -> Self {
        Self {
            chance: Chance::new(seed),
            least,
            spread,
            weather: Vec::new(),
            next_id: 1,
            bursts: BTreeMap::new(),
            busy: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Begins a weather.
    pub fn begin(&mut self, weather: Weather, scope: Scope) -> WeatherId {
        let id = self.next_id;
        self.next_id += 1;
        self.weather.push((id, weather, scope));
        id
    }

    /// Ends a weather.
    pub fn end(&mut self, id: WeatherId) {
        self.weather.retain(|(w, _, _)| *w != id);
    }

    /// Ends all of it.
    pub fn calm(&mut self) {
        self.weather.clear();
        self.bursts.clear();
        self.busy.clear();
    }

    /// Datagrams that each kind of weather has touched.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    fn count(&mut self, weather: Weather) {
        *self.counts.entry(weather.name()).or_default() += 1;
    }

    /// When, and how changed, a datagram arrives: never, once or several times.
    pub fn carry(
        &mut self,
        now: Instant,
        from: Host,
        to: Host,
        link: u8,
        bytes: &[u8],
    ) -> Vec<(Instant, Vec<u8>)> {
        let mut at = now + self.least + Span(self.chance.below(self.spread.0 + 1));
        let mut bytes = bytes.to_vec();
        let mut copies: Vec<Span> = Vec::new();
        for n in 0..self.weather.len() {
            let (id, weather, scope) = self.weather[n];
            if !scope.covers(from, to, link) {
                continue;
            }
            match weather {
                Weather::Loss(ppm) if self.chance.hits(ppm) => {
                    self.count(weather);
                    return Vec::new();
                }
                Weather::Burst(ppm, longest) => {
                    let key = (id, from, to);
                    if self.bursts.get(&key).is_some_and(|until| *until > now) {
                        self.count(weather);
                        return Vec::new();
                    }
                    if self.chance.hits(ppm) {
                        self.bursts.insert(key, now + Span(self.chance.below(longest.0)));
                    }
                }
                Weather::TokenLoss(ppm) if is_token(&bytes) && self.chance.hits(ppm) => {
                    self.count(weather);
                    return Vec::new();
                }
                Weather::Cut => {
                    self.count(weather);
                    return Vec::new();
                }
                Weather::Mtu(most) if bytes.len() > most => {
                    self.count(weather);
                    return Vec::new();
                }
                Weather::Delay(span) => {
                    self.count(weather);
                    at += span;
                }
                Weather::Jitter(span) => {
                    self.count(weather);
                    at += Span(self.chance.below(span.0 + 1));
                }
                Weather::Reorder(ppm, span) if self.chance.hits(ppm) => {
                    self.count(weather);
                    at += span;
                }
                Weather::Duplicate(ppm) if self.chance.hits(ppm) => {
                    self.count(weather);
                    copies.push(Span(self.chance.below(5_000)));
                }
                Weather::Replay(ppm, span) if self.chance.hits(ppm) => {
                    self.count(weather);
                    copies.push(Span(self.chance.between(span.0 / 10, span.0)));
                }
                Weather::Corrupt(ppm) if self.chance.hits(ppm) && !bytes.is_empty() => {
                    self.count(weather);
                    let place = self.chance.index(bytes.len());
                    bytes[place] ^= 1 << self.chance.below(8);
                }
                Weather::Truncate(ppm) if self.chance.hits(ppm) => {
                    self.count(weather);
                    bytes.truncate(self.chance.index(bytes.len() + 1));
                }
                Weather::Slow(rate, queue) => {
                    self.count(weather);
                    let busy = self.busy.entry((id, from, to, link)).or_insert(now);
                    if busy.since(now) > queue {
                        return Vec::new();
                    }
                    *busy = (*busy).max(now) + Span(bytes.len() as u64 * 1_000 / rate.max(1));
                    at = at.max(*busy);
                }
                Weather::Loss(_)
                | Weather::TokenLoss(_)
                | Weather::Mtu(_)
                | Weather::Reorder(..)
                | Weather::Duplicate(_)
                | Weather::Replay(..)
                | Weather::Corrupt(_)
                | Weather::Truncate(_) => {}
            }
        }
        let mut arrivals: Vec<(Instant, Vec<u8>)> =
            copies.into_iter().map(|later| (at + later, bytes.clone())).collect();
        arrivals.push((at, bytes));
        arrivals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(weather: &[(Weather, Scope)], from: Host, to: Host, count: u64) -> usize {
        let mut net = Net::new(1, Span(100), Span(50));
        for (weather, scope) in weather {
            net.begin(*weather, *scope);
        }
        (0..count).map(|n| net.carry(Instant(n * 1_000), from, to, 0, &[0; 1_000]).len()).sum()
    }

    #[test]
    fn weather_does_what_it_says() {
        let everywhere = Scope::default();
        assert_eq!(arrivals(&[], 0, 1, 100), 100);
        assert_eq!(arrivals(&[(Weather::Cut, everywhere)], 0, 1, 100), 0);
        assert_eq!(arrivals(&[(Weather::Mtu(999), everywhere)], 0, 1, 100), 0);
        assert_eq!(arrivals(&[(Weather::Duplicate(1_000_000), everywhere)], 0, 1, 100), 200);
        let some = arrivals(&[(Weather::Loss(300_000), everywhere)], 0, 1, 1_000);
        assert!((600..800).contains(&some), "{some}");
        let one_way = Scope { from: Some(0), to: Some(1), link: None };
        assert_eq!(arrivals(&[(Weather::Cut, one_way)], 0, 1, 10), 0);
        assert_eq!(arrivals(&[(Weather::Cut, one_way)], 1, 0, 10), 10);
    }

    #[test]
    fn addresses_lead_back_to_hosts() {
        for host in [0, 1, 254, 255, 383] {
            for link in [0, 7] {
                assert_eq!(locate(address(host, link)), Some((host, link)));
            }
        }
    }
}
