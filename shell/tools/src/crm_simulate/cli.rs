//! Arguments of `crm_simulate`. Does not know what they do.

use clap::{ArgAction, Parser, ValueEnum};
use holdfast_view::status::Section;

/// How output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    None,
    Text,
    Xml,
}

const AFTER: &str = "\
Operation Specification:

  The OPSPEC in any command line option is of the form
  ${resource}_${task}_${interval_in_ms}@${node}=${rc}
  (memcached_monitor_20000@bart.example.com=7, for example).
  ${rc} is an OCF return code.

Examples:

  Pretend a recurring monitor found memcached stopped on node fred.example.com
  and, during recovery, that the memcached stop failed:

    crm_simulate -LS --op-inject memcached:0_monitor_20000@bart.example.com=7 \\
        --op-fail memcached:0_stop_0@fred.example.com=1 --save-output memcached-test.xml

  Now see what the reaction to the failed stop would be:

    crm_simulate -S --xml-file memcached-test.xml";

/// Simulate a cluster's response to events
#[derive(Debug, Parser)]
#[command(name = "crm_simulate", disable_version_flag = true, disable_help_flag = true, args_override_self = true, after_help = AFTER)]
pub(crate) struct Args {
    /// Show this help
    #[arg(short = '?', long, visible_alias = "help-all", action = ArgAction::Help)]
    help: Option<bool>,
    /// Display software version and exit
    #[arg(short = '$', long, action = ArgAction::SetTrue)]
    pub version: bool,
    /// Increase debug output (may be specified multiple times)
    #[arg(short = 'V', long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Display only essential output
    #[arg(short = 'Q', long)]
    pub quiet: bool,
    /// Specify output format as one of: text (default), xml
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub output_as: Format,
    /// Specify file name for output (or "-" for stdout)
    #[arg(long, value_name = "DEST")]
    pub output_to: Option<String>,

    /// Process the supplied input and show what actions the cluster will take in response
    #[arg(short = 'R', long, help_heading = "Operations")]
    pub run: bool,
    /// Like --run, but also simulate taking those actions and show the resulting new status
    #[arg(short = 'S', long, help_heading = "Operations")]
    pub simulate: bool,
    /// Like --simulate, but also store the results back to the input file
    #[arg(short = 'X', long, help_heading = "Operations")]
    pub in_place: bool,
    /// Show node attributes
    #[arg(short = 'A', long, help_heading = "Operations")]
    pub show_attrs: bool,
    /// Show resource fail counts
    #[arg(short = 'c', long, help_heading = "Operations")]
    pub show_failcounts: bool,
    /// Show allocation scores
    #[arg(short = 's', long, help_heading = "Operations")]
    pub show_scores: bool,
    /// Show utilization information
    #[arg(short = 'U', long, help_heading = "Operations")]
    pub show_utilization: bool,
    /// Process all the XML files in the named directory to create profiling data
    #[arg(short = 'P', long, value_name = "DIR", help_heading = "Operations")]
    pub profile: Option<String>,
    /// With --profile, repeat each test N times and print timings
    #[arg(short = 'N', long, value_name = "N", default_value_t = 1, help_heading = "Operations")]
    pub repeat: u32,
    /// Display pending state if 'record-pending' is enabled
    #[arg(short = 'j', long, hide = true)]
    pub pending: bool,

    /// Simulate bringing a node online
    #[arg(short = 'u', long, value_name = "NODE", help_heading = "Synthetic Cluster Events")]
    pub node_up: Vec<String>,
    /// Simulate taking a node offline
    #[arg(short = 'd', long, value_name = "NODE", help_heading = "Synthetic Cluster Events")]
    pub node_down: Vec<String>,
    /// Simulate a node failing
    #[arg(short = 'f', long, value_name = "NODE", help_heading = "Synthetic Cluster Events")]
    pub node_fail: Vec<String>,
    /// Generate a failure for the cluster to react to in the simulation (see `Operation Specification`)
    #[arg(short = 'i', long, value_name = "OPSPEC", help_heading = "Synthetic Cluster Events")]
    pub op_inject: Vec<String>,
    /// If the specified task occurs during the simulation, have it fail with return code ${rc}. The transition will
    /// normally stop at the failed action. Save the result with --save-output and re-run with --xml-file (see
    /// `Operation Specification`)
    #[arg(short = 'F', long, value_name = "OPSPEC", help_heading = "Synthetic Cluster Events")]
    pub op_fail: Vec<String>,
    /// Set date/time (ISO 8601 format)
    #[arg(short = 't', long, value_name = "DATETIME", help_heading = "Synthetic Cluster Events")]
    pub set_datetime: Option<String>,
    /// Set to '1' (or 'true') to indicate cluster has quorum
    #[arg(short = 'q', long, value_name = "QUORUM", help_heading = "Synthetic Cluster Events")]
    pub quorum: Option<String>,
    /// Set to '1' (or 'true') to indicate cluster has an active watchdog device
    #[arg(short = 'w', long, value_name = "DEVICE", help_heading = "Synthetic Cluster Events")]
    pub watchdog: Option<String>,
    /// Simulate granting a ticket
    #[arg(short = 'g', long, value_name = "TICKET", help_heading = "Synthetic Cluster Events")]
    pub ticket_grant: Vec<String>,
    /// Simulate revoking a ticket
    #[arg(short = 'r', long, value_name = "TICKET", help_heading = "Synthetic Cluster Events")]
    pub ticket_revoke: Vec<String>,
    /// Simulate making a ticket standby
    #[arg(short = 'b', long, value_name = "TICKET", help_heading = "Synthetic Cluster Events")]
    pub ticket_standby: Vec<String>,
    /// Simulate activating a ticket
    #[arg(short = 'e', long, value_name = "TICKET", help_heading = "Synthetic Cluster Events")]
    pub ticket_activate: Vec<String>,

    /// Save the input configuration to the named file
    #[arg(short = 'I', long, value_name = "FILE", help_heading = "Artifact Options")]
    pub save_input: Option<String>,
    /// Save the output configuration to the named file
    #[arg(short = 'O', long, value_name = "FILE", help_heading = "Artifact Options")]
    pub save_output: Option<String>,
    /// Save the transition graph (XML format) to the named file
    #[arg(short = 'G', long, value_name = "FILE", help_heading = "Artifact Options")]
    pub save_graph: Option<String>,
    /// Save the transition graph (DOT format) to the named file
    #[arg(short = 'D', long, value_name = "FILE", help_heading = "Artifact Options")]
    pub save_dotfile: Option<String>,
    /// Display all possible actions in DOT graph (even if not part of transition)
    #[arg(short = 'a', long, help_heading = "Artifact Options")]
    pub all_actions: bool,

    /// Connect to the cluster and use its current configuration and status as input
    #[arg(short = 'L', long, help_heading = "Data Source", overrides_with_all = ["xml_file", "xml_pipe"])]
    pub live_check: bool,
    /// Retrieve XML from the named file
    #[arg(short = 'x', long, value_name = "FILE", help_heading = "Data Source", overrides_with_all = ["live_check", "xml_pipe"])]
    pub xml_file: Option<String>,
    /// Retrieve XML from stdin (the default)
    #[arg(short = 'p', long, help_heading = "Data Source", overrides_with_all = ["live_check", "xml_file"])]
    pub xml_pipe: bool,
}

/// Where the input comes from; of several, the one named last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source<'a> {
    /// The cluster, or the file or shadow copy that stands for it.
    Cluster,
    File(&'a str),
    Standard,
}

impl Args {
    /// Where the input comes from.
    pub(crate) fn source(&self) -> Source<'_> {
        match self.xml_file.as_deref() {
            _ if self.live_check => Source::Cluster,
            Some(path) if path != "-" => Source::File(path),
            Some(_) | None => Source::Standard,
        }
    }

    /// Sections of the status that are shown.
    pub(crate) fn sections(&self) -> Vec<Section> {
        let mut sections = vec![Section::Nodes, Section::Resources];
        if self.show_attrs {
            sections.push(Section::Attributes);
        }
        if self.show_failcounts {
            sections.extend([Section::FailCounts, Section::Failures]);
        }
        sections
    }

    /// A plan is made.
    pub(crate) fn processes(&self) -> bool {
        self.run
            || self.simulates()
            || self.show_scores
            || self.show_utilization
            || self.save_graph.is_some()
            || self.save_dotfile.is_some()
    }

    /// The plan is carried out, in pretence.
    pub(crate) fn simulates(&self) -> bool {
        self.simulate || self.in_place || !self.op_fail.is_empty()
    }

    /// The text tree is changed or written again, or asked for the lines of what cannot be used.
    pub(crate) fn needs_document(&self) -> bool {
        self.verbose > 0
            || self.injects()
            || self.in_place
            || self.save_input.is_some()
            || self.save_output.is_some()
    }

    /// The input is changed first.
    pub(crate) fn injects(&self) -> bool {
        self.watchdog.is_some()
            || [
                &self.node_up,
                &self.node_down,
                &self.node_fail,
                &self.op_inject,
                &self.ticket_grant,
                &self.ticket_revoke,
                &self.ticket_standby,
                &self.ticket_activate,
            ]
            .iter()
            .any(|list| !list.is_empty())
    }
}

/// Reads the arguments; help, version and mistakes end the tool with a status.
pub(crate) fn parse(words: Vec<String>) -> Result<Args, i32> {
    let args = Args::try_parse_from(words).map_err(|error| {
        // Nobody can be told that telling failed.
        let _ = error.print();
        if error.use_stderr() { super::USAGE } else { super::OK }
    })?;
    if args.version {
        println!("Holdfast {}", env!("CARGO_PKG_VERSION"));
        return Err(super::OK);
    }
    Ok(args)
}
