//! The data folder belongs to one process at a time.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use waxwing_plugins::plain_file;

const LOCK: &str = "waxwing.lock";

/// The right to use a data folder, until dropped. The system takes it back from a process that dies.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

/// Why a data folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another process has it.
    #[error("the data folder {} is in use by another waxwing", .0.display())]
    InUse(PathBuf),
    /// It cannot be made or written to.
    #[error("cannot use the data folder {}: {reason}", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
}

/// Claims `data_dir` for this process. The folder is made, readable by its owner alone, if it is not there.
pub fn claim(data_dir: &Path) -> Result<Claim, ClaimError> {
    let unusable = |reason| ClaimError::Unusable {
        path: data_dir.to_owned(),
        reason,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(unusable)?;
    let lock = open_lock(&data_dir.join(LOCK)).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(Claim { _lock: lock }),
        Err(TryLockError::WouldBlock) => Err(ClaimError::InUse(data_dir.to_owned())),
        Err(TryLockError::Error(reason)) => Err(unusable(reason)),
    }
}

/// Opens the file that is locked, made if it is not there. A pipe in its place is refused, not waited for.
fn open_lock(path: &Path) -> io::Result<File> {
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let open = || {
        // By itself the system would say that there is no such device.
        if let Ok(metadata) = path.metadata() {
            plain_file::ensure_plain(&metadata)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.custom_flags(nonblocking).open(path)?;
        plain_file::ensure_plain(&lock.metadata()?)?;
        Ok(lock)
    };
    open().map_err(|error: io::Error| io::Error::new(error.kind(), format!("{LOCK}: {error}")))
}
