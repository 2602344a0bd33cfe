//! What every element may have, as one list.
//!
//! A row: name, attributes, children. An attribute is a word: `name`, `!` = required, `:type` as in `value`, then
//! `>=3.9` = from that schema on, `<4.0` = before it. `*` allows anything.

use std::collections::BTreeMap;

use crate::schema::Schema;

use super::value::Type;

const SCORE_SET: &str = "id-ref:ref id:id score:score";
const SET_CHILDREN: &str = "nvpair rule";

const ROWS: &[(&str, &str, &str)] = &[
    (
        "configuration",
        "",
        "crm_config nodes resources constraints op_defaults rsc_defaults acls>=1.1 \
         fencing-topology>=1.1 tags>=1.3 alerts>=2.5 domains",
    ),
    ("crm_config", "", "cluster_property_set"),
    ("cluster_property_set", SCORE_SET, SET_CHILDREN),
    ("op_defaults", "", "meta_attributes"),
    ("rsc_defaults", "", "meta_attributes"),
    ("instance_attributes", SCORE_SET, SET_CHILDREN),
    ("meta_attributes", SCORE_SET, SET_CHILDREN),
    ("utilization", SCORE_SET, SET_CHILDREN),
    ("nvpair", "id-ref:ref>=1.3 id:id name value", ""),
    (
        "rule",
        "id-ref:ref id:id boolean-op:and-or role score:score score-attribute",
        "expression date_expression rsc_expression>=2.9 op_expression>=2.9 rule",
    ),
    (
        "expression",
        "id!:id attribute! operation!:comparison value type:value-type value-source:value-source>=2.9",
        "",
    ),
    ("date_expression", "id!:id operation:date-operation start end", "date_spec duration"),
    (
        "date_spec",
        "id!:id years months monthdays hours minutes seconds yeardays weekyears weeks weekdays yearsdays moon<4.0",
        "",
    ),
    (
        "duration",
        "id!:id years months weeks days hours minutes seconds monthdays weekdays yearsdays yeardays weekyears moon",
        "",
    ),
    ("rsc_expression", "id!:id class provider type", ""),
    ("op_expression", "id!:id name! interval", ""),
    ("nodes", "", "node"),
    ("node", "id! uname! type:node-type description score:score", "instance_attributes utilization"),
    ("resources", "", "primitive group clone master<4.0 bundle>=2.6 template>=1.1"),
    (
        "primitive",
        "id!:id class:class provider type template:ref description",
        "instance_attributes meta_attributes operations utilization",
    ),
    (
        "template",
        "id!:id class!:class provider type! description",
        "instance_attributes meta_attributes operations utilization",
    ),
    ("group", "id!:id description", "instance_attributes meta_attributes primitive"),
    ("clone", "id!:id description", "instance_attributes meta_attributes primitive group"),
    ("master", "id!:id description", "instance_attributes meta_attributes primitive group"),
    (
        "bundle",
        "id!:id description",
        "docker podman>=3.2 rkt<4.0 network storage primitive instance_attributes meta_attributes",
    ),
    (
        "docker",
        "image! replicas:integer replicas-per-host:integer promoted-max:integer masters:integer<4.0 run-command network options",
        "",
    ),
    (
        "podman",
        "image! replicas:integer replicas-per-host:integer promoted-max:integer masters:integer<4.0 run-command network options",
        "",
    ),
    (
        "rkt",
        "image! replicas:integer replicas-per-host:integer promoted-max:integer masters:integer<4.0 run-command network options",
        "",
    ),
    (
        "network",
        "ip-range-start control-port:integer host-interface host-netmask:integer add-host:boolean>=3.2",
        "port-mapping",
    ),
    ("port-mapping", "id!:id port:integer internal-port:integer range", ""),
    ("storage", "", "storage-mapping"),
    ("storage-mapping", "id!:id source-dir source-dir-root target-dir! options", ""),
    ("operations", "id:id id-ref:ref", "op"),
    (
        "op",
        "id!:id name! interval! description start-delay interval-origin timeout enabled:boolean \
         record-pending:boolean role:role requires:requires<3.0 on-fail:on-fail can_fail<4.0 role_after_failure<4.0",
        "instance_attributes meta_attributes",
    ),
    ("constraints", "", "rsc_location rsc_colocation rsc_order rsc_ticket"),
    (
        "rsc_location",
        "id!:id rsc:ref rsc-pattern>=2.1 role:role>=1.1 score:score node resource-discovery:discovery>=2.2",
        "resource_set>=1.1 rule lifetime<4.0",
    ),
    (
        "rsc_colocation",
        "id!:id score:score score-attribute<3.0 score-attribute-mangle<3.0 influence>=3.6 rsc:ref with-rsc:ref \
         node-attribute rsc-role:role with-rsc-role:role rsc-instance:integer<3.0 with-rsc-instance:integer<3.0",
        "resource_set lifetime<4.0",
    ),
    (
        "rsc_order",
        "id!:id symmetrical:boolean require-all:boolean>=2.0 score:score kind:kind first:ref then:ref \
         first-action:action then-action:action first-instance:integer<3.0 then-instance:integer<3.0",
        "resource_set lifetime<4.0",
    ),
    ("rsc_ticket", "id!:id rsc:ref rsc-role:role ticket! loss-policy:loss-policy", "resource_set"),
    (
        "resource_set",
        "id-ref:ref id:id sequential:boolean require-all:boolean>=1.1 ordering:ordering>=1.1 action:action role:role \
         score:score kind:kind>=1.1",
        "resource_ref",
    ),
    ("resource_ref", "id!:ref", ""),
    ("lifetime", "id:id", "rule"),
    ("fencing-topology", "", "fencing-level"),
    (
        "fencing-level",
        "id!:id target target-pattern>=2.4 target-attribute>=2.4 target-value>=2.4 index!:level devices!:devices",
        "",
    ),
    ("acls", "", "acl_target>=1.3 acl_group>=1.3 acl_role acl_user<2.0"),
    ("acl_target", "id! name>=3.8", "role"),
    ("acl_group", "id! name>=3.8", "role"),
    ("acl_user", "id!", "role_ref read write deny"),
    ("role_ref", "id!", ""),
    ("role", "id!:ref", ""),
    ("acl_role", "id!:id description", "acl_permission>=1.3 read<2.0 write<2.0 deny<2.0"),
    ("read", "id!:id tag ref:ref xpath attribute", ""),
    ("write", "id!:id tag ref:ref xpath attribute", ""),
    ("deny", "id!:id tag ref:ref xpath attribute", ""),
    ("acl_permission", "id!:id kind!:permission xpath reference:ref object-type attribute description", ""),
    ("tags", "", "tag"),
    ("tag", "id!:id", "obj_ref"),
    ("obj_ref", "id!", ""),
    ("alerts", "", "alert"),
    ("alert", "id!:id description path!", "instance_attributes meta_attributes recipient select>=2.10"),
    ("recipient", "id!:id description value!", "instance_attributes meta_attributes"),
    ("select", "", "select_nodes select_fencing select_resources select_attributes"),
    ("select_nodes", "", ""),
    ("select_fencing", "", ""),
    ("select_resources", "", ""),
    ("select_attributes", "", "attribute"),
    ("attribute", "id!:id name!", ""),
    ("domains", "*", "*"),
];

/// What an element may have under one schema.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) attributes: Vec<Attribute>,
    pub(super) children: Vec<&'static str>,
    pub(super) anything: bool,
}

#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) kind: Type,
}

/// The rows that hold under a schema.
pub(super) fn rows(schema: Schema) -> BTreeMap<&'static str, Row> {
    ROWS.iter()
        .map(|(name, attributes, children)| {
            let row = Row {
                anything: *children == "*",
                attributes: attributes
                    .split_whitespace()
                    .filter_map(|word| in_force(word, schema))
                    .map(|word| {
                        let (word, kind) = word.split_once(':').unwrap_or((word, ""));
                        let name = word.strip_suffix('!').unwrap_or(word);
                        Attribute { name, required: name.len() < word.len(), kind: Type::named(kind) }
                    })
                    .collect(),
                children: children.split_whitespace().filter_map(|word| in_force(word, schema)).collect(),
            };
            (*name, row)
        })
        .collect()
}

/// The word without its conditions, if they hold.
fn in_force(word: &'static str, schema: Schema) -> Option<&'static str> {
    let version = |text: &str| {
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        Schema { major: major.parse().unwrap_or(0), minor: minor.parse().unwrap_or(0) }
    };
    if let Some((word, until)) = word.split_once('<') {
        return (schema < version(until)).then_some(word);
    }
    if let Some((word, since)) = word.split_once(">=") {
        return (schema >= version(since)).then_some(word);
    }
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_child_has_a_row_and_every_type_is_known() {
        for schema in Schema::all() {
            let rows = rows(schema);
            for (name, row) in &rows {
                for child in row.children.iter().filter(|child| **child != "*") {
                    assert!(rows.contains_key(child), "{name} has the child {child}, which has no row");
                }
            }
        }
    }
}
