//! One seed: a cluster comes up, gets its configuration, suffers, heals, and must run again.

use std::collections::BTreeMap;

use holdfast_core::random::Random;
use holdfast_core::time::{Instant, Span};

use super::faults;
use super::medium::{Host, name};
use super::sabotage::Bug;
use super::scenario;
use super::world::{Config, Happening, Planner, World};

/// What came of a seed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The first violation.
    pub violation: Option<String>,
    /// Digest over everything that happened.
    pub hash: u64,
    /// Events.
    pub events: u64,
    /// Overlaps where nothing could prevent them.
    pub overlaps: u64,
    /// Power cuts by fence devices.
    pub fenced: u64,
    /// Acknowledged writes.
    pub writes: usize,
    /// Things that happened at least once.
    pub sometimes: BTreeMap<&'static str, u64>,
}

/// How long the cluster may take to run again once faults stop.
const RECOVERY: Span = Span::secs(60);
/// First id of configuration requests; those below are writes that are looked for at the end.
const SETUP: u64 = 1_000_000;

/// Settings of a seed.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Hosts.
    pub hosts: usize,
    /// How long faults happen.
    pub length: Span,
    /// With fencing; `None` = the seed decides.
    pub fencing: Option<bool>,
    /// Who makes plans.
    pub planner: Planner,
    /// The real ring, or a perfect one.
    pub real_ring: bool,
    /// Print what happens.
    pub verbose: bool,
    /// A planted bug.
    pub bug: Option<Bug>,
}

/// Runs a seed.
#[must_use]
pub fn run(seed: u64, plan: Plan) -> Outcome {
    let mut random = Random::new(seed);
    let fencing = plan.fencing.unwrap_or_else(|| random.below(4) != 0);
    let config = Config {
        hosts: plan.hosts,
        token: Span::millis(1_000),
        two_node: plan.hosts == 2,
        fencing,
        planner: plan.planner,
        real_ring: plan.real_ring,
        verbose: plan.verbose,
        bug: plan.bug,
    };
    let mut world = World::new(config, random.bits());
    for host in 0..plan.hosts {
        let at = Span::millis(random.below(1_500));
        world.after(at, Happening::PowerOn { host });
    }
    let setup = Box::new(scenario::configuration(fencing));
    world.after(Span::secs(3), Happening::Ask { host: 0, id: SETUP, request: setup });
    let begin = world.now + Span::secs(6);
    for (at, fault) in faults::choose(plan.hosts, plan.length, &mut random) {
        world.at(begin + at, Happening::Fault(fault));
    }
    let end = begin + plan.length;
    let writes = random.below(20);
    for id in 1..=writes {
        let host = usize::try_from(random.below(plan.hosts as u64)).unwrap_or(0);
        let at = begin + Span::micros(random.below(plan.length.0));
        world.at(at, Happening::Ask { host, id, request: Box::new(scenario::write(id)) });
    }
    for id in 1..=random.below(8) {
        let host = usize::try_from(random.below(plan.hosts as u64)).unwrap_or(0);
        let at = begin + Span::micros(random.below(plan.length.0));
        let number = usize::try_from(random.below(scenario::RESOURCES as u64)).unwrap_or(0);
        let choice = usize::try_from(random.below(scenario::INTERVALS.len() as u64)).unwrap_or(0);
        let request = Box::new(scenario::monitor(number, scenario::INTERVALS[choice]));
        world.at(at, Happening::Ask { host, id: SETUP + id, request });
    }
    world.run_until(end);
    if plan.bug == Some(Bug::NeverBack) {
        world.power_cut(0);
    }
    let limit = end + RECOVERY;
    while !world.checks.is_violated() && trouble(&world).is_some() && world.now < limit {
        let next = world.now + Span::millis(500);
        world.run_until(next);
    }
    if let Some(why) = trouble(&world) {
        world.checks.violated(format!("does not run again {RECOVERY} after the last fault: {why}"));
    }
    survived(&mut world);
    Outcome {
        seed,
        violation: world.checks.violation().map(str::to_owned),
        hash: world.hash(),
        events: world.events,
        overlaps: world.checks.overlaps,
        fenced: world.agents.fenced,
        writes: world.checks.acknowledged.len(),
        sometimes: std::mem::take(&mut world.checks.sometimes),
    }
}

/// What is not as it should be when nothing is wrong; compares all members on the way.
fn trouble(world: &World) -> Option<String> {
    let mut first = None;
    for host in 0..world.config.hosts {
        let Some(node) = world.node(host).filter(|_| world.is_well(host)) else {
            return Some(format!("{} is not up", name(host)));
        };
        let seen = node.inspect();
        if !seen.settled {
            return Some(format!("{} is not in step", name(host)));
        }
        if !seen.idle {
            return Some(format!("{} does not know of idleness", name(host)));
        }
        let state = (seen.ring, seen.version, seen.digest, node.shared_digest());
        if *first.get_or_insert(state) != state {
            if world.config.verbose {
                eprintln!("{:#?}\n{:#?}", world.node(0).map(|n| n.shared()), node.shared());
            }
            return Some(format!("{} differs from {}", name(host), name(0)));
        }
    }
    for number in 0..scenario::RESOURCES {
        let rsc = scenario::rsc(number);
        let active = world.agents.where_active(&rsc);
        if active.len() != 1 && !banned_everywhere(world, &rsc) {
            return Some(format!("{rsc} is active on {} hosts", active.len()));
        }
        for host in active {
            if let Some(why) = unwatched(world, host, number) {
                return Some(why);
            }
        }
    }
    None
}

/// A resource that is active is watched at the interval that is configured, and at no other.
fn unwatched(world: &World, host: Host, number: usize) -> Option<String> {
    let (rsc, node) = (scenario::rsc(number), world.node(host)?);
    let wanted = scenario::interval_ms(node.document(), number)?;
    for interval in scenario::INTERVALS {
        let interval = u32::try_from(interval * 1_000).unwrap_or(0);
        let planted = world.config.bug == Some(Bug::Unwatched) && host == 1;
        let repeats = node.repeats(&rsc, "monitor", interval) && !planted;
        if repeats != (interval == wanted) {
            let what = if repeats { "still watched" } else { "not watched" };
            return Some(format!("{rsc} is {what} every {interval} ms on {}", name(host)));
        }
    }
    None
}

/// A resource whose start failed on every node waits for a clean-up.
fn banned_everywhere(world: &World, rsc: &str) -> bool {
    let Some(node) = world.node(0) else { return false };
    let failed = |operation: &str, host: usize| {
        let name = format!("fail-count-{rsc}#{operation}_0");
        node.shared().attributes.get(&name, &(host + 1).to_string()).is_some()
    };
    (0..world.config.hosts).all(|h| failed("start", h)) || (0..world.config.hosts).any(|h| failed("stop", h))
}

/// Every acknowledged write is still there.
fn survived(world: &mut World) {
    let Some(document) = world.node(0).map(|n| n.document().clone()) else { return };
    let lost: Vec<u64> = world
        .checks
        .acknowledged
        .iter()
        .copied()
        .filter(|id| *id < SETUP && !scenario::holds(&document, *id))
        .collect();
    if let Some(id) = lost.first() {
        world.checks.violated(format!("write {id} was acknowledged and is lost"));
    }
}

/// Virtual node-seconds of one seed.
#[must_use]
pub fn node_seconds(plan: Plan) -> u64 {
    plan.hosts as u64 * (plan.length.0 / 1_000_000 + 6)
}

/// The first instant of a world; a help for reading traces.
#[must_use]
pub fn origin() -> Instant {
    Instant(1_000_000)
}
