//! Where the socket is, however long the way to it: the system takes some 107 bytes for a socket's address, a path may have 4,096.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::AsRawFd,
        unix::{fs::PermissionsExt, net::UnixStream},
    },
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

const SOCKET: &str = "admin.sock";

/// The longest path that every system takes as a socket's address, in bytes: macOS and the BSDs have 104 with the zero behind it,
/// Linux 108.
const MAX_ADDRESS: usize = 103;

/// The socket of a data folder, with a server behind it.
#[derive(Debug)]
pub struct AdminListener {
    socket: UnixListener,
    path: PathBuf,
}

/// The path of the socket of a data folder.
pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(SOCKET)
}

/// Makes the socket in a data folder that this process has claimed, for its owner alone. Call it within a runtime.
pub fn bind(data_dir: &Path) -> io::Result<AdminListener> {
    let path = path(data_dir);
    let named = |error: io::Error| {
        let message = format!("cannot listen on {}: {error}", path.display());
        io::Error::new(error.kind(), message)
    };
    // The claim says that nobody listens there: what is there was left by a server that died.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(error)),
        _ => {}
    }
    let socket = at_address(data_dir, |address| UnixListener::bind(address)).map_err(named)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(named)?;
    Ok(AdminListener { socket, path })
}

/// Connects to the server of a data folder. Errors of kind `NotFound` and `ConnectionRefused` say that there is none.
pub(super) fn connect(data_dir: &Path) -> io::Result<UnixStream> {
    at_address(data_dir, |address| UnixStream::connect(address))
}

/// Gives `act` an address of the folder's socket that the system takes: its path, or where that is too long one by way of the
/// opened folder.
fn at_address<T>(data_dir: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = path(data_dir);
    if path.as_os_str().len() <= MAX_ADDRESS {
        return act(&path);
    }
    let folder = File::open(data_dir)?;
    let open = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    if !open.exists() {
        let message = format!(
            "the path is longer than {MAX_ADDRESS} bytes, which this system takes for a socket; use a `data_dir` with a shorter one"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    act(&open.join(SOCKET))
}

impl AdminListener {
    pub(super) fn socket(&self) -> &UnixListener {
        &self.socket
    }

    /// Removes the socket, so that nobody takes it for a server's.
    pub(super) fn remove(self) {
        // One that is gone already does no harm.
        drop(fs::remove_file(&self.path));
    }
}
