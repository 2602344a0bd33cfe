//! The sockets of programs: who may come in, what is read and written, who is cut off. Of groups it
//! knows only that whoever goes leaves them.

use super::{Client, LISTENER, Server};
use crate::groups::counters::{Buffer, Program};
use crate::groups::wire::{Between, ToProgram};
use crate::groups::{MAX_CLIENTS, Reason};
use holdfast_totem::time::{Instant, Span};
use rustix::event::{Timespec, epoll};
use rustix::net::sockopt::socket_peercred;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Bytes taken from one program before the others have their turn.
pub(super) const READ: usize = 256 << 10;
/// Bytes waiting for one program from which on all nodes are asked to hold, and to which they must fall again.
const HIGH: usize = 2 << 20;
const LOW: usize = 256 << 10;
/// A program that lets this many bytes wait, or takes nothing for so long while many wait, is cut off.
const LIMIT: usize = 24 << 20;
const PATIENCE: Span = Span::secs(5);

impl Server {
    /// Writes to programs that take something again.
    pub fn write_ready(&mut self) -> io::Result<()> {
        for (id, _) in poll_set(&self.writers)? {
            self.write(id);
        }
        self.bury();
        Ok(())
    }

    /// Takes what a program sent, or new programs.
    pub fn came(&mut self, id: u64, flags: epoll::EventFlags) {
        if id == LISTENER {
            self.accept();
        } else if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR)
            && !self.full()
        {
            self.read(id);
            self.bury();
        }
    }

    /// As [`Self::came`], for all that is there now.
    #[cfg(test)]
    pub fn ready(&mut self) -> io::Result<()> {
        poll_set(&self.epoll)?.into_iter().for_each(|(id, flags)| self.came(id, flags));
        Ok(())
    }

    fn accept(&mut self) {
        while let Ok((socket, _)) = self.listener.accept() {
            let Ok(peer) = socket_peercred(&socket) else { continue };
            let (uid, gid) = (peer.uid.as_raw(), peer.gid.as_raw());
            let own = rustix::process::geteuid().as_raw();
            let allowed = uid == 0
                || uid == own
                || self.settings.users.contains(&uid)
                || self.settings.groups.contains(&gid);
            if !allowed || self.clients.len() >= MAX_CLIENTS || socket.set_nonblocking(true).is_err() {
                let why = if allowed { "too many programs" } else { "this user may not use the ring" };
                let mut bytes = Vec::new();
                ToProgram::Refused { handle: 0, why }.encode(&mut bytes);
                // The connection is closed; that the reason may not arrive changes nothing.
                let _ = (&socket).write(&bytes);
                continue;
            }
            let id = self.next;
            self.next += 1;
            if epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(id), epoll::EventFlags::IN).is_err()
            {
                continue;
            }
            let client = Client {
                socket,
                pid: u32::try_from(peer.pid.as_raw_nonzero().get()).unwrap_or(0),
                greeted: false,
                input: Buffer::default(),
                output: Buffer::default(),
                joined: BTreeMap::new(),
                wants_write: false,
                taken: None,
                progress: false,
                gone: false,
                counts: Program::default(),
                holds_before: self.holds,
            };
            self.clients.insert(id, client);
        }
    }

    fn read(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        match client.socket.read(&mut self.scratch) {
            Ok(0) => client.gone = true,
            Ok(count) => client.input.bytes.extend_from_slice(&self.scratch[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                client.counts.read_again += 1;
            }
            Err(_) => client.gone = true,
        }
        if let Err(why) = self.frames(id)
            && let Some(client) = self.clients.get_mut(&id)
        {
            client.counts.invalid += 1;
            client.answer(&ToProgram::Refused { handle: 0, why: &why });
            self.write(id);
            if let Some(client) = self.clients.get_mut(&id) {
                client.gone = true;
            }
        }
    }

    /// Writes what waits for programs; asks all nodes to hold where one does not keep up.
    pub fn flush(&mut self, now: Instant) {
        let waiting: Vec<u64> =
            self.clients.iter().filter(|(_, c)| c.output.len() > 0).map(|(id, _)| *id).collect();
        for id in waiting {
            if self.clients.get(&id).is_some_and(|client| !client.wants_write) {
                self.write(id);
            }
            if let Some(client) = self.clients.get_mut(&id) {
                let much = client.output.len() >= HIGH;
                let moved = std::mem::take(&mut client.progress);
                client.taken = if !much || moved { None } else { client.taken.or(Some(now)) };
                let stuck = client.taken.is_some_and(|since| now.since(since) > PATIENCE);
                if client.output.len() > LIMIT || stuck {
                    client.gone = true;
                }
            }
        }
        let most = self.clients.values().map(|client| client.output.len()).max().unwrap_or(0);
        if !self.holding && most > HIGH {
            self.holding = true;
            self.tell(&Between::Hold(true));
        } else if self.holding && most < LOW {
            self.holding = false;
            self.tell(&Between::Hold(false));
        }
        self.bury();
    }

    pub(super) fn write(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        while client.output.len() > 0 {
            match client.socket.write(client.output.waiting()) {
                Ok(0) => break,
                Ok(count) => {
                    client.output.took(count);
                    client.progress = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    client.counts.write_again += 1;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => client.counts.write_again += 1,
                Err(_) => {
                    client.gone = true;
                    client.output = Buffer::default();
                }
            }
        }
        let wants = client.output.len() > 0;
        if wants != client.wants_write {
            client.wants_write = wants;
            let data = epoll::EventData::new_u64(id);
            let done = if wants {
                epoll::add(&self.writers, &client.socket, data, epoll::EventFlags::OUT)
            } else {
                epoll::delete(&self.writers, &client.socket)
            };
            if done.is_err() {
                client.gone = true;
            }
        }
    }

    /// Removes programs that ended; the others hear of it in the ring's order.
    fn bury(&mut self) {
        let gone: Vec<u64> = self.clients.iter().filter(|(_, c)| c.gone).map(|(id, _)| *id).collect();
        for id in gone {
            let Some(client) = self.clients.remove(&id) else { continue };
            self.buried += 1;
            // Closing the socket takes it out of the set.
            let _ = epoll::delete(&self.epoll, &client.socket);
            let _ = epoll::delete(&self.writers, &client.socket);
            for (group, _) in client.joined.values() {
                let reason = Reason::ProcessDown as u8;
                self.tell(&Between::Leave { group, pid: client.pid, reason });
            }
        }
    }
}

/// What is ready in a set, without waiting.
fn poll_set(set: &OwnedFd) -> io::Result<Vec<(u64, epoll::EventFlags)>> {
    let mut events: Vec<epoll::Event> = Vec::with_capacity(64);
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match epoll::wait(set, rustix::buffer::spare_capacity(&mut events), Some(&now)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(events.iter().map(|event| (event.data.u64(), event.flags)).collect())
}

pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if path.symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_socket()) {
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(ErrorKind::AddrInUse, "another daemon serves this socket"));
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    // Who may speak is decided by who it is, not by the file.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}
