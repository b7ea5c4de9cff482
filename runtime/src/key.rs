//! The key file: the secret with which this user's, or this server's, objects are sealed.
//!
//! # Invariants
//!
//! The file has 32 random bytes and mode 0600, and is made at the first use: written whole beside its place, then
//! linked to it, so that of two processes that make it at the same time one wins and both use the winner's.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::invocation::random_bytes;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system refused.
    #[error("cannot {action} the key file {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The file is not a key.
    #[error("{} is not a key file: it has {length} bytes, not 32", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its length, in bytes.
        length: usize,
    },
}

/// The key in the file at `path`, which is made if it is not there.
///
/// # Errors
///
/// [`KeyError`].
pub fn load_or_create(path: &Path) -> Result<[u8; 32], KeyError> {
    match fs::read(path) {
        Ok(bytes) => {
            let length = bytes.len();
            bytes.try_into().map_err(|_| KeyError::Damaged { path: path.to_owned(), length })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path)?;
            load_or_create(path)
        }
        Err(source) => Err(KeyError::Io { action: "read", path: path.to_owned(), source }),
    }
}

fn create(path: &Path) -> Result<(), KeyError> {
    let error = |action| move |source| KeyError::Io { action, path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(error("make the folder of"))?;
    let key = random_bytes::<32>().map_err(error("draw random bytes for"))?;
    let [number] = random_bytes::<1>().map_err(error("draw random bytes for"))?;
    let tmp = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create_new(true).mode(0o600).open(&tmp).map_err(error("make"))?;
    file.write_all(&key).and_then(|()| file.sync_all()).map_err(error("write"))?;
    let linked = match fs::hard_link(&tmp, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    };
    fs::remove_file(&tmp).map_err(error("tidy up after"))?;
    linked.map_err(error("place"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_is_made_once_by_whoever_is_first_and_nobody_else_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| load_or_create(&path).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0] && *key != [0; 32]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        fs::write(&path, b"short").unwrap();
        assert!(matches!(load_or_create(&path), Err(KeyError::Damaged { length: 5, .. })));
    }
}
