//! `cargo xtask reference`: the guide's pages about the interfaces, one an interface, written from `wit/`.
//!
//! The WIT is the source: what it does not say cannot stand in the pages. So it is held to a form here ([`demands`]): every
//! item has a doc and a version, and an interface says which way it goes, what grant it needs and whom it is for.

mod catalogue;
mod demands;
mod index;
mod page;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::layout::{self, Layout};
use crate::progress::Progress;
use catalogue::Catalogue;
use words::Grant;

pub(crate) use words::anchor;

/// Below the guide's folder.
const FOLDER: &str = "reference";
const SUMMARY: &str = "SUMMARY.md";
/// The line of the summary below which the pages stand.
const ENTRY: &str = "- [Interfaces](reference/index.md)";

/// Writes the pages, removes those of interfaces that are gone, and lists them in the summary.
pub(crate) fn run(layout: &Layout, progress: &Progress) -> Result<()> {
    let guide = guide(layout);
    let wanted = files(&layout.root.join("wit"), &guide)?;
    let mut changed = 0_usize;
    for (file, text) in &wanted {
        if layout::write_if_changed(&guide.join(file), text.as_bytes())? {
            changed = changed.saturating_add(1);
        }
    }
    for file in leftovers(&guide, &wanted)? {
        fs::remove_file(guide.join(&file))
            .with_context(|| format!("cannot remove {}", file.display()))?;
        changed = changed.saturating_add(1);
    }
    progress.done(&format!(
        "the reference has {} pages, {changed} changed",
        wanted.len().saturating_sub(1)
    ));
    Ok(())
}

/// Whether the pages that are there are those that the WIT makes.
pub(crate) fn check(root: &Path) -> Result<()> {
    let guide = root.join("docs/guide");
    let wanted = files(&root.join("wit"), &guide)?;
    let is_stale = |file: &Path, text: &str| {
        fs::read_to_string(guide.join(file)).map_or(true, |found| found != text)
    };
    let mut stale: Vec<PathBuf> = wanted
        .iter()
        .filter(|(file, text)| is_stale(file, text))
        .map(|(file, _)| file.clone())
        .collect();
    stale.extend(leftovers(&guide, &wanted)?);
    if stale.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = stale
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    bail!(
        "the guide's reference is not what `wit/` says, in {}; `cargo xtask reference` writes it anew",
        names.join(", ")
    )
}

/// Every grant that the WIT speaks of: those of interfaces, and those that a manifest may ask for.
pub(crate) fn grants(wit: &Path) -> Result<BTreeSet<String>> {
    let catalogue = Catalogue::read(wit)?;
    let named = catalogue.entries().into_iter().filter_map(|entry| {
        let Grant::Named(grant) = entry.doc.grant else {
            return None;
        };
        Some(grant)
    });
    Ok(named.chain(catalogue.asks()?).collect())
}

fn guide(layout: &Layout) -> PathBuf {
    layout.root.join("docs/guide")
}

/// All files as they should be, by their path below the guide's folder.
fn files(wit: &Path, guide: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let catalogue = Catalogue::read(wit)?;
    demands::meet(&catalogue)?;
    let mut files = BTreeMap::new();
    let mut names = Vec::new();
    for entry in catalogue.entries() {
        let name = entry.name.to_owned();
        files.insert(
            Path::new(FOLDER).join(format!("{name}.md")),
            page::page(&catalogue, &entry)?,
        );
        names.push(name);
    }
    files.insert(Path::new(FOLDER).join("index.md"), index::page(&catalogue));
    let path = guide.join(SUMMARY);
    let summary =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    files.insert(PathBuf::from(SUMMARY), listed(&summary, &names)?);
    Ok(files)
}

/// The summary with exactly these pages below [`ENTRY`].
fn listed(summary: &str, names: &[String]) -> Result<String> {
    if !summary.lines().any(|line| line == ENTRY) {
        bail!("{SUMMARY} has no line `{ENTRY}`, below which the pages are listed");
    }
    let mut text = String::new();
    for line in summary.lines() {
        if line.starts_with("  - [") && line.contains("](reference/") {
            continue;
        }
        text.push_str(line);
        text.push('\n');
        if line == ENTRY {
            for name in names {
                writeln!(text, "  - [{name}]({FOLDER}/{name}.md)")?;
            }
        }
    }
    Ok(text)
}

/// Pages that no interface has.
fn leftovers(guide: &Path, wanted: &BTreeMap<PathBuf, String>) -> Result<Vec<PathBuf>> {
    let folder = guide.join(FOLDER);
    let Ok(entries) = folder.read_dir() else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in entries {
        let file = Path::new(FOLDER).join(entry?.file_name());
        if !wanted.contains_key(&file) {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests;
