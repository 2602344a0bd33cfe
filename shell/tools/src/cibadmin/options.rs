//! The command line of `cibadmin`, as data.

use crate::arguments::{Group, Syntax, flag, valued};

/// Commands; the one given last counts.
pub(super) const COMMANDS: &[&str] = &[
    "upgrade",
    "query",
    "erase",
    "bump",
    "create",
    "modify",
    "patch",
    "replace",
    "delete",
    "delete-all",
    "empty",
    "md5-sum",
    "md5-sum-versioned",
];

/// Commands that want `--force`.
pub(super) const UNSAFE: &[&str] = &["delete-all", "erase", "upgrade"];

/// Commands that want XML.
pub(super) const NEEDS_INPUT: &[&str] =
    &["create", "modify", "patch", "replace", "delete", "delete-all", "md5-sum", "md5-sum-versioned"];

pub(super) const SYNTAX: Syntax = Syntax {
    name: "cibadmin",
    summary: "query and edit the Pacemaker configuration",
    operands: "[<command>]",
    output: true,
    groups: &[
        Group {
            heading: "Commands:",
            options: &[
                flag("upgrade", Some('u'), "Bring the configuration to the newest schema"),
                flag("query", Some('Q'), "Print the configuration, or the part that --scope or --xpath names"),
                flag("erase", Some('E'), "Empty the whole configuration"),
                flag("bump", Some('B'), "Raise the epoch by 1"),
                flag("create", Some('C'), "Add an object; fails if it exists"),
                flag("modify", Some('M'), "Change an object wherever it is; fails if it does not exist, unless -c"),
                flag("patch", Some('P'), "Apply a difference as crm_diff makes it"),
                flag("replace", Some('R'), "Put an object, with all inside, in place of the present one"),
                flag("delete", Some('D'), "Delete the first object that has this name and all these attributes"),
                flag("delete-all", Some('d'), "With --xpath, delete everything that matches"),
                valued("empty", Some('a'), "schema", "Print an empty configuration (of the newest or the given schema)")
                    .optional(),
                flag("md5-sum", Some('5'), "Compute the digest of a configuration on disk"),
                flag("md5-sum-versioned", Some('6'), "Compute the digest that cluster nodes compare"),
            ],
        },
        Group {
            heading: "Data:",
            options: &[
                valued("xml-file", Some('x'), "FILE", "Take XML from a file (before --xml-text and --xml-pipe)"),
                valued("xml-text", Some('X'), "STRING", "Take XML from this text (before --xml-pipe)"),
                flag("xml-pipe", Some('p'), "Take XML from standard input"),
            ],
        },
        Group {
            heading: "Additional Options:",
            options: &[
                flag("force", Some('f'), "Do it although it is dangerous"),
                valued("timeout", Some('t'), "value", "Seconds to wait for the cluster"),
                valued("user", Some('U'), "value", "Act with the rights of this user (only for root and hacluster)"),
                valued(
                    "scope",
                    Some('o'),
                    "value",
                    "Only this section: configuration, nodes, resources, constraints, crm_config,\nrsc_defaults, \
                     op_defaults, acls, fencing-topology, tags, alerts, status.\nThe last of --scope and --xpath counts",
                ),
                valued("xpath", Some('A'), "value", "Only what this XPath selects"),
                valued(
                    "show-access",
                    Some('S'),
                    "value",
                    "With --query and --user, show what the user may do:\n'color' (default on a terminal), 'text', \
                     'namespace' or 'auto'",
                )
                .optional(),
                flag("score", None, "With --modify, treat values like score++ and score+=5 as sums (always so now)"),
                flag("allow-create", Some('c'), "With --modify, create what does not exist"),
                flag("no-children", Some('n'), "With --query, leave out what is inside the objects found"),
                // Understood, without effect or out of use.
                flag("local", Some('l'), ""),
                valued("node", Some('N'), "value", ""),
                flag("node-path", Some('e'), ""),
                flag("sync-call", Some('s'), ""),
            ],
        },
    ],
    epilogue: "Examples:

Print the configuration:
    # cibadmin --query
Print all settings of target-role:
    # cibadmin --query --xpath \"//nvpair[@name='target-role']\"
Remove all settings of is-managed:
    # cibadmin --delete-all --force --xpath \"//nvpair[@name='is-managed']\"
Remove the resource named old:
    # cibadmin --delete --xml-text '<primitive id=\"old\"/>'
Replace the configuration:
    # cibadmin --query > local.xml; $EDITOR local.xml; cibadmin --replace --xml-file local.xml

See also: crm, crm_shadow, crm_diff, crm_verify
",
};
