//! `holdfast bench ring`: how fast this machine orders messages, and how fast a ring recovers.
//!
//! Starts real nodes and programs as processes of their own, counts what the programs see, and prints one table or
//! one line of JSON. Leaves no process and no file behind.

mod program;
mod stage;

use serde_json::{Value, json};
use stage::{Stage, Usage};
use std::time::{Duration, Instant};

const USAGE: i32 = 64;
const HELP: &str = "\
usage: holdfast bench ring [OPTION]...

Starts a ring of real nodes on 127.0.1.x and measures it through programs on the local socket.

  --nodes N       nodes (default 3)
  --senders N     sending programs, one a node (default 1)
  --size BYTES    size of a message (default 64)
  --seconds S     how long (default 3)
  --token MS      token time-out (default 1000)
  --latency       single messages, one every 10 ms, instead of as many as possible
  --interval MS   with --latency: time between two messages (default 10)
  --failover      kill a node and measure until the others know, then its return, then a clean leave
  --unsealed      in clear
  --nice          ordinary scheduling instead of real-time
  --json          one line of JSON
  --socket PATH   measure the rings of running nodes instead; once for each node
";

/// The settled command line.
#[derive(Clone, Debug)]
pub struct Options {
    nodes: usize,
    senders: usize,
    size: usize,
    seconds: f64,
    token: u32,
    latency: bool,
    interval_ms: u64,
    failover: bool,
    unsealed: bool,
    nice: bool,
    json: bool,
    sockets: Vec<std::path::PathBuf>,
}

fn parse(words: &[String]) -> Result<Options, String> {
    let mut options = Options {
        nodes: 3,
        senders: 1,
        size: 64,
        seconds: 3.0,
        token: 1000,
        latency: false,
        interval_ms: 10,
        failover: false,
        unsealed: false,
        nice: false,
        json: false,
        sockets: Vec::new(),
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = |what: &str| words.next().ok_or_else(|| format!("'{word}' needs {what}"));
        fn number<T: std::str::FromStr>(word: &str, text: &str) -> Result<T, String> {
            text.parse().map_err(|_| format!("'{text}' is no value of '{word}'"))
        }
        match word.as_str() {
            "--nodes" => options.nodes = number(word, value("a number")?)?,
            "--senders" => options.senders = number(word, value("a number")?)?,
            "--size" => options.size = number(word, value("bytes")?)?,
            "--seconds" => options.seconds = number(word, value("seconds")?)?,
            "--token" => options.token = number(word, value("milliseconds")?)?,
            "--interval" => options.interval_ms = number(word, value("milliseconds")?)?,
            "--latency" => options.latency = true,
            "--failover" => options.failover = true,
            "--unsealed" => options.unsealed = true,
            "--nice" => options.nice = true,
            "--json" => options.json = true,
            "--socket" => options.sockets.push(value("a path")?.into()),
            other => return Err(format!("'{other}' is not understood")),
        }
    }
    if !options.sockets.is_empty() {
        options.nodes = options.sockets.len();
    }
    if options.nodes == 0 || options.nodes > 64 || options.senders == 0 || options.senders > options.nodes {
        return Err("between 1 and 64 nodes, and as many senders at most".to_owned());
    }
    if !(16..=holdfast_node::groups::MAX_MESSAGE).contains(&options.size) {
        return Err(format!("a message has 16 to {} bytes", holdfast_node::groups::MAX_MESSAGE));
    }
    if !(0.1..=3600.0).contains(&options.seconds) {
        return Err("between 0.1 and 3600 seconds".to_owned());
    }
    if options.failover && (!options.sockets.is_empty() || options.nodes < 2) {
        return Err("--failover needs at least two nodes of its own".to_owned());
    }
    Ok(options)
}

/// Runs the command.
pub fn run(words: Vec<String>) -> i32 {
    match words.get(1).map(String::as_str) {
        // The programs and nodes that the measurement starts.
        Some("ring-program") => program::run(&words[2..]),
        Some("ring") if words.iter().any(|word| word == "-h" || word == "--help") => {
            print!("{HELP}");
            0
        }
        Some("ring") => match parse(&words[2..]) {
            Ok(options) => report(&options),
            Err(message) => {
                eprintln!(
                    "holdfast bench ring: {message}\nType 'holdfast bench ring --help' for the options."
                );
                USAGE
            }
        },
        Some("-h" | "--help") => {
            print!("{HELP}");
            0
        }
        _ => {
            eprint!("{HELP}");
            USAGE
        }
    }
}

fn report(options: &Options) -> i32 {
    let measured = if options.failover { failover(options) } else { throughput(options) };
    match measured {
        Ok(figures) if options.json => {
            println!("{figures}");
            0
        }
        Ok(figures) => {
            for (name, value) in figures.as_object().into_iter().flatten() {
                println!("{name:<24} {value}");
            }
            0
        }
        Err(message) => {
            eprintln!("holdfast bench ring: {message}");
            1
        }
    }
}

/// The middle of a list.
fn median(mut list: Vec<f64>) -> f64 {
    list.sort_by(f64::total_cmp);
    list.get(list.len() / 2).copied().unwrap_or(0.0)
}

fn round(value: f64, digits: i32) -> f64 {
    let factor = 10f64.powi(digits);
    (value * factor).round() / factor
}

fn throughput(options: &Options) -> Result<Value, String> {
    let mut stage = Stage::new(options)?;
    stage.wait_formed(Duration::from_secs(20))?;
    let idle = stage.usage();
    let results = stage.programs(options)?;
    let busy = stage.usage();
    let mut figures = json!({
        "nodes": options.nodes, "senders": options.senders, "size": options.size,
        "sealed": !options.unsealed, "real_time": !options.nice, "token_ms": options.token,
    });
    let field =
        |name: &str| -> Vec<f64> { results.iter().filter_map(|result| result[name].as_f64()).collect() };
    if options.latency {
        for name in ["self_p50_us", "self_p99_us", "remote_p50_us", "remote_p99_us", "remote_min_us"] {
            figures[name] = json!(round(median(field(name)), 1));
        }
    } else {
        let rate = median(field("messages_per_second"));
        figures["messages_per_second"] = json!(rate.round());
        figures["megabytes_per_second"] = json!(round(rate * options.size as f64 / 1e6, 2));
        let messages = median(field("messages"));
        if let Some(cpu) = Usage::cpu_between(&idle, &busy) {
            figures["cpu_us_per_message"] = json!(round(cpu.as_secs_f64() * 1e6 / messages.max(1.0), 2));
        }
    }
    let resident = |usages: &[Usage]| usages.iter().map(|usage| usage.resident_kib).max().unwrap_or(0) / 1024;
    figures["resident_mib_idle"] = json!(resident(&idle));
    figures["resident_mib_after"] = json!(resident(&busy));
    figures["load_average"] = json!(stage::load_average());
    Ok(figures)
}

fn failover(options: &Options) -> Result<Value, String> {
    let mut stage = Stage::new(options)?;
    let formed = stage.wait_formed(Duration::from_secs(20))?;
    let mut watchers = stage.watchers()?;
    let last = options.nodes - 1;
    let all = options.nodes;
    let ms = |span: Duration| round(span.as_secs_f64() * 1e3, 1);
    for watcher in &mut watchers[..last] {
        watcher.wait_for(all, Duration::from_secs(20))?;
    }
    let mut killed = Vec::new();
    let mut joined = Vec::new();
    let mut left = Vec::new();
    let rounds = (options.seconds as usize).clamp(1, 20);
    for turn in 0..2 * rounds {
        let clean = turn % 2 == 1;
        let start = Instant::now();
        if clean {
            stage.terminate(last)?;
        } else {
            stage.kill(last)?;
        }
        for watcher in &mut watchers[..last] {
            watcher.wait_for(all - 1, Duration::from_secs(60))?;
        }
        watchers.truncate(last);
        if clean {
            left.push(ms(start.elapsed()))
        } else {
            killed.push(ms(start.elapsed()))
        }
        stage.reap(last)?;
        let start = Instant::now();
        stage.start(last)?;
        watchers.push(stage.watcher(last, Duration::from_secs(20))?);
        for watcher in &mut watchers[..last] {
            watcher.wait_for(all, Duration::from_secs(60))?;
        }
        joined.push(ms(start.elapsed()));
    }
    Ok(json!({
        "nodes": options.nodes, "token_ms": options.token, "sealed": !options.unsealed,
        "formed_ms": ms(formed),
        "kill_ms_median": median(killed.clone()), "kill_ms": killed,
        "clean_leave_ms_median": median(left.clone()), "clean_leave_ms": left,
        "join_ms_median": median(joined.clone()), "join_ms": joined,
        "load_average": stage::load_average(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_checked() {
        let check = |line: &str, fine: bool| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            assert_eq!(parse(&words).is_ok(), fine, "{line}");
        };
        check("", true);
        check("--nodes 5 --senders 3 --size 65536 --seconds 2.5 --json", true);
        check("--senders 4", false);
        check("--size 15", false);
        check("--size", false);
        check("--nodes many", false);
        check("--failover --nodes 1", false);
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![]), 0.0);
    }
}
