//! Prints how long a service address is away when its node is lost: `bench-failover [OPTION]... [WHAT]...`.
//!
//! Each run has machines of its own (network namespaces); a client asks the address every 10 ms. Knows what is done to
//! the cluster and when the client is answered again. The same with `--peer` on corosync and Pacemaker as installed.

use holdfast_bench::failover::{Options, Stack, WHAT, measure};
use std::io::Read as _;
use std::process::{Command, ExitCode, Stdio};

const HELP: &str = "\
usage: bench-failover [OPTION]... [WHAT]...

WHAT    kill     plug pulled, then the machine killed; another node decides
        killdc   the same with the node that decides
        cut      plug pulled only
        standby  crm node standby: longest time without an answer
        stop     orderly stop of the daemon: longest time without an answer
        crash    kill -9 of the daemon alone: longest time without an answer
        start    from nothing to all nodes online and idle
        (default: all of them)

  --runs N     runs of each (default 7)
  --token MS   token time-out (default 1000)
  --fencing    with a fence device that confirms at once
  --peer       corosync and Pacemaker as installed, instead of Holdfast
";

fn parse(words: &[String]) -> Result<(u32, Options, Vec<String>), String> {
    let mut options = Options { token: 1000, fencing: false, stack: Stack::Holdfast };
    let (mut runs, mut what) = (7, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().and_then(|value| value.parse().ok()).filter(|value| *value > 0);
            value.ok_or_else(|| format!("{word} needs a positive number"))
        };
        match word.as_str() {
            "--runs" => runs = number()?,
            "--token" => options.token = number()?,
            "--fencing" => options.fencing = true,
            "--peer" => options.stack = Stack::Peer,
            name if WHAT.contains(&name) => what.push(name.to_owned()),
            other => return Err(format!("what is \"{other}\"? see --help")),
        }
    }
    if what.is_empty() {
        what = WHAT.iter().map(|name| (*name).to_owned()).collect();
    }
    Ok((runs, options, what))
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "-h" || word == "--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if let [first, rest @ ..] = words.as_slice()
        && first == "--inside"
    {
        return inside(rest);
    }
    let (runs, options, what) = match parse(&words) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("bench-failover: {error}");
            return ExitCode::from(64);
        }
    };
    if options.stack == Stack::Peer && !std::path::Path::new("/usr/sbin/pacemakerd").exists() {
        eprintln!("SKIPPED: corosync and Pacemaker are not installed");
        return ExitCode::SUCCESS;
    }
    for name in &what {
        let mut found = Vec::new();
        for _ in 0..runs {
            match once(name, options) {
                Ok(ms) => found.push(ms),
                Err(error) => eprintln!("{name}: {error}"),
            }
        }
        found.sort_by(f64::total_cmp);
        let Some(median) = found.get(found.len() / 2) else { continue };
        let (least, most) = (found[0], found[found.len() - 1]);
        let fencing = if options.fencing { "fencing" } else { "no fencing" };
        println!(
            "{name:8} token {} {fencing:10} n {} median {median:.0} ms ({least:.0}-{most:.0})",
            options.token,
            found.len()
        );
    }
    ExitCode::SUCCESS
}

/// One run in namespaces of its own; they end with it.
fn once(name: &str, options: Options) -> Result<f64, String> {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--net", "--pid", "--mount", "--uts", "--ipc", "--fork", "--kill-child=KILL", "--mount-proc"])
        .arg(std::env::current_exe().map_err(|error| error.to_string())?)
        .args(["--inside", name, &options.token.to_string()])
        .args(options.fencing.then_some("--fencing"))
        .args((options.stack == Stack::Peer).then_some("--peer"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("unshare: {error}"))?;
    // Held open: its end tells the first process inside that we are gone.
    let lifeline = child.stdin.take();
    let output = child.wait_with_output().map_err(|error| format!("unshare: {error}"))?;
    drop(lifeline);
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines: Vec<&str> = said.lines().collect();
        format!("no result\n{}", lines[lines.len().saturating_sub(20)..].join("\n"))
    })
}

fn inside(words: &[String]) -> ExitCode {
    let [name, token, rest @ ..] = words else { return ExitCode::from(64) };
    std::thread::spawn(|| {
        let mut rest = [0_u8; 16];
        while std::io::stdin().read(&mut rest).is_ok_and(|length| length > 0) {}
        // The end of the first process is the end of everything inside.
        std::process::exit(1);
    });
    let Ok(token) = token.parse() else { return ExitCode::from(64) };
    let has = |word: &str| rest.iter().any(|one| one == word);
    let stack = if has("--peer") { Stack::Peer } else { Stack::Holdfast };
    let ms = measure(name, Options { token, fencing: has("--fencing"), stack });
    println!("{ms:.1}");
    ExitCode::SUCCESS
}
