//! The secret that the server makes at its first start and keeps.

use std::{io, path::Path};

use anyhow::Context as _;
use waxwing_plugins::plain_file;

/// File in the data folder.
const FILE: &str = "secret";

/// Reads the secret, or makes it. It decides the salts that are shown for accounts that do not exist, and so has to outlast a
/// restart: an account would be told from none by a salt that changes.
pub(crate) fn load_or_make(data_dir: &Path) -> anyhow::Result<[u8; 32]> {
    let path = data_dir.join(FILE);
    match plain_file::read(&path, 1 << 10) {
        Ok(bytes) => <[u8; 32]>::try_from(bytes).ok().with_context(|| {
            format!(
                "{} is damaged: it must have 32 bytes; remove it",
                path.display()
            )
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(&path).with_context(|| format!("cannot write {}", path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Written beside its place and moved there, so that it is never half there.
fn make(path: &Path) -> io::Result<[u8; 32]> {
    let mut secret = [0; 32];
    random(&mut secret);
    plain_file::replace(path, &secret, 0o600)?;
    Ok(secret)
}

/// Fills a buffer with random bytes of cryptographic quality. A system that has none stops the process: nothing that the
/// server says to anybody would be safe.
pub(crate) fn random(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        tracing::error!(%error, "the system has no random numbers");
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::load_or_make;

    #[test]
    fn keeps_the_secret_that_it_made() {
        let folder = tempfile::tempdir().unwrap();
        let first = load_or_make(folder.path()).unwrap();
        assert_eq!(load_or_make(folder.path()).unwrap(), first);
    }

    #[test]
    fn refuses_a_damaged_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), b"short").unwrap();
        let error = load_or_make(folder.path()).unwrap_err();
        assert!(error.to_string().contains("must have 32 bytes"));
    }
}
