//! Attribute sets: blocks of name/value pairs with a score and an optional rule.

use std::collections::BTreeMap;

use crate::rule::{Input, Rule};
use crate::score::Score;

/// One `nvpair`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameValue {
    /// The `id` of the element (kept so that tools can name it).
    pub id: String,
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// A block such as `instance_attributes` or `meta_attributes`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttributeSet {
    /// The `id` of the block.
    pub id: String,
    /// Blocks with a higher score are looked at first.
    pub score: Score,
    /// The block counts only when the rule is met.
    pub rule: Option<Rule>,
    /// Pairs in document order; a repeated name keeps its first value when evaluated.
    pub pairs: Vec<NameValue>,
}

impl AttributeSet {
    /// The first value stored under `name` in this block, whatever the rule says.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|pair| pair.name == name).map(|pair| pair.value.as_str())
    }
}

/// Fills `table` from blocks in their order of evaluation: what is in the table stays, the first value of a name wins.
///
/// The value `#default` takes a name out again so that a later block or the built-in default decides.
pub fn evaluate(
    sets: &[AttributeSet],
    input: &Input<'_>,
    table: &mut BTreeMap<String, String>,
    next_change: &mut Option<i64>,
) {
    for set in sets {
        if set.rule.as_ref().is_some_and(|rule| !rule.holds(input, next_change)) {
            continue;
        }
        for pair in &set.pairs {
            if pair.value.eq_ignore_ascii_case("#default") {
                table.remove(&pair.name);
            } else if !table.contains_key(&pair.name) {
                table.insert(pair.name.clone(), pair.value.clone());
            }
        }
    }
}
