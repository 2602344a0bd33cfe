//! The first process of a demonstration node: brings the network up, starts the daemon, reaps what is orphaned.
//!
//! Knows the hand-shake with the stage. Does not know the cluster.

use holdfast_agent_stock::netlink::{Entry, Netlink};
use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Runs a node: `demo node NAME ADDRESS`, with its folders in the environment.
pub fn run(words: Vec<String>) -> i32 {
    let (Some(name), Some(address)) = (words.get(2), words.get(3).and_then(|a| a.parse::<Ipv4Addr>().ok()))
    else {
        eprintln!("demo node NAME ADDRESS: started by `holdfast demo`");
        return 64;
    };
    match node(name, address) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("demo node {name}: {error}");
            1
        }
    }
}

/// Ends the node and removes the demonstration's files when the stage is gone without having done it.
fn follow_lifeline(own_processes: bool) {
    let mut rest = [0u8; 16];
    while std::io::stdin().read(&mut rest).is_ok_and(|n| n > 0) {}
    if own_processes {
        // The first process of a process namespace is not reached by this itself.
        let _ =
            rustix::process::kill_process_group(rustix::process::Pid::INIT, rustix::process::Signal::KILL);
    }
    if let Some(root) = std::env::var_os("HOLDFAST_AGENT_DIR").map(std::path::PathBuf::from)
        && let Some(root) = root.parent()
    {
        let _ = std::fs::remove_dir_all(root);
    }
    std::process::exit(1);
}

fn node(name: &str, address: Ipv4Addr) -> std::io::Result<i32> {
    let own_network = !address.is_loopback();
    if own_network {
        rustix::system::sethostname(name.as_bytes())?;
    }
    std::io::stdout().write_all(b"r")?;
    std::io::stdout().flush()?;
    // The stage plugs the cable in and says so.
    let mut go = [0u8; 1];
    if std::io::stdin().read(&mut go)? == 0 {
        return Ok(1);
    }
    std::thread::spawn(move || follow_lifeline(own_network));
    if own_network {
        let mut net = Netlink::open()?;
        for link in ["lo", "eth0"] {
            let index = net.index(link)?;
            net.set_up(index, true)?;
        }
        let index = net.index("eth0")?;
        net.add_address(&Entry::plain(index, address.into(), 24))?;
    }
    let exe = std::env::current_exe()?;
    let daemon = Command::new(exe).arg("daemon").env("HOLDFAST_NODE", name).stdin(Stdio::null()).spawn()?;
    let daemon_pid = i32::try_from(daemon.id()).unwrap_or_default();
    loop {
        match rustix::process::wait(rustix::process::WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == daemon_pid => {
                return Ok(status.exit_status().unwrap_or(1));
            }
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                std::thread::sleep(Duration::from_millis(100));
                if error == rustix::io::Errno::CHILD {
                    return Ok(1);
                }
            }
        }
    }
}
