//! `bench-ring`: the ring beside Debian's corosync on this machine, and the long runs. Needs root (namespaces).

use holdfast_bench::ring::cluster::{Cluster, Watcher};
use holdfast_bench::ring::lab::{Awake, Lab};
use holdfast_bench::ring::measure::{self, CASES};
use holdfast_bench::ring::membership;
use holdfast_bench::ring::report::{Better, Figure, Target, best, median, table};
use holdfast_bench::ring::soak;
use holdfast_bench::ring::stack::{Settings, Stack};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
usage: bench-ring [WHAT]... [OPTION]...

Compares the ring with Debian's corosync, both in network namespaces of this machine, and prints the ratios.
Without WHAT: throughput latency memory membership links.

  throughput   messages ordered, three nodes: 64 B, 64 B of three senders, 1 KiB, 64 KiB; processor time a message
  latency      until a program on another node has a message; ring at rest and warm, with processors that may sleep
               and with processors kept awake by a loop of idle priority
  memory       resident, at rest and after load
  membership   kill -9, clean leave, join; 3 and 5 nodes, token 1000 and 3000
  links        one of two links falls silent under traffic
  soak         many nodes at rest (--nodes 32 --seconds 600)
  hog          a busy loop on every processor and one more (--seconds 600)
  rotate       a new key every two seconds under load (--seconds 20)

  --rounds N         how often each stack has its turn (default 2)
  --seconds S        length of one load (default 2), or of a long run
  --nodes N          nodes of a long run (default 3; soak 32)
  --token MS         token time-out of throughput, latency and long runs (default 1000)
  --clear            the ring without encryption as well
  --without-peer     the ring alone
  --holdfast PATH    the executable (default: beside this program)
  --json             one line of JSON a figure
";

struct Options {
    what: Vec<String>,
    rounds: usize,
    seconds: Option<f64>,
    nodes: Option<usize>,
    token: u32,
    clear: bool,
    alone: bool,
    holdfast: Option<PathBuf>,
    json: bool,
}

fn parse() -> Result<Options, String> {
    let mut options = Options {
        what: Vec::new(),
        rounds: 2,
        seconds: None,
        nodes: None,
        token: 1000,
        clear: false,
        alone: false,
        holdfast: None,
        json: false,
    };
    fn number<T: std::str::FromStr>(word: &str, text: Option<String>) -> Result<T, String> {
        let text = text.ok_or_else(|| format!("'{word}' needs a number"))?;
        text.parse().map_err(|_| format!("'{text}' is no value of '{word}'"))
    }
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "throughput" | "latency" | "memory" | "membership" | "links" | "soak" | "hog" | "rotate" => {
                options.what.push(word);
            }
            "--rounds" => options.rounds = number::<usize>(&word, words.next())?.max(1),
            "--seconds" => options.seconds = Some(number(&word, words.next())?),
            "--nodes" => options.nodes = Some(number(&word, words.next())?),
            "--token" => options.token = number(&word, words.next())?,
            "--clear" => options.clear = true,
            "--without-peer" => options.alone = true,
            "--holdfast" => options.holdfast = words.next().map(PathBuf::from),
            "--json" => options.json = true,
            other => return Err(format!("'{other}' is not understood\n\n{HELP}")),
        }
    }
    if options.what.is_empty() {
        options.what = ["throughput", "latency", "memory", "membership", "links"].map(str::to_owned).to_vec();
    }
    Ok(options)
}

/// A folder that goes with us.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // A rest in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Bench {
    options: Options,
    folder: Folder,
    ours: Stack,
    peer: Option<Stack>,
    figures: Vec<Figure>,
}

fn main() -> ExitCode {
    if std::env::args().any(|word| word == "-h" || word == "--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(why) => {
            eprintln!("bench-ring: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every figure reached what was asked for.
fn run() -> Result<bool, String> {
    let options = parse()?;
    let folder = Folder(std::env::temp_dir().join(format!("bench-ring-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).map_err(|error| error.to_string())?;
    let ours = Stack::holdfast(options.holdfast.clone())?;
    let compared = options.what.iter().any(|what| !matches!(what.as_str(), "soak" | "hog" | "rotate"));
    let peer = match (options.alone || !compared, Stack::corosync(&folder.0)) {
        (true, _) => None,
        (false, Ok((stack, version))) => {
            eprintln!("peer: {version}");
            Some(stack)
        }
        (false, Err(why)) => {
            eprintln!("SKIPPED: no comparison: {why}");
            None
        }
    };
    let mut bench = Bench { options, folder, ours, peer, figures: Vec::new() };
    let mut fine = true;
    let what = bench.options.what.clone();
    for name in &what {
        match name.as_str() {
            "throughput" => bench.throughput()?,
            "latency" => bench.latency()?,
            "memory" => bench.memory()?,
            "membership" => bench.membership()?,
            "links" => bench.links()?,
            long => fine &= bench.long(long)?,
        }
    }
    if bench.options.json {
        bench.figures.iter().for_each(|figure| println!("{}", figure.json()));
    } else if !bench.figures.is_empty() {
        print!("{}", table(&bench.figures));
    }
    Ok(fine && bench.figures.iter().all(|figure| figure.reached() != Some(false)))
}

impl Bench {
    fn settings(&self, real_time: bool, sealed: bool) -> Settings {
        Settings { token_ms: self.options.token, real_time, sealed }
    }

    fn start<'a>(
        &self,
        lab: &'a Lab,
        stack: &Stack,
        settings: Settings,
    ) -> Result<(Cluster<'a>, Vec<Watcher>), String> {
        let folder: &Path = &self.folder.0;
        let (cluster, watchers, _) = Cluster::start(lab, stack, settings, folder)
            .map_err(|why| format!("{}: {why}", stack.label(settings)))?;
        Ok((cluster, watchers))
    }

    /// Every way in which a stack is started: ours first, as installed.
    fn ways(&self) -> Vec<(Stack, Settings)> {
        let mut ways = vec![(self.ours.clone(), self.settings(true, true))];
        if self.options.clear {
            ways.push((self.ours.clone(), self.settings(true, false)));
        }
        if let Some(peer) = &self.peer {
            for sealed in [true, false] {
                for real_time in [true, false] {
                    ways.push((peer.clone(), self.settings(real_time, sealed)));
                }
            }
        }
        ways
    }

    fn throughput(&mut self) -> Result<(), String> {
        let lab = Lab::new(3, 1)?;
        let seconds = self.options.seconds.unwrap_or(2.0);
        let ways = self.ways();
        let mut speeds = vec![vec![Vec::new(); CASES.len()]; ways.len()];
        for _ in 0..self.options.rounds {
            for ((stack, settings), speeds) in ways.iter().zip(&mut speeds) {
                let (cluster, _watchers) = self.start(&lab, stack, *settings)?;
                for ((case, _), speeds) in CASES.iter().zip(&mut *speeds) {
                    let speed = measure::speed(&cluster, *case, seconds)
                        .map_err(|why| format!("{}: {why}", stack.label(*settings)))?;
                    eprintln!(
                        "{:<40} {:>6} B {} sender(s): {:>9.0} /s {:>7.1} MB/s {:>6.1} us CPU a message",
                        stack.label(*settings),
                        case.size,
                        case.senders,
                        speed.messages_per_second,
                        speed.messages_per_second * case.size as f64 / 1e6,
                        speed.cpu_us
                    );
                    speeds.push(speed);
                }
            }
        }
        for (at, (case, times)) in CASES.iter().enumerate() {
            let rate = |way: usize| median(speeds[way][at].iter().map(|s| s.messages_per_second).collect());
            let cpu = |way: usize| median(speeds[way][at].iter().map(|s| s.cpu_us).collect());
            let peers = || ways.iter().enumerate().filter(|(_, (stack, _))| *stack != self.ours);
            let rates: Vec<_> = peers().map(|(way, (s, set))| (rate(way), s.label(*set))).collect();
            let cpus: Vec<_> = peers().map(|(way, (s, set))| (cpu(way), s.label(*set))).collect();
            let name = format!("{} B, {} sender(s)", case.size, case.senders);
            self.figures.push(Figure {
                name: name.clone(),
                unit: "messages/s",
                ours: rate(0),
                peer: best(&rates, Better::More),
                target: Target::Times(*times),
            });
            if case.size == 64 {
                self.figures.push(Figure {
                    name: format!("{name}, CPU a message"),
                    unit: "us",
                    ours: cpu(0),
                    peer: best(&cpus, Better::Less),
                    target: Target::Most(10.0),
                });
            }
        }
        Ok(())
    }

    fn latency(&mut self) -> Result<(), String> {
        let lab = Lab::new(3, 1)?;
        let ways: Vec<_> = self.ways().into_iter().filter(|(_, settings)| settings.sealed).collect();
        let kinds = [
            ("at rest", 300, 9.0, false),
            ("warm", 12, 3.0, false),
            ("at rest, processors awake", 300, 6.0, true),
            ("warm, processors awake", 12, 3.0, true),
        ];
        let mut delays = vec![vec![Vec::new(); kinds.len()]; ways.len()];
        for _ in 0..self.options.rounds {
            for ((stack, settings), delays) in ways.iter().zip(&mut delays) {
                let (cluster, _watchers) = self.start(&lab, stack, *settings)?;
                for ((name, interval, seconds, awake), delays) in kinds.iter().zip(delays) {
                    let _awake = if *awake { Some(Awake::start()?) } else { None };
                    let (middle, most) = measure::latency(&cluster, *interval, *seconds)?;
                    eprintln!("{:<40} {name}: p50 {middle:.0} us, p99 {most:.0} us", stack.label(*settings));
                    delays.push(middle);
                }
            }
        }
        for (at, (name, ..)) in kinds.iter().enumerate() {
            let delay = |way: usize| median(delays[way][at].clone());
            let peers = ways.iter().enumerate().filter(|(_, (stack, _))| *stack != self.ours);
            let peers: Vec<_> = peers.map(|(way, (s, set))| (delay(way), s.label(*set))).collect();
            self.figures.push(Figure {
                name: format!("remote delay p50, ring {name}"),
                unit: "us",
                ours: delay(0),
                peer: best(&peers, Better::Less),
                target: Target::Part(1.0 / 3.0),
            });
        }
        Ok(())
    }

    fn memory(&mut self) -> Result<(), String> {
        let lab = Lab::new(3, 1)?;
        let mut found = Vec::new();
        for (stack, settings) in self.ways().into_iter().filter(|(_, s)| s.sealed && s.real_time) {
            let (cluster, _watchers) = self.start(&lab, &stack, settings)?;
            let idle = measure::resident(&cluster);
            for (case, _) in CASES {
                measure::speed(&cluster, case, 2.0)?;
            }
            found.push((idle, measure::resident(&cluster), stack.label(settings)));
        }
        for (name, most, after) in [("at rest", 25.0, false), ("after load", 64.0, true)] {
            let value = |at: &(f64, f64, String)| (if after { at.1 } else { at.0 }, at.2.clone());
            self.figures.push(Figure {
                name: format!("resident memory, locked, {name}"),
                unit: "MB",
                ours: value(&found[0]).0,
                peer: found.get(1).map(value),
                target: Target::Most(most),
            });
        }
        Ok(())
    }

    fn membership(&mut self) -> Result<(), String> {
        for nodes in [3, 5] {
            let lab = Lab::new(nodes, 1)?;
            for token in [1000, 3000] {
                let settings = Settings { token_ms: token, real_time: true, sealed: true };
                let mut found = Vec::new();
                for stack in [Some(self.ours.clone()), self.peer.clone()].into_iter().flatten() {
                    let (mut cluster, mut watchers) = self.start(&lab, &stack, settings)?;
                    let changes = membership::changes(&mut cluster, &mut watchers, self.options.rounds)?;
                    eprintln!("{nodes} nodes, token {token}, {}: {changes:.0?}", stack.label(settings));
                    found.push((changes, stack.label(settings)));
                }
                let most = f64::from(token) + 200.0;
                type List = fn(&membership::Changes) -> &[f64];
                let kinds: [(&str, f64, List); 3] = [
                    ("kill -9 to the new view", most, |c| &c.kill),
                    ("clean leave", 100.0, |c| &c.leave),
                    ("join", 300.0, |c| &c.join),
                ];
                for (name, most, list) in kinds {
                    let value =
                        |at: &(membership::Changes, String)| (median(list(&at.0).to_vec()), at.1.clone());
                    self.figures.push(Figure {
                        name: format!("{name}, {nodes} nodes, token {token}"),
                        unit: "ms",
                        ours: value(&found[0]).0,
                        peer: found.get(1).map(value),
                        target: Target::Most(most),
                    });
                }
            }
        }
        Ok(())
    }

    fn links(&mut self) -> Result<(), String> {
        let lab = Lab::new(3, 2)?;
        let settings = self.settings(true, true);
        let mut found = Vec::new();
        for stack in [Some(self.ours.clone()), self.peer.clone()].into_iter().flatten() {
            let (cluster, mut watchers) = self.start(&lab, &stack, settings)?;
            let cut = membership::cut(&cluster, &mut watchers)?;
            eprintln!("one of two links silent, {}: {cut:?}", stack.label(settings));
            found.push((cut, stack.label(settings)));
        }
        type Value = fn(&membership::Cut) -> f64;
        let kinds: [(&str, &str, Target, Value); 3] = [
            ("one of two links silent: longest gap", "ms", Target::Most(200.0), |cut| cut.gap_ms),
            ("one of two links silent: lost", "messages", Target::None, |cut| cut.missing),
            ("one of two links silent: ring", "changes", Target::None, |cut| cut.changes as f64),
        ];
        for (name, unit, target, value) in kinds {
            self.figures.push(Figure {
                name: name.to_owned(),
                unit,
                ours: value(&found[0].0),
                peer: found.get(1).map(|(cut, label)| (value(cut), label.clone())),
                target,
            });
        }
        Ok(())
    }

    /// A long run of the ring alone; whether it changed nothing.
    fn long(&self, name: &str) -> Result<bool, String> {
        let (folder, token) = (&self.folder.0, self.options.token);
        let seconds = |default: u64| self.options.seconds.map_or(default, |seconds| seconds as u64);
        let result = match name {
            "soak" => soak::rest(&self.ours, folder, self.options.nodes.unwrap_or(32), token, seconds(600))?,
            "hog" => soak::hog(&self.ours, folder, self.options.nodes.unwrap_or(3), token, seconds(600))?,
            _ => soak::rotate(&self.ours, folder, seconds(20))?,
        };
        println!("{}", json!({ name: result }));
        let none = |field: &str| result[field].as_f64().is_none_or(|value| value == 0.0);
        Ok(none("false_changes") && none("changes") && none("missing"))
    }
}
