//! What goes wrong in a run, drawn from its seed. Each run uses some of the kinds, not all (swarm testing), so that
//! rare combinations get their turn.

use std::collections::BTreeMap;

use holdfast_totem::time::{Instant, Span};

use crate::chance::Chance;
use crate::net::{Scope, Weather, WeatherId};
use crate::ring::world::World;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Datagrams are lost.
    Loss,
    /// All datagrams of a pair are lost for moments.
    Burst,
    /// Everything takes longer.
    Delay,
    /// Everything takes unevenly longer.
    Jitter,
    /// Datagrams overtake each other.
    Reorder,
    /// Datagrams arrive twice.
    Duplicate,
    /// Bits change.
    Corrupt,
    /// Datagrams are cut short.
    Truncate,
    /// Old datagrams come again.
    Replay,
    /// One host does not get through to another one.
    OneWayCut,
    /// Two hosts do not hear each other, all others do.
    PartialCut,
    /// The hosts fall into two groups.
    Partition,
    /// One host loses its network again and again.
    Flap,
    /// One link between all hosts is down.
    LinkDown,
    /// A host's link is slow.
    SlowLink,
    /// Large datagrams are lost.
    Mtu,
    /// A process does not run for a while.
    Pause,
    /// A daemon dies and stays away.
    Crash,
    /// A daemon dies and is back at once.
    Restart,
    /// A daemon leaves cleanly.
    Leave,
    /// A wall clock jumps.
    ClockJump,
    /// A disk is slow.
    SlowDisk,
}

/// All kinds.
pub const ALL: [Fault; 22] = [
    Fault::Loss,
    Fault::Burst,
    Fault::Delay,
    Fault::Jitter,
    Fault::Reorder,
    Fault::Duplicate,
    Fault::Corrupt,
    Fault::Truncate,
    Fault::Replay,
    Fault::OneWayCut,
    Fault::PartialCut,
    Fault::Partition,
    Fault::Flap,
    Fault::LinkDown,
    Fault::SlowLink,
    Fault::Mtu,
    Fault::Pause,
    Fault::Crash,
    Fault::Restart,
    Fault::Leave,
    Fault::ClockJump,
    Fault::SlowDisk,
];

/// Brings the faults of a run into its world.
#[derive(Debug)]
pub struct Trouble {
    kinds: Vec<Fault>,
    ends: Vec<(Instant, WeatherId)>,
    flaps: Vec<(Instant, Instant, usize)>,
    revive: Vec<(Instant, usize)>,
    /// How often each kind struck.
    pub counts: BTreeMap<Fault, u64>,
}

impl Trouble {
    /// The kinds that one run has to live with.
    pub fn new(chance: &mut Chance) -> Self {
        let share = *chance.pick(&[100_000_u64, 250_000, 400_000, 700_000]);
        let kinds = ALL.into_iter().filter(|_| chance.hits(share)).collect();
        Self::of(kinds)
    }

    /// These kinds.
    pub fn of(kinds: Vec<Fault>) -> Self {
        Self { kinds, ends: Vec::new(), flaps: Vec::new(), revive: Vec::new(), counts: BTreeMap::new() }
    }

    /// Lets something happen.
    pub fn strike(&mut self, world: &mut World) {
        if self.kinds.is_empty() {
            return;
        }
        let kind = *world.chance.pick(&self.kinds);
        *self.counts.entry(kind).or_default() += 1;
        let token = world.settings.token;
        let hosts = world.settings.hosts;
        let host = world.chance.index(hosts);
        let other = (host + 1 + world.chance.index(hosts.max(2) - 1)) % hosts;
        let long = Span(world.chance.between(token.0 / 10, token.0 * 4));
        let pair = Scope { from: Some(host), to: Some(other), link: None };
        let scope = match world.chance.below(3) {
            0 => Scope::default(),
            1 => Scope { from: Some(host), ..Scope::default() },
            _ => pair,
        };
        let strength = *world.chance.pick(&[2_000, 20_000, 100_000, 300_000]);
        let moment = Span(world.chance.between(500, 50_000));
        if world.verbose {
            println!(
                "{:.6} {kind:?}: host {host}, other {other}, {scope:?}, for {long}",
                world.now.0 as f64 / 1e6
            );
        }
        match kind {
            Fault::Loss => self.weather(world, Weather::Loss(strength), scope, long),
            Fault::Burst => self.weather(world, Weather::Burst(strength / 10, moment), scope, long),
            Fault::Delay => self.weather(world, Weather::Delay(moment), scope, long),
            Fault::Jitter => self.weather(world, Weather::Jitter(moment), scope, long),
            Fault::Reorder => self.weather(world, Weather::Reorder(strength, moment), scope, long),
            Fault::Duplicate => self.weather(world, Weather::Duplicate(strength), scope, long),
            Fault::Corrupt => self.weather(world, Weather::Corrupt(strength / 4), scope, long),
            Fault::Truncate => self.weather(world, Weather::Truncate(strength / 4), scope, long),
            Fault::Replay => self.weather(world, Weather::Replay(strength / 4, token.times(3)), scope, long),
            Fault::OneWayCut => self.weather(world, Weather::Cut, pair, long),
            Fault::PartialCut => {
                self.weather(world, Weather::Cut, pair, long);
                self.weather(world, Weather::Cut, Scope { from: pair.to, to: pair.from, link: None }, long);
            }
            Fault::Partition => {
                let sides: Vec<bool> = (0..hosts).map(|_| world.chance.hits(500_000)).collect();
                for a in 0..hosts {
                    for b in (0..hosts).filter(|b| sides[a] != sides[*b]) {
                        let scope = Scope { from: Some(a), to: Some(b), link: None };
                        self.weather(world, Weather::Cut, scope, long);
                    }
                }
            }
            Fault::Flap => self.flaps.push((world.now, world.now + long, host)),
            Fault::LinkDown => {
                let link = u8::try_from(world.chance.below(u64::from(world.settings.links))).unwrap_or(0);
                if world.settings.links > 1 {
                    self.weather(world, Weather::Cut, Scope { from: None, to: None, link: Some(link) }, long);
                }
            }
            Fault::SlowLink => {
                let rate = world.chance.between(50, 5_000);
                let from = Scope { from: Some(host), ..Scope::default() };
                self.weather(world, Weather::Slow(rate, Span::millis(200)), from, long);
            }
            Fault::Mtu => {
                let most = *world.chance.pick(&[600_usize, 1_000, 1_400]);
                self.weather(world, Weather::Mtu(most), scope, long);
            }
            Fault::Pause => {
                let part = world.chance.between(1, 20);
                world.pause(host, Span(long.0 * part / 20));
            }
            Fault::Crash => {
                world.crash(host);
                self.revive.push((world.now + long, host));
            }
            Fault::Restart => {
                world.crash(host);
                let soon = Span(world.chance.between(1_000, 150_000));
                self.revive.push((world.now + soon, host));
            }
            Fault::Leave => {
                world.leave(host);
                self.revive.push((world.now + long, host));
            }
            Fault::ClockJump => {
                let jump = i64::try_from(world.chance.below(1 << 40)).unwrap_or(0);
                world.machines[host].wall += jump - (1 << 39);
            }
            Fault::SlowDisk => {
                let slow = *world.chance.pick(&[Span::millis(20), Span::millis(300), Span::secs(2)]);
                world.machines[host].disk_delay = slow;
            }
        }
    }

    fn weather(&mut self, world: &mut World, weather: Weather, scope: Scope, long: Span) {
        let id = world.net.begin(weather, scope);
        self.ends.push((world.now + long, id));
    }

    /// Ends what is over, starts what is to come back.
    pub fn pass(&mut self, world: &mut World) {
        let now = world.now;
        for (_, id) in self.ends.extract_if(.., |(at, _)| *at <= now) {
            world.net.end(id);
        }
        for n in 0..self.flaps.len() {
            let (next, _, host) = self.flaps[n];
            if next <= now {
                let down = Span(world.chance.between(1_000, world.settings.token.0 / 2));
                for scope in [
                    Scope { from: Some(host), ..Scope::default() },
                    Scope { to: Some(host), ..Scope::default() },
                ] {
                    let id = world.net.begin(Weather::Cut, scope);
                    self.ends.push((now + down, id));
                }
                self.flaps[n].0 = now + down + Span(world.chance.between(1_000, 300_000));
            }
        }
        self.flaps.retain(|(_, end, _)| *end > now);
        let back: Vec<usize> = self.revive.extract_if(.., |(at, _)| *at <= now).map(|(_, h)| h).collect();
        for host in back {
            world.start(host);
        }
    }

    /// Everything is well again.
    pub fn heal(&mut self, world: &mut World) {
        world.net.calm();
        self.ends.clear();
        self.flaps.clear();
        self.revive.clear();
        for host in 0..world.settings.hosts {
            world.machines[host].disk_delay = Span::millis(1);
            world.start(host);
        }
    }
}
