//! A web server for tests: answers every request with the content of one file.
//!
//! Usage: `NAME PORT FILE`. Knows one kind of answer. Ends with the signal that its init script sends.

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, TcpListener};
use std::time::Duration;

fn main() -> std::io::Result<()> {
    let mut words = std::env::args().skip(1);
    let port = words.next().and_then(|port| port.parse::<u16>().ok()).unwrap_or(80);
    let file = words.next().unwrap_or_default();
    // As the servers of the tutorials: one socket for both families.
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))?;
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let page = std::fs::read_to_string(&file).unwrap_or_default();
        let answer =
            format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}", page.len());
        let mut request = [0u8; 1024];
        // A client that goes away is no fault of the server.
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let _ = stream.read(&mut request);
        let _ = stream.write_all(answer.as_bytes());
    }
    Ok(())
}
