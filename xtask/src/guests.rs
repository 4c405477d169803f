//! Builds the guests' workspace and makes a component of every plugin in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use waxwing_component::encode;
use waxwing_component::toolchain::TARGET;

use crate::compatibility;
use crate::fresh;
use crate::hostile;
use crate::layout::{self, Layout};
use crate::process;
use crate::progress::Progress;
use crate::toolchain;

/// The groups of guests: folders below [`Layout::guests`], bundled plugins without one.
const BUNDLED: &str = "";
const EXAMPLES: &str = "examples";
const FIXTURES: &str = "fixtures";
const GROUPS: [&str; 5] = [
    BUNDLED,
    EXAMPLES,
    FIXTURES,
    hostile::GROUP,
    compatibility::GROUP,
];

/// Which guests are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The plugins inside the server's binary.
    Bundled,
    /// Those, and the examples that a reader of the guide installs.
    WithExamples,
    /// Those, and what only tests use.
    All,
}

impl Which {
    fn has(self, group: &str) -> bool {
        match self {
            Self::Bundled => group == BUNDLED,
            Self::WithExamples => [BUNDLED, EXAMPLES].contains(&group),
            Self::All => true,
        }
    }
}

/// Builds guests into [`Layout::guests`]: bundled plugins there, the others in `examples/`, `fixtures/`, `hostile/` and
/// `compatibility/`. The two guests in JavaScript and Python are built by [`hostile::build_languages`].
pub(crate) fn build(layout: &Layout, progress: &Progress, which: Which) -> Result<()> {
    let _lock = layout.lock("guests")?;
    progress.phase("building the plugins");
    let workspace = layout.guest_workspace();
    let mut plugins = members(&workspace)?;
    plugins.retain(|plugin| which.has(plugin.group));
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
        if encode_anew(
            layout,
            plugin,
            &folder.join(format!("{}.wasm", plugin.library)),
        )? {
            changed = changed.saturating_add(1);
        }
    }
    progress.note(&format!("{} plugins, {changed} changed", plugins.len()));
    let mut expected: BTreeSet<PathBuf> = plugins.iter().map(Plugin::file).collect();
    if which == Which::All {
        let hostile = hostile::build(layout, progress)?;
        let hostile = hostile.iter().map(String::as_str).chain(hostile::NAMES);
        expected.extend(hostile.map(|name| Path::new(hostile::GROUP).join(format!("{name}.wasm"))));
        let old = compatibility::build(layout, progress)?;
        expected
            .extend(old.map(|name| Path::new(compatibility::GROUP).join(format!("{name}.wasm"))));
    }
    let groups = GROUPS.into_iter().filter(|group| which.has(group));
    remove_leftovers(&layout.guests(), groups, &expected)
}

/// Makes the component of a core module, unless the one there was made from the same bytes. Returns whether it is another one
/// now.
fn encode_anew(layout: &Layout, plugin: &Plugin, core: &Path) -> Result<bool> {
    let component = layout.guests().join(plugin.file());
    let module = fs::read(core).with_context(|| format!("cannot read {}", core.display()))?;
    let inputs = [module.as_slice(), &fresh::this_program()?].concat();
    let mut changed = false;
    fresh::make(&component, &layout.stamp(&component), &inputs, || {
        let encoded = encode(&module)
            .with_context(|| format!("cannot make a component of the plugin {}", plugin.name))?;
        changed = layout::write_if_changed(&component, &encoded)?;
        Ok(())
    })?;
    Ok(changed)
}

/// A plugin of the guests' workspace.
#[derive(Debug, PartialEq, Eq)]
struct Plugin {
    /// The folder's name, which is the plugin's.
    name: String,
    /// [`BUNDLED`], [`EXAMPLES`] or [`FIXTURES`].
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
        "examples" => EXAMPLES,
        "fixtures" => FIXTURES,
        "bundled" => BUNDLED,
        _ => return None,
    };
    Some(Plugin {
        name: folder.file_name()?.to_str()?.to_owned(),
        group,
        library: library.name.replace('-', "_"),
        package: package.name,
    })
}

/// Removes components of plugins that are gone from these groups, so that no binary embeds them.
fn remove_leftovers(
    guests: &Path,
    groups: impl Iterator<Item = &'static str>,
    expected: &BTreeSet<PathBuf>,
) -> Result<()> {
    for group in groups {
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
    fn a_server_that_is_only_run_needs_the_bundled_plugins() {
        let built = |which: Which| GROUPS.map(|group| which.has(group));
        assert_eq!(built(Which::Bundled), [true, false, false, false, false]);
        assert_eq!(
            built(Which::WithExamples),
            [true, true, false, false, false]
        );
        assert_eq!(built(Which::All), [true; 5]);
    }

    #[test]
    fn removes_components_of_plugins_that_are_gone() {
        let guests = tempfile::tempdir().unwrap();
        let other = guests.path().join(FIXTURES);
        fs::create_dir(&other).unwrap();
        fs::write(other.join("other.wasm"), "").unwrap();
        for name in ["kept.wasm", "gone.wasm", "notes.txt"] {
            fs::write(guests.path().join(name), "").unwrap();
        }
        let kept = BTreeSet::from([PathBuf::from("kept.wasm")]);
        remove_leftovers(guests.path(), [BUNDLED].into_iter(), &kept).unwrap();
        assert!(guests.path().join("kept.wasm").exists());
        assert!(!guests.path().join("gone.wasm").exists());
        assert!(guests.path().join("notes.txt").exists());
        assert!(other.join("other.wasm").exists(), "nobody built that group");
    }
}
