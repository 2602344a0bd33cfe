//! One seed from start to verdict: form a ring, trouble, healing, and a last look at everything.

use std::collections::BTreeMap;

use holdfast_totem::Guarantee;
use holdfast_totem::config::Sealing;
use holdfast_totem::time::Span;

use crate::chance::Chance;
use crate::net::{Scope, Weather};
use crate::ring::faults::{Fault, Trouble};
use crate::ring::sabotage::Sabotage;
use crate::ring::world::{Settings, World};

/// What a run has shown.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// What went wrong.
    pub violations: Vec<String>,
    /// Digest of the run.
    pub trace: u64,
    /// Faults by kind.
    pub faults: BTreeMap<Fault, u64>,
    /// Datagrams touched by kind of weather.
    pub weather: BTreeMap<&'static str, u64>,
    /// Messages delivered at all hosts.
    pub deliveries: u64,
    /// Regular views at all hosts.
    pub views: u64,
    /// Datagrams sent.
    pub datagrams: u64,
}

/// The world of a seed.
pub fn settings(chance: &mut Chance) -> Settings {
    let hosts = *chance.pick(&[2, 3, 3, 3, 4, 5, 5, 7]);
    let links = *chance.pick(&[1, 1, 2, 3]);
    let token = *chance.pick(&[Span::millis(300), Span::millis(500), Span::millis(1_000)]);
    let sealing = if chance.hits(250_000) { Sealing::Sealed } else { Sealing::Clear };
    let sequence = chance.hits(100_000).then(|| {
        let start = u64::from(u32::MAX) - chance.below(100);
        (start, start + chance.between(1_000, 8_000))
    });
    Settings { hosts, links, token, sealing, sequence }
}

/// Lets hosts talk.
pub fn chatter(world: &mut World, talkative: u64) {
    for host in 0..world.settings.hosts {
        if !world.chance.hits(talkative) {
            continue;
        }
        for _ in 0..world.chance.between(1, 6) {
            let size = match world.chance.below(200) {
                0 => world.chance.between(5_000, 120_000),
                1..20 => world.chance.between(1_000, 5_000),
                _ => world.chance.below(200),
            };
            let guarantee = if world.chance.hits(300_000) { Guarantee::Safe } else { Guarantee::Agreed };
            world.say(host, guarantee, usize::try_from(size).unwrap_or(0));
        }
    }
}

/// Runs one seed.
pub fn run(seed: u64) -> Report {
    let mut chance = Chance::new(seed);
    let settings = settings(&mut chance);
    let trouble = Trouble::new(&mut chance);
    run_with(seed, settings, trouble, |_| {})
}

/// Runs one seed in a given world with given trouble; `prepare` sees the world before it starts.
pub fn run_with(
    seed: u64,
    settings: Settings,
    mut trouble: Trouble,
    prepare: impl FnOnce(&mut World),
) -> Report {
    let token = settings.token;
    let hosts = settings.hosts;
    let mut world = World::new(seed, settings);
    prepare(&mut world);
    for host in 0..hosts {
        if world.chance.hits(200_000) {
            let later = Span(world.chance.below(300_000));
            let at = world.now + later;
            world.run_until(at);
        }
        world.start(host);
    }
    let step = Span::millis(10);
    let talkative = *world.chance.pick(&[20_000, 100_000, 400_000]);
    let often = *world.chance.pick(&[30_000, 100_000]);
    let begin = world.now + Span(world.chance.below(token.0 * 2));
    let end = begin + Span::secs(4) + Span(world.chance.below(8_000_000));
    while world.now < end {
        let at = world.now + step;
        world.run_until(at);
        trouble.pass(&mut world);
        if world.now > begin && world.chance.hits(often) {
            trouble.strike(&mut world);
        }
        chatter(&mut world, talkative);
        let now = world.now;
        world.checker.check_partitions(now);
    }
    trouble.heal(&mut world);
    if world.sabotage.as_ref().is_some_and(Sabotage::hinders_healing) {
        world.net.begin(Weather::Cut, Scope { from: Some(0), ..Scope::default() });
    }
    // Distrust and damping may take some time-outs to wear off.
    let settled = world.now + token.times(40) + Span::secs(5);
    let mut calm = 0;
    while world.now < settled && calm < 3 {
        let at = world.now + token.over(2);
        world.run_until(at);
        for host in 0..hosts {
            world.start(host);
        }
        let now = world.now;
        world.checker.check_partitions(now);
        let together = (0..hosts).all(|h| {
            world.checker.view(h).is_some_and(|v| v.members.len() == hosts)
                && world.machines[h].paused.is_none()
        });
        calm = if together { calm + 1 } else { 0 };
    }
    if let Some(sabotage) = &mut world.sabotage {
        sabotage.at_the_end();
    }
    for host in 0..hosts {
        world.say(host, Guarantee::Safe, 100);
        world.say(host, Guarantee::Agreed, 100);
    }
    let at = world.now + token.times(2) + Span::secs(1);
    world.run_until(at);
    let now = world.now;
    world.checker.check_end(now, hosts);
    if world.verbose {
        for ring in world.machines.iter().filter_map(|m| m.ring.as_ref()) {
            println!("{:?} {:?}", ring.phase(), ring.statistics());
        }
    }
    Report {
        seed,
        violations: std::mem::take(&mut world.checker.violations),
        trace: world.checker.trace,
        faults: trouble.counts,
        weather: world.net.counts().clone(),
        deliveries: world.checker.deliveries,
        views: world.checker.views,
        datagrams: world.datagrams,
    }
}

/// What many runs have shown.
#[derive(Clone, Debug, Default)]
pub struct Total {
    /// Runs.
    pub runs: u64,
    /// Runs that went wrong.
    pub failed: Vec<Report>,
    /// Faults by kind.
    pub faults: BTreeMap<Fault, u64>,
    /// Datagrams touched by kind of weather.
    pub weather: BTreeMap<&'static str, u64>,
    /// Messages delivered.
    pub deliveries: u64,
    /// Views delivered.
    pub views: u64,
    /// Datagrams sent.
    pub datagrams: u64,
}

impl Total {
    /// Adds a run.
    pub fn add(&mut self, report: Report) {
        self.runs += 1;
        for (fault, count) in &report.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
        for (weather, count) in &report.weather {
            *self.weather.entry(weather).or_default() += count;
        }
        self.deliveries += report.deliveries;
        self.views += report.views;
        self.datagrams += report.datagrams;
        if !report.violations.is_empty() {
            self.failed.push(report);
        }
    }
}
