//! Whether something dear to make was made from what lies there now.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::layout;

/// Makes `output` unless it was made from `inputs` already. What it was made from is kept in `stamp`, and written last. Returns
/// whether it was made. Fails if `make` does, or if the stamp cannot be written.
pub(crate) fn make(
    output: &Path,
    stamp: &Path,
    inputs: &[u8],
    make: impl FnOnce() -> Result<()>,
) -> Result<bool> {
    if output.is_file() && fs::read(stamp).is_ok_and(|found| found == inputs) {
        return Ok(false);
    }
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    make()?;
    layout::write_if_changed(stamp, inputs)?;
    Ok(true)
}

/// The contents of files, in this order. Fails if one cannot be read.
pub(crate) fn contents(inputs: &[PathBuf]) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for input in inputs {
        all.extend(fs::read(input).with_context(|| format!("cannot read {}", input.display()))?);
        all.push(0);
    }
    Ok(all)
}

/// Tells this xtask from one built from other sources: what it made may be other then.
pub(crate) fn this_program() -> Result<Vec<u8>> {
    let path = std::env::current_exe().context("cannot find the program of xtask")?;
    let found = path.metadata()?;
    Ok(format!("{} {:?}", found.len(), found.modified()?).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_again_only_what_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (
            folder.path().join("input"),
            folder.path().join("made/output"),
        );
        let stamp = folder.path().join("stamps/output");
        fs::write(&input, "one").unwrap();
        let again = || {
            let inputs = contents(std::slice::from_ref(&input)).unwrap();
            make(&output, &stamp, &inputs, || Ok(fs::write(&output, "made")?)).unwrap()
        };
        assert!(again());
        assert!(!again());
        fs::write(&input, "two").unwrap();
        assert!(again());
        fs::remove_file(&output).unwrap();
        assert!(again());
    }
}
