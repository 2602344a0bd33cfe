//! What only a running cluster can do: forget failures, run agents.

use holdfast_api::resource::{ResourceReply, ResourceRequest, Selection};
use holdfast_api::{Reply, Request};
use holdfast_client::{ClientError, ask};
use holdfast_model::duration::checked_interval_ms;

use super::PROGRAM;
use crate::arguments::Parsed;
use crate::cib_source::{CibError, CibSource, Place};
use crate::crm_mon::local_time;
use crate::exit;
use crate::output::{Failure, Output};

pub(super) fn failed(error: ClientError) -> Failure {
    let error = CibError::from(error);
    error.explain(true);
    error.failure("Error performing operation")
}

pub(super) fn run(command: &str, parsed: &Parsed, output: &mut Output) -> Result<i32, Failure> {
    if Place::from_environment() != Place::Live {
        return Err(Failure::new(
            exit::UNIMPLEMENTED,
            format!("--{command} needs the running cluster; unset CIB_file and CIB_shadow"),
        ));
    }
    let rsc = parsed.value("resource").map(str::to_owned);
    let needed = || Failure::usage("Must supply a resource ID with -r/--resource");
    let milliseconds = |key: &str| parsed.value(key).and_then(checked_interval_ms);
    let selection = || Selection {
        rsc: rsc.clone(),
        node: parsed.value("node").map(str::to_owned),
        operation: parsed.value("operation").map(str::to_owned),
        interval_ms: milliseconds("interval"),
        force: parsed.has("force"),
    };
    let request = match command {
        "cleanup" => ResourceRequest::Cleanup(selection()),
        "refresh" => ResourceRequest::Refresh(selection()),
        "fail" => ResourceRequest::Fail {
            rsc: rsc.ok_or_else(needed)?,
            node: parsed.value("node").map(str::to_owned),
        },
        _ => ResourceRequest::Force {
            rsc: rsc.ok_or_else(needed)?,
            operation: match command {
                "force-start" => "start",
                "force-stop" => "stop",
                "force-promote" => "promote",
                "force-demote" => "demote",
                "force-check" => "monitor",
                _ => "validate-all",
            }
            .to_owned(),
            timeout_ms: milliseconds("timeout").unwrap_or(0),
            overrides: parsed
                .options
                .iter()
                .filter(|(key, _)| *key == "option")
                .filter_map(|(_, value)| value.as_deref()?.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        },
    };
    match ask(PROGRAM, Request::Resource(request)).map_err(failed)? {
        Reply::Resource(ResourceReply::Cleaned(mut pairs)) => {
            if let Some(rsc) = parsed.value("resource") {
                let asked = CibSource::open(PROGRAM).and_then(|mut source| source.document());
                let document = asked.map_err(|error| error.failure("Error performing operation"))?;
                pairs =
                    crate::cleaned::covered(&document, local_time::now(), rsc, parsed.value("node"), &pairs);
            }
            for (rsc, node) in &pairs {
                output.info(format!("Cleaned up {rsc} on {node}"));
            }
            if pairs.is_empty() {
                output.info("Cleaned up all resources on all nodes");
            }
            Ok(exit::OK)
        }
        Reply::Resource(ResourceReply::Ran(result)) => {
            let reason = result.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            output.info(format!(
                "Operation {command} for {} returned: {} ({}{reason})",
                parsed.value("resource").unwrap_or(""),
                result.rc,
                result.status
            ));
            output.text(&result.stdout);
            if !result.stderr.is_empty() {
                output.error(result.stderr.trim_end());
            }
            Ok(result.rc)
        }
        Reply::Warned(warnings) => {
            for warning in warnings {
                output.error(format!("warning: {warning}"));
            }
            Ok(exit::OK)
        }
        _ => Ok(exit::OK),
    }
}
