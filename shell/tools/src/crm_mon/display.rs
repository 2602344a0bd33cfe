//! One picture as text, page, XML, JSON or a single line.

use holdfast_model::Level;
use holdfast_scheduler::constraints;
use holdfast_scheduler::facts::{self, Facts};
use holdfast_view::list::{escape, sections_text};
use holdfast_view::status::{
    Builder, Head, Only, Picture, Section, add_status, all_sections, maintenance_notice, plural,
    stop_all_notice,
};
use holdfast_xml::{Document, Element};
use serde_json::{Map, Value};

use super::local_time;
use super::settings::{Format, Settings};
use super::source::Source;

/// The version that monitoring programs compare.
const COMPATIBLE_VERSION: &str = "3.0.2";
/// The version of the XML layout.
const API_VERSION: &str = "2.42";

/// What to write, and the exit status that goes with it.
pub struct Shown {
    /// Text to write.
    pub text: String,
    /// Exit status.
    pub status: i32,
}

/// Makes the display.
pub fn show(source: &Source, settings: &Settings) -> Shown {
    let now = source.live.as_ref().map_or_else(local_time::now, |live| live.taken_at.div_euclid(1_000_000));
    let facts = facts::unpack(&source.cib, source.cib.header.execution_date.unwrap_or(now));
    for problem in facts.problems.iter().filter(|problem| problem.level == Level::Error) {
        eprintln!("error: {} {}: {}", problem.element, problem.id, problem.message);
    }
    if settings.simple {
        return simple(&facts);
    }
    let placement = constraints::placement(&facts);
    let head = head(source, now);
    let mut show = settings.show.clone();
    let node_ids = |id: &String| {
        let node = facts.nodes.iter().find(|node| node.id == *id);
        node.map_or_else(|| id.clone(), |node| node.name.clone())
    };
    show.nodes = only(&facts, settings.node.as_deref(), |name| facts.node_named(name).is_some(), node_ids);
    let known = |name: &str| facts.rsc_named(name).is_some();
    show.resources = only(&facts, settings.resource.as_deref(), known, String::clone);
    let picture = Picture {
        facts: &facts,
        head: &head,
        locations: &placement.locations,
        fencing: source.live.as_ref().map(|live| live.fencing.as_slice()),
        full_fencing: settings.full_fencing,
        risks: source.live.as_ref().map_or(&[], |live| live.risks.as_slice()),
        ban_prefix: &settings.ban_prefix,
        wanted: &settings.sections,
        show: &show,
    };
    let text = match settings.format {
        Format::Text => text(&picture),
        Format::Html => html(&picture, settings),
        Format::Xml | Format::LegacyXml => xml(&picture, settings).to_string_pretty(),
        Format::Json => format!("{:#}\n", json(xml(&picture, settings).root())),
        Format::None => String::new(),
    };
    Shown { text, status: 0 }
}

fn text(picture: &Picture<'_>) -> String {
    let sections = all_sections(picture);
    let mut text = String::new();
    let notice = picture
        .wanted
        .contains(&Section::MaintenanceMode)
        .then(|| maintenance_notice(picture.facts).or(stop_all_notice(picture.facts)))
        .flatten();
    // The notice stands between the summary and the rest.
    match sections.split_first() {
        Some((summary, rest)) if summary.title.as_deref() == Some("Cluster Summary") => {
            text.push_str(&sections_text(std::slice::from_ref(summary), 0));
            text.push_str(notice.unwrap_or_default());
            if !rest.is_empty() {
                text.push('\n');
            }
            text.push_str(&sections_text(rest, 0));
        }
        _ => {
            text.push_str(notice.unwrap_or_default());
            text.push_str(&sections_text(&sections, 0));
        }
    }
    text
}

fn html(picture: &Picture<'_>, settings: &Settings) -> String {
    let mut page = String::new();
    if settings.html_cgi {
        page.push_str("Content-Type: text/html\n\n");
    }
    let title = escape(&settings.html_title);
    page.push_str(&format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<title>{title}</title>\n<meta charset=\"utf-8\">\n"
    ));
    if !settings.once {
        page.push_str(&format!(
            "<meta http-equiv=\"refresh\" content=\"{}\">\n",
            settings.interval.as_secs().max(1)
        ));
    }
    if let Some(sheet) = &settings.html_stylesheet {
        page.push_str(&format!("<link rel=\"stylesheet\" href=\"{}\">\n", escape(sheet)));
    }
    page.push_str("</head>\n<body>\n");
    for section in all_sections(picture) {
        section.write_html(0, &mut page);
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn xml(picture: &Picture<'_>, settings: &Settings) -> Document {
    let legacy = settings.format == Format::LegacyXml;
    let name = if legacy { "crm_mon" } else { "pacemaker-result" };
    let mut builder = Builder { document: Document::new(name) };
    let root = builder.document.root().ix();
    if legacy {
        builder.document.set_attr(root, "version", COMPATIBLE_VERSION);
    } else {
        builder.document.set_attr(root, "api-version", API_VERSION);
        builder.document.set_attr(root, "request", &settings.request);
    }
    add_status(&mut builder, root, picture);
    if !legacy {
        builder.add(root, "status", &[("code", Some("0")), ("message", Some("OK"))]);
    }
    builder.document
}

/// The XML of a call that failed.
pub fn failure(settings: &Settings, status: i32, message: &str) -> String {
    let mut builder = Builder { document: Document::new("pacemaker-result") };
    let root = builder.document.root().ix();
    builder.document.set_attr(root, "api-version", API_VERSION);
    builder.document.set_attr(root, "request", &settings.request);
    let element =
        builder.add(root, "status", &[("code", Some(&status.to_string())), ("message", Some(message))]);
    let errors = builder.add(element, "errors", &[]);
    builder.add(errors, "error", &[("message", Some(message))]);
    builder.document.to_string_pretty()
}

/// An element as an object: attributes by name, elements inside as lists by name.
fn json(element: Element<'_>) -> Value {
    let mut object = Map::new();
    for (name, value) in element.attrs() {
        let value = match value {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => Value::String(text.to_string()),
        };
        object.insert(name.to_string(), value);
    }
    for child in element.children() {
        let list = object.entry(child.name().to_string()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(json(child));
        }
    }
    Value::Object(object)
}

/// One line: `CLUSTER OK: ...` with exit status 0, or `CLUSTER WARN: ...` with 1.
fn simple(facts: &Facts<'_>) -> Shown {
    let mut warnings: Vec<String> = Vec::new();
    if facts.options.dc.is_none() {
        warnings.push("No DC".into());
    }
    let (mut online, mut standby, mut maintenance) = (0, 0, 0);
    for node in facts.nodes.iter() {
        if node.standby && node.online {
            standby += 1;
        } else if node.maintenance && node.online {
            maintenance += 1;
        } else if node.online {
            online += 1;
        } else {
            warnings.push(format!("offline node: {}", node.name));
        }
    }
    if !warnings.is_empty() {
        return Shown { text: format!("CLUSTER WARN: {}\n", warnings.join(", ")), status: 1 };
    }
    let mut line = format!("CLUSTER OK: {online} node{} online", plural(online));
    for (count, word) in [(standby, "standby"), (maintenance, "maintenance")] {
        if count > 0 {
            line.push_str(&format!(", {count} {word} node{}", plural(count)));
        }
    }
    let instances = facts.counts.instances;
    line.push_str(&format!(", {instances} resource instance{} configured\n", plural(instances)));
    Shown { text: line, status: 0 }
}

/// The name, or the names with this tag; something that is neither matches nothing.
fn only(
    facts: &Facts<'_>,
    name: Option<&str>,
    known: impl Fn(&str) -> bool,
    tagged_as: impl Fn(&String) -> String,
) -> Only {
    match name {
        None | Some("*") => Only::default(),
        Some(name) if known(name) => Only::these(vec![name.to_string()]),
        Some(name) => match facts.tags.get(name) {
            Some(tagged) if !tagged.is_empty() => Only::these(tagged.iter().map(tagged_as).collect()),
            Some(_) | None => Only::these(vec![name.to_string()]),
        },
    }
}

fn head(source: &Source, now: i64) -> Head {
    let root = source.document.root();
    let attribute = |name: &str| root.attr(name).map(str::to_string);
    let option = |name: &str| {
        root.descendants()
            .find(|element| element.name() == "nvpair" && element.attr("name") == Some(name))
            .and_then(|element| element.attr("value"))
            .map(str::to_string)
    };
    let live = source.live.as_ref();
    Head {
        stack: option("cluster-infrastructure").unwrap_or_else(|| match live {
            Some(_) => "corosync".into(),
            None => "unknown".into(),
        }),
        daemon: live.map(|_| "Pacemaker is running".into()),
        dc_version: live.and_then(|live| live.dc_version.clone()).or_else(|| option("dc-version")),
        now: local_time::text(now),
        here: live.map(|live| live.local.clone()),
        last_written: attribute("cib-last-written"),
        user: attribute("update-user"),
        client: attribute("update-client"),
        origin: attribute("update-origin"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::parse;
    use super::super::source;
    use super::*;

    /// Two nodes, one of them gone without fencing; a group, a clone with one instance, a ban and a failure.
    const CIB: &str = r#"<cib validate-with="pacemaker-4.0" admin_epoch="0" epoch="7" num_updates="1" have-quorum="1"
        dc-uuid="1" execution-date="1700000000" cib-last-written="Tue Nov 14 22:00:00 2023" update-user="root"
        update-client="cibadmin" update-origin="alpha">
      <configuration>
        <crm_config><cluster_property_set id="o">
          <nvpair id="o1" name="fencing-enabled" value="false"/>
          <nvpair id="o2" name="dc-version" value="1.2.3"/>
          <nvpair id="o3" name="cluster-infrastructure" value="corosync"/>
        </cluster_property_set></crm_config>
        <nodes><node id="1" uname="alpha"/><node id="2" uname="beta"/></nodes>
        <resources>
          <group id="web">
            <primitive id="ip" class="ocf" provider="heartbeat" type="IPaddr2"/>
            <primitive id="site" class="systemd" type="nginx"><meta_attributes id="m">
              <nvpair id="m1" name="target-role" value="Stopped"/></meta_attributes></primitive>
          </group>
          <clone id="ping-clone"><primitive id="ping" class="ocf" provider="pacemaker" type="ping"/></clone>
        </resources>
        <constraints><rsc_location id="never" rsc="web" node="beta" score="-INFINITY"/></constraints>
      </configuration>
      <status>
        <node_state id="1" uname="alpha" in_ccm="true" crmd="online" join="member" expected="member">
          <transient_attributes id="1"><instance_attributes id="t">
            <nvpair id="t1" name="pingd" value="100"/>
            <nvpair id="t2" name="fail-count-ping#monitor_10000" value="2"/>
          </instance_attributes></transient_attributes>
          <lrm id="1"><lrm_resources>
            <lrm_resource id="ip" class="ocf" provider="heartbeat" type="IPaddr2">
              <lrm_rsc_op id="ip_last_0" operation_key="ip_start_0" operation="start" call-id="5" rc-code="0"
                op-status="0" interval="0" transition-key="1:1:0:x" exec-time="20"/>
            </lrm_resource>
            <lrm_resource id="ping" class="ocf" provider="pacemaker" type="ping">
              <lrm_rsc_op id="ping_last_0" operation_key="ping_start_0" operation="start" call-id="6" rc-code="0"
                op-status="0" interval="0" transition-key="2:1:0:x"/>
            </lrm_resource>
          </lrm_resources></lrm>
        </node_state>
        <node_state id="2" uname="beta" in_ccm="false" crmd="offline" join="down" expected="down"/>
      </status></cib>"#;

    fn check(line: &str, expected: &str) {
        let words: Vec<String> = line.split_whitespace().map(String::from).collect();
        let mut settings = Settings::new("crm_mon", &words, &parse(&words).unwrap()).unwrap();
        settings.show.clock = None;
        let source = source::parse(CIB.as_bytes()).unwrap();
        let text = show(&source, &settings).text;
        assert!(text.contains(expected), "crm_mon {line}: expected\n{expected}\nin\n{text}");
    }

    #[test]
    fn for_people() {
        check("-1", "  * Current DC: alpha (version 1.2.3) - partition with quorum\n");
        check("-1", "  * Last change:  Tue Nov 14 22:00:00 2023 by root via cibadmin on alpha\n");
        check("-1", "  * 4 resource instances configured (1 DISABLED)\n");
        check("-1", "Node List:\n  * Online: [ alpha ]\n  * OFFLINE: [ beta ]\n");
        check(
            "-1",
            "  * Resource Group: web (1 member inactive):\n    * ip\t(ocf:heartbeat:IPaddr2):\t Started alpha\n",
        );
        check("-1r", "    * site\t(systemd:nginx):\t Stopped (disabled)\n");
        check(
            "-1r",
            "  * Clone Set: ping-clone [ping]:\n    * Started: [ alpha ]\n    * Stopped: [ beta ]\n",
        );
        check(
            "-1n",
            "  * Node alpha: online:\n    * Resources:\n      * ip\t(ocf:heartbeat:IPaddr2):\t Started\n",
        );
        check("-1b", "    * 1/1\t(ocf:heartbeat:IPaddr2):\tActive alpha\n");
        check("-1A", "Node Attributes:\n  * Node: alpha:\n    * pingd                           \t: 100");
        check(
            "-1f",
            "Migration Summary:\n  * Node: alpha:\n    * ping: migration-threshold=1000000 fail-count=2\n",
        );
        check("-1o", "    * ip: migration-threshold=1000000:\n      * (5) start\n");
        check("-1t", "      * (5) start: exec-time=\"20ms\" rc=0 (OK)\n");
        check("-1L", "Negative Location Constraints:\n  * never\tprevents web from running on beta\n");
        check("--exclude=all --include=nodes -1", "Node List:\n  * Online: [ alpha ]\n");
    }

    #[test]
    fn for_programs() {
        check("-X", "<crm_mon version=\"3.0.2\">\n  <summary>\n    <stack type=\"corosync\"/>\n");
        check("--output-as=xml", "request=\"crm_mon --output-as=xml\"");
        check("--output-as=xml", "<node name=\"beta\" id=\"2\" online=\"false\" standby=\"false\"");
        check(
            "--output-as=xml",
            "<resource id=\"ip\" resource_agent=\"ocf:heartbeat:IPaddr2\" role=\"Started\" active=\"true\"",
        );
        check("--output-as=xml", "<ban id=\"never\" resource=\"web\" node=\"beta\" weight=\"-1000000\"");
        check("--output-as=xml", "  <status code=\"0\" message=\"OK\"/>\n</pacemaker-result>");
        check("--output-as=json", "\"resources_configured\": [");
        check("--output-as=html -1", "<li>Online: [ alpha ]</li>");
        check("-s", "CLUSTER WARN: offline node: beta\n");
    }
}
