//! The clients of other projects that the tests use, in versions pinned under `tests/clients/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt::{self, Services};
use crate::layout::{self, Layout};
use crate::process;
use crate::progress::Progress;

/// Packages that give a Python with virtual environments, and Node.js with its package manager.
const PYTHON_PACKAGES: [&str; 2] = ["python3", "python3-venv"];
const NODE_PACKAGES: [&str; 2] = ["nodejs", "npm"];

/// Installs the clients into [`Layout::test_environment`]; nothing is done when the pinned versions stand there.
pub(crate) fn install(layout: &Layout, progress: &Progress) -> Result<()> {
    let _lock = layout.lock("clients")?;
    progress.phase("setting up the clients that the tests use");
    for name in ["slixmpp", "older"] {
        install_python(layout, progress, name)?;
    }
    install_xmpp_js(layout, progress)
}

/// The clients written in Python whose scripts and pins are in a folder of `tests/clients/`.
fn install_python(layout: &Layout, progress: &Progress, name: &str) -> Result<()> {
    let scripts = layout.root.join("tests/clients").join(name);
    let folder = layout.test_environment().join(name);
    let pins = scripts.join("requirements.txt");
    let what = format!("what tests/clients/{name} needs");
    pip(layout, progress, &folder, &pins, &what)
}

/// Installs what is pinned in a `requirements.txt` into a virtual environment of its own; nothing is done when that stands
/// there already.
pub(crate) fn pip(
    layout: &Layout,
    progress: &Progress,
    folder: &Path,
    pins: &Path,
    what: &str,
) -> Result<()> {
    if is_current(folder, &[pins])? {
        return Ok(());
    }
    progress.note(&format!("{what}, from the Python Package Index"));
    if !make_environment("python3", folder) {
        apt::ensure(
            layout,
            progress,
            &PYTHON_PACKAGES,
            "Python's virtual environments",
            Services::AsPackaged,
        )?;
        anyhow::ensure!(
            make_environment("/usr/bin/python3", folder),
            "python3 cannot make a virtual environment; install its module venv"
        );
    }
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ])
    .arg(pins);
    process::run(&mut pip, "pip install").with_context(|| fetching(what))?;
    mark_current(folder, &[pins])
}

fn fetching(what: &str) -> String {
    format!(
        "cannot fetch {what}; is the network there? `cargo xtask test` goes on from here when it is"
    )
}

/// A fresh environment, whatever a run that was interrupted left there.
fn make_environment(python: &str, folder: &Path) -> bool {
    process::capture(
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(folder),
    )
    .is_ok_and(|printed| printed.status.success())
}

fn install_xmpp_js(layout: &Layout, progress: &Progress) -> Result<()> {
    let source = layout.root.join("tests/clients/xmpp.js");
    let folder = layout.test_environment().join("xmpp.js");
    let pins = ["package.json", "package-lock.json", ".npmrc"].map(|name| source.join(name));
    npm(layout, progress, &folder, &pins, "xmpp.js")
}

/// Installs what is pinned in `package.json` and the files that belong to it into a folder; nothing is done when that
/// stands there already.
pub(crate) fn npm(
    layout: &Layout,
    progress: &Progress,
    folder: &Path,
    pins: &[PathBuf],
    what: &str,
) -> Result<()> {
    let pins: Vec<&Path> = pins.iter().map(AsRef::as_ref).collect();
    let has_node = process::find("node").is_some();
    if has_node && is_current(folder, &pins)? {
        return Ok(());
    }
    progress.note(&format!("{what}, from the npm registry"));
    if !has_node || process::find("npm").is_none() {
        apt::ensure(
            layout,
            progress,
            &NODE_PACKAGES,
            "the tests with JavaScript",
            Services::AsPackaged,
        )?;
    }
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for pin in &pins {
        let name = pin.file_name().context("a pinned file has a name")?;
        fs::copy(pin, folder.join(name))
            .with_context(|| format!("cannot copy {}", pin.display()))?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args([
        "ci",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
    ]);
    process::run(&mut npm, "npm ci").with_context(|| fetching(what))?;
    mark_current(folder, &pins)
}

/// The pins that `folder` was made from are kept in it, and written last.
fn is_current(folder: &Path, pins: &[&Path]) -> Result<bool> {
    let wanted = contents(pins)?;
    Ok(fs::read(folder.join(".installed")).is_ok_and(|found| found == wanted))
}

fn mark_current(folder: &Path, pins: &[&Path]) -> Result<()> {
    layout::write_if_changed(&folder.join(".installed"), &contents(pins)?).map(drop)
}

fn contents(pins: &[&Path]) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for pin in pins {
        all.extend(fs::read(pin).with_context(|| format!("cannot read {}", pin.display()))?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_current_until_its_pins_change() {
        let folder = tempfile::tempdir().unwrap();
        let pins = folder.path().join("pins");
        fs::write(&pins, "one").unwrap();
        assert!(!is_current(folder.path(), &[&pins]).unwrap());
        mark_current(folder.path(), &[&pins]).unwrap();
        assert!(is_current(folder.path(), &[&pins]).unwrap());
        fs::write(&pins, "two").unwrap();
        assert!(!is_current(folder.path(), &[&pins]).unwrap());
    }
}
