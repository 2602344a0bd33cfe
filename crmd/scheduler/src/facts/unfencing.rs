//! Unfencing: the devices that give a node back its access, and whether their definition changed since they did.
//!
//! Knows what the agents need to be told of the devices' definitions. Does not know which node is unfenced, or when.

use super::digests::DigestContext;
use super::types::{DigestCache, Facts, Flags, NodeIx, RscIx, UnfencingDigests};

impl Facts<'_> {
    /// Digests of all devices that unfence, as far as they are known now, and whether one changed since the node was
    /// unfenced. The last device comes first.
    pub fn unfencing_digests(&self, cache: &mut DigestCache, node: NodeIx) -> UnfencingDigests {
        let mut devices = Vec::new();
        for top in &self.top {
            self.unfencing_devices(*top, &mut devices);
        }
        let mut result = UnfencingDigests::default();
        let this = &self.nodes[node];
        for device in devices.into_iter().rev() {
            let digests = cache.entry((node, device, "stonith-on".to_owned(), 0)).or_insert_with(|| {
                let context = DigestContext { host_address: None, secure: true };
                self.digests(device, node, "stonith-on", 0, None, context)
            });
            let data = &self.rscs[device];
            let agent = data.agent.as_ref().map_or("", |agent| agent.agent_type.as_str());
            let secure = digests.secure.as_deref();
            let all_summary = format!("{}:{agent}:{}", data.id, digests.all);
            let secure_summary = format!("{}:{agent}:{}", data.id, secure.unwrap_or_default());
            if let Some(known) = this.attributes.get("#digests-all") {
                let same = known.contains(&all_summary);
                let same_but_secret = this
                    .attributes
                    .get("#digests-secure")
                    .is_some_and(|known| known.contains(&secure_summary));
                if !same && same_but_secret {
                    result.notices.push(format!(
                        "Only 'private' parameters to {} for unfencing {} changed",
                        data.id, this.name
                    ));
                } else if !same {
                    result.changed = true;
                    if self.options.sanitized && secure.is_some() {
                        result.notices.push(format!(
                            "Parameters to {} for unfencing {} changed, try '{secure_summary}'",
                            data.id, this.name
                        ));
                    }
                    result.notices.push(format!(
                        "notice: Unfencing node {} because the definition of {} changed",
                        this.name, data.id
                    ));
                }
            }
            result.all.push_str(&all_summary);
            result.all.push(',');
            result.secure.push_str(&secure_summary);
            result.secure.push(',');
        }
        result
    }

    fn unfencing_devices(&self, rsc: RscIx, devices: &mut Vec<RscIx>) {
        let data = &self.rscs[rsc];
        if !data.children.is_empty() {
            for child in &data.children {
                self.unfencing_devices(*child, devices);
            }
        } else if data.is(Flags::FENCE_DEVICE)
            && (data.is(Flags::NEEDS_UNFENCING)
                || data.meta("provides").is_some_and(|provides| provides.eq_ignore_ascii_case("unfencing")))
        {
            devices.push(rsc);
        }
    }
}
