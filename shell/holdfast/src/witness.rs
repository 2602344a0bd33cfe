//! `holdfast witness`: the vote of even clusters from a third machine, its status, and the key that it needs of a
//! cluster. Knows words and folders; the program is `holdfast_node::witness`.

use holdfast_node::witness::{self, Places};
use holdfast_node::{load, thread};
use holdfast_totem::witness::PORT;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

const HELP: &str = "\
usage: holdfast witness [OPTION]...

Runs on a machine outside of the cluster and gives its vote to one part of a cluster that has split evenly, for as many
clusters as it has keys. Ends with SIGTERM; SIGHUP reads the keys again.

  --keys DIR      folder of the keys, one file CLUSTER.key a cluster (default: /etc/corosync/witness.d)
  --listen ADDR   address to listen on (default: all)
  --port N        UDP port (default: 5403)
  --status        show the clusters of the witness that runs here; with --verbose more about each node
  --export FILE   on a node: write the key that a witness needs of this cluster to FILE (never over an existing one)
  --config DIR    with --export: folder of corosync.conf and authkey (default: /etc/corosync)

The record of the votes lies in /var/lib/holdfast, the status socket in /run/holdfast (HOLDFAST_STATE_DIR and
HOLDFAST_RUN_DIR move them).
";

const TOOL_HELP: &str = "\
usage: corosync-qnetd-tool [-slv] [-c CLUSTER] [-h] [-V]

  -s          show a summary of the witness that runs here (default)
  -l          list its clusters
  -v          with -l: more about each node
  -c CLUSTER  with -l: only this cluster
  -h          show this help
  -V          show version and exit
";

fn folder(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| PathBuf::from(default), PathBuf::from)
}

fn run_dir() -> PathBuf {
    folder("HOLDFAST_RUN_DIR", "/run/holdfast")
}

/// Runs the command; 0 after SIGTERM, 1 when the witness does not start.
pub fn run(words: Vec<String>) -> i32 {
    let mut listen: IpAddr = Ipv6Addr::UNSPECIFIED.into();
    let (mut port, mut status, mut verbose) = (PORT, false, false);
    let mut keys = PathBuf::from("/etc/corosync/witness.d");
    let mut config = folder("HOLDFAST_CONFIG_DIR", "/etc/corosync");
    let mut export: Option<PathBuf> = None;
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        let mut value = || rest.next().cloned();
        let taken = match word.as_str() {
            "-h" | "--help" => {
                print!("{HELP}");
                return 0;
            }
            "--status" => {
                status = true;
                Some(())
            }
            "-v" | "--verbose" => {
                verbose = true;
                Some(())
            }
            // `corosync-qnetd` was started so by its unit: it stays in the foreground as we do.
            "-f" => Some(()),
            "--keys" => value().map(|v| keys = v.into()),
            "--config" => value().map(|v| config = v.into()),
            "--export" => value().map(|v| export = Some(v.into())),
            "-l" | "--listen" => value().and_then(|v| v.parse().ok()).map(|v| listen = v),
            "-p" | "--port" => value().and_then(|v| v.parse().ok()).map(|v| port = v),
            _ => None,
        };
        if taken.is_none() {
            eprintln!("holdfast witness: '{word}' is not understood, or its value is not\n{HELP}");
            return i32::from(crate::dispatch::USAGE);
        }
    }
    if status {
        return show(if verbose { b'v' } else { b'l' }, None);
    }
    let result = match export {
        Some(path) => write_key(&config, &path),
        None => serve(&Places {
            keys,
            state: folder("HOLDFAST_STATE_DIR", "/var/lib/holdfast"),
            run: run_dir(),
            listen: SocketAddr::new(listen, port),
        }),
    };
    match result {
        Ok(()) => 0,
        Err(message) => {
            eprintln!("holdfast witness: {message}");
            1
        }
    }
}

fn serve(places: &Places) -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime
        .block_on(witness::serve(places, &mut |line| eprintln!("[VOTEQ ] {line}")))
        .map_err(|error| error.to_string())
}

fn write_key(config: &Path, path: &Path) -> Result<(), String> {
    let file = config.join("corosync.conf");
    let state = folder("HOLDFAST_STATE_DIR", "/var/lib/holdfast");
    let loaded = load::load(&file, &state).map_err(|error| error.to_string())?;
    let key = thread::key(&loaded.conf).map_err(|error| error.to_string())?;
    if loaded.conf.seal == holdfast_node::config::Seal::Unsealed {
        return Err("this cluster is not sealed and has no key; remove 'holdfast_unsealed' first".to_owned());
    }
    witness::export(&key, &loaded.conf.cluster_name, path)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!(
        "Wrote {}. Copy it to the witness as /etc/corosync/witness.d/{}.key (scp -p), and reload it there: \
         systemctl reload holdfast-witness",
        path.display(),
        if loaded.conf.cluster_name.is_empty() { "CLUSTER" } else { &loaded.conf.cluster_name },
    );
    Ok(())
}

/// `corosync-qnetd-tool`: 0 shown, 1 when no witness runs here.
pub fn tool(words: Vec<String>) -> i32 {
    let (mut letter, mut verbose, mut cluster) = (b's', false, None);
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty() && word != "-c") {
            for c in letters.chars() {
                match c {
                    's' => letter = b's',
                    'l' => letter = b'l',
                    'v' => verbose = true,
                    'V' => {
                        println!("corosync-qnetd-tool version: {}", holdfast_tools::corosync::SPOKEN);
                        return 0;
                    }
                    'h' => {
                        print!("{TOOL_HELP}");
                        return 0;
                    }
                    _ => {
                        eprintln!("corosync-qnetd-tool: there is no option '-{c}'\n{TOOL_HELP}");
                        return 1;
                    }
                }
            }
        } else if word == "-c" {
            cluster = rest.next().cloned();
        } else {
            eprintln!("corosync-qnetd-tool: '{word}' is not understood\n{TOOL_HELP}");
            return 1;
        }
    }
    show(if letter == b'l' && verbose { b'v' } else { letter }, cluster.as_deref())
}

fn show(letter: u8, cluster: Option<&str>) -> i32 {
    let run = run_dir();
    match witness::ask(&run, letter) {
        Ok(text) => {
            match cluster {
                None => print!("{text}"),
                Some(name) => {
                    let wanted = format!("Cluster \"{name}\":");
                    let parts = text.split_inclusive("\n\n").filter(|part| part.starts_with(&wanted));
                    parts.for_each(|part| print!("{part}"));
                }
            }
            0
        }
        Err(error) => {
            eprintln!(
                "no witness runs here ({}: {error}); start it with: systemctl start holdfast-witness",
                witness::socket(&run).display()
            );
            1
        }
    }
}
