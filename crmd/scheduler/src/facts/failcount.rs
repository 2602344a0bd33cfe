//! Fail counts: node attributes `fail-count-RSC#OP_INTERVAL` and `last-failure-RSC#OP_INTERVAL`.

use holdfast_model::duration::{parse_interval_ms, seconds_at_least_one};
use holdfast_model::score::parse_leading_integer;
use holdfast_model::{OperationRecord, Score};

use super::names::{base_name, op_key};
use super::operations::interval_of;
use super::types::{Facts, Flags, NodeIx, RscIx};

/// What to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Leave out failures older than `failure-timeout`.
    pub effective: bool,
    /// Add those of resources launched by this one.
    pub launched: bool,
}

impl Count {
    /// All failures of the resource itself.
    pub const ALL: Count = Count { effective: false, launched: false };
    /// Those that did not expire.
    pub const EFFECTIVE: Count = Count { effective: true, launched: false };
    /// Those that did not expire, launched resources included.
    pub const EFFECTIVE_LAUNCHED: Count = Count { effective: true, launched: true };
}

/// A fail count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    /// How many; infinity counts as such.
    pub count: i32,
    /// When the last one was, seconds; 0 when unknown or none.
    pub last: i64,
    /// The `failure-timeout` does not count because a failed operation blocks.
    pub timeout_ignored: bool,
}

impl Facts<'_> {
    /// The fail count of a resource on a node. With `entry`, only the operation of that history entry is looked at
    /// when deciding whether `on-fail=block` switches `failure-timeout` off.
    pub fn failures(
        &self,
        rsc: RscIx,
        node: NodeIx,
        what: Count,
        entry: Option<&OperationRecord>,
    ) -> Failures {
        let this = &self.rscs[rsc];
        let unique = this.is(Flags::UNIQUE);
        let name = this.history_id.as_deref().unwrap_or(&this.id);
        let name = if unique { name } else { base_name(name) };
        let mut found = Failures::default();
        let mut count = Score::ZERO;
        for (prefix, is_count) in [("fail-count-", true), ("last-failure-", false)] {
            let prefix = format!("{prefix}{name}");
            for (attribute, value) in self.nodes[node].attributes.range(prefix.clone()..) {
                let Some(rest) = attribute.strip_prefix(&prefix) else { break };
                if !is_operation_suffix(rest, unique) {
                    continue;
                }
                if is_count {
                    count += self.score(value).unwrap_or_default();
                } else if let Some(time) = parse_leading_integer(value) {
                    found.last = found.last.max(time);
                }
            }
        }
        found.count = count.get();
        let mut timeout_ms = this.failure_timeout_ms;
        if found.count > 0 && timeout_ms > 0 && self.failure_blocks(rsc, node, entry) {
            found.timeout_ignored = true;
            timeout_ms = 0;
        }
        if what.effective
            && found.count > 0
            && found.last > 0
            && timeout_ms > 0
            && self.now > found.last.saturating_add(seconds_at_least_one(timeout_ms))
        {
            found.count = 0;
        }
        if what.launched && !this.launched.is_empty() && !self.is_bundled(rsc) {
            for &launched in &this.launched {
                let other = self.failures(launched, node, what, entry);
                found.count = found.count.saturating_add(other.count);
                found.last = found.last.max(other.last);
            }
        }
        if found.count <= 0 || found.last <= 0 {
            found.last = 0;
        }
        found
    }

    /// Whether a failed operation of the resource on the node is configured with `on-fail=block` (as XML attribute).
    fn failure_blocks(&self, rsc: RscIx, node: NodeIx, entry: Option<&OperationRecord>) -> bool {
        let this = &self.rscs[rsc];
        let name = base_name(&this.id);
        if name != this.config_id {
            return false;
        }
        let mut blocking = this.ops().iter().filter(|op| op.attribute("on-fail") == Some("block")).peekable();
        if blocking.peek().is_none() {
            return false;
        }
        let matches = |op: &holdfast_model::config::OperationConfig, record: &OperationRecord| {
            let interval = parse_interval_ms(op.attribute("interval"));
            if interval != record.interval_ms || !op.name.eq_ignore_ascii_case(&record.operation) {
                return false;
            }
            record.id.eq_ignore_ascii_case(&op_key(name, "last_failure", 0))
                || (record.id.eq_ignore_ascii_case(&op_key(name, &op.name, interval))
                    && record.rc_code != record.expected_rc())
        };
        if let Some(record) = entry {
            return blocking.any(|op| matches(op, record));
        }
        let states = self.cib.status.nodes.iter().filter(|state| state.name == self.nodes[node].name);
        let records: Vec<&OperationRecord> = states
            .flat_map(|state| state.resources.iter().filter(|history| history.id == name))
            .flat_map(|history| &history.operations)
            .collect();
        blocking.any(|op| {
            let interval = interval_of(op);
            records.iter().any(|record| {
                record.operation == op.name && record.interval_ms == interval && matches(op, record)
            })
        })
    }
}

/// Whether what follows the resource name is `#OP_INTERVAL`, after an instance number if those do not matter.
fn is_operation_suffix(rest: &str, unique: bool) -> bool {
    let rest = match rest.strip_prefix(':') {
        Some(after) if !unique => {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return false;
            }
            &after[digits..]
        }
        Some(_) => return false,
        None => rest,
    };
    let Some(operation) = rest.strip_prefix('#') else { return false };
    operation.rsplit_once('_').is_some_and(|(task, interval)| {
        !task.is_empty() && !interval.is_empty() && interval.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        let check =
            |rest, unique, expected| assert_eq!(is_operation_suffix(rest, unique), expected, "{rest}");
        check("#monitor_10000", false, true);
        check(":3#monitor_10000", false, true);
        check(":3#monitor_10000", true, false);
        check("-other#start_0", false, false);
        check("#start", false, false);
        check("", false, false);
    }
}
