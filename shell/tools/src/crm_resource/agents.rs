//! The agents on this machine: standards, providers, names, and what an agent says of itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use holdfast_agent_protocol::{Agent, Paths};

use crate::cib_source::variable;
use crate::exit;
use crate::output::{Failure, Output};

fn ocf_root() -> PathBuf {
    variable("OCF_ROOT").map_or_else(|| PathBuf::from("/usr/lib/ocf"), PathBuf::from)
}

fn executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn names(folder: &Path, accepts: impl Fn(&Path) -> bool) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| accepts(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect()
}

fn providers() -> BTreeSet<String> {
    names(&ocf_root().join("resource.d"), Path::is_dir)
}

pub(crate) fn agents(standard: &str, provider: Option<&str>) -> BTreeSet<String> {
    match standard {
        "ocf" => {
            let folder = ocf_root().join("resource.d");
            let chosen: Vec<String> =
                provider.map_or_else(|| providers().into_iter().collect(), |p| vec![p.to_owned()]);
            chosen.iter().flat_map(|provider| names(&folder.join(provider), executable)).collect()
        }
        "lsb" => names(Path::new("/etc/init.d"), executable),
        "heartbeat" => names(Path::new("/etc/ha.d/resource.d"), executable),
        "stonith" => ["/usr/sbin", "/sbin"]
            .iter()
            .flat_map(|folder| names(Path::new(folder), executable))
            .filter(|name| name.starts_with("fence_"))
            .collect(),
        "systemd" => ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"]
            .iter()
            .flat_map(|folder| names(Path::new(folder), |path| !path.is_dir()))
            .filter_map(|name| name.strip_suffix(".service").map(str::to_owned))
            .collect(),
        "service" => agents("lsb", None).into_iter().chain(agents("systemd", None)).collect(),
        _ => BTreeSet::new(),
    }
}

pub(super) fn run(command: &str, value: Option<&str>, output: &mut Output) -> Result<i32, Failure> {
    let value = value.unwrap_or("");
    if command == "show-metadata" {
        return metadata(value, output);
    }
    let (found, element, item): (Vec<String>, _, _) = match command {
        "list-standards" => {
            let all = ["lsb", "ocf", "service", "stonith", "systemd"];
            (all.map(str::to_owned).to_vec(), "standards", "standard")
        }
        "list-ocf-providers" => (providers().into_iter().collect(), "providers", "provider"),
        "list-ocf-alternatives" => {
            let folder = ocf_root().join("resource.d");
            let all =
                providers().into_iter().filter(|provider| executable(&folder.join(provider).join(value)));
            (all.collect(), "providers", "provider")
        }
        _ => {
            let (standard, provider) = match value.split_once(':') {
                Some((standard, provider)) => {
                    (standard, Some(provider).filter(|provider| !provider.is_empty()))
                }
                None => (value, None),
            };
            (agents(standard, provider).into_iter().collect(), "agents", "agent")
        }
    };
    if found.is_empty() {
        let what = if value.is_empty() { String::new() } else { format!(" for {value}") };
        return Err(Failure::new(exit::NO_SUCH, format!("No {element} found{what}")));
    }
    output.open(element, &[]);
    for name in &found {
        output.text(format!("{name}\n"));
        output.text_element(item, &[], name);
    }
    output.close();
    Ok(exit::OK)
}

/// Prints what the agent answers to `meta-data`.
pub(crate) fn metadata(spec: &str, output: &mut Output) -> Result<i32, Failure> {
    let wrong = |problem: String| Failure::new(exit::NO_SUCH, problem);
    let agent = Agent::parse(spec)
        .map_err(|error| wrong(format!("'{spec}' is not a valid agent specification: {error}")))?;
    let candidates = Paths::new(ocf_root()).candidates(&agent);
    let Some(path) = candidates.into_iter().find(|path| executable(path)) else {
        return Err(wrong(format!("Metadata query for {spec} failed: the agent is not installed here")));
    };
    let action = if spec.starts_with("stonith") { "metadata" } else { "meta-data" };
    let mut command = std::process::Command::new(&path);
    if spec.starts_with("stonith") {
        command.args(["-o", action]);
    } else {
        command.arg(action);
    }
    let answer = command
        .env("OCF_ROOT", ocf_root())
        .env("OCF_RESKEY_crm_feature_set", holdfast_store::FEATURE_SET)
        .output();
    match answer {
        Ok(answer) if answer.status.success() => {
            output.document("metadata", &String::from_utf8_lossy(&answer.stdout));
            Ok(exit::OK)
        }
        Ok(answer) => {
            Err(wrong(format!("Metadata query for {spec} failed: the agent ended with {}", answer.status)))
        }
        Err(error) => Err(wrong(format!("Metadata query for {spec} failed: {}: {error}", path.display()))),
    }
}
