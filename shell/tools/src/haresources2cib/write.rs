//! Writes the files of a conversion: all of them or none.
//!
//! Knows temporary files, renames and their undoing, also after a crash: before the first file is put in place a small
//! journal beside it names them all; as long as it is there, the next call takes everything back.
//! Does not know what the files say.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// One file to write.
#[derive(Debug, Clone)]
pub struct Target {
    pub path: PathBuf,
    pub content: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// User and group, where they are not the caller's.
    pub owner: Option<(u32, u32)>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
#[error("{what} {path}: {cause}; nothing was written", path = path.display())]
pub struct WriteError {
    what: &'static str,
    path: PathBuf,
    #[source]
    cause: std::io::Error,
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> WriteError {
    move |cause| WriteError { what, path: path.to_owned(), cause }
}

/// What has been done, so that it can be undone.
#[derive(Default)]
struct Undo {
    made_folders: Vec<PathBuf>,
    temporary: Vec<PathBuf>,
    /// Where a file was put, and where its predecessor is kept.
    placed: Vec<(PathBuf, Option<PathBuf>)>,
}

impl Undo {
    /// Best effort: what cannot be undone is left with its telling name.
    fn roll_back(&self) {
        for (path, old) in self.placed.iter().rev() {
            let _ = match old {
                Some(old) => fs::rename(old, path),
                None => fs::remove_file(path),
            };
        }
        for path in &self.temporary {
            let _ = fs::remove_file(path);
        }
        for folder in self.made_folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Writes all targets. On an error every change made so far is taken back; what a crash interrupts is taken back by
/// the next call that writes the same files.
///
/// # Errors
/// The first operation that failed, with its path.
pub fn all_or_none(targets: &[Target]) -> Result<(), WriteError> {
    if let Some(first) = targets.first() {
        recover(&first.path)?;
    }
    targets.iter().for_each(|target| left_over(&target.path));
    let mut undo = Undo::default();
    let outcome = place(targets, &mut undo, &mut || Ok(()));
    match outcome {
        Ok(()) => {
            for old in undo.placed.iter().filter_map(|(_, old)| old.as_ref()) {
                // The predecessor was asked to be overwritten; its copy goes last.
                let _ = fs::remove_file(old);
            }
        }
        Err(_) => undo.roll_back(),
    }
    outcome
}

/// `between` stands between any two steps that change what others see; the tests stop there.
fn place(
    targets: &[Target],
    undo: &mut Undo,
    between: &mut dyn FnMut() -> std::io::Result<()>,
) -> Result<(), WriteError> {
    let mut staged = Vec::new();
    for target in targets {
        let folder = target.path.parent().unwrap_or(Path::new("."));
        make_folder(folder, undo)?;
        let temporary = beside(&target.path, "new");
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(target.mode)
            .open(&temporary)
            .map_err(failed("cannot create", &temporary))?;
        undo.temporary.push(temporary.clone());
        file.write_all(&target.content).map_err(failed("cannot write", &temporary))?;
        file.sync_all().map_err(failed("cannot sync", &temporary))?;
        if let Some((user, group)) = target.owner {
            std::os::unix::fs::chown(&temporary, Some(user), Some(group))
                .map_err(failed("cannot change the owner of", &temporary))?;
        }
        staged.push((temporary, folder.to_owned()));
    }
    let Some(first) = targets.first() else { return Ok(()) };
    let journal = journal(&first.path);
    write_journal(&journal, targets, undo)?;
    for (target, (temporary, _)) in targets.iter().zip(&staged) {
        let old = target.path.exists().then(|| beside(&target.path, "old"));
        if let Some(old) = &old {
            between().map_err(failed("cannot set aside", &target.path))?;
            fs::rename(&target.path, old).map_err(failed("cannot set aside", &target.path))?;
        }
        undo.placed.push((target.path.clone(), old));
        between().map_err(failed("cannot put in place", &target.path))?;
        fs::rename(temporary, &target.path).map_err(failed("cannot put in place", &target.path))?;
    }
    for (_, folder) in &staged {
        fs::File::open(folder).and_then(|f| f.sync_all()).map_err(failed("cannot sync", folder))?;
    }
    between().map_err(failed("cannot remove", &journal))?;
    // From here on the conversion stands.
    fs::remove_file(&journal).map_err(failed("cannot remove", &journal))
}

/// Where the steps of a running conversion are noted: beside its first file.
fn journal(first: &Path) -> PathBuf {
    first.with_file_name(".haresources2cib.unfinished")
}

/// Notes what is about to be put in place: one line a file, the process id before it.
fn write_journal(journal: &Path, targets: &[Target], undo: &mut Undo) -> Result<(), WriteError> {
    let id = std::process::id();
    let mut text: Vec<u8> = Vec::new();
    for target in targets {
        text.extend(format!("{id} ").into_bytes());
        text.extend(target.path.as_os_str().as_encoded_bytes());
        text.push(b'\n');
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(journal)
        .map_err(failed("cannot create", journal))?;
    undo.temporary.push(journal.to_owned());
    file.write_all(&text).map_err(failed("cannot write", journal))?;
    file.sync_all().map_err(failed("cannot sync", journal))?;
    let folder = journal.parent().unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|f| f.sync_all()).map_err(failed("cannot sync", folder))
}

/// Takes back what an earlier call with this first file did before it was killed or the machine went down.
///
/// # Errors
/// When another call is at work, or something cannot be taken back.
pub fn recover(first: &Path) -> Result<(), WriteError> {
    let journal = journal(first);
    if let Ok(bytes) = fs::read(&journal) {
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter_map(|l| l.split_once(' '));
        for (id, path) in lines {
            if alive(id) {
                let busy = std::io::Error::other(format!("process {id} is writing there; wait for its end"));
                return Err(failed("cannot begin:", &journal)(busy));
            }
            let path = Path::new(path);
            let (new, old) = (named(path, id, "new"), named(path, id, "old"));
            let undone = if old.exists() {
                fs::rename(&old, path)
            } else if !new.exists() && path.exists() {
                fs::remove_file(path)
            } else {
                Ok(())
            };
            undone.map_err(failed("cannot take back an unfinished conversion:", path))?;
        }
        fs::remove_file(&journal).map_err(failed("cannot remove", &journal))?;
    }
    Ok(())
}

/// Removes temporary files of calls that ended before they put anything in place.
fn left_over(path: &Path) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    for entry in entries.into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        let id = other
            .strip_prefix(&format!(".{name}."))
            .and_then(|rest| rest.strip_suffix(".new").or_else(|| rest.strip_suffix(".old")));
        if id.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) && !alive(id)) {
            // One that stays is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether the process that an id names runs, other than this one.
fn alive(id: &str) -> bool {
    id != std::process::id().to_string() && Path::new("/proc").join(id).exists()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    named(path, &std::process::id().to_string(), ending)
}

fn named(path: &Path, id: &str, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{id}.{ending}"))
}

fn make_folder(folder: &Path, undo: &mut Undo) -> Result<(), WriteError> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folder(parent, undo)?;
    }
    fs::create_dir(folder).map_err(failed("cannot make the folder", folder))?;
    undo.made_folders.push(folder.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_leaves_everything_as_it_was() {
        let folder = std::env::temp_dir().join(format!("holdfast-write-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a"), "old").unwrap();
        fs::write(folder.join("in-the-way"), "a file, no folder").unwrap();
        let target = |name: &str| Target {
            path: folder.join(name),
            content: b"new".to_vec(),
            mode: 0o600,
            owner: None,
        };
        assert!(all_or_none(&[target("a"), target("sub/b"), target("in-the-way/c")]).is_err());
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"old");
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a", "in-the-way"]);
        all_or_none(&[target("a"), target("sub/b")]).unwrap();
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"new");
        assert_eq!(fs::read(folder.join("sub/b")).unwrap(), b"new");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_crash_at_any_step_is_taken_back() {
        let folder = std::env::temp_dir().join(format!("holdfast-crash-{}", std::process::id()));
        let target = |name: &str| Target {
            path: folder.join(name),
            content: b"new".to_vec(),
            mode: 0o600,
            owner: None,
        };
        let files = || {
            let mut names: Vec<(String, Vec<u8>)> = fs::read_dir(&folder)
                .unwrap()
                .map(|e| e.unwrap().path())
                .map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&p).unwrap()))
                .collect();
            names.sort();
            names
        };
        let targets = [target("a"), target("b"), target("c")];
        // Three files, one with a predecessor: two renames for it, one for each other, and the end.
        for steps in 0..5 {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("b"), "old").unwrap();
            let before = files();
            let mut left = steps;
            let mut undo = Undo::default();
            let stopped = place(&targets, &mut undo, &mut || match left {
                0 => Err(std::io::Error::other("the machine went down")),
                _ => {
                    left -= 1;
                    Ok(())
                }
            });
            assert!(stopped.is_err(), "step {steps}");
            assert_ne!(files(), before, "step {steps} left nothing behind, so that it tests nothing");
            recover(&targets[0].path).unwrap();
            targets.iter().for_each(|target| left_over(&target.path));
            assert_eq!(files(), before, "step {steps}");
        }
        all_or_none(&targets).unwrap();
        assert!(files().iter().all(|(_, content)| content == b"new"));
        assert_eq!(files().len(), 3);
        fs::remove_dir_all(&folder).unwrap();
    }
}
