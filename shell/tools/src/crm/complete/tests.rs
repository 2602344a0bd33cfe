//! `check(level, what was typed, what is offered)`.

use super::candidates;
use super::world::{Object, World};
use holdfast_agent_protocol::metadata::{Action, Metadata, Parameter};
use holdfast_xml::Document;

const CONFIGURATION: &str = "<cib><configuration><crm_config/><nodes><node id='1' uname='test7'/>\
<node id='2' uname='test8'/></nodes><resources><group id='web'><primitive id='ip' class='ocf' provider='heartbeat' \
type='IPaddr2'/></group><primitive id='http' class='lsb' type='http'/><primitive id='plug' class='stonith' \
type='fence_switch'/><template id='address' class='ocf' provider='heartbeat' type='IPaddr2'/></resources>\
<constraints/></configuration></cib>";

struct Fixed(Vec<Object>);

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl World for Fixed {
    fn objects(&self) -> &[Object] {
        &self.0
    }

    fn classes(&self) -> Vec<String> {
        strings(&["lsb", "ocf", "stonith"])
    }

    fn providers(&self) -> Vec<String> {
        strings(&["heartbeat", "pacemaker"])
    }

    fn types(&self, class: &str, provider: Option<&str>) -> Vec<String> {
        match (class, provider) {
            ("ocf", None) => strings(&["IPaddr", "IPaddr2", "ping"]),
            ("ocf", Some("heartbeat")) => strings(&["IPaddr", "IPaddr2"]),
            ("ocf", Some(_)) => strings(&["ping"]),
            _ => strings(&["http"]),
        }
    }

    fn metadata(&self, agent: &str) -> Option<Metadata> {
        let parameter = |name: &str, kind: &str, default: Option<&str>, options: &[&str]| Parameter {
            name: name.into(),
            kind: kind.into(),
            default: default.map(Into::into),
            options: strings(options),
            ..Parameter::default()
        };
        let action = |name: &str, timeout: &str, interval: Option<&str>| Action {
            name: name.into(),
            timeout: Some(timeout.into()),
            interval: interval.map(Into::into),
            ..Action::default()
        };
        (agent == "ocf:heartbeat:IPaddr2").then(|| Metadata {
            parameters: vec![
                parameter("ip", "string", None, &[]),
                parameter("nic", "string", Some("eth0"), &[]),
                parameter("arp", "boolean", None, &[]),
                parameter("mode", "select", None, &["one", "two"]),
            ],
            actions: vec![
                action("start", "20s", None),
                action("monitor", "20s", Some("10s")),
                action("meta-data", "5s", None),
            ],
            ..Metadata::default()
        })
    }

    fn shadows(&self) -> Vec<String> {
        strings(&["draft"])
    }
}

fn offered(level: &'static str, typed: &str) -> Vec<String> {
    let world = Fixed(Object::all(&Document::parse_default(CONFIGURATION).unwrap()));
    candidates(level, "", typed, &world).1
}

#[track_caller]
fn check(level: &'static str, typed: &str, expected: &[&str]) {
    assert_eq!(offered(level, typed), expected, "{level}: {typed}");
}

#[test]
fn levels_and_commands() {
    check("", "conf", &["configure"]);
    check("", "c", &["cd", "cib", "configure"]);
    check("", "node st", &["standby", "status-attr"]);
    check("node", "stand", &["standby"]);
    check("resource", "re", &["refresh", "restart"]);
    check("resource", "q", &["quit"]);
    check("", "help res", &["resource"]);
    check("", "help resource sta", &["start", "status"]);
    check("configure", "help prim", &["primitive"]);
    check("configure", "cd ../n", &["../node"]);
    check("configure", "cd .", &["..", "../cib", "../configure", "../node", "../ra", "../resource"]);
    check("", "cd no", &["node"]);
}

#[test]
fn nodes_resources_and_their_settings() {
    check("node", "standby ", &["test7", "test8"]);
    check("", "node standby test8 ", &["forever", "reboot"]);
    check("node", "attribute test7 s", &["set", "show"]);
    check("resource", "start ", &["http", "ip", "plug", "web"]);
    check("resource", "stop web h", &["http"]);
    check("resource", "move web ", &["force", "test7", "test8"]);
    check("resource", "meta web set target", &["target-role"]);
    check("resource", "param ip show ", &["arp", "ip", "mode", "nic"]);
    check("resource", "cleanup web test", &["test7", "test8"]);
    check("cib", "use ", &["draft", "live"]);
}

#[test]
fn agents_part_by_part() {
    check("configure", "primitive p ", &["@address", "lsb:", "ocf:", "stonith:"]);
    check("configure", "primitive p o", &["ocf:"]);
    check("configure", "primitive p ocf:", &["ocf:heartbeat:", "ocf:pacemaker:"]);
    check("configure", "primitive p ocf:h", &["ocf:heartbeat:"]);
    check("configure", "primitive p ocf:heartbeat:", &["ocf:heartbeat:IPaddr", "ocf:heartbeat:IPaddr2"]);
    check("configure", "primitive p lsb:", &["lsb:http"]);
    check("ra", "info ocf:pacemaker:", &["ocf:pacemaker:ping"]);
    check("ra", "list ", &["lsb", "ocf", "stonith"]);
    check("ra", "list ocf p", &["pacemaker"]);
}

#[test]
fn parameters_operations_and_values() {
    let line = "primitive p ocf:heartbeat:IPaddr2 ";
    let at = |more: &str, expected: &[&str]| check("configure", &format!("{line}{more}"), expected);
    at("", &["meta", "op", "operations", "params", "utilization"]);
    at("params ", &["arp=", "ip=", "mode=", "nic="]);
    at("params ip=1.2.3.4 n", &["nic="]);
    at("params ip=1.2.3.4 o", &["op", "operations"]);
    at("params nic=", &["nic=eth0"]);
    at("params arp=", &["arp=false", "arp=true"]);
    at("params mode=t", &["mode=two"]);
    at("op ", &["monitor", "start"]);
    at("op monitor i", &["interval-origin=", "interval=10s"]);
    at("op monitor interval=10s t", &["timeout=20s"]);
    at("op start on-fail=st", &["on-fail=standby", "on-fail=stop"]);
    at("meta is-managed=", &["is-managed=false", "is-managed=true"]);
    check("configure", "primitive p @address params n", &["nic="]);
    check("configure", "primitive p ocf:heartbeat:IPaddr2 params ip=\"a ", &[]);
}

#[test]
fn objects_constraints_and_options() {
    check(
        "configure",
        "show t",
        &["test7", "test8", "type:group", "type:node", "type:primitive", "type:rsc_template"],
    );
    check("configure", "delete w", &["web"]);
    check("configure", "group g http ", &["meta", "params", "plug"]);
    check("configure", "modgroup web remove ", &["ip"]);
    check("configure", "modgroup web add ", &["http", "plug"]);
    check("configure", "location l web ", &["-inf:", "inf:", "rule"]);
    check("configure", "location l web 100: ", &["test7", "test8"]);
    check("configure", "location l web rule 100: #uname eq ", &["test7", "test8"]);
    check("configure", "colocation c inf: web h", &["http"]);
    check("configure", "order o Mandatory: web http sym", &["symmetrical="]);
    check("configure", "order o Mandatory: web http symmetrical=t", &["symmetrical=true"]);
    check("configure", "property stonith-e", &["stonith-enabled="]);
    check("configure", "property stonith-enabled=", &["stonith-enabled=false", "stonith-enabled=true"]);
    check("configure", "rsc_defaults resource-st", &["resource-stickiness="]);
    check("configure", "fencing_topology test7: plug,p", &["plug"]);
    check("configure", "clone c ", &["http", "plug", "web"]);
    check("configure", "clone c http meta interl", &["interleave="]);
}

#[test]
fn a_line_goes_on_where_the_one_before_ended() {
    let world = Fixed(Object::all(&Document::parse_default(CONFIGURATION).unwrap()));
    let (start, names) = candidates("configure", "primitive p ocf:heartbeat:IPaddr2 params ", "  ni", &world);
    assert_eq!((start, names), (2, vec!["nic=".to_owned()]));
}
