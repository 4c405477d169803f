//! Plugins that one server of the tests has compiled are lent to the next: a hundred servers need not compile the bundled plugins a
//! hundred times. They lie in a folder of the test environment, under one key, which each server finds in its cache.
//!
//! A server takes from the cache only what it would have compiled itself: names hold the component's hash and the engine's settings,
//! contents are under the key's MAC. [`super::Settings::cold`] starts one that finds nothing.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::environment;

/// The name of the key, as the server calls it, and its length.
const KEY: &str = "key";
const KEY_LENGTH: usize = 32;
const COMPILED: &str = "cwasm";

/// Where what was compiled is kept. Fails where the test environment is not named.
fn kept() -> Result<PathBuf> {
    let folder = environment::clients()?.join("compiled");
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let key = folder.join(KEY);
    if !key.exists() {
        let mut bytes = [0; KEY_LENGTH];
        getrandom::fill(&mut bytes).context("the operating system gives no random bytes")?;
        let mut fresh = tempfile::NamedTempFile::new_in(&folder)?;
        fresh.write_all(&bytes)?;
        // Another test may have been quicker; its key is as good.
        let _ = fresh.persist_noclobber(&key);
    }
    Ok(folder)
}

/// Puts what was kept into the cache of a server that has not started.
pub(super) fn lend(cache: &Path) -> Result<()> {
    let kept = kept()?;
    fs::create_dir_all(cache)?;
    fs::copy(kept.join(KEY), cache.join(KEY))?;
    for file in compiled(&kept)? {
        if let Some(name) = file.file_name() {
            symlink(&file, cache.join(name))?;
        }
    }
    Ok(())
}

/// Keeps what a server compiled itself.
pub(super) fn keep(cache: &Path) -> Result<()> {
    let kept = kept()?;
    for file in compiled(cache)? {
        let Some(name) = file.file_name() else {
            continue;
        };
        if file.is_symlink() || kept.join(name).exists() {
            continue;
        }
        let mut fresh = tempfile::NamedTempFile::new_in(&kept)?;
        match fs::File::open(&file) {
            Ok(mut file) => std::io::copy(&mut file, &mut fresh)?,
            // The server may have removed it.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        fresh.persist(kept.join(name))?;
    }
    Ok(())
}

fn compiled(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == COMPILED)
        {
            found.push(path);
        }
    }
    Ok(found)
}
