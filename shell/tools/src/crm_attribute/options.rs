//! The command line of `crm_attribute`, as data, and the list of cluster options.

use holdfast_model::options::CLUSTER;

use crate::arguments::{Group, Syntax, flag, valued};
use crate::exit;
use crate::option_list::{self, About};
use crate::output::{Failure, Output};

pub(super) const SYNTAX: Syntax = Syntax {
    name: "crm_attribute",
    summary: "query and update Pacemaker cluster options and node attributes",
    operands: "",
    output: true,
    groups: &[
        Group {
            heading: "Selecting attributes:",
            options: &[
                flag("all", Some('a'), "With --list-options, also those for experts and those out of use"),
                valued("id", Some('i'), "XML_ID", "The instance of the attribute with this id"),
                valued("name", Some('n'), "NAME", "The attribute or option of this name"),
                valued(
                    "pattern",
                    Some('P'),
                    "PATTERN",
                    "All attributes whose names match (with -v, -D or -G)",
                ),
                valued(
                    "promotion",
                    Some('p'),
                    "RESOURCE",
                    "The promotion score of a resource, by default of the one whose agent calls",
                )
                .optional(),
                valued(
                    "set-name",
                    Some('s'),
                    "NAME",
                    "The instance of the attribute in the set with this id",
                ),
                valued("attr-name", None, "", "").meaning("name"),
                valued("attr-id", None, "", "").meaning("id"),
            ],
        },
        Group {
            heading: "Commands:",
            options: &[
                valued("list-options", Some('L'), "TYPE", "List all options of a kind: cluster"),
                flag("delete", Some('D'), "Delete the attribute or option (with -n or -P)"),
                flag("query", Some('G'), "Query the present value (the default)"),
                valued("update", Some('v'), "VALUE", "Set the value (with -n or -P)"),
                flag("get-value", None, "").meaning("query"),
                valued("attr-value", None, "", "").meaning("update"),
                flag("delete-attr", None, "").meaning("delete"),
            ],
        },
        Group {
            heading: "Additional options:",
            options: &[
                valued("default", Some('d'), "VALUE", "Show this if there is no value"),
                valued("lifetime", Some('l'), "LIFETIME", "How long a node attribute lasts: reboot, forever"),
                valued("node", Some('N'), "NODE", "An attribute of this node instead of a cluster option"),
                valued("type", Some('t'), "SECTION", "Where: crm_config, rsc_defaults, op_defaults, tickets"),
                flag("score", None, "Treat values like name++ and name+=5 as sums (always so now)"),
                valued("wait", Some('W'), "UNTIL", "When to return: no, local or cluster"),
                flag("utilization", Some('z'), "A utilization attribute of the node"),
                valued("node-uname", Some('U'), "", "").meaning("node"),
                flag("quiet", Some('q'), "Print only the value"),
                flag("quiet-short", Some('Q'), "").meaning("quiet"),
            ],
        },
    ],
    epilogue: "Examples:

Set the attribute location of a node:
    # crm_attribute --node myhost --name location --update office
Query it:
    # crm_attribute --node myhost --name location --query
Query a cluster option, only the value:
    # crm_attribute --type crm_config --name cluster-delay --query --quiet
",
};

/// Prints the options of a kind.
pub(super) fn list(output: &mut Output, kind: &str, all: bool) -> Result<i32, Failure> {
    if kind != "cluster" {
        return Err(Failure::usage(format!(
            "Invalid --list-options value '{kind}'. Allowed values: cluster"
        )));
    }
    let about = About {
        name: "cluster-options",
        title: "Pacemaker cluster options",
        description: "Also known as properties, these are options that affect behavior across the entire cluster. They \
                      are configured within cluster_property_set elements inside the crm_config subsection of the CIB \
                      configuration section.",
    };
    option_list::print(output, &about, CLUSTER, all);
    Ok(exit::OK)
}
