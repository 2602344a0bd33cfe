//! Files for old programs: `cib.xml` with its signature, the numbered copies of earlier ones, and documents that lost
//! a merge. Never read back by the daemon while it has a snapshot of its own.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::users::{self, CLUSTER_GROUP, CLUSTER_USER};

/// Numbered copies run from 0 to this, as in Pacemaker.
const COPIES: u32 = 100;
/// Documents that lost a merge which are kept.
const LOST: usize = 20;

/// The folder of exports.
#[derive(Debug)]
pub(super) struct Exports {
    folder: PathBuf,
    last: Option<String>,
}

impl Exports {
    pub(super) fn new(pacemaker: &Path) -> Self {
        Self { folder: pacemaker.join("cib"), last: None }
    }

    /// Replaces `cib.xml`, keeping the present one as `cib-N.raw`.
    pub(super) fn write(&mut self, xml: String) -> io::Result<()> {
        if self.last.as_ref() == Some(&xml) {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let current = self.folder.join("cib.xml");
        let signature = self.folder.join("cib.xml.sig");
        if current.exists() {
            let next = self.next_copy();
            let copy = self.folder.join(format!("cib-{next}.raw"));
            replace_by_link(&current, &copy)?;
            if signature.exists() {
                replace_by_link(&signature, &self.folder.join(format!("cib-{next}.raw.sig")))?;
            }
            put(&self.folder.join("cib.last"), format!("{}", (next + 1) % COPIES).as_bytes())?;
        }
        put(&current, xml.as_bytes())?;
        put(&signature, signature_of(&xml).as_bytes())?;
        self.last = Some(xml);
        Ok(())
    }

    fn next_copy(&self) -> u32 {
        let text = fs::read_to_string(self.folder.join("cib.last")).unwrap_or_default();
        text.trim().parse::<u32>().map_or(0, |number| number % COPIES)
    }

    /// Keeps a document that lost a merge; gives its path.
    pub(super) fn lost(&self, xml: &str, why: &str) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.folder)?;
        let mut kept: Vec<u64> = fs::read_dir(&self.folder)?
            .flatten()
            .filter_map(|entry| {
                entry.file_name().to_str()?.strip_prefix("lost-")?.strip_suffix(".xml")?.parse().ok()
            })
            .collect();
        kept.sort_unstable();
        while kept.len() >= LOST {
            let oldest = kept.remove(0);
            let _ = fs::remove_file(self.folder.join(format!("lost-{oldest}.xml")));
        }
        let path = self.folder.join(format!("lost-{}.xml", kept.last().map_or(0, |number| number + 1)));
        let comment = why.replace("--", "- -");
        put(&path, format!("{xml}\n<!-- {comment} -->\n").as_bytes())?;
        Ok(path)
    }
}

/// A configuration that other programs left, for a node without a snapshot of its own: ours or Pacemaker's export, or
/// what a conversion put where heartbeat kept it.
#[must_use]
pub(crate) fn import(pacemaker: &Path, moved: bool) -> Option<(PathBuf, String)> {
    let mut places = vec![pacemaker.join("cib/cib.xml")];
    if !moved {
        places.push("/var/lib/heartbeat/crm/cib.xml".into());
    }
    places.into_iter().find_map(|path| fs::read_to_string(&path).ok().map(|text| (path, text)))
}

/// The signature that Pacemaker expects: MD5 of the document in one line with a blank before and a line break after.
fn signature_of(xml: &str) -> String {
    let compact = holdfast_xml::Document::parse_default(xml)
        .map(|document| document.to_string_compact())
        .unwrap_or_else(|_| xml.to_owned());
    holdfast_model::digest::md5_hex(format!(" {}\n", compact.trim_end()).as_bytes())
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    if rustix::process::geteuid().is_root()
        && let (Some(user), Some(group)) = (users::user_id(CLUSTER_USER), users::group_id(CLUSTER_GROUP))
    {
        std::os::unix::fs::fchown(&file, Some(user), Some(group))?;
    }
    drop(file);
    fs::rename(new, path)
}

fn replace_by_link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(|_| ()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_numbered() {
        let folder = std::env::temp_dir().join(format!("holdfast-export-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let mut exports = Exports::new(&folder);
        for epoch in 1..=3 {
            exports.write(format!("<cib epoch=\"{epoch}\"/>")).unwrap();
        }
        exports.write("<cib epoch=\"3\"/>".into()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.join("cib").join(name)).unwrap();
        assert_eq!(read("cib.xml"), "<cib epoch=\"3\"/>");
        assert_eq!(read("cib-0.raw"), "<cib epoch=\"1\"/>");
        assert_eq!(read("cib-1.raw"), "<cib epoch=\"2\"/>");
        assert_eq!(read("cib.last"), "2");
        assert_eq!(read("cib.xml.sig").len(), 32);
        let lost = exports.lost("<cib/>", "older -- epoch").unwrap();
        assert!(fs::read_to_string(lost).unwrap().contains("older - - epoch"));
        assert_eq!(import(&folder, true).unwrap().1, "<cib epoch=\"3\"/>");
        fs::remove_dir_all(folder).unwrap();
    }
}
