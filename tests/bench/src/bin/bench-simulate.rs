//! Compares planning with Pacemaker's `crm_simulate` on generated clusters: see `--help`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use holdfast_bench::cib::{Shape, State, generate};
use holdfast_bench::run::{Runs, Taken, find_program, run};
use holdfast_scheduler::schedule::{Settings, schedule_facts};

const HELP: &str = "\
usage: bench-simulate [OPTION...]

Generates clusters (32 nodes, one location a resource, every third colocated, every fourth ordered), and times the
whole process of `crm_simulate -x FILE -R -Q` (and with -S) of this project beside that of Pacemaker, one after the
other on each input. Prints median, processor time, peak memory, the ratios, and the limits that the project has set
itself. Without Pacemaker's tool its columns are skipped, loudly.

  --ours FILE        program to measure (default: `holdfast` beside this one; build it with
                     `cargo build --release -p holdfast`)
  --peer FILE        Pacemaker's program (default: crm_simulate in PATH or /usr/sbin)
  --no-peer          do not run it at all
  --runs N           runs of ours for each input (default 7)
  --peer-runs N      runs of the peer for each input (default 1)
  --peer-limit S     end a run of the peer after so many seconds (default 240)
  --large            run the peer on 5,000 resources, too (from an empty status about ten minutes: raise the limit)
  --only WORD        only inputs whose name contains the word, as in `--only 1000`
  --folder DIR       write the inputs there and keep them (default: a temporary folder)
  --check            exit status 1 when a limit is missed
  --help             this text

A quiet machine tells most: other work raises both columns, but not always alike.
";

/// One input and what is asked about it.
struct Case {
    name: &'static str,
    state: State,
    primitives: usize,
    carried_out: bool,
    /// Seconds at most, and how many times faster than the peer at least.
    limit: Option<f64>,
    faster: Option<f64>,
}

const fn case(name: &'static str, state: State, primitives: usize) -> Case {
    Case { name, state, primitives, carried_out: false, limit: None, faster: None }
}

const CASES: &[Case] = &[
    Case { limit: Some(0.005), ..case("settled-10", State::Settled, 10) },
    case("empty-250", State::Empty, 250),
    Case { carried_out: true, ..case("empty-250 -S", State::Empty, 250) },
    case("settled-250", State::Settled, 250),
    Case { limit: Some(0.3), faster: Some(50.0), ..case("empty-1000", State::Empty, 1000) },
    Case { carried_out: true, ..case("empty-1000 -S", State::Empty, 1000) },
    Case { faster: Some(10.0), ..case("settled-1000", State::Settled, 1000) },
    Case { carried_out: true, ..case("settled-1000 -S", State::Settled, 1000) },
    case("half-move-1000", State::Scattered, 1000),
    case("node-down-1000", State::NodeDown, 1000),
    case("empty-5000", State::Empty, 5000),
    Case { carried_out: true, ..case("empty-5000 -S", State::Empty, 5000) },
    case("settled-5000", State::Settled, 5000),
    case("half-move-5000", State::Scattered, 5000),
];

/// What the arguments ask for.
struct Options {
    ours: PathBuf,
    peer: Option<PathBuf>,
    no_peer: bool,
    runs: usize,
    peer_runs: usize,
    peer_limit: u64,
    large: bool,
    only: String,
    folder: Option<PathBuf>,
    check: bool,
}

fn options() -> Result<Option<Options>, String> {
    let beside = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut options = Options {
        ours: beside.with_file_name("holdfast"),
        peer: find_program("crm_simulate"),
        no_peer: false,
        runs: 7,
        peer_runs: 1,
        peer_limit: 240,
        large: false,
        only: String::new(),
        folder: None,
        check: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value; see --help"));
        let number = |text: String| {
            text.parse::<u64>().map_err(|_| format!("{word} needs a number, not '{text}'; see --help"))
        };
        let count = |number: u64| usize::try_from(number).unwrap_or(1).max(1);
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--ours" => options.ours = value()?.into(),
            "--peer" => options.peer = Some(value()?.into()),
            "--no-peer" => options.no_peer = true,
            "--runs" => options.runs = count(number(value()?)?),
            "--peer-runs" => options.peer_runs = count(number(value()?)?),
            "--peer-limit" => options.peer_limit = number(value()?)?,
            "--large" => options.large = true,
            "--only" => options.only = value()?,
            "--folder" => options.folder = Some(value()?.into()),
            "--check" => options.check = true,
            other => return Err(format!("unknown argument '{other}'; see --help")),
        }
    }
    if !options.ours.is_file() {
        return Err(format!(
            "{} is not there: build it with `cargo build --release -p holdfast` or give --ours",
            options.ours.display()
        ));
    }
    Ok(Some(options))
}

/// The peer and its version, if it is there and not ours under that name.
fn peer(options: &Options) -> Option<(PathBuf, String)> {
    if options.no_peer {
        eprintln!("SKIPPED: Pacemaker's crm_simulate was not wanted; only our times follow");
        return None;
    }
    let told = options.peer.as_ref().and_then(|peer| {
        let output = Command::new(peer).arg("--version").output().ok()?;
        let version = String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned();
        version.starts_with("Pacemaker").then(|| (peer.clone(), version))
    });
    if told.is_none() {
        eprintln!(
            "SKIPPED: no crm_simulate of Pacemaker here (package pacemaker-cli-utils); only our times follow"
        );
    }
    told
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("bench-simulate: {message}");
            return ExitCode::from(64);
        }
    };
    let folder = options
        .folder
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("holdfast-bench-{}", std::process::id())));
    let result = measure(&options, &folder);
    if options.folder.is_none() {
        // What is left is in the folder for temporary files and small.
        let _ = std::fs::remove_dir_all(&folder);
    }
    match result {
        Ok(missed) if missed.is_empty() => ExitCode::SUCCESS,
        Ok(missed) => {
            println!("\nmissed: {}", missed.join("; "));
            ExitCode::from(u8::from(options.check))
        }
        Err(message) => {
            eprintln!("bench-simulate: {message}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options, folder: &Path) -> Result<Vec<String>, String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let peer = peer(options);
    println!("ours: {}", options.ours.display());
    if let Some((path, version)) = &peer {
        println!("peer: {} ({version})", path.display());
    }
    println!(
        "\n{:<16} {:>9} {:>17} {:>9} {:>8} | {:>9} {:>9} {:>8} | {:>7} {:>7}",
        "input", "median", "least-most", "cpu", "peak", "peer", "cpu", "peak", "faster", "memory"
    );
    let mut missed = Vec::new();
    let mut medians: Vec<(&str, Taken)> = Vec::new();
    for case in CASES.iter().filter(|case| case.name.contains(options.only.as_str())) {
        let file = input(case, folder)?;
        let path = file.to_string_lossy();
        let words = if case.carried_out { ["-x", &path, "-S", "-Q"] } else { ["-x", &path, "-R", "-Q"] };
        let ours_words: Vec<&str> = std::iter::once("crm_simulate").chain(words).collect();
        let Runs::Taken(ours) = run(&options.ours, &ours_words, options.runs, 600)? else {
            return Err(format!("{}: ours took more than 10 minutes", case.name));
        };
        let theirs = match &peer {
            Some((peer, _)) if options.large || case.primitives < 5000 => {
                Some(run(peer, &words, options.peer_runs, options.peer_limit)?)
            }
            _ => None,
        };
        print_row(case, &ours, theirs);
        medians.push((case.name, ours));
        check_case(case, &ours, theirs, &mut missed);
    }
    check_growth(&medians, &mut missed);
    plan_in_process(&mut missed);
    Ok(missed)
}

/// The generated input, made if it is not there yet.
fn input(case: &Case, folder: &Path) -> Result<PathBuf, String> {
    let file = folder.join(format!("{}.xml", case.name.trim_end_matches(" -S")));
    if !file.is_file() {
        let shape = Shape { nodes: 32, primitives: case.primitives, state: case.state, seed: 1 };
        std::fs::write(&file, generate(&shape).to_string_pretty())
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    Ok(file)
}

fn milliseconds(seconds: f64) -> String {
    let ms = seconds * 1000.0;
    if ms < 100.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

fn megabytes(kb: u64) -> String {
    format!("{} MB", kb.div_ceil(1024))
}

#[allow(clippy::cast_precision_loss)] // kilobytes of one process
fn memory_share(ours: &Taken, theirs: &Taken) -> f64 {
    ours.peak_kb as f64 / theirs.peak_kb.max(1) as f64
}

fn print_row(case: &Case, ours: &Taken, theirs: Option<Runs>) {
    let range = format!("{:.1}-{:.1}", ours.least * 1000.0, ours.most * 1000.0);
    let left = format!(
        "{:<16} {:>9} {range:>17} {:>9} {:>8}",
        case.name,
        milliseconds(ours.median),
        milliseconds(ours.cpu),
        megabytes(ours.peak_kb)
    );
    let right = match theirs {
        None => format!("{:>9} {:>9} {:>8} | {:>7} {:>7}", "skipped", "-", "-", "-", "-"),
        Some(Runs::TooLong(seconds)) => {
            let more = format!("> {seconds} s");
            #[allow(clippy::cast_precision_loss)] // a few hundred seconds
            let faster = format!("> {:.0}x", seconds as f64 / ours.median);
            format!("{more:>9} {:>9} {:>8} | {faster:>7} {:>7}", "-", "-", "-")
        }
        Some(Runs::Taken(theirs)) => format!(
            "{:>9} {:>9} {:>8} | {:>7} {:>7}",
            milliseconds(theirs.median),
            milliseconds(theirs.cpu),
            megabytes(theirs.peak_kb),
            format!("{:.1}x", theirs.median / ours.median),
            format!("1/{:.1}", 1.0 / memory_share(ours, &theirs)),
        ),
    };
    println!("{left} | {right}");
}

fn check_case(case: &Case, ours: &Taken, theirs: Option<Runs>, missed: &mut Vec<String>) {
    if let Some(limit) = case.limit.filter(|limit| ours.median > *limit) {
        missed.push(format!("{}: at most {}", case.name, milliseconds(limit)));
    }
    let Some(Runs::Taken(theirs)) = theirs else { return };
    if let Some(faster) = case.faster.filter(|faster| theirs.median / ours.median < *faster) {
        missed.push(format!("{}: at least {faster}x faster", case.name));
    }
    if case.primitives >= 250 && memory_share(ours, &theirs) > 0.25 {
        missed.push(format!("{}: at most a quarter of the memory", case.name));
    }
}

/// How the time grows with the number of resources, and what carrying out costs.
fn check_growth(medians: &[(&str, Taken)], missed: &mut Vec<String>) {
    let find = |name: &str| medians.iter().find(|(of, _)| *of == name).map(|(_, taken)| taken.median);
    println!();
    for (few, many, limit) in [
        ("empty-1000", "empty-5000", 7.0),
        ("settled-1000", "settled-5000", 7.0),
        ("half-move-1000", "half-move-5000", 7.0),
        ("empty-250", "empty-250 -S", 2.0),
        ("empty-1000", "empty-1000 -S", 2.0),
        ("settled-1000", "settled-1000 -S", 2.0),
        ("empty-5000", "empty-5000 -S", 2.0),
    ] {
        let (Some(before), Some(after)) = (find(few), find(many)) else { continue };
        let times = after / before;
        println!("{many} takes {times:.2} times as long as {few} (at most {limit})");
        if times > limit {
            missed.push(format!("{many}: at most {limit} times {few}"));
        }
    }
}

/// What a running cluster of ordinary size waits for: facts and plan of 3 nodes with 20 resources.
fn plan_in_process(missed: &mut Vec<String>) {
    for (what, state) in [("settled", State::Settled), ("of which half must move", State::Scattered)] {
        let document = generate(&Shape { nodes: 3, primitives: 20, state, seed: 1 });
        let (cib, _) = holdfast_model::read::cib(&document);
        let mut times: Vec<f64> = (0..1000)
            .map(|_| {
                let begin = Instant::now();
                let facts = holdfast_scheduler::facts::unpack(&cib, 1_790_000_000);
                std::hint::black_box(schedule_facts(&facts, Settings::default()));
                begin.elapsed().as_secs_f64()
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let (median, most) = (times[times.len() / 2] * 1e3, times[times.len() - 1] * 1e3);
        println!(
            "one plan in a running program, 3 nodes, 20 resources {what}: {median:.3} ms (at most 1; longest {most:.3})"
        );
        if median > 1.0 {
            missed.push(format!("a plan for 3 nodes and 20 resources {what}: at most 1 ms"));
        }
    }
}
