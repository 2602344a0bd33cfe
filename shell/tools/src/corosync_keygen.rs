//! `corosync-keygen`: makes the key file of a cluster. Never replaces one unless told to.

use crate::corosync_support::{Options, config_dir};
use holdfast_node::keys::{self, Making};
use std::path::PathBuf;

const HELP: &str = "\
Usage: corosync-keygen [-k <keyfile>] [-s size] [-r <random number file>] [-l] [-h] [--force]

Makes the key that all nodes of a cluster share.

  -k, --key-file FILE     write the key to FILE (default: /etc/corosync/authkey)
  -s, --size BYTES        size of the key, 128 to 4096 bytes (default: 256)
  -r, --random-file FILE  take random bytes from FILE (default: from the kernel)
  -l, --less-secure       accepted for old scripts, does nothing
  -f, --force             replace an existing key
  -h, --help              this text

Copy the file to the other nodes with its mode: scp -p /etc/corosync/authkey NODE:/etc/corosync/
";

/// Runs the tool; the first word is its name. Exit status: 0, 1 wrong call or no random bytes, 2 cannot create (or
/// exists), 3 cannot set the mode, 4 cannot write, 5 cannot finish.
pub fn run(words: Vec<String>) -> i32 {
    let long = [
        ("key-file", 'k'),
        ("size", 's'),
        ("random-file", 'r'),
        ("less-secure", 'l'),
        ("force", 'f'),
        ("help", 'h'),
    ];
    let options = match Options::parse(words.get(1..).unwrap_or_default(), "k:s:r:m:lfh", &long) {
        Ok(options) if options.words.is_empty() => options,
        Ok(options) => return usage(&format!("'{}' is no option", options.words[0])),
        Err(message) => return usage(&message),
    };
    if options.has('h') {
        print!("{HELP}");
        return 0;
    }
    let size = match options.value('s').map(str::parse::<usize>) {
        None => keys::DEFAULT_SIZE,
        Some(Ok(size)) if holdfast_totem::config::KEY_SIZES.contains(&size) => size,
        Some(_) => {
            return usage(&format!(
                "Unsupported key size (supported <128,4096>): '{}'",
                options.value('s').unwrap_or_default()
            ));
        }
    };
    let default = options.value('k').is_none();
    let path = options.value('k').map_or_else(|| config_dir().join("authkey"), PathBuf::from);
    // `-m` is what the manual page of old calls `-r`.
    let random = options.value('r').or(options.value('m')).map(PathBuf::from);
    let device = random.as_ref().map_or("/dev/urandom".to_owned(), |path| path.display().to_string());
    println!("Corosync Cluster Engine Authentication key generator.");
    println!("Gathering {} bits for key from {device}.", size * 8);
    if device == "/dev/random" {
        println!("Press keys on your keyboard to generate entropy.");
    }
    if default && let Some(folder) = path.parent() {
        // If this fails, so does creating the file, with a better message.
        let _ = std::fs::create_dir_all(folder);
    }
    println!("Writing corosync key to {}.", path.display());
    match keys::make(&Making { path, size, random, force: options.has('f') }) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("corosync-keygen: {error}");
            i32::from(error.exit_code())
        }
    }
}

fn usage(message: &str) -> i32 {
    eprintln!("corosync-keygen: {message}\nType 'corosync-keygen -h' for the options.");
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_exit_codes_are_those_of_old() {
        let folder = std::env::temp_dir().join(format!("holdfast-keygen-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let key = folder.join("authkey");
        let call = |arguments: &str| {
            let line = format!("corosync-keygen {arguments}").replace("KEY", &key.display().to_string());
            run(line.split_whitespace().map(str::to_owned).collect())
        };
        assert_eq!(call("-h"), 0);
        assert_eq!(call("-z"), 1);
        assert_eq!(call("-s 127 -k KEY"), 1);
        assert_eq!(call("-s many -k KEY"), 1);
        assert_eq!(call("-l -s 1024 -k KEY"), 0);
        assert_eq!(key.metadata().unwrap().mode() & 0o7777, 0o400);
        assert_eq!(key.metadata().unwrap().len(), 1024);
        assert_eq!(call("-k KEY"), 2, "a key is never overwritten unasked");
        assert_eq!(key.metadata().unwrap().len(), 1024);
        assert_eq!(call("--force -k KEY"), 0);
        assert_eq!(key.metadata().unwrap().len(), 256);
        assert_eq!(call("-k KEY/below/authkey"), 2);
        assert_eq!(call("-f -r KEY.none -k KEY"), 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
