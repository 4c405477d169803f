//! Guests that were built before a change of the interfaces: components made from a copy of `wit/` in which the change is
//! undone. What the server says of each is in `tests/scenarios/compatibility.rs`, and in the guide's page on compatibility.

mod old;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::fresh;
use crate::hostile::{self, fixture, module};
use crate::layout::{self, Layout};
use crate::progress::Progress;
use old::{Old, Undo};

/// Where the components go, below the folder of guests.
pub(crate) const GROUP: &str = "compatibility";

/// Makes all of them, in [`GROUP`]. Returns the files' names without `.wasm`.
pub(crate) fn build(
    layout: &Layout,
    progress: &Progress,
) -> Result<impl Iterator<Item = &'static str> + use<>> {
    let folder = layout.guests().join(GROUP);
    let today = layout.root.join("wit");
    let made_by = [
        fresh::contents(&hostile::files(&today, "wit")?)?,
        fresh::this_program()?,
    ]
    .concat();
    let mut changed = 0_usize;
    for old in old::ALL {
        let wit = layout.target.join("old-wit").join(old.name);
        let path = folder.join(format!("{}.wasm", old.name));
        fresh::make(&path, &layout.stamp(&path), &made_by, || {
            let component = component(old, &today, &wit)
                .with_context(|| format!("cannot make the old guest {}", old.name))?;
            if layout::write_if_changed(&path, &component)? {
                changed = changed.saturating_add(1);
            }
            Ok(())
        })?;
    }
    progress.note(&format!("{} old guests, {changed} changed", old::ALL.len()));
    Ok(old::ALL.iter().map(|old| old.name))
}

/// The component; its interfaces are written to a folder of their own.
fn component(old: &Old, today: &Path, folder: &Path) -> Result<Vec<u8>> {
    if folder.is_dir() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    for entry in today.read_dir()? {
        let entry = entry?;
        fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    for undo in old.undo {
        undo.apply(folder)?;
    }
    let imports: Result<String> = old
        .uses
        .iter()
        .map(|function| module::import(folder, function))
        .collect();
    let said = old::MANIFESTS.iter().find(|(name, _)| *name == old.name);
    let text = format!(
        ";;! exports {}\n;;! manifest {}\n(module {})",
        old.exports.join(" "),
        said.map_or("{}", |(_, manifest)| manifest),
        imports?
    );
    let variants = fixture::variants(old.name, &text)?;
    let variant = variants.first().context("no guest")?;
    module::component(variant, folder)
}

impl Undo {
    fn apply(&self, wit: &Path) -> Result<()> {
        match self {
            Self::In(file, there, before) => replace(&wit.join(file), there, before),
            Self::Everywhere(there, before) => {
                for entry in wit.read_dir()? {
                    let path = entry?.path();
                    let text = fs::read_to_string(&path)?;
                    fs::write(&path, text.replace(there, before))?;
                }
                Ok(())
            }
            Self::Add(file, text) => {
                fs::write(wit.join(file), text)?;
                Ok(())
            }
            Self::Remove(file) => {
                let path = wit.join(file);
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
            }
        }
    }
}

/// Undoes one change. What is not there any more, or is not clear, is an error: else the guest would not be old.
fn replace(path: &Path, there: &str, before: &str) -> Result<()> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(
        text.matches(there).count() == 1,
        "{} has not one `{there}`",
        path.display()
    );
    fs::write(path, text.replace(there, before))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_old_guest_is_made_from_interfaces_that_differ_as_it_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut made = Vec::new();
        for old in old::ALL {
            let wit = folder.path().join(old.name);
            let component = component(old, &root.join("wit"), &wit)
                .unwrap_or_else(|error| panic!("{}: {error:#}", old.name));
            made.push((old.name, component));
        }
        let of = |name: &str| &made.iter().find(|(made, _)| *made == name).unwrap().1;
        let has = |name: &str, text: &str| {
            of(name)
                .windows(text.len())
                .any(|found| found == text.as_bytes())
        };
        assert!(has("nothing-was-other", "waxwing:plugin/inbound@0.2.0"));
        assert!(has("version-was-0-1-0", "waxwing:plugin/memory@0.1.0"));
        assert!(!has("version-was-0-1-0", "waxwing:plugin/memory@0.2.0"));
        assert!(has("error-had-fewer-cases", "invalid-key"));
        assert!(!has("error-had-fewer-cases", "not-a-counter"));
        assert!(
            !has("unused-error-had-fewer-cases", "invalid-key"),
            "a component has the types of the functions that it uses, and no others"
        );
    }

    #[test]
    fn a_change_that_cannot_be_undone_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wit");
        fs::write(&file, "one two two").unwrap();
        let undo = |there| Undo::In("a.wit", there, "").apply(folder.path());
        assert!(undo("two").is_err() && undo("three").is_err());
        undo("one ").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two two");
    }
}
