//! `holdfast explain`: why a resource is where it is, or is not.

use holdfast_client::Connection;
use holdfast_scheduler::assign::{Wanted, assign};
use holdfast_scheduler::constraints;
use holdfast_scheduler::facts;
use holdfast_view::explain::Decided;
use holdfast_view::list::sections_text;

use crate::crm_mon::{local_time, source};

const HELP: &str = "\
holdfast explain - why a resource is where it is, or is not

Usage: holdfast explain RESOURCE [NODE]

Shows for every node the score of the resource there and every part of it: locations, stickiness, failures,
colocations, promotion, capacity. Reads the live cluster, or the document that CIB_file names.
";

const USAGE: i32 = 64;
const NOT_FOUND: i32 = 105;

/// Runs the command; the first word is its name.
pub fn run(words: Vec<String>) -> i32 {
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let (resource, node) = match words[..] {
        ["-h" | "--help"] => {
            print!("{HELP}");
            return 0;
        }
        [resource] => (resource, None),
        [resource, node] => (resource, Some(node)),
        _ => {
            eprint!("holdfast explain: expected a resource and perhaps a node\n\n{HELP}");
            return USAGE;
        }
    };
    let picture = match source::file(None) {
        Some(path) => source::read(&path),
        None => Connection::open("explain").map_err(Into::into).and_then(|mut open| source::ask(&mut open)),
    };
    match picture {
        Ok(picture) => match explain(&picture, resource, node) {
            Ok(text) => {
                print!("{text}");
                0
            }
            Err(message) => {
                eprintln!("holdfast explain: {message}");
                NOT_FOUND
            }
        },
        Err(error) => {
            eprintln!("holdfast explain: {error}");
            for hint in error.hints() {
                eprintln!("  {hint}");
            }
            error.exit_status()
        }
    }
}

fn explain(picture: &source::Source, resource: &str, node: Option<&str>) -> Result<String, String> {
    let now = picture.cib.header.execution_date.unwrap_or_else(local_time::now);
    let facts = facts::unpack(&picture.cib, now);
    let rsc = facts.rsc_named(resource).ok_or_else(|| {
        let known: Vec<&str> = facts.top.iter().map(|&rsc| facts.rscs[rsc].id.as_str()).collect();
        format!("there is no resource \"{resource}\"; there are: {}", known.join(", "))
    })?;
    let node = match node {
        None => None,
        Some(name) => Some(facts.node_named(name).ok_or_else(|| {
            let known: Vec<&str> = facts.nodes.iter().map(|node| node.name.as_str()).collect();
            format!("there is no node \"{name}\"; there are: {}", known.join(", "))
        })?),
    };
    let placement = constraints::placement(&facts);
    let wanted = Wanted { contributions: true, ..Wanted::default() };
    let assignment = assign(&facts, &placement, wanted);
    let decided = Decided { facts: &facts, placement: &placement, assignment: &assignment };
    Ok(sections_text(&decided.explain(rsc, node), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIB: &str = r#"<cib validate-with="pacemaker-4.0" admin_epoch="0" epoch="1" num_updates="0" have-quorum="1"
        execution-date="1700000000">
      <configuration>
        <crm_config><cluster_property_set id="o">
          <nvpair id="o1" name="fencing-enabled" value="false"/></cluster_property_set></crm_config>
        <nodes><node id="1" uname="alpha"/><node id="2" uname="beta"/></nodes>
        <resources>
          <primitive id="db" class="ocf" provider="heartbeat" type="pgsql"/>
          <primitive id="app" class="systemd" type="app"/>
        </resources>
        <constraints>
          <rsc_location id="likes-beta" rsc="db" node="beta" score="50"/>
          <rsc_colocation id="together" rsc="app" with-rsc="db" score="INFINITY"/>
        </constraints>
      </configuration>
      <status>
        <node_state id="1" uname="alpha" in_ccm="true" crmd="online" join="member" expected="member"/>
        <node_state id="2" uname="beta" in_ccm="true" crmd="online" join="member" expected="member"/>
      </status></cib>"#;

    fn check(resource: &str, node: Option<&str>, expected: &str) {
        let picture = source::parse(CIB.as_bytes()).unwrap();
        let text = match explain(&picture, resource, node) {
            Ok(text) => text,
            Err(message) => message,
        };
        assert_eq!(text.trim_end(), expected, "explain {resource} {node:?}");
    }

    #[test]
    fn reasons() {
        check(
            "app",
            None,
            "app is stopped and shall be started on beta:\n  * alpha: -INFINITY:\n    \
             * to -INFINITY: colocation together with db\n  * beta: 0, chosen:",
        );
        check(
            "db",
            Some("beta"),
            "db is stopped and shall be started on beta:\n  * beta: 50, chosen:\n    * +50: location likes-beta",
        );
        check("dB", None, "there is no resource \"dB\"; there are: db, app");
        check("db", Some("gamma"), "there is no node \"gamma\"; there are: alpha, beta");
    }
}
