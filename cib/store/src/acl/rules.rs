//! Reading `<acls>`: targets, groups, roles and permissions of today and of schemas before 2.0.

use holdfast_model::Score;
use holdfast_xml::xpath::Expr;
use holdfast_xml::{Document, Element};

use crate::refusal::Refusal;
use crate::request::User;

/// What a rule grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Read,
    Write,
    Deny,
}

/// One permission.
#[derive(Clone, Debug)]
pub struct Rule {
    pub kind: Kind,
    /// The places it is about.
    pub places: Expr,
}

/// Whether the cluster option `enable-acl` is on.
///
/// A set with a rule counts as if its rule held: a right must not depend on the time of day by accident.
pub(super) fn enabled(document: &Document) -> bool {
    let Some(config) = document.root().child("configuration").and_then(|all| all.child("crm_config")) else {
        return false;
    };
    let mut sets: Vec<Element<'_>> = config.children_named("cluster_property_set").collect();
    sets.sort_by_key(|set| {
        let score = set.attr("score").and_then(Score::parse).unwrap_or(Score::ZERO);
        (set.id() != Some("cib-bootstrap-options"), std::cmp::Reverse(score))
    });
    for set in sets {
        let value = set
            .children_named("nvpair")
            .find(|pair| pair.attr("name") == Some("enable-acl"))
            .and_then(|p| p.attr("value"));
        match value {
            Some(value) if is_true(value) => return true,
            Some(_) if set.child("rule").is_none() => return false,
            Some(_) | None => {}
        }
    }
    false
}

fn is_true(value: &str) -> bool {
    ["true", "on", "yes", "y", "1"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// The rules for a user, in document order.
pub(super) fn for_user(document: &Document, user: &User) -> Result<Vec<Rule>, Refusal> {
    let mut rules = Vec::new();
    let Some(acls) = document.root().child("configuration").and_then(|all| all.child("acls")) else {
        return Ok(rules);
    };
    for element in acls.children() {
        let name = element.attr("name").or(element.id()).unwrap_or("");
        let concerned = match element.name() {
            "acl_target" => name == user.name,
            "acl_group" => user.groups.iter().any(|group| group == name),
            "acl_user" => element.id() == Some(user.name.as_str()),
            _ => false,
        };
        if !concerned {
            continue;
        }
        for child in element.children() {
            match child.name() {
                "role" | "role_ref" => {
                    let role = acls
                        .children_named("acl_role")
                        .find(|role| child.id().is_some() && role.id() == child.id());
                    for permission in role.into_iter().flat_map(Element::children) {
                        read(permission, user, &mut rules)?;
                    }
                }
                _ => read(child, user, &mut rules)?,
            }
        }
    }
    Ok(rules)
}

fn read(permission: Element<'_>, user: &User, rules: &mut Vec<Rule>) -> Result<(), Refusal> {
    let (kind, object_type, reference) = match permission.name() {
        "acl_permission" => (permission.attr("kind"), "object-type", "reference"),
        old @ ("read" | "write" | "deny") => (Some(old), "tag", "ref"),
        _ => return Ok(()),
    };
    let kind = match kind {
        Some("read") => Kind::Read,
        Some("write") => Kind::Write,
        Some("deny") => Kind::Deny,
        Some(_) | None => return Ok(()),
    };
    let (xpath, reference, object_type) =
        (permission.attr("xpath"), permission.attr(reference), permission.attr(object_type));
    if xpath.is_none() && reference.is_none() && object_type.is_none() {
        return Ok(());
    }
    let expression = match xpath {
        Some(xpath) => xpath.to_owned(),
        None => {
            let mut conditions = Vec::new();
            if let Some(reference) = reference {
                let quote = if reference.contains('\'') { '"' } else { '\'' };
                conditions.push(format!("@id={quote}{reference}{quote}"));
            }
            if let Some(attribute) = permission.attr("attribute") {
                conditions.push(format!("@{attribute}"));
            }
            let predicate =
                if conditions.is_empty() { String::new() } else { format!("[{}]", conditions.join(" and ")) };
            format!("//{}{predicate}", object_type.unwrap_or("*"))
        }
    };
    match Expr::parse(&expression) {
        Ok(places) => rules.push(Rule { kind, places }),
        // A right that cannot be understood is no right; a denial that cannot be understood denies everything.
        Err(error) if kind == Kind::Deny => {
            return Err(Refusal::UnreadableAccessRule {
                user: user.name.clone(),
                problem: error.to_string(),
            });
        }
        Err(_) => {}
    }
    Ok(())
}
