//! Whether this machine is the one that the configuration means: a node whose own addresses are all elsewhere is a copy,
//! or its network is not up yet. It says so and waits. Does not know interfaces.

use std::net::IpAddr;

use crate::log::Event;
use crate::ring::Ring;

impl Ring {
    /// Takes the addresses of this machine. Only a ring that has formed nothing yet waits for one of its own: later an
    /// address may go and come (a cable, a restarted network), and silence decides as for any other failure.
    pub(super) fn addresses(&mut self, found: &[IpAddr]) {
        let missing = self.config.missing_addresses(self.me, found);
        let home = missing.is_none();
        if home == self.home || (!home && self.view.is_some()) {
            return;
        }
        self.home = home;
        let (now, start_wait) = (self.now.mono, self.start_wait());
        let Some(own) = missing else {
            self.propose_at = Some(now + start_wait);
            for peer in &mut self.peers {
                (peer.greet_at, peer.greetings) = (now, 0);
            }
            self.slow_at = now;
            self.evaluate_soon = true;
            return self.log(Event::AddressFound);
        };
        let name = self.identity.name.clone();
        self.log(Event::AddressMissing { node: self.me, name, own, found: found.to_vec() });
    }
}
