//! What the machine's interfaces mean for the links: which are up, whether our addresses are there, and whose they are.

use std::net::IpAddr;

use super::{Driver, clock};
use crate::sys;
use crate::thread::channel::Event;
use holdfast_totem::io::Input;

impl Driver {
    pub(super) fn routes_changed(&mut self) {
        if let Some(routes) = &self.routes {
            let mut buffer = [0; 8192];
            // What it says does not matter, only that something changed.
            while rustix::io::read(routes, &mut buffer).is_ok_and(|read| read > 0) {}
        }
        self.read_link_states();
    }

    /// Tells the ring about links whose interface went up or down.
    pub(super) fn read_link_states(&mut self) {
        let addresses = match sys::interface_addresses() {
            Ok(addresses) => addresses,
            Err(error) => {
                let text = format!("the addresses of this machine cannot be listed: {error}");
                return self.events.send(Event::Warning(text));
            }
        };
        let found = addresses.iter().map(|address| address.address).collect();
        self.ring.handle(clock(), Input::Addresses(found));
        let states: Vec<(u8, bool)> = self
            .sockets
            .iter()
            .map(|socket| {
                let own = socket.binding.bind.ip();
                let up = own.is_unspecified()
                    || own.is_loopback()
                    || addresses.iter().any(|address| address.address == own && address.up);
                (socket.binding.number, up)
            })
            .collect();
        for (link, up) in &states {
            let before = self.links_up.iter().find(|(number, _)| number == link).is_none_or(|(_, up)| *up);
            if before != *up {
                self.ring.handle(clock(), Input::LinkState { link: *link, up: *up });
            }
        }
        self.links_up = states;
    }

    /// Tells the network whose address a link's is, when a peer falls silent on it. Where another machine uses the same
    /// address (a copy of this one), neighbours send to that one what is meant for us until they hear from us again.
    pub(super) fn announce(&mut self, link: u8) {
        let socket = self.sockets.iter().find(|socket| socket.binding.number == link);
        let Some(IpAddr::V4(own)) = socket.map(|socket| socket.binding.bind.ip()) else { return };
        let addresses = match sys::interface_addresses() {
            Ok(addresses) => addresses,
            Err(error) => {
                let text = format!("the addresses of this machine cannot be listed: {error}");
                return self.events.send(Event::Warning(text));
            }
        };
        let holder = addresses.iter().find(|entry| entry.address == own && entry.up && !entry.loopback);
        let Some(holder) = holder else { return };
        match sys::announce(own, holder.index) {
            // An ordinary user may not, and neighbours find us by themselves, only later.
            Ok(()) | Err(rustix::io::Errno::PERM) => {}
            Err(error) => {
                let text = format!("{own} cannot be announced on {}: {error}", holder.interface);
                self.events.send(Event::Warning(text));
            }
        }
    }
}
