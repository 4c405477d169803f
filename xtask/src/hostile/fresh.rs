//! Whether something dear to make was made from what lies there now.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::layout;

/// Makes `output` unless it was made from these inputs, in this order, already. What it was made from is kept beside it,
/// and written last.
pub(super) fn make(
    output: &Path,
    inputs: &[PathBuf],
    make: impl FnOnce() -> Result<()>,
) -> Result<bool> {
    let wanted = contents(inputs)?;
    let stamp = output.with_extension("inputs");
    if output.is_file() && fs::read(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(false);
    }
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    make()?;
    layout::write_if_changed(&stamp, &wanted)?;
    Ok(true)
}

fn contents(inputs: &[PathBuf]) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for input in inputs {
        all.extend(fs::read(input).with_context(|| format!("cannot read {}", input.display()))?);
        all.push(0);
    }
    Ok(all)
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
        fs::write(&input, "one").unwrap();
        let inputs = [input.clone()];
        let again = || make(&output, &inputs, || Ok(fs::write(&output, "made")?)).unwrap();
        assert!(again());
        assert!(!again());
        fs::write(&input, "two").unwrap();
        assert!(again());
        fs::remove_file(&output).unwrap();
        assert!(again());
    }
}
