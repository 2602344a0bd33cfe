//! Node attributes that live in memory: values, dampening, private ones.
//!
//! A value is known to all members at once; it enters the status (and so the scheduler) at once or, with dampening,
//! together with all others of its name when the delay is over. Knows no clock: the decision maker says when.

use std::collections::BTreeMap;

use holdfast_api::attribute::{AttributeKind, AttributeValue};
use holdfast_model::Score;
use serde::{Deserialize, Serialize};

/// All attributes by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// By name.
    pub names: BTreeMap<String, Attribute>,
    /// Values that entered the status and were not looked at yet: what alert programs hear of. Never told to others.
    #[serde(skip)]
    pub news: Vec<News>,
}

/// A value that entered or left the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Name.
    pub name: String,
    /// Node id.
    pub node: String,
    /// The value; `None` = it is gone.
    pub value: Option<String>,
}

/// One attribute with its values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Id of the set in the status; the default set when `None`.
    pub set: Option<String>,
    /// Kind of set.
    pub kind: AttributeKind,
    /// Delay before changes enter the status, in ms.
    pub dampen_ms: u32,
    /// Never enters the status.
    pub private: bool,
    /// By node id.
    pub values: BTreeMap<String, Value>,
}

/// One value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// As last set.
    pub current: Option<String>,
    /// As it stands in the status.
    pub written: Option<String>,
}

/// One attribute of one node, as a node tells its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Name.
    pub name: String,
    /// Id of the set.
    pub set: Option<String>,
    /// Kind of set.
    pub kind: AttributeKind,
    /// Delay in ms.
    pub dampen_ms: u32,
    /// Never enters the status.
    pub private: bool,
    /// The value.
    pub value: String,
}

/// What a change led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Nothing.
    Nothing,
    /// A value that is not in the status: private, or held back by dampening.
    Held,
    /// The status.
    Status,
}

impl Attributes {
    /// The value as last set.
    #[must_use]
    pub fn get(&self, name: &str, node: &str) -> Option<&str> {
        self.names.get(name)?.values.get(node)?.current.as_deref()
    }

    /// Sets a value (`None` removes it) and says what changed. `value` may count up from the present one.
    pub fn set(&mut self, name: &str, node: &str, value: Option<&str>) -> Changed {
        let attribute = self.names.entry(name.to_owned()).or_default();
        let slot = attribute.values.entry(node.to_owned()).or_default();
        let value = value.map(|v| expand(v, slot.current.as_deref()));
        if slot.current == value {
            return Changed::Nothing;
        }
        slot.current = value;
        if attribute.private || attribute.dampen_ms > 0 {
            Changed::Held
        } else {
            slot.written.clone_from(&slot.current);
            self.news.push(News {
                name: name.to_owned(),
                node: node.to_owned(),
                value: slot.written.clone(),
            });
            Changed::Status
        }
    }

    /// Writes all values of an attribute into the status; true if that changed something.
    pub fn write(&mut self, name: &str) -> bool {
        let Some(attribute) = self.names.get_mut(name) else { return false };
        if attribute.private {
            return false;
        }
        let mut changed = false;
        for (node, value) in &mut attribute.values {
            if value.written != value.current {
                value.written.clone_from(&value.current);
                changed = true;
                let told = value.written.clone();
                self.news.push(News { name: name.to_owned(), node: node.clone(), value: told });
            }
        }
        changed
    }

    /// Names with values that wait for their delay.
    pub fn held(&self) -> impl Iterator<Item = (&str, u32)> {
        self.names
            .iter()
            .filter(|(_, a)| !a.private && a.values.values().any(|v| v.written != v.current))
            .map(|(name, a)| (name.as_str(), a.dampen_ms))
    }

    /// Forgets everything about a node; true if that changed the status.
    pub fn forget_node(&mut self, node: &str) -> bool {
        let mut changed = false;
        for attribute in self.names.values_mut() {
            if let Some(value) = attribute.values.remove(node) {
                changed |= value.written.is_some();
            }
        }
        changed
    }

    /// What a node tells about itself in a new view.
    #[must_use]
    pub fn tell(&self, node: &str) -> Vec<Told> {
        self.names
            .iter()
            .filter_map(|(name, a)| {
                let value = a.values.get(node)?.current.clone()?;
                Some(Told {
                    name: name.clone(),
                    set: a.set.clone(),
                    kind: a.kind,
                    dampen_ms: a.dampen_ms,
                    private: a.private,
                    value,
                })
            })
            .collect()
    }

    /// Takes over what a node told about itself; everything else about it is forgotten.
    pub fn retell(&mut self, node: &str, told: &[Told]) {
        self.forget_node(node);
        for one in told {
            let attribute = self.names.entry(one.name.clone()).or_default();
            attribute.set.clone_from(&one.set);
            attribute.kind = one.kind;
            attribute.dampen_ms = one.dampen_ms;
            attribute.private = one.private;
            let written = (!one.private).then(|| one.value.clone());
            attribute.values.insert(node.to_owned(), Value { current: Some(one.value.clone()), written });
        }
    }

    /// Removes attributes of a node by a predicate on the name; true if the status changed.
    pub fn remove_where(&mut self, node: &str, mut which: impl FnMut(&str) -> bool) -> bool {
        let mut changed = false;
        for (name, attribute) in &mut self.names {
            if which(name)
                && let Some(value) = attribute.values.remove(node)
                && value.written.is_some()
            {
                changed = true;
                self.news.push(News { name: name.clone(), node: node.to_owned(), value: None });
            }
        }
        changed
    }

    /// Values for a query. `node_name` turns ids into names.
    pub fn query(
        &self,
        name: Option<&str>,
        node: Option<&str>,
        mut node_name: impl FnMut(&str) -> String,
    ) -> Vec<AttributeValue> {
        let mut found = Vec::new();
        for (known, attribute) in &self.names {
            if name.is_some_and(|wanted| wanted != known) {
                continue;
            }
            for (id, value) in &attribute.values {
                if node.is_none_or(|wanted| wanted == id) && value.current.is_some() {
                    found.push(AttributeValue {
                        name: known.clone(),
                        node: node_name(id),
                        value: value.current.clone(),
                        private: attribute.private,
                    });
                }
            }
        }
        found
    }
}

/// `++`, `value++`, `+=n`, `value+=n`, `--`, `-=n` count from the present value with the arithmetic of scores.
fn expand(value: &str, present: Option<&str>) -> String {
    let number = |text: &str| Score::parse(text).map_or(0, |s| i64::from(s.get()));
    let step = if value == "++" || value == "value++" {
        Some(1)
    } else if value == "--" || value == "value--" {
        Some(-1)
    } else if let Some(n) = value.strip_prefix("+=").or_else(|| value.strip_prefix("value+=")) {
        Some(number(n))
    } else {
        value.strip_prefix("-=").or_else(|| value.strip_prefix("value-=")).map(|n| -number(n))
    };
    let Some(step) = step else { return value.to_owned() };
    let sum = (present.map_or(0, number) + step).clamp(-1_000_000, 1_000_000);
    match sum {
        1_000_000 => "INFINITY".to_owned(),
        -1_000_000 => "-INFINITY".to_owned(),
        sum => sum.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_count_up_with_score_arithmetic() {
        for (value, present, expected) in [
            ("7", None, "7"),
            ("++", None, "1"),
            ("value++", Some("4"), "5"),
            ("+=10", Some("5"), "15"),
            ("value+=INFINITY", Some("5"), "INFINITY"),
            ("--", Some("5"), "4"),
            ("++", Some("INFINITY"), "INFINITY"),
            ("++", Some("what"), "1"),
        ] {
            assert_eq!(expand(value, present), expected, "{value} on {present:?}");
        }
    }

    #[test]
    fn dampened_values_enter_the_status_together() {
        let mut all = Attributes::default();
        all.names.insert("pingd".into(), Attribute { dampen_ms: 5000, ..Attribute::default() });
        assert_eq!(all.set("pingd", "1", Some("100")), Changed::Held);
        assert_eq!(all.set("pingd", "2", Some("0")), Changed::Held);
        assert_eq!(all.get("pingd", "1"), Some("100"));
        assert_eq!(all.held().collect::<Vec<_>>(), [("pingd", 5000)]);
        assert!(all.write("pingd"));
        assert_eq!(all.held().count(), 0);
        assert_eq!(all.set("pingd", "1", Some("100")), Changed::Nothing);
    }

    #[test]
    fn a_node_retells_its_own_and_nothing_else_survives() {
        let mut here = Attributes::default();
        here.set("a", "1", Some("x"));
        here.set("b", "1", Some("y"));
        let told = here.tell("1");
        let mut there = Attributes::default();
        there.set("c", "1", Some("stale"));
        there.retell("1", &told);
        assert_eq!(there.get("c", "1"), None);
        assert_eq!(there.tell("1"), told);
    }
}
