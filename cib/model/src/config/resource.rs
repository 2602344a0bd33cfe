//! Resources as configured: primitives, groups, clones and bundles, before templates are applied.

use crate::attributes::AttributeSet;

/// Which program manages a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Agent {
    /// `ocf`, `stonith`, `systemd`, `service`, `lsb`, `heartbeat`
    pub class: String,
    /// Only for `ocf`.
    pub provider: Option<String>,
    /// `type`
    pub agent_type: String,
}

impl std::fmt::Display for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.provider {
            Some(provider) => write!(f, "{}:{}:{}", self.class, provider, self.agent_type),
            None => write!(f, "{}:{}", self.class, self.agent_type),
        }
    }
}

/// One `op` element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OperationConfig {
    /// `id`
    pub id: String,
    /// `name`
    pub name: String,
    /// Every XML attribute except `id`, in document order (`name`, `interval`, `timeout`, `on-fail`, `role`, ...).
    pub attributes: Vec<(String, String)>,
    /// Meta attribute blocks.
    pub meta: Vec<AttributeSet>,
    /// Instance attribute blocks.
    pub params: Vec<AttributeSet>,
}

impl OperationConfig {
    /// The XML attribute `name`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A resource element and everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceConfig {
    /// `id`
    pub id: String,
    /// What kind of resource it is.
    pub kind: ResourceKind,
    /// `template`: id of the template whose content comes first.
    pub template: Option<String>,
    /// All XML attributes of the element (they act as the strongest meta attributes).
    pub attributes: Vec<(String, String)>,
    /// Meta attribute blocks in order of evaluation.
    pub meta: Vec<AttributeSet>,
    /// Parameter blocks in order of evaluation.
    pub params: Vec<AttributeSet>,
    /// Utilization blocks in order of evaluation.
    pub utilization: Vec<AttributeSet>,
    /// `operations`
    pub operations: Vec<OperationConfig>,
    /// Line in the document; 0 when unknown.
    pub line: u32,
}

/// The kinds of resources and what belongs only to one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceKind {
    /// One instance of an agent (also the kind of a template).
    Primitive(Agent),
    /// Primitives that run together in order.
    Group(Vec<ResourceConfig>),
    /// Many instances of a primitive or group.
    Clone {
        /// The element was called `master`.
        legacy_promotable: bool,
        /// The primitive or group (`None` in a broken document).
        child: Option<Box<ResourceConfig>>,
    },
    /// Containers with a primitive inside.
    Bundle(Box<BundleConfig>),
}

/// Container technologies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerEngine {
    /// `docker`
    Docker,
    /// `podman`
    Podman,
}

impl ContainerEngine {
    /// The agent type of the container resource and the name of the element.
    pub fn as_str(self) -> &'static str {
        match self {
            ContainerEngine::Docker => "docker",
            ContainerEngine::Podman => "podman",
        }
    }
}

/// What a `bundle` adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleConfig {
    /// Container technology.
    pub engine: ContainerEngine,
    /// Attributes of the container element (`image`, `replicas`, `options`, `network`, `run-command`, ...).
    pub container: Vec<(String, String)>,
    /// `network`
    pub network: BundleNetwork,
    /// `storage`
    pub storage: Vec<BundleStorage>,
    /// The primitive run inside, if any.
    pub child: Option<ResourceConfig>,
}

/// A bundle's `network`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BundleNetwork {
    /// All XML attributes (`ip-range-start`, `host-netmask`, `host-interface`, `control-port`, `add-host`).
    pub attributes: Vec<(String, String)>,
    /// `port-mapping` elements.
    pub ports: Vec<BundlePort>,
}

impl BundleNetwork {
    /// The XML attribute `name`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A `port-mapping`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BundlePort {
    /// `id`
    pub id: String,
    /// `port`
    pub port: Option<String>,
    /// `internal-port`
    pub internal_port: Option<String>,
    /// `range`
    pub range: Option<String>,
}

/// A `storage-mapping`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BundleStorage {
    /// `id`
    pub id: String,
    /// `source-dir`
    pub source_dir: Option<String>,
    /// `source-dir-root`: a directory per replica
    pub source_dir_root: Option<String>,
    /// `target-dir`
    pub target_dir: String,
    /// `options`
    pub options: Option<String>,
}

impl ResourceConfig {
    /// The XML attribute `name` of the element.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The agent of a primitive.
    pub fn agent(&self) -> Option<&Agent> {
        match &self.kind {
            ResourceKind::Primitive(agent) => Some(agent),
            ResourceKind::Group(_) | ResourceKind::Clone { .. } | ResourceKind::Bundle(_) => None,
        }
    }

    /// Resources directly inside this one.
    pub fn children(&self) -> &[ResourceConfig] {
        match &self.kind {
            ResourceKind::Primitive(_) => &[],
            ResourceKind::Group(members) => members,
            ResourceKind::Clone { child, .. } => match child {
                Some(child) => std::slice::from_ref(child.as_ref()),
                None => &[],
            },
            ResourceKind::Bundle(bundle) => match &bundle.child {
                Some(child) => std::slice::from_ref(child),
                None => &[],
            },
        }
    }
}
