//! The key file of the cluster: read with care, made from the kernel's random numbers, never overwritten unasked.
//!
//! A file is raw random bytes without a header, 128 to 4096 of them, readable by its owner only.

use holdfast_totem::Key;
use holdfast_totem::config::KEY_SIZES;
use ring::rand::SecureRandom;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Size of a new key when none is asked for.
pub const DEFAULT_SIZE: usize = 256;

/// Why a key cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(
        "there is no key file {0}; make one with 'corosync-keygen' on one node and copy it to the others (scp -p)"
    )]
    Missing(PathBuf),
    #[error("cannot read the key file {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("the key {0} is not a file")]
    NotAFile(PathBuf),
    #[error(
        "the key file {path} can be read by others (mode {mode:04o}, expected 0400); change it with: chmod 0400 {path}"
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error(
        "the key file {path} belongs to user {owner}, expected {expected}; change it with: chown {expected} {path}"
    )]
    Owner { path: PathBuf, owner: u32, expected: u32 },
    #[error(
        "the key file {path} has {size} bytes, expected 128 to 4096; make another with: corosync-keygen --force -k {path}"
    )]
    Size { path: PathBuf, size: u64 },
}

/// Why a key cannot be made. The number is the exit code of `corosync-keygen`.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error("a key has 128 to 4096 bytes, not {0}")]
    Size(usize),
    #[error("cannot read random bytes from {path}: {source}")]
    Random { path: PathBuf, source: io::Error },
    #[error("the kernel gives no random bytes")]
    Kernel,
    #[error(
        "there is a key in {0} already; the other nodes use it. To replace it on all nodes: corosync-keygen --force"
    )]
    Exists(PathBuf),
    #[error("cannot create {path}: {source}")]
    Create { path: PathBuf, source: io::Error },
    #[error("cannot set the mode of {path}: {source}")]
    Mode { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot finish {path}: {source}")]
    Close { path: PathBuf, source: io::Error },
}

impl MakeError {
    /// As the old program has them: 1 input, 2 create, 3 mode, 4 write, 5 close.
    pub fn exit_code(&self) -> u8 {
        match self {
            MakeError::Size(_) | MakeError::Random { .. } | MakeError::Kernel => 1,
            MakeError::Exists(_) | MakeError::Create { .. } => 2,
            MakeError::Mode { .. } => 3,
            MakeError::Write { .. } => 4,
            MakeError::Close { .. } => 5,
        }
    }
}

/// Reads a key file.
///
/// # Errors
/// When it is missing, readable by group or others, owned by somebody else than root or the running user, or of a
/// size that no key has.
pub fn read(path: &Path) -> Result<Key, ReadError> {
    let io = |source: io::Error| {
        if source.kind() == io::ErrorKind::NotFound {
            ReadError::Missing(path.to_owned())
        } else {
            ReadError::Io { path: path.to_owned(), source }
        }
    };
    // Not blocking on a FIFO; the checks use the open file, so that nobody can swap it in between.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(ReadError::NotAFile(path.to_owned()));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(ReadError::Exposed { path: path.to_owned(), mode });
    }
    let expected = rustix::process::geteuid().as_raw();
    if metadata.uid() != 0 && metadata.uid() != expected {
        return Err(ReadError::Owner { path: path.to_owned(), owner: metadata.uid(), expected });
    }
    let largest = *KEY_SIZES.end() as u64;
    let mut bytes = Vec::with_capacity(*KEY_SIZES.end() + 1);
    file.take(largest + 1).read_to_end(&mut bytes).map_err(io)?;
    let key = Key::new(&bytes);
    let size = metadata.len().max(bytes.len() as u64);
    wipe(&mut bytes);
    key.map_err(|_| ReadError::Size { path: path.to_owned(), size })
}

/// How a key is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Making {
    /// Where to.
    pub path: PathBuf,
    /// Bytes.
    pub size: usize,
    /// A file of random bytes; `None` asks the kernel.
    pub random: Option<PathBuf>,
    /// Replace an existing key.
    pub force: bool,
}

/// Makes a key file with mode 0400. An existing file stays as it is unless `force` is set, and then it is replaced
/// in one step, so that it is whole at every moment.
///
/// # Errors
/// See [`MakeError`].
pub fn make(making: &Making) -> Result<(), MakeError> {
    let path = &making.path;
    if !KEY_SIZES.contains(&making.size) {
        return Err(MakeError::Size(making.size));
    }
    if !making.force && path.symlink_metadata().is_ok() {
        return Err(MakeError::Exists(path.clone()));
    }
    let mut bytes = vec![0; making.size];
    match &making.random {
        Some(random) => File::open(random)
            .and_then(|mut file| file.read_exact(&mut bytes))
            .map_err(|source| MakeError::Random { path: random.clone(), source })?,
        None => ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| MakeError::Kernel)?,
    }
    let result = write(making, &bytes);
    wipe(&mut bytes);
    result
}

fn write(making: &Making, bytes: &[u8]) -> Result<(), MakeError> {
    let path = &making.path;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let draft = path.with_file_name(name);
    let finish = || -> Result<(), MakeError> {
        let create = |source| MakeError::Create { path: path.clone(), source };
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o400).open(&draft).map_err(create)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o400))
            .map_err(|source| MakeError::Mode { path: path.clone(), source })?;
        file.write_all(bytes).map_err(|source| MakeError::Write { path: path.clone(), source })?;
        let close = |source| MakeError::Close { path: path.clone(), source };
        file.sync_all().map_err(close)?;
        if making.force {
            std::fs::rename(&draft, path).map_err(create)?;
        } else {
            // A hard link fails where a name exists: nobody's key is lost, even when two of us run.
            std::fs::hard_link(&draft, path).map_err(|source| {
                if source.kind() == io::ErrorKind::AlreadyExists {
                    MakeError::Exists(path.clone())
                } else {
                    create(source)
                }
            })?;
            std::fs::remove_file(&draft).map_err(close)?;
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(close)
    };
    let result = finish();
    if result.is_err() {
        // The first error is the one to tell; a draft that cannot be removed does no harm.
        let _ = std::fs::remove_file(&draft);
    }
    result
}

fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("holdfast-keys-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn key(&self, bytes: usize, mode: u32) -> PathBuf {
            let path = self.0.join("authkey");
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, vec![7; bytes]).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn making(path: PathBuf) -> Making {
        Making { path, size: DEFAULT_SIZE, random: None, force: false }
    }

    #[test]
    fn a_new_key_is_readable_by_its_owner_only_and_by_us() {
        let folder = Folder::new("new");
        let path = folder.0.join("authkey");
        make(&making(path.clone())).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o400);
        assert_eq!(read(&path).unwrap().bytes().len(), DEFAULT_SIZE);
        assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_key_is_replaced_only_when_forced() {
        let folder = Folder::new("force");
        let path = folder.0.join("authkey");
        make(&making(path.clone())).unwrap();
        let first = read(&path).unwrap();
        let refusal = make(&making(path.clone())).unwrap_err();
        assert_eq!(refusal.exit_code(), 2);
        assert!(refusal.to_string().contains("--force"), "{refusal}");
        assert_eq!(read(&path).unwrap(), first);
        make(&Making { force: true, ..making(path.clone()) }).unwrap();
        assert_ne!(read(&path).unwrap(), first);
    }

    #[test]
    fn bad_keys_are_refused_with_the_cure() {
        let folder = Folder::new("bad");
        let check = |bytes, mode, words: &str| {
            let told = read(&folder.key(bytes, mode)).unwrap_err().to_string();
            assert!(told.contains(words), "{told}");
        };
        check(128, 0o644, "chmod 0400");
        check(128, 0o440, "mode 0440");
        check(127, 0o400, "has 127 bytes");
        check(0, 0o400, "has 0 bytes");
        check(4097, 0o400, "has 4097 bytes");
        assert!(read(&folder.key(128, 0o600)).is_ok());
        assert!(read(&folder.key(4096, 0o400)).is_ok());
        let missing = read(&folder.0.join("none")).unwrap_err().to_string();
        assert!(missing.contains("corosync-keygen"), "{missing}");
        assert!(matches!(read(&folder.0), Err(ReadError::NotAFile(_))));
    }

    #[test]
    fn sizes_and_places_that_cannot_be_have_their_exit_codes() {
        let folder = Folder::new("codes");
        let path = folder.0.join("authkey");
        let code = |making: Making| make(&making).unwrap_err().exit_code();
        assert_eq!(code(Making { size: 64, ..making(path.clone()) }), 1);
        assert_eq!(code(Making { random: Some(folder.0.join("none")), ..making(path.clone()) }), 1);
        assert_eq!(code(making(folder.0.join("none/authkey"))), 2);
        assert!(!path.exists());
    }
}
