//! A machine's tree with the scripts that the heartbeat cases count as present.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const RESOURCE_D: &str = "AudibleAlarm Delay Filesystem ICP IPaddr IPaddr2 IPsrcaddr IPv6addr LVM LVSSyncDaemonSwap LinuxSCSI MailTo OCF Raid1 SendArp ServeRAID WAS WinPopup Xinetd apache db2 drbddisk drbdupper hto-mapfuncs ids portblock ldirectord";
const INIT_D: &str = "httpd nginx mysqld mysql nfs nfslock smb named squid postfix jdmail dovecot";
const UNITS: &str = "unit-only.service";

/// The tree; it is removed at the end of the test.
#[derive(Debug)]
pub struct Root(PathBuf);

impl Root {
    /// Makes the tree; `name` keeps tests of one run apart.
    ///
    /// # Panics
    /// When the folder for temporary files cannot be written.
    #[must_use]
    pub fn new(name: &str) -> Root {
        let root = std::env::temp_dir().join(format!("holdfast-golden-{name}-{}", std::process::id()));
        for (folder, names) in
            [("etc/ha.d/resource.d", RESOURCE_D), ("etc/init.d", INIT_D), ("etc/systemd/system", UNITS)]
        {
            fs::create_dir_all(root.join(folder)).expect("the folder for temporary files can be written");
            for name in names.split(' ') {
                let path = root.join(folder).join(name);
                fs::write(&path, "#!/bin/sh\nexit 0\n").expect("a new file can be written");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
                    .expect("an own file can be changed");
            }
        }
        Root(root)
    }

    /// Where it begins.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What the converter says about a case: its CIB, or status and message of a refusal.
    ///
    /// # Errors
    /// As `holdfast_tools::haresources2cib::converted`.
    pub fn convert(&self, case: &Path) -> Result<String, (i32, String)> {
        let path = |name: &str| case.join(name).display().to_string();
        let root = self.0.display().to_string();
        let words =
            ["--root", &root, "--allow-missing", "--stdout", "-c", &path("ha.cf"), &path("haresources")];
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        holdfast_tools::haresources2cib::converted(&words).map(|(cib, _)| cib)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // What stays behind is small and in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
