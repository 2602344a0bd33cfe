//! Mistakes that are valid by schema and that the reader of a configuration does not see.

use holdfast_xml::{Document, Element};

use super::Findings;

pub(super) fn find(document: &Document, findings: &mut Findings) {
    let Some(configuration) = document.root().child("configuration") else { return };
    fencing(configuration, findings);
}

/// With fencing on, a fence device (or a watchdog) is needed, else nothing starts.
fn fencing(configuration: Element<'_>, findings: &mut Findings) {
    let option = |names: &[&str]| {
        configuration
            .child("crm_config")
            .into_iter()
            .flat_map(|config| config.children_named("cluster_property_set"))
            .flat_map(|set| set.children_named("nvpair"))
            .find(|pair| pair.attr("name").is_some_and(|name| names.contains(&name)))
            .and_then(|pair| pair.attr("value"))
    };
    let enabled = option(&["fencing-enabled", "stonith-enabled"]).is_none_or(is_true);
    if !enabled {
        return;
    }
    let primitives =
        || configuration.descendants().filter(|element| matches!(element.name(), "primitive" | "template"));
    let has_devices = primitives().any(|primitive| primitive.attr("class") == Some("stonith"));
    let watchdog = option(&["have-watchdog"]).is_some_and(is_true)
        && option(&["fencing-watchdog-timeout", "stonith-watchdog-timeout"]).is_some_and(|time| time != "0");
    if !has_devices && !watchdog {
        findings.error(
            "Resource start-up disabled since no fencing resources have been defined. Either configure some or disable \
             fencing with the fencing-enabled option. NOTE: Clusters with shared data need fencing to ensure data \
             integrity.",
        );
    }
}

fn is_true(value: &str) -> bool {
    ["true", "on", "yes", "y", "1"].iter().any(|word| value.eq_ignore_ascii_case(word))
}
