//! The comments by which tests claim rows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The folders whose sources are read.
const FOLDERS: [&str; 3] = ["tests", "host", "guest-plugins"];
/// Folders of other people's files, and of built ones.
const SKIPPED: [&str; 3] = ["target", "node_modules", "corpus"];
const MARK: &str = "// seeds: ";

/// A test that claims a row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    /// From the root of the repository, with `/`.
    pub(super) file: String,
    pub(super) name: String,
}

/// All claims found.
#[derive(Default)]
pub(super) struct Claims {
    by_row: BTreeMap<String, Vec<Test>>,
    /// Where each row was claimed first: file and line.
    places: BTreeMap<String, String>,
    wrong: Vec<String>,
}

impl Claims {
    pub(super) fn find(root: &Path) -> Result<Self> {
        let mut claims = Self::default();
        for folder in FOLDERS {
            claims.read_folder(root, Path::new(folder))?;
        }
        for tests in claims.by_row.values_mut() {
            tests.sort();
        }
        Ok(claims)
    }

    fn read_folder(&mut self, root: &Path, below: &Path) -> Result<()> {
        let folder = root.join(below);
        let entries = folder
            .read_dir()
            .with_context(|| format!("cannot read the folder {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let path = below.join(&name);
            if entry.file_type()?.is_dir() {
                if !SKIPPED.iter().any(|skipped| name == *skipped) {
                    self.read_folder(root, &path)?;
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(entry.path())
                    .with_context(|| format!("cannot read {}", path.display()))?;
                self.read(&path.to_string_lossy(), &text);
            }
        }
        Ok(())
    }

    /// Reads the claims of one source file.
    pub(super) fn read(&mut self, file: &str, text: &str) {
        for (number, line) in (1_usize..).zip(text.lines()) {
            let Some(ids) = line.trim_start().strip_prefix(MARK) else {
                continue;
            };
            let place = format!("{file} line {number}");
            let Some(name) = test_below(text.lines().skip(number)) else {
                self.wrong
                    .push(format!("{place} claims rows above no test"));
                continue;
            };
            for id in ids.split(',').map(str::trim) {
                let test = Test {
                    file: file.to_owned(),
                    name: name.to_owned(),
                };
                self.by_row.entry(id.to_owned()).or_default().push(test);
                self.places
                    .entry(id.to_owned())
                    .or_insert_with(|| place.clone());
            }
        }
    }

    /// The tests that claim a row, by file and name.
    pub(super) fn of(&self, id: &str) -> &[Test] {
        self.by_row.get(id).map_or(&[], Vec::as_slice)
    }

    /// Claims above no test, and of rows that `is_known` does not know.
    pub(super) fn unknown(&self, is_known: impl Fn(&str) -> bool) -> Vec<String> {
        let unknown = self.places.iter().filter(|(id, _)| !is_known(id));
        let unknown =
            unknown.map(|(id, place)| format!("{place} claims row {id}, which is not there"));
        self.wrong.iter().cloned().chain(unknown).collect()
    }
}

/// The function that the comments and attributes below a claim belong to, if one of them makes it a test.
fn test_below<'a>(lines: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut is_test = false;
    for line in lines.map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if !line.starts_with("//") && !line.starts_with('#') && !line.starts_with(')') {
            let after = line.split("fn ").nth(1).filter(|_| is_test)?;
            return after.split(['(', '<']).next();
        }
    }
    None
}
