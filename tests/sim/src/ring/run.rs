//! One schedule from start to verdict: form a ring, trouble, healing, and a last look at everything.

use std::collections::BTreeMap;

use holdfast_totem::config::{LinkMode, Sealing};
use holdfast_totem::time::{Instant, Span};
use holdfast_totem::{Guarantee, Input, Phase, Ring};

use crate::chance::Chance;
use crate::net::{Host, Scope, Weather, WeatherId};
use crate::ring::faults::{Fault, Trouble};
use crate::ring::sabotage::{Bug, Sabotage};
use crate::ring::schedule::{Act, Schedule, Step};
use crate::ring::world::{Settings, Vote, World, key};

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
    /// From healing to one ring of all.
    pub healing: Span,
}

/// The world of a seed.
pub fn settings(chance: &mut Chance) -> Settings {
    let hosts = match chance.below(1_000) {
        0 => *chance.pick(&[24, 32]),
        1..8 => *chance.pick(&[12, 16]),
        _ => *chance.pick(&[2, 3, 3, 3, 4, 5, 5, 7]),
    };
    let links = *chance.pick(&[1, 1, 2, 3]);
    let token = *chance.pick(&[Span::millis(300), Span::millis(500), Span::millis(1_000)]);
    let sealing = if chance.hits(250_000) { Sealing::Sealed } else { Sealing::Clear };
    let sequence = chance.hits(100_000).then(|| {
        let start = u64::from(u32::MAX) - chance.below(100);
        // The longest message needs 1,900 frames where the path carries 600 bytes; it has to fit into one ring.
        (start, start + chance.between(4_000, 12_000))
    });
    let mode = *chance.pick(&[LinkMode::Passive, LinkMode::Passive, LinkMode::Active, LinkMode::RoundRobin]);
    let vote = match chance.below(20) {
        0 => Vote::WaitForAll,
        1 => Vote::LastManStanding,
        2 => Vote::TieBreaker,
        _ => Vote::Majority,
    };
    let window = *chance.pick(&[0, 0, 0, 50, 17]);
    Settings { hosts, links, token, sealing, sequence, mode, vote, window, progress: false }
}

/// The schedule of a seed.
pub fn draw(seed: u64) -> Schedule {
    let mut chance = Chance::new(seed);
    let mut settings = settings(&mut chance);
    let trouble = Trouble::new(&mut chance);
    settings.progress = trouble.has(Fault::Hang);
    schedule(seed, settings, trouble)
}

/// The schedule of a seed in a given world with given kinds of trouble.
pub fn schedule(seed: u64, settings: Settings, mut trouble: Trouble) -> Schedule {
    let mut chance = Chance::new(seed ^ 0x7363_6865_6475_6c65);
    let (hosts, token) = (settings.hosts, settings.token);
    let mut steps = Vec::new();
    let mut at = Span::ZERO;
    for host in 0..hosts {
        if chance.hits(200_000) {
            at = at + Span(chance.below(300_000));
        }
        steps.push(Step { at, fault: None, act: Act::Start(host) });
    }
    // In a large ring everybody says less.
    let talkative = *chance.pick(&[20_000, 100_000, 400_000]) * 5 / (hosts as u64).max(5);
    let often = *chance.pick(&[30_000, 100_000]);
    let begin = at + Span(chance.below(token.0 * 2));
    let end = begin + Span::secs(2) + Span(chance.below(7_000_000));
    while at < end {
        at = at + Span(chance.between(1, 20_000));
        if at > begin && chance.hits(often) {
            trouble.strike(&mut chance, &settings, at, &mut steps);
        }
        for host in 0..hosts {
            if chance.hits(talkative) {
                chatter(&mut chance, host, at, &mut steps);
            }
        }
    }
    steps.sort_by_key(|s| s.at);
    Schedule { seed, settings, steps, end }
}

fn chatter(chance: &mut Chance, host: Host, at: Span, steps: &mut Vec<Step>) {
    for _ in 0..chance.between(1, 3) {
        let size = match chance.below(200) {
            0 => chance.between(5_000, 120_000),
            1..20 => chance.between(1_000, 5_000),
            _ => chance.below(200),
        };
        let (safe, size) = (chance.hits(300_000), usize::try_from(size).unwrap_or(0));
        let count = if size < 200 { u32::try_from(chance.between(1, 4)).unwrap_or(1) } else { 1 };
        steps.push(Step { at, fault: None, act: Act::Say { host, safe, size, count } });
    }
}

/// Runs one seed.
pub fn run(seed: u64) -> Report {
    play(&draw(seed), |_| {})
}

/// What has begun and will end by itself.
#[derive(Debug, Default)]
struct Pending {
    ends: Vec<(Instant, WeatherId)>,
    back: Vec<(Instant, Host)>,
}

impl Pending {
    fn next(&self) -> Option<Instant> {
        self.ends.iter().map(|(at, _)| *at).chain(self.back.iter().map(|(at, _)| *at)).min()
    }

    fn pass(&mut self, world: &mut World) {
        let now = world.now;
        for (_, id) in self.ends.extract_if(.., |(at, _)| *at <= now) {
            world.net.end(id);
        }
        let back: Vec<Host> = self.back.extract_if(.., |(at, _)| *at <= now).map(|(_, h)| h).collect();
        for host in back {
            world.start(host);
        }
        // The guard starts a daemon that ended by itself.
        for (host, wait) in world.died.split_off(0) {
            self.back.push((now + wait, host));
        }
    }

    fn weather(&mut self, world: &mut World, weather: Weather, scope: Scope, long: Span) {
        let id = world.net.begin(weather, scope);
        self.ends.push((world.now + long, id));
    }

    fn cut(&mut self, world: &mut World, from: Option<Host>, to: Option<Host>, link: Option<u8>, long: Span) {
        self.weather(world, Weather::Cut, Scope { from, to, link }, long);
    }

    fn act(&mut self, world: &mut World, act: Act) {
        let now = world.now;
        match act {
            Act::Start(host) => world.start(host),
            Act::Say { host, safe, size, count } => {
                let guarantee = if safe { Guarantee::Safe } else { Guarantee::Agreed };
                for _ in 0..count {
                    world.say(host, guarantee, size);
                }
            }
            Act::Weather(weather, scope, long) => self.weather(world, weather, scope, long),
            Act::Split(sides, long) => {
                let side = |host: Host| sides >> (host % 64) & 1;
                for a in 0..world.settings.hosts {
                    for b in (0..world.settings.hosts).filter(|b| side(a) != side(*b)) {
                        self.cut(world, Some(a), Some(b), None, long);
                    }
                }
            }
            Act::Isolate(host, link, long) => {
                self.cut(world, Some(host), None, link, long);
                self.cut(world, None, Some(host), link, long);
            }
            Act::CutPair(a, b, long) => {
                self.cut(world, Some(a), Some(b), None, long);
                self.cut(world, Some(b), Some(a), None, long);
            }
            Act::Pause(host, long) => world.pause(host, long),
            Act::Crash(host, back) => {
                world.crash(host);
                self.back.push((now + back, host));
            }
            Act::Torn(host, sends, back) => world.tear(host, sends, back),
            Act::Leave(host, back) => {
                world.leave(host);
                self.back.push((now + back, host));
            }
            Act::Clock(host, by) => world.machines[host].wall += by,
            Act::Disk(host, delay) => world.machines[host].disk_delay = delay,
            Act::Busy(host, each, long) => world.machines[host].busy = Some((each, now + long)),
            Act::Hang(host, long) => world.machines[host].hangs_until = now + long,
            Act::Rekey(host) => world.rekey(host),
        }
    }
}

/// How often the program above a ring shows that it works.
const PROGRESS: Span = Span::millis(500);

fn progress(world: &mut World) {
    if world.settings.progress {
        for host in 0..world.settings.hosts {
            if world.machines[host].hangs_until <= world.now && world.machines[host].paused.is_none() {
                world.input(host, Input::Progress);
            }
        }
    }
}

/// Plays a schedule; `prepare` sees the world before it starts.
pub fn play(schedule: &Schedule, prepare: impl FnOnce(&mut World)) -> Report {
    let token = schedule.settings.token;
    let hosts = schedule.settings.hosts;
    let mut world = World::new(schedule.seed, schedule.settings.clone());
    prepare(&mut world);
    let start = world.now;
    let end = start + schedule.end;
    let mut faults: BTreeMap<Fault, u64> = BTreeMap::new();
    let mut pending = Pending::default();
    let mut steps = schedule.steps.iter().peekable();
    let tick = Span::millis(50);
    let (mut look, mut proof) = (start + tick, start + PROGRESS);
    while world.now < end {
        let step = steps.peek().map(|s| start + s.at);
        let next = [step, pending.next(), Some(look), Some(proof)].into_iter().flatten().min();
        world.run_until(next.unwrap_or(end).clamp(world.now, end));
        pending.pass(&mut world);
        while let Some(step) = steps.next_if(|s| start + s.at <= world.now) {
            if world.verbose {
                println!("{:.6} {}", world.now.0 as f64 / 1e6, step.act);
            }
            if let Some(fault) = step.fault {
                *faults.entry(fault).or_default() += 1;
            }
            if acts_on(&step.act).is_none_or(|host| host < hosts) {
                pending.act(&mut world, step.act);
            }
        }
        if proof <= world.now {
            proof = world.now + PROGRESS;
            progress(&mut world);
        }
        if look <= world.now {
            look = world.now + tick;
            let now = world.now;
            world.checker.check_partitions(now);
        }
    }
    heal(&mut world);
    let healing = settle(&mut world);
    if let Some(sabotage) = &mut world.sabotage {
        sabotage.at_the_end();
    }
    for host in 0..hosts {
        world.say(host, Guarantee::Safe, 100);
        world.say(host, Guarantee::Agreed, 100);
    }
    let last = world.now + token.times(2) + Span::secs(1);
    while world.now < last {
        let at = (world.now + PROGRESS).min(last);
        world.run_until(at);
        progress(&mut world);
    }
    let now = world.now;
    world.checker.check_end(now, hosts);
    if world.verbose {
        for ring in world.machines.iter().filter_map(|m| m.ring.as_ref()) {
            println!("{:?} {:?}", ring.phase(), ring.statistics());
        }
    }
    Report {
        seed: schedule.seed,
        violations: std::mem::take(&mut world.checker.violations),
        trace: world.checker.trace,
        faults,
        weather: world.net.counts().clone(),
        deliveries: world.checker.deliveries,
        views: world.checker.views,
        datagrams: world.datagrams,
        healing,
    }
}

/// The host that an act is about, when it is about one.
pub fn acts_on(act: &Act) -> Option<Host> {
    match act {
        Act::Start(host)
        | Act::Say { host, .. }
        | Act::Isolate(host, ..)
        | Act::Pause(host, _)
        | Act::Crash(host, _)
        | Act::Torn(host, ..)
        | Act::Leave(host, _)
        | Act::Clock(host, _)
        | Act::Disk(host, _)
        | Act::Busy(host, ..)
        | Act::Hang(host, _)
        | Act::Rekey(host) => Some(*host),
        Act::CutPair(a, b, _) => Some(*a.max(b)),
        Act::Weather(_, scope, _) => scope.from.max(scope.to),
        Act::Split(..) => None,
    }
}

/// Everything is well again.
fn heal(world: &mut World) {
    world.net.calm();
    world.died.clear();
    // Whoever replaces a key does so everywhere.
    let rekeyed = world.machines.iter().any(|m| m.key == key(true));
    for host in 0..world.settings.hosts {
        if rekeyed && world.machines[host].key != key(true) {
            world.rekey(host);
        }
        let machine = &mut world.machines[host];
        machine.disk_delay = Span::millis(1);
        machine.busy = None;
        machine.hangs_until = Instant(0);
        machine.torn = None;
        world.start(host);
    }
    if world.sabotage.as_ref().is_some_and(Sabotage::hinders_healing) {
        world.net.begin(Weather::Cut, Scope { from: Some(0), ..Scope::default() });
    }
}

/// Waits until all hosts share a ring and go on sharing it; how long it took.
fn settle(world: &mut World) -> Span {
    let (token, hosts, begin) = (world.settings.token, world.settings.hosts, world.now);
    // Distrust and damping may take some time-outs to wear off.
    let limit = begin + token.times(40) + Span::secs(5);
    let step = token.over(4).min(PROGRESS);
    let (mut calm, mut since) = (0, None);
    while world.now < limit && calm < 6 {
        let at = world.now + step;
        world.run_until(at);
        progress(world);
        for host in 0..hosts {
            world.start(host);
        }
        world.died.clear();
        let now = world.now;
        world.checker.check_partitions(now);
        // A view lasts until the next one is told, also while its ring is no longer worked in.
        let works = |ring: &Ring| ring.phase() == Phase::Operational;
        let together = (0..hosts).all(|h| {
            world.checker.view(h).is_some_and(|v| v.members.len() == hosts)
                && world.machines[h].ring.as_ref().is_some_and(works)
                && world.machines[h].paused.is_none()
        });
        calm = if together { calm + 1 } else { 0 };
        since = since.filter(|_| together).or(together.then_some(now));
    }
    since.unwrap_or(limit).since(begin)
}

/// Plays a schedule with a bug planted beside the rings; what is found.
pub fn play_with_bug(schedule: &Schedule, bug: Bug) -> Report {
    play(schedule, |world| world.sabotage = Some(Sabotage::new(bug)))
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
    /// Longest time from healing to one ring of all, and its seed.
    pub healing: (Span, u64),
}

impl Total {
    /// Adds a run.
    pub fn add(&mut self, report: Report) {
        let failed = if report.violations.is_empty() { Vec::new() } else { vec![report.clone()] };
        self.merge(Self {
            runs: 1,
            failed,
            faults: report.faults,
            weather: report.weather,
            deliveries: report.deliveries,
            views: report.views,
            datagrams: report.datagrams,
            healing: (report.healing, report.seed),
        });
    }

    /// Adds what others have run.
    pub fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        self.failed.extend(other.failed);
        other.faults.iter().for_each(|(k, n)| *self.faults.entry(*k).or_default() += n);
        other.weather.iter().for_each(|(k, n)| *self.weather.entry(k).or_default() += n);
        self.deliveries += other.deliveries;
        self.views += other.views;
        self.datagrams += other.datagrams;
        self.healing = self.healing.max(other.healing);
    }
}
