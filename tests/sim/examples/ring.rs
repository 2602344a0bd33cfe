//! Runs ring simulations: `cargo run -p holdfast-sim --profile sim --example ring -- FIRST COUNT [WORKERS]`.
//! Prints every violation with its seed, and at the end how often each kind of fault struck.

use holdfast_sim::ring::run::{Total, run};

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<u64>().ok());
    let (first, count) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(1_000));
    let workers = numbers.next().unwrap_or(1).max(1);
    let started = std::time::Instant::now();
    let parts: Vec<Total> = std::thread::scope(|scope| {
        let work = |worker: u64| {
            let mut total = Total::default();
            for seed in (first..first + count).filter(|s| s % workers == worker) {
                let report = run(seed);
                for violation in &report.violations {
                    println!("seed {seed}: {violation}");
                }
                total.add(report);
            }
            total
        };
        let threads: Vec<_> = (0..workers).map(|w| scope.spawn(move || work(w))).collect();
        threads.into_iter().filter_map(|t| t.join().ok()).collect()
    });
    let mut all = Total::default();
    for part in parts {
        all.runs += part.runs;
        all.deliveries += part.deliveries;
        all.views += part.views;
        all.datagrams += part.datagrams;
        all.failed.extend(part.failed);
        part.faults.iter().for_each(|(k, n)| *all.faults.entry(*k).or_default() += n);
        part.weather.iter().for_each(|(k, n)| *all.weather.entry(k).or_default() += n);
    }
    println!("faults: {:?}", all.faults);
    println!("datagrams touched: {:?}", all.weather);
    println!(
        "{} runs, {} failed, {} messages delivered, {} views, {} datagrams, {:.1} s",
        all.runs,
        all.failed.len(),
        all.deliveries,
        all.views,
        all.datagrams,
        started.elapsed().as_secs_f64(),
    );
    let seeds: Vec<u64> = all.failed.iter().map(|r| r.seed).collect();
    println!("failed seeds: {:?}", &seeds[..seeds.len().min(40)]);
    std::process::exit(i32::from(!all.failed.is_empty()));
}
