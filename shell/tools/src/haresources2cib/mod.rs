//! `haresources2cib`: from a heartbeat cluster's three files to a complete configuration.
//!
//! Order of work: read (`ha_cf`, `haresources`, `authkeys`), settle (`plan`, `ring`), say (`cib`, `report`),
//! write all files or none (`write`).

mod address;
pub mod authkeys;
mod before_1_0;
mod cib;
mod cli;
mod directives;
mod existing;
mod fence_plugin;
pub mod ha_cf;
pub mod haresources;
mod inherited;
mod machine;
mod plan;
mod report;
mod ring;
mod scripts;
pub mod source;
mod value;
mod write;

#[cfg(test)]
mod tests;

use cli::{Call, Options};
use ha_cf::HaCf;
use haresources::Haresources;
use holdfast_node::machine::{MappedId, is_mapped};
use machine::Machine;
use plan::{Plan, Wishes};
use report::Report;
use ring::{RingPlan, Source};
use source::{Account, Place, Verdict};
use std::path::{Path, PathBuf};
use write::Target;

/// Exit statuses, as in sysexits.h.
const USAGE: i32 = 64;
const NO_INPUT: i32 = 66;
const CANNOT_CREATE: i32 = 73;
const CONFIG: i32 = 78;
/// The folder of heartbeat's CIB, where the original wrote.
const CRM_FOLDER: &str = "/var/lib/heartbeat/crm";
/// Largest input file.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Bytes of a fresh authkey, as `corosync-keygen` makes it.
const KEY_BYTES: usize = 256;

/// Why the command ends without a conversion.
struct Failure {
    status: i32,
    message: String,
}

impl Failure {
    fn new(status: i32, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into() }
    }
}

/// Runs the command; the first word is its name. Returns the exit status.
pub fn run(words: Vec<String>) -> i32 {
    let options = match cli::parse(words.get(1..).unwrap_or_default()) {
        Ok(Call::Help) => {
            print!("{}", cli::HELP);
            return 0;
        }
        Ok(Call::Convert(options)) => options,
        Err(message) => {
            eprintln!("haresources2cib: {message}");
            return USAGE;
        }
    };
    if let Some(script) = &options.wrapper {
        let absolute = std::path::absolute(script).unwrap_or_else(|_| script.into());
        print!("{}", holdfast_agent_protocol::heartbeat::wrapper(&absolute.to_string_lossy()));
        return 0;
    }
    match convert(&options) {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("{}", failure.message.trim_end());
            failure.status
        }
    }
}

/// One node's input.
struct Node {
    owner: Option<String>,
    ha: HaCf,
    machine: Machine,
    /// The tree is the owner's, not that of another machine.
    own_tree: bool,
}

/// A finished conversion, before anything is written.
pub struct Conversion {
    plan: Plan,
    ring: RingPlan,
    account: Account,
    cib: Option<holdfast_xml::Document>,
    /// The CIB that is taken over.
    source: Option<PathBuf>,
}

fn convert(options: &Options) -> Result<(), Failure> {
    let conversion = prepare(options)?;
    let errors: Vec<String> = conversion
        .account
        .errors()
        .map(|r| {
            let text = if r.text.is_empty() { String::new() } else { format!("\n    {}", r.text) };
            let cure = r.cure.as_ref().map(|c| format!("\n    -> {c}")).unwrap_or_default();
            format!("{}: {}{text}{cure}", r.place, r.note)
        })
        .collect();
    if !errors.is_empty() {
        let end = format!("{} fault(s) in the input; nothing was written", errors.len());
        return Err(Failure::new(CONFIG, format!("{}\n{end}", errors.join("\n"))));
    }
    let cib = conversion.cib.as_ref().map(holdfast_xml::Document::to_string_pretty).unwrap_or_default();
    if options.stdout {
        print!("{cib}");
        if let Some(form) = options.report {
            eprint!("{}", report::render(&full_report(&conversion, Vec::new()), form));
        } else {
            needs_you(&conversion.account);
        }
        return Ok(());
    }
    let (targets, kept) = targets(options, &conversion, cib)?;
    let mut files: Vec<String> = targets
        .iter()
        .map(|t| format!("{} {}", if options.dry_run { "would write" } else { "wrote" }, t.path.display()))
        .collect();
    files.extend(kept);
    if !options.dry_run {
        write::all_or_none(&targets).map_err(|e| Failure::new(CANNOT_CREATE, e.to_string()))?;
    }
    if !options.silent {
        let form = options.report.unwrap_or(report::Form::Text);
        print!("{}", report::render(&full_report(&conversion, files), form));
    }
    Ok(())
}

fn full_report(conversion: &Conversion, files: Vec<String>) -> Report<'_> {
    let lines = conversion.account.remarks();
    Report {
        needs_you: lines.iter().filter(|r| r.verdict == Verdict::NeedsYou).count(),
        lines,
        files,
        outlook: report::outlook(&conversion.plan, &conversion.ring),
    }
}

/// With the CIB on standard output, what a person has to do still has to be seen.
fn needs_you(account: &Account) {
    for remark in account.remarks().iter().filter(|r| r.verdict == Verdict::NeedsYou) {
        eprintln!("{}: {}", remark.place, remark.note);
    }
}

/// The CIB that a call with `--stdout` prints, and the remarks on the input.
///
/// # Errors
/// The exit status and the message of a call that fails.
pub fn converted(words: &[String]) -> Result<(String, Vec<source::Remark>), (i32, String)> {
    let options = match cli::parse(words) {
        Ok(Call::Convert(options)) => options,
        Ok(Call::Help) => return Err((USAGE, cli::HELP.to_owned())),
        Err(message) => return Err((USAGE, message)),
    };
    let conversion = prepare(&options).map_err(|f| (f.status, f.message))?;
    if let Some(error) = conversion.account.errors().next() {
        return Err((CONFIG, format!("{}: {}", error.place, error.note)));
    }
    let cib = conversion.cib.as_ref().map(holdfast_xml::Document::to_string_pretty).unwrap_or_default();
    Ok((cib, conversion.account.remarks().into_iter().cloned().collect()))
}

/// Everything that can be said of three texts without looking at a machine; the CIB they become, as XML.
pub fn judged(ha: &str, resources: &str, keys: &str) -> (Account, String) {
    let mut account = Account::default();
    let ha = ha_cf::parse("ha.cf", ha, &mut account);
    let resources = haresources::parse("haresources", resources, &mut account);
    authkeys::parse("authkeys", keys, None, &mut account);
    let machine = Machine::new("/nonexistent");
    let wishes = Wishes { allow_missing: true, ..Wishes::default() };
    let plan = plan::settle(&ha, &resources, &machine, wishes, &mut account);
    let source = Source { owner: None, ha: &ha, machine: &machine, own_tree: false };
    let ring = ring::settle(&[source], &mut account);
    let text = cib::document(&plan).to_string_pretty() + &ring::corosync_conf(&ring);
    (account, text)
}

/// What is wrong with an authkeys file goes into `account`; its secrets do not.
pub fn authkeys_verdict(file: &str, text: &str, account: &mut Account) {
    authkeys::parse(file, text, None, account);
}

/// Reads everything and settles the conversion; faults of the input are in its account.
fn prepare(options: &Options) -> Result<Conversion, Failure> {
    let mut account = Account::default();
    let mut nodes = Vec::new();
    for (owner, config) in inputs(options) {
        let machine = Machine::new(root_for(options, owner.as_deref()));
        let path = config.map_or_else(|| machine.path("/etc/ha.d/ha.cf"), PathBuf::from);
        let text = read(&path)?;
        let mut ha = ha_cf::parse(&path.display().to_string(), &text, &mut account);
        inherited::joined_nodes(&mut ha, &machine, &mut account);
        inherited::equal_identities(&machine, &mut account);
        // The machine's own files name it; a copy may lie on any machine.
        let live = config.is_none() && machine.is_this_one();
        let certain = owner.is_some() || live;
        let owner = owner.or_else(|| host_name(&machine));
        let listed = owner.as_ref().is_some_and(|o| ha.nodes.iter().any(|n| n.value == *o));
        if let Some(name) = owner.as_ref().filter(|_| certain && !listed && !ha.nodes.is_empty()) {
            let place = ha.nodes.last().map_or_else(|| Place::new("ha.cf", 1), |n| n.place.clone());
            let note = format!("Current node [{name}] not in configuration!");
            let cure = "name it in a `node` line as `uname -n` prints it; the files of another machine are converted with -c FILE and --root FOLDER";
            account.advise(&place, "", Verdict::Error, note, cure);
        }
        // Addresses of interfaces are the owner's only where the tree is.
        let own_root = options.roots.iter().any(|r| r.node.is_some() && r.node == owner);
        let own_tree = own_root || owner.is_some() && owner == host_name(&machine);
        nodes.push(Node { owner: owner.filter(|_| listed), ha, machine, own_tree });
    }
    let first = &nodes[0];
    let crm = first.ha.crm.as_ref().is_some_and(|s| s.value == ha_cf::CrmMode::On);
    let resources = services_file(options, first, crm, &mut account)?;
    keys(options, first, &mut account)?;
    compare(&nodes, &resources, &mut account);
    let wishes = Wishes {
        allow_missing: options.allow_missing,
        no_ocf: options.no_ocf,
        no_monitor: options.no_monitor,
    };
    let plan = plan::settle(&first.ha, &resources, &first.machine, wishes, &mut account);
    let sources: Vec<Source<'_>> = nodes
        .iter()
        .map(|n| Source { owner: n.owner.clone(), ha: &n.ha, machine: &n.machine, own_tree: n.own_tree })
        .collect();
    let ring = ring::settle(&sources, &mut account);
    let cib = if plan.crm {
        existing::cib(&first.machine, first.ha.crm.as_ref(), &plan, &mut account)?
    } else {
        Some(cib::document(&plan))
    };
    let source = if plan.crm { existing::source(&first.machine) } else { None };
    Ok(Conversion { plan, ring, account, cib, source })
}

/// The ha.cf files to read: each with its node where one is named, and its path where it is not below a root.
fn inputs(options: &Options) -> Vec<(Option<String>, Option<&str>)> {
    let named: Vec<_> = options.roots.iter().filter_map(|r| r.node.clone()).collect();
    match options.configs.as_slice() {
        [] if named.is_empty() => vec![(None, None)],
        [] => named.into_iter().map(|node| (Some(node), None)).collect(),
        configs => configs.iter().map(|c| (c.node.clone(), Some(c.path.as_str()))).collect(),
    }
}

fn root_for(options: &Options, node: Option<&str>) -> String {
    let exact = options.roots.iter().find(|r| r.node.is_some() && r.node.as_deref() == node);
    let any = options.roots.iter().find(|r| r.node.is_none());
    exact.or(any).map_or_else(|| "/".to_owned(), |r| r.path.clone())
}

fn read(path: &Path) -> Result<String, Failure> {
    let cannot = |why: String| Failure::new(NO_INPUT, format!("Cannot open {}: {why}", path.display()));
    let meta = std::fs::metadata(path).map_err(|e| cannot(e.to_string()))?;
    if !meta.is_file() || meta.len() > LARGEST {
        return Err(cannot(format!("not a file of at most {LARGEST} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|e| cannot(e.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The machine's own name in lower case, as heartbeat compared it.
fn host_name(machine: &Machine) -> Option<String> {
    if machine.is_this_one() {
        return Some(rustix::system::uname().nodename().to_string_lossy().to_lowercase());
    }
    let from_file = machine.text("/etc/hostname").map(|t| t.trim().to_lowercase());
    from_file.filter(|n| !n.is_empty()).or_else(|| {
        let text = machine.text("/etc/sysconfig/network")?;
        let line = text.lines().find_map(|l| l.trim().strip_prefix("HOSTNAME="))?;
        Some(line.trim_matches(['"', '\'', ' ']).to_lowercase())
    })
}

fn services_file(
    options: &Options,
    node: &Node,
    crm: bool,
    account: &mut Account,
) -> Result<Haresources, Failure> {
    let path = options
        .haresources
        .as_ref()
        .map_or_else(|| node.machine.path("/etc/ha.d/haresources"), PathBuf::from);
    if crm {
        if path.exists() {
            let note = "This file is not used because pacemaker is enabled: the existing CIB rules";
            account.note(&Place::new(&path.display().to_string(), 0), "", Verdict::Dropped, note);
        }
        return Ok(Haresources::default());
    }
    if !path.exists() {
        return Err(Failure::new(NO_INPUT, format!("Cannot open resources file [{}]", path.display())));
    }
    Ok(haresources::parse(&path.display().to_string(), &read(&path)?, account))
}

/// Reads authkeys where they are: beside a named ha.cf, or in /etc/ha.d.
fn keys(options: &Options, node: &Node, account: &mut Account) -> Result<(), Failure> {
    let named: Vec<PathBuf> = options.authkeys.iter().map(|k| PathBuf::from(&k.path)).collect();
    let beside = match options.configs.first() {
        Some(config) => Path::new(&config.path).with_file_name("authkeys"),
        None => node.machine.path("/etc/ha.d/authkeys"),
    };
    let paths = if named.is_empty() { vec![beside] } else { named.clone() };
    for path in paths {
        if named.is_empty() && !path.exists() {
            let note = "no authkeys file was read; the new cluster gets a fresh key in any case";
            account.note(&Place::new(&path.display().to_string(), 0), "", Verdict::Changed, note);
            continue;
        }
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).ok().map(|m| m.permissions().mode());
        // A copy made for the conversion need not have the mode; the live file must.
        let mode = mode.filter(|_| path == Path::new("/etc/ha.d/authkeys"));
        authkeys::parse(&path.display().to_string(), &read(&path)?, mode, account);
    }
    Ok(())
}

/// What two nodes' files say differently, and identities that a clone copied.
fn compare(nodes: &[Node], resources: &Haresources, account: &mut Account) {
    let Some((first, others)) = nodes.split_first() else {
        return;
    };
    for other in others {
        let place =
            other.ha.nodes.first().map_or_else(|| Place::new("ha.cf", 0), |n| Place::new(&n.place.file, 0));
        let names = |n: &Node| n.ha.nodes.iter().map(|s| s.value.clone()).collect::<Vec<_>>();
        let failback = |n: &Node| n.ha.failback.as_ref().map(|s| s.value);
        let differing = [
            ("node", names(first) != names(other)),
            ("keepalive", first.ha.keepalive_ms() != other.ha.keepalive_ms()),
            ("deadtime", first.ha.deadtime_ms() != other.ha.deadtime_ms()),
            ("initdead", first.ha.initdead_ms() != other.ha.initdead_ms()),
            ("auto_failback", failback(first) != failback(other)),
        ];
        for (name, _) in differing.iter().filter(|(_, differs)| *differs) {
            let note = format!("the nodes' files differ in `{name}`; the file given first decides");
            account.advise(&place, "", Verdict::NeedsYou, note, "give the file that is right first");
        }
        if let Some(text) = other.machine.text("/etc/ha.d/haresources") {
            let file = other.machine.path("/etc/ha.d/haresources").display().to_string();
            let theirs = haresources::parse(&file, &text, &mut Account::default());
            let lines = |h: &Haresources| h.groups.iter().map(|g| g.text.clone()).collect::<Vec<_>>();
            for line in lines(&theirs).iter().filter(|l| !lines(resources).contains(l)) {
                let note = "only this node's haresources has this line; heartbeat never noticed";
                account.advise(
                    &Place::new(&file, 0),
                    line,
                    Verdict::NeedsYou,
                    note,
                    "make the files equal, then convert again",
                );
            }
        }
        let uuid = |n: &Node| n.machine.bytes("/var/lib/heartbeat/hb_uuid").filter(|b| !b.is_empty());
        if uuid(first).is_some() && uuid(first) == uuid(other) {
            let file = other.machine.path("/var/lib/heartbeat/hb_uuid").display().to_string();
            let note = "both nodes have the same identity: one machine is a clone of the other";
            account.advise(&Place::new(&file, 0), "", Verdict::NeedsYou, note, inherited::CLONED);
        }
    }
}

/// The files to write, and remarks on files that stay as they are.
fn targets(
    options: &Options,
    conversion: &Conversion,
    cib: String,
) -> Result<(Vec<Target>, Vec<String>), Failure> {
    let crm_folder = if conversion.plan.crm { "/var/lib/pacemaker/cib" } else { CRM_FOLDER };
    let crm_folder = PathBuf::from(options.output.as_deref().unwrap_or(crm_folder));
    let ring_folder = PathBuf::from(options.output.as_deref().unwrap_or("/etc/corosync"));
    if !options.dry_run {
        write::recover(&crm_folder.join("cib.xml"))
            .map_err(|e| Failure::new(CANNOT_CREATE, e.to_string()))?;
    }
    // A CIB that is taken over where it lies is kept beside its successor.
    let same = |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
    let taken = conversion.source.as_deref().filter(|s| same(s, &crm_folder.join("cib.xml")));
    let there: Vec<PathBuf> = ["cib.xml", "cib.xml.sig"]
        .iter()
        .map(|n| crm_folder.join(n))
        .filter(|p| p.exists() && taken.is_none_or(|t| !same(t, p)))
        .collect();
    if !there.is_empty() && !options.force && !options.dry_run {
        let moves: Vec<String> =
            there.iter().map(|p| format!("    mv {0} {0}.before", p.display())).collect();
        return Err(Failure::new(
            CANNOT_CREATE,
            format!(
                "cib.xml or cib.xml.sig exist in {}/\nplease remove them before generating new cib.xml\n{}",
                crm_folder.display(),
                moves.join("\n")
            ),
        ));
    }
    let mut targets = vec![Target {
        path: crm_folder.join("cib.xml"),
        content: cib.into_bytes(),
        mode: 0o600,
        owner: crm_owner(),
    }];
    let mut kept = Vec::new();
    if let Some(source) = taken {
        let free = (0..).map(|n: u32| match n {
            0 => crm_folder.join("cib.xml.before"),
            n => crm_folder.join(format!("cib.xml.before.{n}")),
        });
        let path =
            free.into_iter().find(|p| !p.exists()).unwrap_or_else(|| crm_folder.join("cib.xml.before"));
        targets.push(Target { path, content: read(source)?.into_bytes(), mode: 0o600, owner: crm_owner() });
    }
    // The ring file comes last: without it no daemon starts, so that nobody meets half a conversion.
    let key_path = ring_folder.join("authkey");
    if options.force || !key_path.exists() {
        targets.push(Target { path: key_path, content: fresh_key()?, mode: 0o400, owner: None });
    } else {
        kept.push(format!("left {} as it is: copy it to every node", key_path.display()));
    }
    let conf = ring::corosync_conf(&conversion.ring);
    let conf_path = ring_folder.join("corosync.conf");
    if options.force || !conf_path.exists() {
        targets.push(Target { path: conf_path, content: conf.into_bytes(), mode: 0o644, owner: None });
    } else {
        let same = std::fs::read_to_string(&conf_path).is_ok_and(|old| old == conf);
        let how = if same { "is the same already" } else { "exists and differs; --force replaces it" };
        kept.push(format!("left {} as it is: it {how}", conf_path.display()));
    }
    Ok((targets, kept))
}

fn fresh_key() -> Result<Vec<u8>, Failure> {
    use ::ring::rand::SecureRandom as _;
    let mut key = vec![0; KEY_BYTES];
    ::ring::rand::SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| Failure::new(CANNOT_CREATE, "the system gives no random bytes for the authkey"))?;
    Ok(key)
}

/// hacluster:haclient where they exist, as the original's `chown`.
fn crm_owner() -> Option<(u32, u32)> {
    let number = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).ok()?;
        let line = text.lines().find(|l| l.split(':').next() == Some(name))?.to_owned();
        line.split(':').nth(2)?.parse::<u32>().ok()
    };
    rustix::process::geteuid().is_root().then_some(())?;
    let (user, group) = (number("/etc/passwd", "hacluster")?, number("/etc/group", "haclient")?);
    let known = is_mapped(MappedId::User, user) && is_mapped(MappedId::Group, group);
    known.then_some((user, group))
}
