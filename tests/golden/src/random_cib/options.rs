//! Random options of the cluster and defaults of resources and operations.

use super::{Element, Maker, Pairs, element};

impl Maker {
    /// The section `crm_config`.
    pub(super) fn options(&mut self) -> Element {
        let mut set = Pairs::new("cluster_property_set", "cib-bootstrap-options");
        set.set("stonith-enabled", self.taste.fencing);
        // Its default changed between the versions that are compared.
        set.set("concurrent-fencing", self.random.chance(60));
        if self.random.chance(60) {
            let policies: &[&str] = if self.taste.fencing {
                &["ignore", "stop", "freeze", "demote", "suicide"]
            } else {
                &["ignore", "stop", "freeze", "demote"]
            };
            set.set("no-quorum-policy", self.random.pick(policies));
        }
        if self.taste.utilization {
            let strategies = ["utilization", "balanced", "minimal", "default"];
            set.set("placement-strategy", strategies[self.random.below(4)]);
        }
        if self.taste.health {
            let strategies = ["migrate-on-red", "only-green", "progressive", "custom", "none"];
            set.set("node-health-strategy", strategies[self.random.below(5)]);
            if self.random.chance(30) {
                set.set("node-health-base", self.random.pick(&["10", "-5", "0"]));
            }
            if self.random.chance(30) {
                set.set("node-health-yellow", self.random.pick(&["-10", "-INFINITY", "5"]));
            }
        }
        if self.taste.options {
            let choices: [(&str, &[&str]); 16] = [
                ("symmetric-cluster", &["false"]),
                ("stop-all-resources", &["true"]),
                ("stop-orphan-resources", &["false"]),
                ("stop-orphan-actions", &["false"]),
                ("start-failure-is-fatal", &["false"]),
                ("enable-startup-probes", &["false"]),
                ("maintenance-mode", &["true"]),
                ("stonith-action", &["off", "reboot"]),
                ("startup-fencing", &["false"]),
                ("priority-fencing-delay", &["60s", "5"]),
                ("batch-limit", &["3", "1", "10"]),
                ("migration-limit", &["1", "2", "-1"]),
                ("cluster-delay", &["30s", "2min"]),
                ("shutdown-lock", &["true"]),
                ("shutdown-lock-limit", &["5min", "2h"]),
                ("stonith-timeout", &["90s"]),
            ];
            for (name, values) in choices {
                if self.random.chance(12) {
                    set.set(name, self.random.pick(values));
                }
            }
        }
        element("crm_config").child(set.finish())
    }

    /// The sections `rsc_defaults` and `op_defaults`.
    pub(super) fn defaults(&mut self) -> (Element, Element) {
        let mut rsc = Pairs::new("meta_attributes", "rsc-defaults");
        if self.random.chance(40) {
            rsc.set("resource-stickiness", self.random.pick(&["0", "1", "100", "INFINITY", "-10"]));
        }
        if self.taste.failures && self.random.chance(40) {
            rsc.set("migration-threshold", self.random.pick(&["1", "2", "3", "INFINITY"]));
        }
        if self.taste.failures && self.random.chance(25) {
            rsc.set("failure-timeout", self.random.pick(&["10s", "30min", "1h"]));
        }
        if self.taste.priorities && self.random.chance(20) {
            rsc.set("priority", self.random.pick(&["1", "5"]));
        }
        let mut rsc_defaults = element("rsc_defaults").child_unless_empty(rsc.finish());
        if self.taste.rules && self.random.chance(30) {
            let mut more = Pairs::new("meta_attributes", "rsc-defaults-rule");
            more.set("resource-stickiness", "33");
            let id = format!("rule{}", self.next());
            let expression = element("rsc_expression")
                .with("id", format!("{id}-0"))
                .with("class", self.random.pick(&["ocf", "systemd"]));
            more.rule(element("rule").with("id", &id).with("score", "INFINITY").child(expression));
            rsc_defaults.push(more.finish());
        }
        let mut op = Pairs::new("meta_attributes", "op-defaults");
        if self.random.chance(20) {
            op.set("timeout", self.random.pick(&["30s", "5000", "1min"]));
        }
        if self.taste.on_fail && self.random.chance(10) {
            op.set("on-fail", self.random.pick(&["ignore", "block", "standby"]));
        }
        let mut op_defaults = element("op_defaults").child_unless_empty(op.finish());
        if self.taste.rules && self.random.chance(30) {
            let mut more = Pairs::new("meta_attributes", "op-defaults-rule");
            more.set("timeout", "44s");
            let id = format!("rule{}", self.next());
            let expression = element("op_expression")
                .with("id", format!("{id}-0"))
                .with("name", self.random.pick(&["monitor", "start"]));
            more.rule(element("rule").with("id", &id).with("score", "INFINITY").child(expression));
            op_defaults.push(more.finish());
        }
        (rsc_defaults, op_defaults)
    }
}
