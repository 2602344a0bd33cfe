//! Writes the files of a conversion: all of them or none.
//!
//! Knows temporary files, renames and their undoing. Does not know what the files say.

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

/// Writes all targets. On an error every change made so far is taken back.
///
/// # Errors
/// The first operation that failed, with its path.
pub fn all_or_none(targets: &[Target]) -> Result<(), WriteError> {
    let mut undo = Undo::default();
    let outcome = place(targets, &mut undo);
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

fn place(targets: &[Target], undo: &mut Undo) -> Result<(), WriteError> {
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
    for (target, (temporary, _)) in targets.iter().zip(&staged) {
        let old = target.path.exists().then(|| beside(&target.path, "old"));
        if let Some(old) = &old {
            fs::rename(&target.path, old).map_err(failed("cannot set aside", &target.path))?;
        }
        undo.placed.push((target.path.clone(), old));
        fs::rename(temporary, &target.path).map_err(failed("cannot put in place", &target.path))?;
    }
    for (_, folder) in &staged {
        fs::File::open(folder).and_then(|f| f.sync_all()).map_err(failed("cannot sync", folder))?;
    }
    Ok(())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.{ending}", std::process::id()))
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
}
