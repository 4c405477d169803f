//! Which programs have tests of a name: found in the sources, so that nothing is built in vain.
//!
//! A name is a package, a target or a plugin, which means all of its tests and no others; or one of these, `::` and a part of a
//! test's path, which means those tests there; or a part of a test's path alone, as for `cargo test`, wherever that is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::layout::Layout;
use crate::process;

/// What cargo calls a target's kind, as far as it matters for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Library,
    Binary,
    Test,
}

/// A test target, and which of its tests are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) package: String,
    pub(crate) target: String,
    pub(crate) kind: Kind,
    pub(crate) is_plugin: bool,
    /// Parts of paths; none means all tests.
    pub(crate) filters: Vec<String>,
}

/// A target as `cargo metadata` tells of it.
#[derive(Clone, Debug)]
struct Source {
    package: String,
    /// The names by which people call it.
    names: Vec<String>,
    target: String,
    kind: Kind,
    is_plugin: bool,
    root: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    src_path: PathBuf,
    test: bool,
}

/// The targets that have tests of these names. Fails if there is a name of which there are none.
pub(crate) fn parts(layout: &Layout, names: &[String]) -> Result<Vec<Part>> {
    let mut sources = sources(&layout.root, false)?;
    sources.extend(self::sources(&layout.guest_workspace(), true)?);
    let mut parts: Vec<Part> = Vec::new();
    for name in names {
        let found = meant(&sources, name)?;
        if found.is_empty() {
            bail!("no test, package or plugin has `{name}` in its name");
        }
        for part in found {
            let same = parts
                .iter_mut()
                .find(|known| (&known.package, &known.target) == (&part.package, &part.target));
            match same {
                // All of its tests are more than some.
                Some(known) if known.filters.is_empty() || part.filters.is_empty() => {
                    known.filters.clear();
                }
                Some(known) => known.filters.extend(part.filters),
                None => parts.push(part),
            }
        }
    }
    Ok(parts)
}

fn sources(workspace: &Path, is_plugin: bool) -> Result<Vec<Source>> {
    let mut cargo = process::cargo();
    cargo
        .current_dir(workspace)
        .args(["metadata", "--format-version", "1", "--no-deps"]);
    let printed = process::capture(&mut cargo)?;
    if !printed.status.success() {
        bail!(
            "cannot read the workspace at {}: {}",
            workspace.display(),
            process::last_lines(&printed.stderr, 4)
        );
    }
    let metadata: Metadata = serde_json::from_str(&printed.stdout)
        .context("cargo metadata printed something unknown")?;
    let mut sources = Vec::new();
    for package in metadata.packages {
        let folder = package.manifest_path.parent().and_then(Path::file_name);
        let folder = folder.map(|name| name.to_string_lossy().into_owned());
        for target in package.targets {
            if !target.test {
                continue;
            }
            let has = |wanted: &str| target.kind.iter().any(|kind| kind == wanted);
            let kind = match (has("test"), has("bin")) {
                (true, _) => Kind::Test,
                (_, true) => Kind::Binary,
                _ => Kind::Library,
            };
            let mut names = vec![target.name.clone(), package.name.clone()];
            names.extend(folder.clone().filter(|_| is_plugin));
            sources.push(Source {
                package: package.name.clone(),
                names,
                target: target.name,
                kind,
                is_plugin,
                root: target.src_path,
            });
        }
    }
    Ok(sources)
}

/// The targets that one name means.
fn meant(sources: &[Source], name: &str) -> Result<Vec<Part>> {
    let part = |source: &Source, filters: &[&str]| Part {
        package: source.package.clone(),
        target: source.target.clone(),
        kind: source.kind,
        is_plugin: source.is_plugin,
        filters: filters.iter().map(ToString::to_string).collect(),
    };
    let called = |source: &&Source, name: &str| source.names.iter().any(|own| own == name);
    if let Some((first, rest)) = name.split_once("::") {
        let own: Vec<&Source> = sources
            .iter()
            .filter(|source| called(source, first))
            .collect();
        if !own.is_empty() {
            let filters = if rest.is_empty() { &[][..] } else { &[rest] };
            return Ok(own
                .into_iter()
                .map(|source| part(source, filters))
                .collect());
        }
    }
    let mut found: Vec<Part> = sources
        .iter()
        .filter(|source| called(source, name))
        .map(|source| part(source, &[]))
        .collect();
    if found.is_empty() {
        for source in sources {
            if has_tests(source, name)? {
                found.push(part(source, &[name]));
            }
        }
    }
    Ok(found)
}

/// Whether the sources of a target have a test whose path holds the name. It may say so of one too many.
fn has_tests(source: &Source, name: &str) -> Result<bool> {
    let Some(folder) = source.root.parent() else {
        return Ok(false);
    };
    let root_is_a_file_of_many = source
        .root
        .file_name()
        .is_some_and(|file| source.kind == Kind::Library && file == "lib.rs" || file == "main.rs");
    if !root_is_a_file_of_many {
        return file_has(&source.root, Path::new(""), name);
    }
    walk(folder, folder, name)
}

fn walk(root: &Path, folder: &Path, name: &str) -> Result<bool> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let inside = path.strip_prefix(root).unwrap_or(&path);
        if path.is_dir() {
            if walk(root, &path, name)? {
                return Ok(true);
            }
        } else if file_has(&path, inside, name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A file of Rust has it by its module or a function's name, any other file by its own: scripts are tests too.
fn file_has(path: &Path, inside: &Path, name: &str) -> Result<bool> {
    let module = inside.with_extension("");
    let mut module: Vec<_> = module
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if path.extension().is_none_or(|extension| extension != "rs") {
        return Ok(module.last().is_some_and(|stem| stem.contains(name)));
    }
    if module
        .last()
        .is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str()))
    {
        module.pop();
    }
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text_has(&text, &module.join("::"), name))
}

fn text_has(text: &str, module: &str, name: &str) -> bool {
    let is_test = text.contains("test]") || text.contains("test(") || text.contains("fn row_");
    let mut functions = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("fn ")?;
        rest.split(['(', '<']).next()
    });
    is_test
        && functions.any(|function| {
            let near = format!("{module}::{function}");
            let deep = format!("{module}::tests::{function}");
            near.trim_start_matches("::").contains(name) || deep.contains(name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(package: &str, target: &str, root: &str) -> Source {
        Source {
            package: package.to_owned(),
            names: vec![target.to_owned(), package.to_owned()],
            target: target.to_owned(),
            kind: Kind::Library,
            is_plugin: false,
            root: PathBuf::from(root),
        }
    }

    #[test]
    fn finds_a_test_by_its_path() {
        let text = "#[tokio::test]\nasync fn a_roster_is_pushed() -> Result<()> {\n";
        for name in [
            "contacts::roster",
            "a_roster",
            "roster::a_roster_is",
            "pushed",
        ] {
            assert!(text_has(text, "contacts::roster", name), "{name}");
        }
        assert!(!text_has(text, "contacts::roster", "presence"));
        assert!(
            !text_has("fn a_roster() {}", "contacts::roster", "roster"),
            "no test"
        );
    }

    #[test]
    fn the_name_of_a_package_means_all_of_it_and_with_a_path_that_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("lib.rs");
        fs::write(&root, "#[test]\nfn answers() {}\n").unwrap();
        let other = folder.path().join("other/lib.rs");
        fs::create_dir_all(other.parent().unwrap()).unwrap();
        fs::write(&other, "#[test]\nfn is_asked() {}\n").unwrap();
        let sources = [
            source("ping-plugin", "ping", other.to_str().unwrap()),
            source("waxwing-xml", "waxwing_xml", other.to_str().unwrap()),
        ];
        let named = |name: &str| -> Vec<(String, Vec<String>)> {
            let found = meant(&sources, name).unwrap().into_iter();
            found.map(|part| (part.package, part.filters)).collect()
        };
        assert_eq!(named("ping"), [("ping-plugin".to_owned(), vec![])]);
        assert_eq!(
            named("waxwing-xml::is"),
            [("waxwing-xml".to_owned(), vec!["is".to_owned()])]
        );
        assert_eq!(named("is_asked").len(), 2);
        assert!(named("nothing").is_empty());
    }
}
