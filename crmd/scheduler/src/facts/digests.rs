//! Digests of parameters: has a definition changed since an operation ran?

use std::collections::BTreeMap;

use holdfast_model::OperationRecord;
use holdfast_model::config::OperationConfig;
use holdfast_model::digest::{filtered, meta_name, of_parameters};
use holdfast_model::rule::{Input, compare_versions};

use super::types::{DigestCache, Digests, Facts, NodeIx, OpRef, RscIx};

/// Result of comparing a history entry with the definition of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestChange {
    /// The entry carries no digest.
    Unknown,
    /// Nothing changed.
    Match,
    /// Something changed that can be reloaded (or, for recurring operations, needs a new schedule).
    Mismatch,
    /// Something changed that needs a restart.
    Restart,
}

/// What decides about a comparison besides the entry.
#[derive(Debug, Clone, Copy, Default)]
pub struct DigestContext<'a> {
    /// The name of the node that will host the container, for connections into bundles without own address.
    pub host_address: Option<&'a str>,
    /// Also compute the digest without secret parameters.
    pub secure: bool,
}

impl Facts<'_> {
    /// Compares a history entry with the definition of today. Digests are cached by node, resource, task and interval,
    /// so the entry that is compared first decides whether there is a restart digest.
    pub fn compare_digests(
        &self,
        cache: &mut DigestCache,
        rsc: RscIx,
        node: NodeIx,
        at: OpRef,
        context: DigestContext<'_>,
    ) -> (DigestChange, Digests) {
        let record = self.op(at);
        let context = DigestContext { secure: context.secure || self.options.sanitized, ..context };
        let restart = if self.poisoned.contains(&at) {
            Some("calculated-failure-timeout")
        } else {
            record.op_restart_digest.as_deref()
        };
        let key = (node, rsc, record.operation.clone(), record.interval_ms);
        let digests = match cache.get(&key) {
            Some(digests) => digests.clone(),
            None => {
                let has_restart = restart.is_some();
                let digests = self.digests(
                    rsc,
                    node,
                    &record.operation,
                    record.interval_ms,
                    Some((record, has_restart)),
                    context,
                );
                cache.insert(key, digests.clone());
                digests
            }
        };
        let restart_differs = match (digests.restart.as_deref(), restart) {
            (Some(now), Some(then)) => now != then,
            (Some(_) | None, _) => false,
        };
        let change = if restart_differs {
            DigestChange::Restart
        } else {
            match record.op_digest.as_deref() {
                None => DigestChange::Unknown,
                Some(then) if then == digests.all => DigestChange::Match,
                Some(_) if record.interval_ms == 0 && digests.own_parameters => DigestChange::Restart,
                Some(_) => DigestChange::Mismatch,
            }
        };
        (change, digests)
    }

    /// The digests an operation would have now. `entry` is the history entry it will be compared with, and whether
    /// that has a restart digest.
    pub fn digests(
        &self,
        rsc: RscIx,
        node: NodeIx,
        task: &str,
        interval_ms: u32,
        entry: Option<(&OperationRecord, bool)>,
        context: DigestContext<'_>,
    ) -> Digests {
        let this = &self.rscs[rsc];
        let params = self.params(rsc, Some(node));
        self.needs_host_as_address(rsc);
        let mut all = BTreeMap::new();
        if let Some(address) = context.host_address {
            all.insert("addr".to_owned(), address.to_owned());
        }
        let mut add = |name: &str, value: &str| {
            all.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        };
        for (name, value) in &params {
            add(name, value);
        }
        let config = this.op_config(task, interval_ms, true);
        let own = config.map(|config| self.op_params(config, Some(node))).unwrap_or_default();
        for (name, value) in &own {
            add(name, value);
        }
        for (name, value) in self.op_meta(rsc, Some(node), task, interval_ms, config) {
            if !name.contains(['#', ':']) {
                add(&meta_name(&name), &value);
            }
        }
        let all = filtered(all);
        let secure = context.secure.then(|| {
            let version = entry.and_then(|(record, _)| record.feature_set.as_deref()).or(self
                .cib
                .header
                .feature_set
                .as_deref());
            self.secure_digest(rsc, &all, params, version, entry.map(|(record, _)| record))
        });
        let restart = entry.filter(|(_, has_restart)| *has_restart).map(|(record, _)| {
            let mut kept = all.clone();
            if let Some(names) = &record.op_force_restart {
                kept.retain(|name, _| names.split(' ').any(|listed| listed == name));
            }
            of_parameters(&kept)
        });
        Digests {
            all: of_parameters(&all),
            secure,
            restart,
            own_parameters: interval_ms == 0 && !own.is_empty(),
        }
    }

    /// Parameters that only one operation has, evaluated for a node.
    pub fn op_params(&self, config: &OperationConfig, node: Option<NodeIx>) -> BTreeMap<String, String> {
        let input = Input {
            now: self.now,
            node_attributes: node.map(|node| &self.nodes[node].attributes),
            ..Input::default()
        };
        let mut table = BTreeMap::new();
        self.evaluate(&config.params, &input, &mut table);
        table
    }

    fn secure_digest(
        &self,
        rsc: RscIx,
        all: &BTreeMap<String, String>,
        params: BTreeMap<String, String>,
        version: Option<&str>,
        record: Option<&OperationRecord>,
    ) -> String {
        let old = version.is_some_and(|version| compare_versions(version, "3.16.0").is_lt());
        let mut table = if old { params } else { all.clone() };
        let secret = match record {
            None => Some("passwd password user"),
            Some(record) => record.op_secure_params.as_deref(),
        };
        if let Some(names) = secret {
            table.retain(|name, _| !names.split(' ').any(|listed| listed == name));
        }
        if old && self.rscs[rsc].class().eq_ignore_ascii_case("stonith") {
            table.retain(|name, _| !is_fence_parameter(name));
        }
        let mut table = filtered(table);
        if old {
            table.remove("CRM_meta_timeout");
        }
        of_parameters(&table)
    }
}

/// Parameters of fence devices that the cluster itself reads.
fn is_fence_parameter(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("pcmk_") else {
        return matches!(name, "provides" | "stonith-timeout");
    };
    matches!(
        rest,
        "action_limit"
            | "delay_base"
            | "delay_max"
            | "host_argument"
            | "host_check"
            | "host_list"
            | "host_map"
    ) || matches!(rest.find('_').map(|at| &rest[at..]), Some("_action" | "_timeout" | "_retries"))
}
