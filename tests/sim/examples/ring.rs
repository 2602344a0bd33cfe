//! Runs ring simulations: `cargo run -p holdfast-sim --profile sim --example ring -- FIRST COUNT [WORKERS]`.
//! Prints every violation with its seed and its schedule cut down to what it needs (to be added to
//! `tests/sim/data/ring-regressions.txt`), and at the end how often each kind of fault struck.
//! `-- large HOSTS` forms one large ring, lets it order messages, lose a node and take it back, and says what it took.
//! `-- play FILE [verbose]` plays the schedules of a file, `-- show SEED` prints the schedule of a seed.

use holdfast_sim::ring::run::{Report, Total, draw, play, run};
use holdfast_sim::ring::schedule::{Schedule, parse};
use holdfast_sim::ring::shrink::shrink;
use holdfast_sim::ring::world::{Settings, World};
use holdfast_totem::Guarantee;
use holdfast_totem::time::Span;

/// Runs that cutting down one schedule may take.
const SHRINKING: u32 = 3_000;

fn kind(report: &Report) -> Option<&str> {
    report.violations.first()?.split_once(" s: ")?.1.split_once(':').map(|(word, _)| word)
}

fn explain(report: &Report) {
    for violation in &report.violations {
        println!("seed {}: {violation}", report.seed);
    }
    let word = kind(report).map(str::to_owned);
    let fails = |s: &Schedule| kind(&play(s, |_| {})) == word.as_deref();
    let shrunk = shrink(&draw(report.seed), SHRINKING, fails);
    println!("# seed {}, {}, {} runs", report.seed, report.violations[0], shrunk.runs);
    println!("{}", shrunk.schedule);
}

fn play_file(path: &str, verbose: bool) -> i32 {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let schedules = parse(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut failed = 0;
    for schedule in &schedules {
        let report = play(schedule, |world| world.verbose = verbose);
        report.violations.iter().for_each(|v| println!("seed {}: {v}", report.seed));
        failed += i32::from(!report.violations.is_empty());
    }
    println!("{} schedules, {failed} failed", schedules.len());
    i32::from(failed > 0)
}

fn soak(first: u64, count: u64, workers: u64) -> i32 {
    let started = std::time::Instant::now();
    let parts: Vec<Total> = std::thread::scope(|scope| {
        let work = |worker: u64| {
            let mut total = Total::default();
            for seed in (first..first + count).filter(|s| s % workers == worker) {
                let report = run(seed);
                if !report.violations.is_empty() {
                    explain(&report);
                }
                total.add(report);
            }
            total
        };
        let threads: Vec<_> = (0..workers).map(|w| scope.spawn(move || work(w))).collect();
        threads.into_iter().filter_map(|t| t.join().ok()).collect()
    });
    let mut all = Total::default();
    parts.into_iter().for_each(|part| all.merge(part));
    println!("faults: {:?}", all.faults);
    println!("datagrams touched: {:?}", all.weather);
    println!(
        "{} runs, {} failed, {} messages delivered, {} views, {} datagrams, longest healing {} (seed {}), {:.1} s",
        all.runs,
        all.failed.len(),
        all.deliveries,
        all.views,
        all.datagrams,
        all.healing.0,
        all.healing.1,
        started.elapsed().as_secs_f64(),
    );
    let seeds: Vec<u64> = all.failed.iter().map(|r| r.seed).collect();
    println!("failed seeds: {:?}", &seeds[..seeds.len().min(40)]);
    i32::from(!all.failed.is_empty() || all.runs != count)
}

fn large(hosts: u64) -> i32 {
    let hosts = usize::try_from(hosts).unwrap_or(64);
    let mut world = World::new(7, Settings::plain(hosts));
    let started = std::time::Instant::now();
    let step = |world: &mut World, millis: u64, what: &str| {
        for _ in 0..millis / 100 {
            let (at, sent) = (world.now + Span::millis(100), world.datagrams);
            world.run_until(at);
            let seen = world.checker.view(1).map_or(0, |view| view.members.len());
            let (views, sent) = (world.checker.views, world.datagrams - sent);
            let took = started.elapsed().as_secs_f64();
            println!(
                "{what}: at {} ms {seen} members, {views} views, {sent} datagrams, {took:.1} s",
                at.0 / 1_000
            );
        }
    };
    (0..hosts).for_each(|host| world.start(host));
    step(&mut world, 1_000, "forming");
    for host in (0..hosts).step_by(hosts.div_ceil(4)) {
        world.say(host, Guarantee::Safe, 10);
        world.say(host, Guarantee::Agreed, 3_000);
    }
    step(&mut world, 500, "ordering");
    world.crash(hosts / 2);
    step(&mut world, 2_000, "losing one");
    world.start(hosts / 2);
    step(&mut world, 1_000, "taking it back");
    let now = world.now;
    world.checker.check_end(now, hosts);
    println!("{} messages delivered, violations: {:?}", world.checker.deliveries, world.checker.violations);
    i32::from(!world.checker.violations.is_empty())
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize, default| words.get(n).and_then(|w| w.parse::<u64>().ok()).unwrap_or(default);
    let code = match words.first().map(String::as_str) {
        Some("play") => match words.get(1) {
            Some(path) => play_file(path, words.get(2).is_some()),
            None => panic!("play needs a file"),
        },
        Some("show") => {
            println!("{}", draw(number(1, 0)));
            0
        }
        Some("large") => large(number(1, 64)),
        _ => soak(number(0, 0), number(1, 1_000), number(2, 1).max(1)),
    };
    std::process::exit(code);
}
