//! Reading resources and templates.

use holdfast_xml::Element;

use super::{Reader, owned, sets};
use crate::config::{
    Agent, BundleConfig, BundleNetwork, BundlePort, BundleStorage, Cib, ContainerEngine, OperationConfig,
    ResourceConfig, ResourceKind,
};
use crate::problem::Level;

fn attributes(element: Element<'_>) -> Vec<(String, String)> {
    element.attrs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl<'d> Reader<'d> {
    pub(super) fn resources(&mut self, section: Element<'d>, cib: &mut Cib) {
        for element in section.children() {
            match element.name() {
                "template" => {
                    let agent = agent(element);
                    if let Some(template) = self.common(element, ResourceKind::Primitive(agent)) {
                        cib.templates.push(template);
                    }
                }
                "primitive" | "group" | "clone" | "master" | "bundle" => {
                    cib.resources.extend(self.resource(element))
                }
                other => {
                    let message = format!("ignored: <{other}> is no kind of resource");
                    self.problem(Level::Error, element, message);
                }
            }
        }
    }

    /// Reads one resource with everything inside.
    pub fn resource(&mut self, element: Element<'d>) -> Option<ResourceConfig> {
        let kind = match element.name() {
            "primitive" => ResourceKind::Primitive(agent(element)),
            "group" => ResourceKind::Group(
                element.children_named("primitive").filter_map(|member| self.resource(member)).collect(),
            ),
            "clone" | "master" => {
                let child = element.children().find(|child| matches!(child.name(), "primitive" | "group"));
                ResourceKind::Clone {
                    legacy_promotable: element.name() == "master",
                    child: child.and_then(|child| self.resource(child)).map(Box::new),
                }
            }
            "bundle" => ResourceKind::Bundle(Box::new(self.bundle(element)?)),
            other => {
                let message = format!("ignored: <{other}> is no kind of resource");
                self.problem(Level::Error, element, message);
                return None;
            }
        };
        self.common(element, kind)
    }

    fn common(&mut self, element: Element<'d>, kind: ResourceKind) -> Option<ResourceConfig> {
        let Some(id) = element.attr("id").filter(|id| !id.is_empty()) else {
            self.problem(Level::Error, element, "ignored: a resource needs an id");
            return None;
        };
        let holder = element.child("operations").and_then(|holder| self.resolve(holder));
        let mut operations = Vec::new();
        for op in holder.into_iter().flat_map(|holder| holder.children_named("op")) {
            operations.push(OperationConfig {
                id: op.attr("id").unwrap_or_default().to_owned(),
                name: op.attr("name").unwrap_or_default().to_owned(),
                attributes: attributes(op).into_iter().filter(|(name, _)| name != "id").collect(),
                meta: sets(self, op, "meta_attributes"),
                params: sets(self, op, "instance_attributes"),
            });
        }
        Some(ResourceConfig {
            id: id.to_owned(),
            kind,
            template: owned(element.attr("template")),
            attributes: attributes(element),
            meta: sets(self, element, "meta_attributes"),
            params: sets(self, element, "instance_attributes"),
            utilization: sets(self, element, "utilization"),
            operations,
            line: element.line(),
        })
    }

    fn bundle(&mut self, element: Element<'d>) -> Option<BundleConfig> {
        let (engine, container) = if let Some(container) = element.child("docker") {
            (ContainerEngine::Docker, container)
        } else if let Some(container) = element.child("podman") {
            (ContainerEngine::Podman, container)
        } else {
            self.problem(Level::Error, element, "ignored: a bundle needs a <docker> or <podman> element");
            return None;
        };
        let network = element.child("network").map(|network| BundleNetwork {
            attributes: attributes(network),
            ports: network
                .children_named("port-mapping")
                .map(|port| BundlePort {
                    id: port.attr("id").unwrap_or_default().to_owned(),
                    port: owned(port.attr("port")),
                    internal_port: owned(port.attr("internal-port")),
                    range: owned(port.attr("range")),
                })
                .collect(),
        });
        let mut storage = Vec::new();
        for mount in
            element.child("storage").into_iter().flat_map(|storage| storage.children_named("storage-mapping"))
        {
            let source = mount.attr("source-dir").or(mount.attr("source-dir-root"));
            match (source, mount.attr("target-dir")) {
                (Some(_), Some(target)) => storage.push(BundleStorage {
                    id: mount.attr("id").unwrap_or_default().to_owned(),
                    source_dir: owned(mount.attr("source-dir")),
                    source_dir_root: owned(mount.attr("source-dir-root")),
                    target_dir: target.to_owned(),
                    options: owned(mount.attr("options")),
                }),
                _ => self.problem(
                    Level::Error,
                    mount,
                    "ignored: a storage mapping needs a target-dir and a source-dir or source-dir-root",
                ),
            }
        }
        let child = element.child("primitive").and_then(|child| self.resource(child));
        Some(BundleConfig {
            engine,
            container: attributes(container),
            network: network.unwrap_or_default(),
            storage,
            child,
        })
    }
}

fn agent(element: Element<'_>) -> Agent {
    Agent {
        class: element.attr("class").unwrap_or_default().to_owned(),
        provider: owned(element.attr("provider")),
        agent_type: element.attr("type").unwrap_or_default().to_owned(),
    }
}
