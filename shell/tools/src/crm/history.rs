//! The lines of earlier sessions: `crm/history` in the user's cache folder, a line an entry, as the old shell keeps them.
//!
//! Knows the file. Does not know the editor that shows the lines.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Lines that are kept.
const KEPT: usize = 1000;
/// The file is rewritten when it grew to this many.
const TOO_MANY: usize = 2 * KEPT;
/// A longer file is not one of ours, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Where lines are kept.
pub struct History {
    path: PathBuf,
}

impl History {
    /// The history of this user; `None` for one without a home.
    pub fn of_user() -> Option<History> {
        let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = folder("HOME");
        let cache = folder("XDG_CACHE_HOME").or_else(|| home.as_ref().map(|home| home.join(".cache")))?;
        let path = cache.join("crm/history");
        // Where older shells kept it.
        if let Some(old) = home.map(|home| home.join(".crm_history"))
            && old.is_file()
            && !path.exists()
            && make_folder(&path).is_ok()
        {
            // What cannot be moved stays where it is and is not read.
            let moved = std::fs::rename(old, &path);
            let _ = moved.and_then(|()| std::fs::set_permissions(&path, Permissions::from_mode(0o600)));
        }
        Some(History { path })
    }

    /// Lines of earlier sessions, oldest first.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn load(&self) -> io::Result<Vec<String>> {
        let text = match std::fs::metadata(&self.path) {
            Ok(data) if data.len() <= MAX_BYTES => std::fs::read(&self.path)?,
            Ok(_) => return Err(io::Error::other("it is longer than 16 MiB")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let text = String::from_utf8_lossy(&text);
        let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let kept = &all[all.len().saturating_sub(KEPT)..];
        if all.len() > TOO_MANY {
            self.rewrite(kept)?;
        }
        Ok(kept.iter().map(|line| (*line).to_owned()).collect())
    }

    /// Adds a line at once, so that it is there for other sessions and after a crash.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn add(&self, line: &str) -> io::Result<()> {
        make_folder(&self.path)?;
        let mut file = private().append(true).open(&self.path)?;
        // One write: lines of two sessions do not mix.
        file.write_all(format!("{}\n", line.replace('\n', " ")).as_bytes())
    }

    fn rewrite(&self, lines: &[&str]) -> io::Result<()> {
        let next = self.path.with_extension(format!("{}", std::process::id()));
        private().write(true).truncate(true).open(&next)?.write_all((lines.join("\n") + "\n").as_bytes())?;
        std::fs::rename(next, &self.path)
    }
}

/// Lines may hold passwords: nobody else reads them.
fn private() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

fn make_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::{History, KEPT, TOO_MANY};
    use std::os::unix::fs::PermissionsExt as _;

    fn scratch(name: &str) -> History {
        let folder = std::env::temp_dir().join(format!("holdfast-history-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        History { path: folder.join("crm/history") }
    }

    fn remove(history: &History) {
        std::fs::remove_dir_all(history.path.parent().unwrap().parent().unwrap()).unwrap();
    }

    #[test]
    fn lines_are_kept_for_the_user_alone() {
        let history = scratch("kept");
        assert!(history.load().unwrap().is_empty());
        history.add("configure").unwrap();
        history.add("property a=b").unwrap();
        assert_eq!(history.load().unwrap(), ["configure", "property a=b"]);
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&history.path), 0o600);
        assert_eq!(mode(history.path.parent().unwrap()), 0o700);
        remove(&history);
    }

    #[test]
    fn old_lines_go_when_there_are_too_many() {
        let history = scratch("long");
        history.add("first").unwrap();
        let many: String = (0..TOO_MANY).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&history.path, format!("first\n{many}")).unwrap();
        let lines = history.load().unwrap();
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (KEPT, "line 1999"));
        assert_eq!(std::fs::read_to_string(&history.path).unwrap().lines().count(), KEPT);
        remove(&history);
    }
}
