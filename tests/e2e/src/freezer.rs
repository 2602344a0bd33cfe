//! Stops single threads of a process, as a hang would: the freezer of control groups, version 1.
//!
//! Knows threads by name. Does not know what they do.

use std::fs;
use std::path::PathBuf;

/// A control group of our own; thawed and removed at the end.
pub struct Freezer {
    folder: PathBuf,
}

impl Freezer {
    /// Makes the group; `None` where the kernel or the user's rights do not allow it.
    #[must_use]
    pub fn new() -> Option<Self> {
        let root = PathBuf::from("/sys/fs/cgroup/freezer");
        if !root.join("tasks").exists() {
            return None;
        }
        // Namespaces of process ids repeat numbers: the first free name is taken.
        (0..1000).find_map(|number| {
            let folder = root.join(format!("holdfast-e2e-{number}"));
            fs::create_dir(&folder).ok().map(|()| Self { folder })
        })
    }

    /// Freezes the threads of a process that are chosen by name.
    ///
    /// # Panics
    /// When the process is gone or the kernel refuses.
    pub fn freeze(&self, process: u32, chosen: impl Fn(&str) -> bool) {
        for thread in fs::read_dir(format!("/proc/{process}/task")).expect("the process runs").flatten() {
            let name = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
            if chosen(name.trim_end()) {
                let number = thread.file_name().to_string_lossy().into_owned();
                fs::write(self.folder.join("tasks"), number).expect("the thread can be moved");
            }
        }
        fs::write(self.folder.join("freezer.state"), "FROZEN").expect("the group can be frozen");
    }

    /// Lets them go on.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn thaw(&self) {
        fs::write(self.folder.join("freezer.state"), "THAWED").expect("the group can be thawed");
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _ = fs::write(self.folder.join("freezer.state"), "THAWED");
        for thread in fs::read_to_string(self.folder.join("tasks")).unwrap_or_default().lines() {
            let _ = fs::write("/sys/fs/cgroup/freezer/tasks", thread);
        }
        let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while fs::remove_dir(&self.folder).is_err() && std::time::Instant::now() < end {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}
