//! The hostile guests in JavaScript and Python, by the tools that their authors would use: componentize-js from npm,
//! componentize-py from PyPI, in pinned versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{GROUP, files};
use crate::clients;
use crate::fresh;
use crate::layout::{self, Layout};
use crate::process;
use crate::progress::Progress;

/// The names of the components that [`build`] makes.
pub(crate) const NAMES: [&str; 2] = ["hostile-javascript", "hostile-python"];

/// The world of these guests.
const WORLD: &str = "package waxwing:hostile;\nworld hostile {\n  include waxwing:plugin/imports@0.2.0;\n  \
                     export waxwing:plugin/lifecycle@0.2.0;\n  export waxwing:plugin/iq-handler@0.2.0;\n}\n";

/// Builds both, unless nothing changed since.
pub(crate) fn build(layout: &Layout, progress: &Progress) -> Result<()> {
    let _lock = layout.lock("hostile")?;
    progress.phase("building the hostile guests in JavaScript and Python");
    let wit = wit(layout)?;
    let source = layout.guest_workspace().join("hostile");
    javascript(layout, progress, &source.join("javascript"), &wit)?;
    python(layout, progress, &source.join("python"), &wit)
}

/// A folder of WIT: the world, and the plugins' package as what it depends on.
fn wit(layout: &Layout) -> Result<PathBuf> {
    let folder = layout.target.join("hostile-wit");
    layout::write_if_changed(&folder.join("world.wit"), WORLD.as_bytes())?;
    let package = folder.join("deps/plugin");
    // A file that is gone from the package must not stay here.
    if package.is_dir() {
        fs::remove_dir_all(&package)?;
    }
    for file in files(&layout.root.join("wit"), "wit")? {
        let name = file.file_name().context("a file has a name")?;
        layout::write_if_changed(&package.join(name), &fs::read(&file)?)?;
    }
    Ok(folder)
}

fn inputs(wit: &Path, mut others: Vec<PathBuf>) -> Result<Vec<u8>> {
    let mut inputs = vec![wit.join("world.wit")];
    inputs.extend(files(&wit.join("deps/plugin"), "wit")?);
    inputs.append(&mut others);
    fresh::contents(&inputs)
}

fn output(layout: &Layout, name: &str) -> PathBuf {
    layout.guests().join(GROUP).join(format!("{name}.wasm"))
}

fn javascript(layout: &Layout, progress: &Progress, source: &Path, wit: &Path) -> Result<()> {
    let tools = layout.test_environment().join("componentize-js");
    let pins = ["package.json", "package-lock.json", ".npmrc"].map(|name| source.join(name));
    clients::npm(layout, progress, &tools, &pins, "componentize-js")?;
    let (guest, script) = (source.join("guest.js"), source.join("build.mjs"));
    let output = output(layout, "hostile-javascript");
    let [package, lock, _] = pins;
    let inputs = inputs(wit, vec![guest.clone(), script.clone(), package, lock])?;
    fresh::make(&output, &output.with_extension("inputs"), &inputs, || {
        progress.note("JavaScript");
        // Node.js looks for packages from the script's own folder upwards.
        let copy = tools.join("build.mjs");
        fs::copy(&script, &copy).with_context(|| format!("cannot copy {}", script.display()))?;
        let mut node = Command::new("node");
        node.arg(copy)
            .arg(&guest)
            .arg(wit)
            .arg("hostile")
            .arg(&output);
        process::run(&mut node, "componentize-js")
    })?;
    Ok(())
}

fn python(layout: &Layout, progress: &Progress, source: &Path, wit: &Path) -> Result<()> {
    let tools = layout.test_environment().join("componentize-py");
    let pins = source.join("requirements.txt");
    clients::pip(layout, progress, &tools, &pins, "componentize-py")?;
    let output = output(layout, "hostile-python");
    let inputs = inputs(wit, vec![source.join("guest.py"), pins])?;
    fresh::make(&output, &output.with_extension("inputs"), &inputs, || {
        progress.note("Python");
        let mut componentize = Command::new(tools.join("bin/componentize-py"));
        componentize
            .arg("--wit-path")
            .arg(wit)
            .args(["--world", "hostile", "componentize", "--python-path"])
            .arg(source)
            .arg("guest")
            .arg("--output")
            .arg(&output);
        process::run(&mut componentize, "componentize-py")
    })?;
    Ok(())
}
