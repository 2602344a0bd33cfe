//! Requests and refusals between the words of the local socket and those of the store.

use holdfast_api::cib::{CibOperation, CibRequest, Target};
use holdfast_api::{Failure, FailureKind};
use holdfast_store::{Code, Operation, Options, Origin, Refusal, Request, User};
use holdfast_xml::Document;

use super::unsupported;
use crate::message::Change;

/// The request in the store's words. `origin` is the ordered change with the name of the node that took it.
pub fn request(cib: &CibRequest, origin: Option<(&Change, &str)>) -> Result<Request, Box<Failure>> {
    let operation = match cib.operation {
        CibOperation::Query => Operation::Query,
        CibOperation::Create => Operation::Create,
        CibOperation::Modify => Operation::Modify,
        CibOperation::Replace => Operation::Replace,
        CibOperation::Delete => Operation::Delete,
        CibOperation::Patch => Operation::Patch,
        CibOperation::Bump => Operation::Bump,
        CibOperation::Erase => Operation::Erase,
        CibOperation::Upgrade => Operation::Upgrade,
        CibOperation::Sync => {
            return Err(Box::new(
                unsupported("sending one node's copy to all others")
                    .hint("the members compare their copies by themselves; nothing is to be done"),
            ));
        }
    };
    let target = match &cib.target {
        Target::Whole => holdfast_store::Target::Whole,
        Target::Section(name) => holdfast_store::Target::Section(name.clone()),
        Target::XPath(path) => holdfast_store::Target::XPath(path.clone()),
    };
    let input = match &cib.xml {
        Some(text) => Some(Document::parse_default(text).map_err(|e| {
            Box::new(Failure::new(FailureKind::BadData, format!("the XML cannot be read: {e}")))
        })?),
        None => None,
    };
    let options = Options {
        all_matches: cib.options.all_matches,
        can_create: cib.options.can_create,
        score_update: cib.options.score_update,
        no_children: cib.options.no_children,
        paths: cib.options.node_path,
        dry_run: cib.options.dry_run,
        ..Options::default()
    };
    let origin = origin.map_or_else(Origin::default, |(change, node)| Origin {
        node: Some(node.to_owned()),
        client: Some(change.client.clone()),
        user: Some(User {
            name: change.user.clone(),
            groups: change.groups.clone(),
            privileged: change.privileged,
        }),
        written: Some(written(change.at)),
    });
    Ok(Request { operation, target, input, options, origin })
}

/// A refusal in the words of the local socket.
pub fn failure(refusal: &Refusal) -> Failure {
    let kind = match refusal.code() {
        Code::InvalidArgument => FailureKind::Usage,
        Code::NoSuch => FailureKind::NotFound,
        Code::Exists => FailureKind::Exists,
        Code::PermissionDenied => FailureKind::Permission,
        Code::OldData => FailureKind::OldVersion,
        Code::SchemaValidation | Code::TransformFailed | Code::Corrupt => FailureKind::Schema,
        Code::BadInput | Code::BadPatch | Code::DigestMismatch => FailureKind::BadData,
        Code::NotSupported => FailureKind::Unsupported,
        Code::PatchFailed | Code::SchemaUnchanged | Code::NoMessage => FailureKind::Other,
    };
    let mut failure = Failure::new(kind, refusal.to_string());
    if let Refusal::Invalid { findings, .. } = refusal {
        failure.hints = findings.iter().map(ToString::to_string).collect();
    }
    if let Refusal::OldData { .. } = refusal {
        failure = failure.hint(
            "to put a configuration in force whatever its version: \
             `cibadmin --replace --scope configuration --xml-file FILE`",
        );
    }
    failure
}

/// Seconds since the epoch as `cib-last-written` has them: `Thu Nov 21 11:15:35 2026`, in UTC.
fn written(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to a civil date, counting eras of 400 years from 1 March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let name = |names: [&'static str; 12], at: i64| names[usize::try_from(at).unwrap_or(0).min(11)];
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let weekday = weekdays[usize::try_from(days.rem_euclid(7)).unwrap_or(0)];
    format!(
        "{weekday} {} {day:2} {:02}:{:02}:{:02} {year}",
        name(months, month - 1),
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn dates_are_written_as_the_old_programs_do() {
        for (seconds, expected) in [
            (0, "Thu Jan  1 00:00:00 1970"),
            (951_782_400, "Tue Feb 29 00:00:00 2000"),
            (1_795_259_735, "Sat Nov 21 11:15:35 2026"),
        ] {
            assert_eq!(written(seconds), expected);
        }
    }
}
