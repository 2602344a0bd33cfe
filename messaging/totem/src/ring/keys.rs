//! Key rotation: two keys are accepted, the change happens when every peer that is heard can read the new one, and
//! the old one is forgotten when nobody sends with it any more. And what is done so that a copy of this process does not
//! seal with the keys and counters of this one.

use crate::config::Key;
use crate::io::LeaveReason;
use crate::log::Event;
use crate::ring::Ring;
use crate::seal::keys::Master;
use crate::time::Span;

impl Ring {
    /// A copy of this process may run somewhere, or have run: counters and challenges go on from where it does not
    /// come to.
    pub(super) fn leap(&mut self, chance: u64) {
        self.sealer.leap(chance);
        self.chance ^= chance.rotate_left(17);
        for peer in &mut self.peers {
            // A challenge from before may have been answered to the copy: a fresh one is drawn with the next greeting.
            if peer.challenge.is_some() {
                peer.challenge = Some([0; 16]);
            }
        }
        if self.sealer.is_spent() {
            self.restored();
        }
    }

    /// Ends without a word: what waits to be sent is sealed with counters that were used before.
    pub(super) fn restored(&mut self) {
        self.out.clear();
        self.log(Event::Restored);
        self.leave_now(LeaveReason::Restored);
        self.wake = None;
    }

    /// Whether [`Input::Rekey`](crate::io::Input::Rekey) with this key would be followed: not while another change of
    /// keys is on its way. Two keys are accepted at a time, and dropping one that somebody already sends with would
    /// cut him off. A key that nobody else has read yet may still be replaced.
    pub fn takes_key(&self, key: &Key) -> bool {
        let wanted = Master::new(key, &self.config.cluster_name).tag;
        let active = self.sealer.key_tag();
        let spread =
            |tag: u32| self.peers.iter().any(|p| p.told().is_some_and(|t| t.key_tags.contains(&tag)));
        match self.masters.as_slice() {
            [_, newer] if self.masters.iter().all(|m| m.tag != wanted) => {
                newer.tag != active && !spread(newer.tag)
            }
            _ => true,
        }
    }

    /// Takes a second key; it is sent with once every peer that is heard can read it.
    pub(super) fn rekey(&mut self, key: &Key) {
        let master = Master::new(key, &self.config.cluster_name);
        if self.masters.iter().any(|m| m.tag == master.tag) || !self.takes_key(key) {
            return;
        }
        let active = self.sealer.key_tag();
        self.masters.retain(|m| m.tag == active);
        self.masters.push(master);
        self.retire_at = None;
        self.log(Event::KeyStaged);
        self.presence_soon = true;
        self.check_keys();
    }

    /// Moves the rotation of keys on.
    pub(super) fn check_keys(&mut self) {
        let [old, new] = self.masters.as_slice() else { return };
        let (old, new) = (old.tag, new.clone());
        let token = self.config.timing.token;
        let now = self.now.mono;
        let told = |test: &dyn Fn(&[u32; 2]) -> bool| {
            self.peers
                .iter()
                .filter(|p| p.is_heard(now, token))
                .all(|p| p.told().is_some_and(|told| test(&told.key_tags)))
        };
        if self.sealer.key_tag() == old {
            if told(&|tags| tags.contains(&new.tag)) {
                self.sealer.change_key(&new);
                self.log(Event::KeyActive);
                self.presence_soon = true;
            }
        } else if told(&|tags| tags[0] == new.tag) {
            let at = *self.retire_at.get_or_insert(now + token.times(2).max(Span::secs(5)));
            if at <= now {
                self.retired = Some(self.masters.remove(0));
                self.retire_at = None;
                for peer in &mut self.peers {
                    for session in peer.session.iter_mut().chain(&mut peer.previous) {
                        session.opener.retain_key(|tag| tag != old);
                    }
                }
                self.log(Event::KeyRetired);
            }
        } else {
            self.retire_at = None;
        }
    }
}
