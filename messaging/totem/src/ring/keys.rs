//! Key rotation: two keys are accepted, the change happens when every peer that is heard can read the new one, and
//! the old one is forgotten when nobody sends with it any more.

use crate::config::Key;
use crate::log::Event;
use crate::ring::Ring;
use crate::seal::keys::Master;
use crate::time::Span;

impl Ring {
    /// Takes a second key; it is sent with once every peer that is heard can read it.
    pub(super) fn rekey(&mut self, key: &Key) {
        let master = Master::new(key, &self.config.cluster_name);
        if self.masters.iter().any(|m| m.tag == master.tag) {
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
