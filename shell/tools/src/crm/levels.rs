//! The levels of the shell and their commands: one row each, read by dispatch, help and completion.
//!
//! Knows names. Carries nothing out.

/// One command.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub level: &'static str,
    pub name: &'static str,
    pub also: &'static [&'static str],
    pub usage: &'static str,
    pub help: &'static str,
}

const fn row(
    level: &'static str,
    name: &'static str,
    also: &'static [&'static str],
    usage: &'static str,
    help: &'static str,
) -> Row {
    Row { level, name, also, usage, help }
}

/// Levels below the top.
pub const LEVELS: &[(&str, &str)] = &[
    ("cib", "shadow copies of the configuration"),
    ("configure", "the configuration of the cluster"),
    ("node", "nodes"),
    ("ra", "resource agents"),
    ("resource", "resources"),
];

#[rustfmt::skip] // one line a command
pub const ROWS: &[Row] = &[
    row("", "status", &[], "status [OPTIONS of crm_mon]", "show the state of the cluster"),
    row("", "verify", &[], "verify", "check the configuration"),

    row("cib", "new", &[], "new NAME [force]", "make a shadow copy and work on it"),
    row("cib", "use", &[], "use [NAME]", "work on a shadow copy, or on the running cluster"),
    row("cib", "list", &["ls-cibs"], "list", "list the shadow copies"),
    row("cib", "delete", &[], "delete NAME", "delete a shadow copy"),
    row("cib", "commit", &[], "commit [NAME]", "make a shadow copy the configuration of the cluster"),
    row("cib", "diff", &[], "diff", "show how the shadow copy differs from the cluster"),
    row("cib", "reset", &[], "reset NAME", "copy the configuration of the cluster into a shadow copy again"),

    row("configure", "show", &[], "show [xml] [changed | ID ...]", "show objects"),
    row("configure", "edit", &[], "edit [xml] [ID ...]", "edit objects in $EDITOR"),
    row("configure", "delete", &["rm"], "delete [--force] ID ...", "delete objects"),
    row("configure", "rename", &[], "rename OLD NEW", "give an object another identifier"),
    row("configure", "verify", &[], "verify", "check the configuration"),
    row("configure", "commit", &[], "commit [force]", "make the changes take effect"),
    row("configure", "refresh", &[], "refresh", "forget the changes and read the configuration again"),
    row("configure", "erase", &[], "erase", "delete every object but the nodes"),
    row("configure", "load", &[], "load [xml] replace|update FILE", "read objects from a file"),
    row("configure", "save", &[], "save [xml] FILE [ID ...]", "write objects to a file"),
    row("configure", "set", &[], "set ID.NAME VALUE", "set a parameter, meta attribute or option"),
    row("configure", "modgroup", &[], "modgroup GROUP add RSC [before|after RSC] | remove RSC", "change the members of a group"),
    row("configure", "monitor", &[], "monitor RSC INTERVAL[:TIMEOUT]", "add a monitor operation"),
    row("configure", "get-property", &["get_property"], "get-property NAME ...", "show the values of cluster options"),
    row("configure", "schema", &[], "schema [NAME]", "show or set the schema"),
    row("configure", "node", &[], "node NAME [attributes N=V ...]", "define a node"),
    row("configure", "primitive", &[], "primitive ID CLASS:PROVIDER:TYPE [params N=V ...] [meta N=V ...] [op NAME N=V ...]", "define a resource"),
    row("configure", "rsc_template", &[], "rsc_template ID CLASS:PROVIDER:TYPE ...", "define a template for resources"),
    row("configure", "group", &[], "group ID RSC ... [meta N=V ...]", "define resources that start in order on one node"),
    row("configure", "clone", &[], "clone ID RSC [meta N=V ...]", "define a resource that runs on many nodes"),
    row("configure", "ms", &["master"], "ms ID RSC [meta N=V ...]", "define a promotable clone"),
    row("configure", "location", &[], "location ID RSC SCORE: NODE | rule SCORE: EXPRESSION", "define which nodes a resource prefers"),
    row("configure", "colocation", &["collocation"], "colocation ID SCORE: RSC WITH-RSC", "define which resources run together"),
    row("configure", "order", &[], "order ID [KIND:] FIRST THEN", "define which resource starts first"),
    row("configure", "rsc_ticket", &[], "rsc_ticket ID TICKET: RSC ...", "define what depends on a ticket"),
    row("configure", "property", &[], "property NAME=VALUE ...", "set cluster options"),
    row("configure", "rsc_defaults", &[], "rsc_defaults NAME=VALUE ...", "set defaults of resources"),
    row("configure", "op_defaults", &[], "op_defaults NAME=VALUE ...", "set defaults of operations"),
    row("configure", "fencing_topology", &[], "fencing_topology NODE: DEVICE[,DEVICE] ...", "define the order of fence devices"),
    row("configure", "tag", &[], "tag ID RSC ...", "give several objects one name"),
    row("configure", "xml", &[], "xml ELEMENT", "define an object by its XML"),

    row("node", "show", &["list", "status"], "show [NODE]", "show nodes"),
    row("node", "standby", &[], "standby [NODE] [forever|reboot]", "move all resources away from a node"),
    row("node", "online", &[], "online [NODE]", "let a node run resources again"),
    row("node", "maintenance", &[], "maintenance [NODE]", "leave the resources of a node alone"),
    row("node", "ready", &[], "ready [NODE]", "manage the resources of a node again"),
    row("node", "fence", &[], "fence NODE", "fence a node"),
    row("node", "clearstate", &[], "clearstate NODE", "say that a node is down for certain"),
    row("node", "delete", &[], "delete NODE", "forget a node"),
    row("node", "attribute", &[], "attribute NODE set|delete|show NAME [VALUE]", "node attributes that last"),
    row("node", "utilization", &[], "utilization NODE set|delete|show NAME [VALUE]", "capacities of a node"),
    row("node", "status-attr", &[], "status-attr NODE set|delete|show NAME [VALUE]", "node attributes until the next start"),
    row("node", "server", &[], "server [NODE]", "show node names only"),

    row("ra", "classes", &[], "classes", "list classes and providers"),
    row("ra", "list", &[], "list CLASS [PROVIDER]", "list agents"),
    row("ra", "providers", &[], "providers TYPE [CLASS]", "list the providers of an agent"),
    row("ra", "info", &["meta"], "info [CLASS:[PROVIDER:]]TYPE", "show what an agent does and its parameters"),

    row("resource", "status", &["show", "list"], "status [RSC]", "show where resources run"),
    row("resource", "start", &[], "start RSC ...", "let resources run"),
    row("resource", "stop", &[], "stop RSC ...", "stop resources"),
    row("resource", "restart", &[], "restart RSC ...", "stop resources and start them again"),
    row("resource", "promote", &[], "promote RSC", "let instances be promoted"),
    row("resource", "demote", &[], "demote RSC", "let no instance be promoted"),
    row("resource", "manage", &[], "manage RSC", "let the cluster manage a resource"),
    row("resource", "unmanage", &[], "unmanage RSC", "leave a resource alone"),
    row("resource", "maintenance", &[], "maintenance RSC [on|off]", "maintenance mode of a resource"),
    row("resource", "move", &["migrate"], "move RSC [NODE] [force]", "move a resource, and keep it there"),
    row("resource", "ban", &[], "ban RSC [NODE] [force]", "keep a resource away from a node"),
    row("resource", "clear", &["unmove", "unmigrate", "unban"], "clear RSC [NODE]", "undo move and ban"),
    row("resource", "cleanup", &[], "cleanup [RSC] [NODE]", "forget failures"),
    row("resource", "refresh", &["reprobe"], "refresh [RSC] [NODE]", "look again what runs where"),
    row("resource", "locate", &[], "locate RSC", "show where a resource runs"),
    row("resource", "constraints", &[], "constraints RSC", "show the constraints of a resource"),
    row("resource", "param", &[], "param RSC set|delete|show NAME [VALUE]", "parameters"),
    row("resource", "meta", &[], "meta RSC set|delete|show NAME [VALUE]", "meta attributes"),
    row("resource", "utilization", &[], "utilization RSC set|delete|show NAME [VALUE]", "needs of a resource"),
    row("resource", "failcount", &[], "failcount RSC show|delete NODE", "failures of a resource on a node"),
];

/// Commands that every level has.
pub const EVERYWHERE: &[(&str, &[&str], &str)] = &[
    ("help", &["?", "-h", "--help"], "help [COMMAND]"),
    ("cd", &[], "cd [.. | LEVEL | ../LEVEL]"),
    ("up", &["end", "back"], "up"),
    ("ls", &[], "ls"),
    ("quit", &["exit", "bye"], "quit"),
];

/// Rows of a level.
pub fn of(level: &str) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |r| r.level == level)
}

/// The command that a word means in a level: exactly, by another name, or by a beginning that is unambiguous.
pub fn command(level: &str, word: &str) -> Result<&'static Row, Vec<&'static str>> {
    let exact = of(level).find(|r| r.name == word || r.also.contains(&word));
    if let Some(row) = exact {
        return Ok(row);
    }
    let begun: Vec<&'static Row> = of(level).filter(|r| word.len() > 1 && r.name.starts_with(word)).collect();
    match begun.as_slice() {
        [one] => Ok(one),
        several => Err(several.iter().map(|r| r.name).collect()),
    }
}

/// The level that a word means below the top.
pub fn level(word: &str) -> Option<&'static str> {
    let exact = LEVELS.iter().find(|(name, _)| *name == word);
    let mut begun = LEVELS.iter().filter(|(name, _)| word.len() > 1 && name.starts_with(word));
    exact.or_else(|| begun.next().filter(|_| begun.next().is_none())).map(|(name, _)| *name)
}

/// Whether words name a level and no command: `crm configure`.
pub fn is_level_path(words: &[String]) -> bool {
    matches!(words, [one] if level(one).is_some() && of("").all(|r| r.name != one))
}

/// What a name belongs to, for `did you mean`.
pub fn somewhere(word: &str) -> Vec<String> {
    ROWS.iter()
        .filter(|r| r.name == word || r.also.contains(&word))
        .map(|r| format!("{} {}", r.level, r.name).trim().to_owned())
        .collect()
}
