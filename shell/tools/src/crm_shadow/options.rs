//! The command line of `crm_shadow`, as data.

use crate::arguments::{Group, Syntax, flag, valued};

/// Queries and commands; the one given last counts.
pub(super) const COMMANDS: &[&str] = &[
    "which",
    "display",
    "diff",
    "file",
    "create",
    "create-empty",
    "commit",
    "delete",
    "edit",
    "reset",
    "switch",
];

pub(super) const SYNTAX: Syntax = Syntax {
    name: "crm_shadow",
    summary: "perform Pacemaker configuration changes in a sandbox

Sets up an environment in which configuration tools (cibadmin, crm_resource,
etc.) work offline instead of against a live cluster, allowing changes to be
previewed and tested for side effects.",
    operands: "<query>|<command>",
    output: true,
    groups: &[
        Group {
            heading: "Queries:",
            options: &[
                flag("which", Some('w'), "Indicate the active shadow copy"),
                flag("display", Some('p'), "Display the contents of the active shadow copy"),
                flag("diff", Some('d'), "Display the changes in the active shadow copy"),
                flag("file", Some('F'), "Display the location of the active shadow copy file"),
            ],
        },
        Group {
            heading: "Commands:",
            options: &[
                valued("create", Some('c'), "name", "Make a shadow copy of the cluster's configuration"),
                valued("create-empty", Some('e'), "name", "Make a shadow copy with an empty configuration"),
                valued("commit", Some('C'), "name", "Put the shadow copy into the cluster (needs --force)"),
                valued("delete", Some('D'), "name", "Delete the shadow copy (needs --force)"),
                flag("edit", Some('E'), "Edit the active shadow copy with $EDITOR"),
                valued(
                    "reset",
                    Some('r'),
                    "name",
                    "Make the shadow copy anew from the cluster (needs --force)",
                ),
                valued("switch", Some('s'), "name", "Switch to this shadow copy"),
            ],
        },
        Group {
            heading: "Additional Options:",
            options: &[
                flag("force", Some('f'), "Do it although it overwrites something"),
                flag("batch", Some('b'), "Do not start a new shell"),
                flag("all", Some('a'), "With --commit, put in everything, including the status"),
                valued("validate-with", Some('v'), "schema", "With --create-empty, use an older schema"),
            ],
        },
    ],
    epilogue: "Examples:

Create an empty shadow copy:
    # crm_shadow --create-empty myShadow
Create one from the running cluster:
    # crm_shadow --create myShadow
Show the active one:
    # crm_shadow --display
Put it into the cluster:
    # crm_shadow --commit myShadow --force
",
};
