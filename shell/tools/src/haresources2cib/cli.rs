//! The command line: the original converter's words and ours.
//!
//! Knows options and their misspelling in old tutorials. Reads no file.

use super::report::Form;

/// A path, for one node where a node is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePath {
    pub node: Option<String>,
    pub path: String,
}

/// The settled command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The CIB goes to standard output, nothing is written.
    pub stdout: bool,
    /// The tutorials' `--stout`: files are written, nothing is printed.
    pub silent: bool,
    pub no_ocf: bool,
    pub no_monitor: bool,
    pub configs: Vec<NodePath>,
    pub authkeys: Vec<NodePath>,
    pub roots: Vec<NodePath>,
    pub haresources: Option<String>,
    pub output: Option<String>,
    pub dry_run: bool,
    pub report: Option<Form>,
    pub allow_missing: bool,
    pub force: bool,
    /// Print a wrapper for a script that ignores its argument.
    pub wrapper: Option<String>,
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Convert(Options),
    Help,
}

/// The usage text.
pub const HELP: &str = "\
usage: haresources2cib [OPTIONS] [haresources]

Turns the ha.cf, haresources and authkeys of a heartbeat cluster into a complete configuration.
Without arguments the files of /etc/ha.d are read.

  -c, --config [NODE=]FILE    ha.cf; repeat with NODE= where the nodes' files differ
      --authkeys [NODE=]FILE  authkeys
      --root [NODE=]DIR       look for scripts and files below a copy of the machine's tree
      --stdout                print the CIB, write nothing
      --output DIR            write corosync.conf, authkey and cib.xml into DIR
      --dry-run               write nothing, print the report
      --report text|json|html form of the report
      --allow-missing         accept scripts that are found nowhere
      --no-ocf                keep every script a script, no OCF agents
      --no-monitor            write no operations
      --force                 replace files that exist
      --wrapper SCRIPT        print a wrapper for a script that never reads its argument
  -h, --help                  this text

exit status: 0 done, 64 wrong call, 66 a file cannot be read, 73 a file exists or cannot be written,
             78 the input is at fault (nothing was written)
";

/// Reads the words behind the command's name.
///
/// # Errors
/// What is wrong with the call.
pub fn parse(words: &[String]) -> Result<Call, String> {
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (word.as_str(), None),
        };
        let mut value = |what: &str| -> Result<String, String> {
            inline
                .clone()
                .or_else(|| words.next().cloned())
                .ok_or_else(|| format!("{name} needs {what} behind it"))
        };
        match name {
            "-h" | "--help" => return Ok(Call::Help),
            "-c" | "--config" => options.configs.push(node_path(&value("a file")?)),
            "--authkeys" => options.authkeys.push(node_path(&value("a file")?)),
            "--root" => options.roots.push(node_path(&value("a folder")?)),
            "--output" => options.output = Some(value("a folder")?),
            "--report" => {
                options.report = Some(match value("text, json or html")?.as_str() {
                    "text" => Form::Text,
                    "json" => Form::Json,
                    "html" => Form::Html,
                    other => return Err(format!("--report {other}: expected text, json or html")),
                });
            }
            "--wrapper" => options.wrapper = Some(value("a script")?),
            "--stdout" => options.stdout = true,
            // The slip of the tutorials; the original took it for a file name and wrote the file.
            "--stout" => options.silent = true,
            "--no-ocf" => options.no_ocf = true,
            "--no-monitor" => options.no_monitor = true,
            "--dry-run" => options.dry_run = true,
            "--allow-missing" => options.allow_missing = true,
            "--force" => options.force = true,
            unknown if unknown.starts_with('-') && unknown.len() > 1 => {
                return Err(format!("{unknown} is no option; `haresources2cib --help` lists them"));
            }
            // As with the original, the last one given wins.
            file => options.haresources = Some(file.to_owned()),
        }
    }
    for (name, paths) in
        [("-c", &options.configs), ("--authkeys", &options.authkeys), ("--root", &options.roots)]
    {
        for (index, path) in paths.iter().enumerate() {
            if paths[..index].iter().any(|p| p.node == path.node) {
                return Err(format!("{name} is given twice for the same node; write NODE=PATH"));
            }
        }
    }
    let named = |node: &Option<String>| options.configs.iter().any(|c| c.node == *node);
    for (name, paths) in [("--root", &options.roots), ("--authkeys", &options.authkeys)] {
        let lost = paths.iter().find(|p| p.node.is_some() && !options.configs.is_empty() && !named(&p.node));
        if let Some(node) = lost.and_then(|p| p.node.as_ref()) {
            return Err(format!(
                "{name} {node}=... belongs to no -c {node}=...; name that node's ha.cf, too"
            ));
        }
    }
    Ok(Call::Convert(options))
}

fn node_path(text: &str) -> NodePath {
    match text.split_once('=') {
        Some((node, path)) if !node.is_empty() && !node.contains('/') => {
            NodePath { node: Some(node.to_lowercase()), path: path.to_owned() }
        }
        _ => NodePath { node: None, path: text.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(words: &str) -> Options {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        match parse(&words) {
            Ok(Call::Convert(options)) => options,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn the_tutorials_call() {
        let options = convert("--stout -c /etc/ha.d/ha.cf /etc/ha.d/haresources");
        assert!(options.silent && !options.stdout);
        assert_eq!(options.haresources.as_deref(), Some("/etc/ha.d/haresources"));
        assert_eq!(options.configs[0].path, "/etc/ha.d/ha.cf");
    }

    #[test]
    fn node_paths() {
        let options = convert("-c A=/x/ha.cf -c b=/y/ha.cf --root=a=/x --report=json");
        assert_eq!(options.configs[0].node.as_deref(), Some("a"));
        assert_eq!(options.roots[0], NodePath { node: Some("a".into()), path: "/x".into() });
        assert_eq!(options.report, Some(Form::Json));
    }

    #[test]
    fn wrong_calls() {
        for words in [&["-c"][..], &["--report", "pdf"], &["--nonsense"], &["-c", "a", "-c", "b"]] {
            let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
            assert!(parse(&words).is_err(), "{words:?}");
        }
    }
}
