//! The configuration of the running cluster, over the local socket.

use holdfast_api::cib::{CibOperation, CibOptions, CibReply, CibRequest, Target as ApiTarget};
use holdfast_api::{Reply, Request as ApiRequest};
use holdfast_client::Connection;
use holdfast_store::{Answer, Operation, Request, Target};
use holdfast_xml::Document;

use super::CibError;
use crate::exit;

pub(super) struct LiveCib {
    connection: Connection,
}

impl LiveCib {
    pub(super) fn open(program: &str) -> Result<LiveCib, CibError> {
        Ok(LiveCib { connection: Connection::open(program)? })
    }

    pub(super) fn query(&mut self, request: &Request) -> Result<Answer, CibError> {
        let reply = self.ask(request)?;
        let text = reply.xml.unwrap_or_default();
        if request.options.paths {
            return Ok(Answer::Paths(text.lines().map(str::to_owned).collect()));
        }
        let document = Document::parse_default(&text).map_err(|error| {
            CibError::new(exit::PROTOCOL, "Protocol error").detail(format!("answer of the cluster: {error}"))
        })?;
        Ok(Answer::Xml(document))
    }

    pub(super) fn apply(&mut self, request: &Request) -> Result<(), CibError> {
        let reply = self.ask(request)?;
        for warning in reply.warnings {
            eprintln!("warning: {warning}");
        }
        if reply.provisional {
            eprintln!(
                "warning: the change is provisional (version {}): too few nodes have it to survive every fault",
                reply.version
            );
        }
        Ok(())
    }

    fn ask(&mut self, request: &Request) -> Result<CibReply, CibError> {
        let operation = match request.operation {
            Operation::Query => CibOperation::Query,
            Operation::Create => CibOperation::Create,
            Operation::Modify => CibOperation::Modify,
            Operation::Replace => CibOperation::Replace,
            Operation::Delete => CibOperation::Delete,
            Operation::Patch => CibOperation::Patch,
            Operation::Bump => CibOperation::Bump,
            Operation::Erase => CibOperation::Erase,
            Operation::Upgrade => CibOperation::Upgrade,
        };
        let target = match &request.target {
            Target::Whole => ApiTarget::Whole,
            Target::Section(name) => ApiTarget::Section(name.clone()),
            Target::XPath(expression) => ApiTarget::XPath(expression.clone()),
        };
        let options = CibOptions {
            no_children: request.options.no_children,
            all_matches: request.options.all_matches,
            can_create: request.options.can_create,
            score_update: request.options.score_update,
            node_path: request.options.paths,
            dry_run: request.options.dry_run,
            force: operation == CibOperation::Erase || operation == CibOperation::Upgrade,
            user: request.origin.user.as_ref().map(|user| user.name.clone()),
            ..CibOptions::default()
        };
        let xml = request.input.as_ref().map(|input| input.root().to_string_compact());
        let reply =
            self.connection.request(ApiRequest::Cib(CibRequest { operation, target, xml, options }))?;
        match reply {
            Reply::Cib(reply) => Ok(reply),
            Reply::Done | Reply::Warned(_) => Ok(CibReply {
                version: holdfast_api::cib::Version::default(),
                xml: None,
                provisional: false,
                warnings: match reply {
                    Reply::Warned(warnings) => warnings,
                    _ => Vec::new(),
                },
            }),
            _ => Err(CibError::new(exit::PROTOCOL, "Protocol error").detail("an answer of another kind")),
        }
    }
}
