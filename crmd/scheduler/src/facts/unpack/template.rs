//! Configurations ready for unpacking: templates applied, one shared value for all instances.

use std::sync::Arc;

use holdfast_model::config::{Cib, OperationConfig, ResourceConfig, ResourceKind};
use holdfast_model::{AttributeSet, Role};

/// A resource configuration with its template applied.
#[derive(Debug)]
pub(super) struct Template {
    /// The configuration; children are only in `children`.
    pub config: Arc<ResourceConfig>,
    /// What is inside.
    pub children: Vec<Arc<Template>>,
    /// The template it was made from.
    pub made_from: Option<String>,
}

impl Template {
    /// A configuration that the cluster made and that uses no template.
    pub(super) fn implied(config: ResourceConfig) -> Template {
        Template { config: Arc::new(config), children: Vec::new(), made_from: None }
    }

    /// Applies templates to a resource and everything in it. The error is a sentence.
    pub(super) fn expand(cib: &Cib, config: &ResourceConfig) -> Result<Template, String> {
        let mut children = Vec::new();
        let kind = match &config.kind {
            ResourceKind::Primitive(agent) => ResourceKind::Primitive(agent.clone()),
            ResourceKind::Group(members) => {
                for member in members {
                    // A group goes on without a member that cannot be used.
                    if let Ok(member) = Template::expand(cib, member) {
                        children.push(Arc::new(member));
                    }
                }
                ResourceKind::Group(Vec::new())
            }
            ResourceKind::Clone { legacy_promotable, child } => {
                if let Some(child) = child {
                    children.push(Arc::new(Template::expand(cib, child)?));
                }
                ResourceKind::Clone { legacy_promotable: *legacy_promotable, child: None }
            }
            ResourceKind::Bundle(bundle) => {
                if let Some(child) = &bundle.child {
                    children.push(Arc::new(Template::expand(cib, child)?));
                }
                ResourceKind::Bundle(bundle.clone())
            }
        };
        let Some(name) = &config.template else {
            let config = ResourceConfig { kind, ..shallow(config) };
            return Ok(Template { config: Arc::new(config), children, made_from: None });
        };
        if *name == config.id {
            return Err("ignored: it uses itself as template".to_owned());
        }
        let Some(template) = cib.templates.iter().find(|template| template.id == *name) else {
            return Err(format!("ignored: there is no template \"{name}\""));
        };
        let config = applied(template, config);
        Ok(Template { config: Arc::new(config), children, made_from: Some(name.clone()) })
    }
}

/// A copy without what is inside.
fn shallow(config: &ResourceConfig) -> ResourceConfig {
    ResourceConfig {
        id: config.id.clone(),
        kind: ResourceKind::Group(Vec::new()),
        template: config.template.clone(),
        attributes: config.attributes.clone(),
        meta: config.meta.clone(),
        params: config.params.clone(),
        utilization: config.utilization.clone(),
        operations: config.operations.clone(),
        line: config.line,
    }
}

/// The template under the name of the resource, with the resource's blocks and operations before its own.
fn applied(template: &ResourceConfig, config: &ResourceConfig) -> ResourceConfig {
    let sets = |own: &[AttributeSet], from_template: &[AttributeSet]| {
        let mut sets: Vec<AttributeSet> = own.iter().chain(from_template).cloned().collect();
        sets.sort_by_key(|set| std::cmp::Reverse(set.score));
        sets
    };
    let mut attributes = template.attributes.clone();
    for (name, value) in &mut attributes {
        if name == "id" {
            value.clone_from(&config.id);
        }
    }
    let mut operations = config.operations.clone();
    for op in &template.operations {
        if !config.operations.iter().any(|own| same_operation(own, op)) {
            operations.push(op.clone());
        }
    }
    ResourceConfig {
        id: config.id.clone(),
        kind: template.kind.clone(),
        template: Some(template.id.clone()),
        attributes,
        meta: sets(&config.meta, &template.meta),
        params: sets(&config.params, &template.params),
        utilization: sets(&config.utilization, &template.utilization),
        operations,
        line: config.line,
    }
}

/// Operations of a resource replace those of the template with the same name and role, where no role, Started and
/// Unpromoted are the same.
fn same_operation(a: &OperationConfig, b: &OperationConfig) -> bool {
    fn role(op: &OperationConfig) -> Option<&str> {
        let text = op.attribute("role")?;
        match Role::parse(text) {
            Some(Role::Started | Role::Unpromoted) => None,
            Some(_) | None => Some(text),
        }
    }
    a.name == b.name && role(a) == role(b)
}
