//! The hostile guests of `guest-plugins/hostile`: modules as text, whose missing parts are filled in from the WIT, and
//! programs in JavaScript and Python.

pub(crate) mod fixture;
mod languages;
mod lower;
pub(crate) mod module;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::fresh;
use crate::layout::{self, Layout};
use crate::progress::Progress;

pub(crate) use languages::{NAMES, build as build_languages};

/// Where the components go, below the folder of guests.
pub(crate) const GROUP: &str = "hostile";

/// Makes a component of every text, in [`GROUP`]. Returns the files' names without `.wasm`.
pub(crate) fn build(layout: &Layout, progress: &Progress) -> Result<BTreeSet<String>> {
    let source = layout.guest_workspace().join("hostile");
    let wit = layout.root.join("wit");
    let folder = layout.guests().join(GROUP);
    let made_by = [
        fresh::contents(&files(&wit, "wit")?)?,
        fresh::this_program()?,
    ]
    .concat();
    let mut names = BTreeSet::new();
    let mut changed = 0_usize;
    for file in files(&source, "wat")? {
        let shown = file.display().to_string();
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {shown}"))?;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        for variant in fixture::variants(&stem, &text).with_context(|| shown.clone())? {
            let path = folder.join(format!("{}.wasm", variant.name));
            let inputs = [format!("{variant:?}").as_bytes(), &made_by].concat();
            fresh::make(&path, &layout.stamp(&path), &inputs, || {
                let component = module::component(&variant, &wit)
                    .with_context(|| format!("{shown}, variant {}", variant.name))?;
                if layout::write_if_changed(&path, &component)? {
                    changed = changed.saturating_add(1);
                }
                Ok(())
            })?;
            names.insert(variant.name);
        }
    }
    progress.note(&format!(
        "{} hostile guests, {changed} changed",
        names.len()
    ));
    Ok(names)
}

/// The files of a folder with that ending, sorted.
pub(crate) fn files(folder: &Path, ending: &str) -> Result<Vec<std::path::PathBuf>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
