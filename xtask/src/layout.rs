//! Where things lie: the repository, the target folder, and what is made in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders that the commands work on.
pub(crate) struct Layout {
    /// The repository.
    pub(crate) root: PathBuf,
    /// `CARGO_TARGET_DIR`, or `target` in the repository.
    pub(crate) target: PathBuf,
}

impl Layout {
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies in no workspace")?
            .to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) if !folder.is_empty() => std::path::absolute(folder)?,
            _ => root.join("target"),
        };
        fs::create_dir_all(&target)
            .with_context(|| format!("cannot make the folder {}", target.display()))?;
        Ok(Self { root, target })
    }

    /// The workspace of the guests.
    pub(crate) fn guest_workspace(&self) -> PathBuf {
        self.root.join("guest-plugins")
    }

    /// Finished components: the bundled ones here, `examples/` and `fixtures/` below.
    pub(crate) fn guests(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// Where it is kept what a component below [`Self::guests`] was made from.
    pub(crate) fn stamp(&self, component: &Path) -> PathBuf {
        let inside = component.strip_prefix(self.guests());
        let stamps = self.target.join("guest-stamps");
        stamps
            .join(inside.unwrap_or(component))
            .with_extension("inputs")
    }

    /// Cargo's own folder for guests, apart so that host and guests never wait for each other's lock.
    pub(crate) fn guest_build(&self) -> PathBuf {
        self.target.join("guest-build")
    }

    /// Cargo's folder for the plugins as native code: for their lints and their own tests.
    pub(crate) fn guest_native(&self) -> PathBuf {
        self.target.join("guest-native")
    }

    /// The clients of other projects that tests use.
    pub(crate) fn test_environment(&self) -> PathBuf {
        self.target.join("test-env")
    }

    /// A path as a person would type it from here.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let here = std::env::current_dir().unwrap_or_else(|_| self.root.clone());
        path.strip_prefix(&here)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    /// Waits until no other xtask works on `what`; the lock is held until the returned file is dropped.
    pub(crate) fn lock(&self, what: &str) -> Result<File> {
        let path = self.target.join(format!(".xtask-{what}.lock"));
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        file.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(file)
    }
}

/// Writes `bytes` to `path` unless they stand there already; never leaves half a file. Returns whether it wrote.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    fs::write(&fresh, bytes).with_context(|| format!("cannot write {}", fresh.display()))?;
    fs::rename(&fresh, path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_only_what_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/file");
        assert!(write_if_changed(&path, b"one").unwrap());
        assert!(!write_if_changed(&path, b"one").unwrap());
        assert!(write_if_changed(&path, b"two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
