//! Words for the service manager (`sd_notify`).

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells the service manager, if one asked to be told.
pub fn tell(words: &str) {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let name = address.as_encoded_bytes();
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&address),
    };
    // A manager that does not listen has its own idea of a time limit.
    if let (Ok(address), Ok(socket)) = (address, UnixDatagram::unbound()) {
        let _ = socket.send_to_addr(words.as_bytes(), &address);
    }
}
