//! Waits until the cluster has nothing left to do; restarts a resource that way.

use std::time::{Duration, Instant};

use holdfast_api::Request;
use holdfast_api::cluster::ClusterRequest;
use holdfast_client::Connection;
use holdfast_model::duration::checked_interval_ms;
use holdfast_scheduler::facts;
use holdfast_store::{Operation, Request as Change, Target};
use holdfast_xml::{Document, Element};

use super::{PROGRAM, Work, live, now, operation_failed, places, upgraded};
use crate::arguments::Parsed;
use crate::cib_source::{CibSource, Place};
use crate::exit;
use crate::output::{Failure, Output};

/// Longest wait when nothing is said.
const USUAL: Duration = Duration::from_secs(3600);
/// Time that the daemon's own word of a time-out may take.
const GRACE: Duration = Duration::from_secs(10);

/// When to give up.
fn deadline(parsed: &Parsed) -> Result<Instant, Failure> {
    let wait = match parsed.value("timeout") {
        None => USUAL,
        Some(text) => match checked_interval_ms(text) {
            Some(0) => USUAL,
            Some(ms) => Duration::from_millis(ms.into()),
            None => {
                return Err(Failure::usage(format!(
                    "Invalid timeout '{text}': expected a duration such as 30s"
                )));
            }
        },
    };
    Ok(Instant::now() + wait)
}

fn need_cluster(command: &str) -> Result<(), Failure> {
    if Place::from_environment() == Place::Live {
        return Ok(());
    }
    let text = format!("--{command} needs the running cluster; unset CIB_file and CIB_shadow");
    Err(Failure::new(exit::UNIMPLEMENTED, text))
}

fn idle(deadline: Instant) -> Result<(), Failure> {
    let left = deadline.saturating_duration_since(Instant::now());
    // Nothing means no limit to the daemon.
    let timeout_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1);
    let mut connection = Connection::open(PROGRAM).map_err(live::failed)?;
    connection.set_patience(left.saturating_add(GRACE));
    connection.request(Request::Cluster(ClusterRequest::WaitIdle { timeout_ms })).map_err(live::failed)?;
    Ok(())
}

/// `--wait`
pub(super) fn wait(parsed: &Parsed) -> Result<i32, Failure> {
    need_cluster("wait")?;
    idle(deadline(parsed)?)?;
    Ok(exit::OK)
}

/// The pair that sets the target role of a resource: its set and itself.
fn target_role<'a>(element: Element<'a>) -> Option<(Element<'a>, Element<'a>)> {
    element.children_named("meta_attributes").find_map(|set| {
        set.children().find(|pair| pair.attr("name") == Some("target-role")).map(|pair| (set, pair))
    })
}

/// How a resource is told to stop, and how that is taken back.
struct Stop {
    stop: Document,
    undo: (Operation, Document),
}

impl Stop {
    fn of(element: Element<'_>) -> Stop {
        let id = element.id().unwrap_or("");
        let (set_id, pair_id, before) = match target_role(element) {
            Some((set, pair)) => (
                set.id().unwrap_or("").to_owned(),
                pair.id().unwrap_or("").to_owned(),
                pair.attr("value").map(str::to_owned),
            ),
            None => {
                let set = element.child("meta_attributes").and_then(|set| set.id());
                let set = set.map_or_else(|| format!("{id}-meta_attributes"), str::to_owned);
                let pair = format!("{set}-target-role");
                (set, pair, None)
            }
        };
        let with = |value: &str| {
            let mut document = Document::new(element.name());
            let root = document.root().ix();
            document.set_attr(root, "id", id);
            let set = document.append(root, "meta_attributes");
            document.set_attr(set, "id", &set_id);
            let pair = document.append(set, "nvpair");
            for (name, value) in [("id", pair_id.as_str()), ("name", "target-role"), ("value", value)] {
                document.set_attr(pair, name, value);
            }
            document
        };
        let undo = match &before {
            Some(value) => (Operation::Modify, with(value)),
            None => {
                let mut pair = Document::new("nvpair");
                let root = pair.root().ix();
                pair.set_attr(root, "id", &pair_id);
                pair.set_attr(root, "name", "target-role");
                (Operation::Delete, pair)
            }
        };
        Stop { stop: with("Stopped"), undo }
    }
}

fn change(
    work: &Work<'_>,
    source: &mut CibSource,
    operation: Operation,
    input: Document,
) -> Result<(), Failure> {
    let request = Change::new(operation, Target::Section("resources".to_owned()), Some(input));
    source.apply(request, None).map_err(|error| operation_failed(&error, work.parsed))
}

/// Whether a resource runs anywhere, according to the cluster now.
fn runs(work: &Work<'_>, source: &mut CibSource, id: &str) -> Result<bool, Failure> {
    let document = source.document().map_err(|error| operation_failed(&error, work.parsed))?;
    let upgraded = upgraded(&document);
    let (cib, _) = holdfast_model::read::cib(&upgraded);
    let facts = facts::unpack(&cib, now(&cib));
    let work = Work { parsed: work.parsed, document: &document, facts: &facts };
    Ok(work.find(id).is_some_and(|rsc| !places::of(&work, rsc).is_empty()))
}

/// `--restart`: stops a resource, waits, lets it start again, waits.
pub(super) fn restart(work: &Work<'_>, source: &mut CibSource, output: &mut Output) -> Result<i32, Failure> {
    need_cluster("restart")?;
    let Some(name) = work.parsed.value("resource") else {
        return Err(Failure::usage("Must supply a resource ID with -r/--resource"));
    };
    let Some(rsc) = work.find(name) else { return Err(super::not_found(output, "Resource", name)) };
    if let Some(node) = work.parsed.value("node") {
        return Err(Failure::new(
            exit::UNIMPLEMENTED,
            format!(
                "--restart on one node only is not offered; type\n  crm_resource --ban -r {name} -N {node}\n  \
                 crm_resource --wait\n  crm_resource --clear -r {name} -N {node}"
            ),
        ));
    }
    let top = work.facts.top_resource(rsc, true);
    // A primitive inside a clone stops with the clone.
    let id = if name.contains(':') || matches!(work.facts.rscs[top].kind, facts::RscKind::Clone(_)) {
        work.config_id(top)
    } else {
        work.config_id(rsc)
    };
    if places::of(work, work.find(id).unwrap_or(rsc)).is_empty() {
        let text = format!("{name} is not running anywhere and so cannot be restarted");
        return Err(Failure::new(exit::ERROR, text));
    }
    let Some(element) = work.element(id) else { return Err(super::not_found(output, "Resource", id)) };
    let deadline = deadline(work.parsed)?;
    let Stop { stop, undo } = Stop::of(element);
    change(work, source, Operation::Modify, stop)?;
    let stopped = idle(deadline).and_then(|()| match runs(work, source, id)? {
        false => Ok(()),
        true => Err(Failure::new(exit::ERROR, format!("Could not complete shutdown of {id}: it still runs"))),
    });
    // Whatever happened: it must not stay stopped because of us.
    let undone = change(work, source, undo.0, undo.1).map_err(|failure| {
        Failure::new(
            failure.status,
            format!("{}; {id} stays stopped until `crm resource start {id}`", failure.message),
        )
    });
    stopped?;
    undone?;
    idle(deadline)?;
    if !runs(work, source, id)? {
        let text = format!("Could not complete restart of {id}: it does not run; see holdfast explain {id}");
        return Err(Failure::new(exit::ERROR, text));
    }
    Ok(exit::OK)
}

#[cfg(test)]
mod tests {
    use holdfast_xml::Limits;

    use super::*;

    fn check(resource: &str, stop: &str, undo: &str) {
        let document = Document::parse(resource.as_bytes(), &Limits::default()).unwrap();
        let made = Stop::of(document.root());
        assert_eq!(made.stop.to_string_compact().trim(), stop, "{resource}");
        assert_eq!(made.undo.1.to_string_compact().trim(), undo, "{resource}");
    }

    #[test]
    fn what_was_set_comes_back() {
        check(
            r#"<primitive id="db"/>"#,
            r#"<primitive id="db"><meta_attributes id="db-meta_attributes"><nvpair id="db-meta_attributes-target-role" name="target-role" value="Stopped"/></meta_attributes></primitive>"#,
            r#"<nvpair id="db-meta_attributes-target-role" name="target-role"/>"#,
        );
        check(
            r#"<clone id="c"><meta_attributes id="m"><nvpair id="p" name="target-role" value="Promoted"/></meta_attributes></clone>"#,
            r#"<clone id="c"><meta_attributes id="m"><nvpair id="p" name="target-role" value="Stopped"/></meta_attributes></clone>"#,
            r#"<clone id="c"><meta_attributes id="m"><nvpair id="p" name="target-role" value="Promoted"/></meta_attributes></clone>"#,
        );
    }
}
