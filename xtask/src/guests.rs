//! Builds the guests' workspace and makes a component of every plugin in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use waxwing_component::encode;
use waxwing_component::toolchain::TARGET;

use crate::compatibility;
use crate::hostile;
use crate::layout::{self, Layout};
use crate::process;
use crate::progress::Progress;
use crate::toolchain;

/// Builds all guests into [`Layout::guests`]: bundled plugins there, the others in `examples/`, `fixtures/`,
/// `hostile/` and `compatibility/`.
pub(crate) fn build(layout: &Layout, progress: &Progress) -> Result<()> {
    let _lock = layout.lock("guests")?;
    progress.phase("building the plugins");
    let workspace = layout.guest_workspace();
    let plugins = members(&workspace)?;
    let toolchain = toolchain::find(&workspace, layout, progress)?;
    progress.note(&format!("with {}", toolchain.describe()));
    let mut cargo = toolchain.cargo_build(&workspace)?;
    cargo
        .env("CARGO_TARGET_DIR", layout.guest_build())
        .args(["--release", "--lib"]);
    for plugin in &plugins {
        cargo.args(["--package", &plugin.package]);
    }
    process::run(&mut cargo, "compiling the plugins")?;

    let folder = layout.guest_build().join(TARGET).join("release");
    let mut changed = 0_usize;
    for plugin in &plugins {
        let core = folder.join(format!("{}.wasm", plugin.library));
        let module = fs::read(&core).with_context(|| format!("cannot read {}", core.display()))?;
        let component = encode(&module)
            .with_context(|| format!("cannot make a component of the plugin {}", plugin.name))?;
        if layout::write_if_changed(&layout.guests().join(plugin.file()), &component)? {
            changed = changed.saturating_add(1);
        }
    }
    let mut expected: BTreeSet<PathBuf> = plugins.iter().map(Plugin::file).collect();
    let hostile = hostile::build(layout, progress)?;
    let hostile = hostile.iter().map(String::as_str).chain(hostile::NAMES);
    expected.extend(hostile.map(|name| Path::new(hostile::GROUP).join(format!("{name}.wasm"))));
    let old = compatibility::build(layout, progress)?;
    expected.extend(old.map(|name| Path::new(compatibility::GROUP).join(format!("{name}.wasm"))));
    remove_leftovers(&layout.guests(), &expected)?;
    progress.note(&format!("{} plugins, {changed} changed", plugins.len()));
    Ok(())
}

/// A plugin of the guests' workspace.
#[derive(Debug, PartialEq, Eq)]
struct Plugin {
    /// The folder's name, which is the plugin's.
    name: String,
    /// `""` for bundled plugins, otherwise `examples` or `fixtures`.
    group: &'static str,
    package: String,
    library: String,
}

impl Plugin {
    fn file(&self) -> PathBuf {
        Path::new(self.group).join(format!("{}.wasm", self.name))
    }
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
    crate_types: Vec<String>,
}

/// Every member that is a plugin: its library is a `cdylib`. A template is none until somebody has made a plugin of it.
fn members(workspace: &Path) -> Result<Vec<Plugin>> {
    if !workspace.join("Cargo.toml").is_file() {
        bail!(
            "there is no workspace of plugins at {}",
            workspace.display()
        );
    }
    let mut cargo = process::cargo();
    cargo
        .current_dir(workspace)
        .args(["metadata", "--format-version", "1", "--no-deps"]);
    let printed = process::capture(&mut cargo)?;
    if !printed.status.success() {
        bail!(
            "cannot read the workspace of plugins: {}",
            process::last_lines(&printed.stderr, 4)
        );
    }
    let metadata: Metadata = serde_json::from_str(&printed.stdout)
        .context("cargo metadata printed something unknown")?;
    // Cargo prints resolved paths.
    let workspace = workspace.canonicalize()?;
    Ok(plugins(&workspace, metadata))
}

fn plugins(workspace: &Path, metadata: Metadata) -> Vec<Plugin> {
    let mut found: Vec<Plugin> = metadata
        .packages
        .into_iter()
        .filter_map(|package| plugin(workspace, package))
        .collect();
    found.sort_by(|a, b| (a.group, &a.name).cmp(&(b.group, &b.name)));
    found
}

fn plugin(workspace: &Path, package: Package) -> Option<Plugin> {
    let library = package
        .targets
        .iter()
        .find(|target| target.crate_types.iter().any(|kind| kind == "cdylib"))?;
    let folder = package.manifest_path.parent()?;
    let inside = folder.strip_prefix(workspace).unwrap_or(folder);
    let group = match inside.components().next()?.as_os_str().to_str()? {
        "examples" => "examples",
        "fixtures" => "fixtures",
        "bundled" => "",
        _ => return None,
    };
    Some(Plugin {
        name: folder.file_name()?.to_str()?.to_owned(),
        group,
        library: library.name.replace('-', "_"),
        package: package.name,
    })
}

/// Removes components of plugins that are gone, so that no binary embeds them.
fn remove_leftovers(guests: &Path, expected: &BTreeSet<PathBuf>) -> Result<()> {
    for group in [
        "",
        "examples",
        "fixtures",
        hostile::GROUP,
        compatibility::GROUP,
    ] {
        let Ok(entries) = guests.join(group).read_dir() else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path
                .extension()
                .is_some_and(|extension| extension == "wasm")
                && !path
                    .strip_prefix(guests)
                    .is_ok_and(|file| expected.contains(file))
            {
                fs::remove_file(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &str, kind: &str) -> Package {
        Package {
            name: name.to_owned(),
            manifest_path: Path::new("/w").join(folder).join("Cargo.toml"),
            targets: vec![Target {
                name: name.replace('-', "_"),
                crate_types: vec![kind.to_owned()],
            }],
        }
    }

    #[test]
    fn takes_plugins_by_their_folder_and_leaves_libraries_and_templates() {
        let metadata = Metadata {
            packages: vec![
                package("word-filter", "examples/word-filter", "cdylib"),
                package("waxwing-plugin", "sdk/rust", "lib"),
                package("ping-plugin", "bundled/ping", "cdylib"),
                package("loops", "fixtures/loops", "cdylib"),
                package("template", "templates/rust", "cdylib"),
            ],
        };
        let files: Vec<_> = plugins(Path::new("/w"), metadata)
            .iter()
            .map(Plugin::file)
            .collect();
        assert_eq!(
            files,
            [
                "ping.wasm",
                "examples/word-filter.wasm",
                "fixtures/loops.wasm"
            ]
            .map(PathBuf::from)
        );
    }

    #[test]
    fn removes_components_of_plugins_that_are_gone() {
        let guests = tempfile::tempdir().unwrap();
        for name in ["kept.wasm", "gone.wasm", "notes.txt"] {
            fs::write(guests.path().join(name), "").unwrap();
        }
        let kept = BTreeSet::from([PathBuf::from("kept.wasm")]);
        remove_leftovers(guests.path(), &kept).unwrap();
        assert!(guests.path().join("kept.wasm").exists());
        assert!(!guests.path().join("gone.wasm").exists());
        assert!(guests.path().join("notes.txt").exists());
    }
}
