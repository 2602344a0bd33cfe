//! The small programs that the demonstration's nodes run: a web server and a fence agent.
//!
//! Knows their protocols only.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Port of the web server.
pub const PORT: u16 = 8080;
/// Variable that names the address to listen on; all when it is not set.
pub const LISTEN_VARIABLE: &str = "HOLDFAST_DEMO_LISTEN";
/// Longest wait for a peer of any kind.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves the node's name until it is killed.
pub fn web() -> i32 {
    let address = std::env::var(LISTEN_VARIABLE).ok().and_then(|a| a.parse().ok());
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let listener = match TcpListener::bind(SocketAddr::new(address, PORT)) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("demo web: cannot listen on {address} port {PORT}: {error}");
            return 1;
        }
    };
    let name = std::env::var("HOLDFAST_NODE")
        .unwrap_or_else(|_| rustix::system::uname().nodename().to_string_lossy().into_owned());
    for stream in listener.incoming().flatten() {
        // A client that went away is its own business.
        let _ = answer(stream, &name);
    }
    0
}

fn answer(mut stream: std::net::TcpStream, name: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    stream.set_write_timeout(Some(Duration::from_millis(500)))?;
    let mut asked = [0u8; 1024];
    let _ = stream.read(&mut asked)?;
    let body = format!("{name}\n");
    write!(
        stream,
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const METADATA: &str = r#"<?xml version="1.0" ?>
<resource-agent name="fence_demo" shortdesc="Power switch of the demonstration">
  <longdesc>Switches the nodes of `holdfast demo` off and on.</longdesc>
  <parameters>
    <parameter name="switch" unique="0" required="1">
      <content type="string"/>
      <shortdesc lang="en">Socket of the power switch</shortdesc>
    </parameter>
    <parameter name="plug" unique="0" required="0">
      <content type="string"/>
      <shortdesc lang="en">Node to act on</shortdesc>
    </parameter>
    <parameter name="action" unique="0" required="0">
      <content type="string" default="off"/>
      <shortdesc lang="en">Action</shortdesc>
    </parameter>
  </parameters>
  <actions>
    <action name="on" automatic="0"/>
    <action name="off"/>
    <action name="reboot"/>
    <action name="status"/>
    <action name="monitor"/>
    <action name="list"/>
    <action name="metadata"/>
  </actions>
</resource-agent>
"#;

/// The fence agent: reads `name=value` lines, asks the demonstration's power switch.
pub fn fence() -> i32 {
    let (mut action, mut plug, mut switch) = ("off".to_owned(), String::new(), String::new());
    for line in std::io::stdin().lock().lines().map_while(Result::ok).take(1000) {
        match line.trim().split_once('=') {
            Some(("action" | "option", value)) => action = value.to_owned(),
            Some(("plug" | "port" | "nodename", value)) => plug = value.to_owned(),
            Some(("switch", value)) => switch = value.to_owned(),
            _ => {}
        }
    }
    match action.as_str() {
        "metadata" => {
            print!("{METADATA}");
            return 0;
        }
        "list" => {
            println!("{}", super::files::NODES.join("\n"));
            return 0;
        }
        _ => {}
    }
    match ask(&switch, &format!("{action} {plug}\n")) {
        Ok(said) if said.trim() == "ok" => 0,
        Ok(said) => {
            eprintln!("fence_demo: {action} {plug}: the switch said `{}`", said.trim());
            1
        }
        Err(error) => {
            eprintln!("fence_demo: cannot ask the switch {switch}: {error}");
            1
        }
    }
}

fn ask(switch: &str, question: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(switch)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(question.as_bytes())?;
    let mut said = String::new();
    BufReader::new(stream).take(100).read_line(&mut said)?;
    Ok(said)
}
