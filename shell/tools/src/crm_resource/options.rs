//! The command line of `crm_resource`, as data.

use crate::arguments::{Group, Syntax, flag, valued};

/// What can be asked; the last one given counts.
pub(super) const COMMANDS: &[&str] = &[
    "list",
    "list-raw",
    "query-xml",
    "query-xml-raw",
    "locate",
    "constraints",
    "stack",
    "get-parameter",
    "set-parameter",
    "delete-parameter",
    "move",
    "ban",
    "clear",
    "delete",
    "cleanup",
    "refresh",
    "fail",
    "list-operations",
    "list-all-operations",
    "list-standards",
    "list-agents",
    "list-ocf-providers",
    "list-ocf-alternatives",
    "show-metadata",
    "force-start",
    "force-stop",
    "force-check",
    "force-promote",
    "force-demote",
    "validate",
    "list-options",
    "restart",
    "wait",
    "why",
    "digests",
    "list-cts",
];

pub(super) const SYNTAX: Syntax = Syntax {
    name: "crm_resource",
    summary: "perform tasks related to Pacemaker cluster resources",
    operands: "<query>|<command>",
    output: true,
    groups: &[
        Group {
            heading: "Queries:",
            options: &[
                flag("list", Some('L'), "List all cluster resources with their states"),
                flag("list-raw", Some('l'), "List the ids of all resources that run an agent"),
                flag("query-xml", Some('q'), "Show the configuration of a resource (after templates)"),
                flag("query-xml-raw", Some('w'), "Show the configuration of a resource (as it is written)"),
                flag("locate", Some('W'), "Show where a resource runs"),
                flag("constraints", Some('a'), "Show the constraints of a resource"),
                flag("stack", Some('A'), "Show the constraints of a resource, and of those bound to it"),
                valued(
                    "get-parameter",
                    Some('g'),
                    "PARAM",
                    "Show a parameter (see --meta, --utilization, --element)",
                ),
                flag("list-operations", Some('O'), "List operations since the last start (see -r, -N)"),
                flag("list-all-operations", Some('o'), "List all known operations (see -r, -N)"),
                flag("list-standards", None, "List the agent standards known here"),
                flag("list-ocf-providers", None, "List the OCF providers here"),
                valued("list-agents", None, "STD:PROV", "List the agents of a standard and provider"),
                valued("list-ocf-alternatives", None, "AGENT", "List the providers of an OCF agent")
                    .optional(),
                valued(
                    "show-metadata",
                    None,
                    "SPEC",
                    "Show what an agent says of itself (class:provider:agent)",
                ),
                flag("why", Some('Y'), "Show why resources do not run (see -r, -N)"),
                flag(
                    "digests",
                    None,
                    "Show digests of the parameters of an operation (see -r, -N; NAME=VALUE: as if)",
                ),
                valued("list-options", None, "TYPE", ""),
                flag("list-cts", Some('c'), ""),
            ],
        },
        Group {
            heading: "Commands:",
            options: &[
                valued("set-parameter", Some('p'), "PARAM", "Set a parameter (with -v)"),
                valued("delete-parameter", Some('d'), "PARAM", "Delete a parameter"),
                flag(
                    "move",
                    Some('M'),
                    "Move a resource, by a constraint that prefers --node or bans where it runs",
                ),
                flag("ban", Some('B'), "Keep a resource away from --node, or from where it runs"),
                flag("clear", Some('U'), "Remove the constraints made by --move and --ban"),
                flag("delete", Some('D'), "Delete a resource from the configuration (with -t)"),
                flag("cleanup", Some('C'), "Forget failures, and check the real state"),
                flag("refresh", Some('R'), "Forget the history, and check the real state"),
                flag("fail", Some('F'), "Tell the cluster that a resource failed"),
                flag("restart", None, "Stop a resource and start it again (see --timeout)"),
                flag("wait", None, "Wait until the cluster has nothing left to do (see --timeout)"),
                flag("validate", None, "Let the agent check a resource's parameters"),
                flag("force-start", None, "Start a resource here, whatever the cluster thinks"),
                flag("force-stop", None, "Stop a resource here, whatever the cluster thinks"),
                flag("force-check", None, "Check a resource here"),
                flag("force-promote", None, "Promote a resource here, whatever the cluster thinks"),
                flag("force-demote", None, "Demote a resource here, whatever the cluster thinks"),
                // The same under names of old.
                flag("migrate", None, "").meaning("move"),
                flag("un-migrate", None, "").meaning("clear"),
                flag("un-move", None, "").meaning("clear"),
                flag("reprobe", Some('P'), "").meaning("refresh"),
            ],
        },
        Group {
            heading: "Additional Options:",
            options: &[
                valued("resource", Some('r'), "ID", "The resource"),
                valued("node", Some('N'), "NAME", "The node"),
                valued("host", Some('H'), "", "").meaning("node"),
                valued("host-uname", Some('h'), "", "").meaning("node"),
                valued("parameter-value", Some('v'), "VALUE", "The value for --set-parameter"),
                flag("meta", Some('m'), "Meta attributes, such as target-role and priority"),
                flag("utilization", Some('z'), "Utilization attributes"),
                flag("element", None, "Attributes of the resource element itself"),
                flag("recursive", None, "Follow colocations when setting a meta attribute"),
                valued("set-name", Some('s'), "ID", "The attribute set with this id"),
                valued("nvpair", Some('i'), "ID", "The attribute with this id"),
                valued("lifetime", Some('u'), "TIMESPEC", "How long a move or ban lasts, such as PT1H"),
                flag("promoted", None, "Only the promoted role (with --move, --ban, --clear)"),
                flag("master", None, "").meaning("promoted"),
                flag("expired", Some('e'), "With --clear, only what has expired"),
                valued("operation", Some('n'), "OPERATION", "This operation (with --cleanup)"),
                valued("interval", Some('I'), "N", "The interval of the operation (default 0)"),
                valued("resource-type", Some('t'), "ELEMENT", "What is deleted: primitive, group ..."),
                valued("timeout", Some('T'), "N", "Longest time for --restart, --wait and --force-*"),
                valued("class", None, "CLASS", "The standard of the agent (with --validate)"),
                valued("agent", None, "TYPE", "The agent (with --validate)"),
                valued("provider", None, "PROVIDER", "The provider of the agent (with --validate)"),
                valued("option", None, "NAME=VALUE", "A parameter for --validate"),
                flag("all", None, "With --list-options, everything"),
                flag("force", Some('f'), "Do it although a check says no"),
                flag("quiet", Some('Q'), "Print only the result"),
            ],
        },
    ],
    epilogue: "Examples:

List the resources:
    # crm_resource --list
Move a resource to another node:
    # crm_resource --resource my_rsc --move --node node2
Let it go where it wants again:
    # crm_resource --resource my_rsc --clear
Tell the cluster to stop it:
    # crm_resource --resource my_rsc --set-parameter target-role --meta --parameter-value Stopped
Forget its failures:
    # crm_resource --resource my_rsc --cleanup
",
};
