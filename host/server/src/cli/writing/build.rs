//! `waxwing plugin build`

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use serde::Deserialize;
use waxwing_component::{Input, component, encode, toolchain::Toolchain};

use super::super::say;

/// Makes a component of a folder with a plugin in Rust, or of a core module.
pub(super) fn build(source: &Path, output: Option<&Path>) -> anyhow::Result<()> {
    let (default, component) = if source.is_dir() {
        of_folder(source)?
    } else {
        match of_file(source)? {
            Some(made) => made,
            None => return of_component(source, output),
        }
    };
    let output = output.map_or(default, Path::to_owned);
    write(&output, &component)?;
    Ok(say(&format!("made {}", output.display()))?)
}

/// There is nothing to make of a component, so there is nothing to write.
fn of_component(file: &Path, output: Option<&Path>) -> anyhow::Result<()> {
    let file = file.display();
    if let Some(output) = output {
        bail!(
            "{file} is a finished component; nothing was written to {}",
            output.display()
        );
    }
    Ok(say(&format!(
        "{file} is a finished component; `waxwing plugin check {file}` says what it asks for"
    ))?)
}

/// The component of a core module, and where it goes; none if the file is a component.
fn of_file(file: &Path) -> anyhow::Result<Option<(PathBuf, Vec<u8>)>> {
    let shown = file.display();
    let bytes = fs::read(file).with_context(|| format!("cannot read {shown}"))?;
    Ok(
        match component(&bytes).with_context(|| shown.to_string())? {
            Input::Component => None,
            Input::Module(component) => Some((file.with_extension("component.wasm"), component)),
        },
    )
}

/// The component of the package in a folder, and where it goes.
fn of_folder(folder: &Path) -> anyhow::Result<(PathBuf, Vec<u8>)> {
    let name = package_name(&folder.join("Cargo.toml"))?;
    let folder = folder.canonicalize()?;
    let Some(toolchain) = Toolchain::present(&folder) else {
        bail!(
            "plugins are compiled to WebAssembly, and no Rust here can do that; {}",
            Toolchain::mend()
        );
    };
    let mut cargo = toolchain.cargo_build(&folder)?;
    cargo.args([
        "--release",
        "--lib",
        "--message-format=json-render-diagnostics",
    ]);
    let messages = run(&mut cargo)?;
    let Some(module) = built_module(&messages, &folder.join("Cargo.toml")) else {
        bail!(
            "`{name}` has no library for a host to load; its Cargo.toml needs `crate-type = [\"cdylib\"]` in [lib]"
        );
    };
    let bytes = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = encode(&bytes).with_context(|| module.display().to_string())?;
    Ok((folder.join(format!("{name}.wasm")), component))
}

/// Runs cargo in view of the person, and returns what it tells programs.
fn run(cargo: &mut Command) -> anyhow::Result<String> {
    let output = cargo
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| {
            let program = cargo.get_program().to_string_lossy().into_owned();
            format!("cannot start `{program}`, which comes with Rust")
        })?;
    if !output.status.success() {
        bail!("cargo could not build it ({})", output.status);
    }
    String::from_utf8(output.stdout).context("cargo printed something unknown")
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

fn package_name(manifest: &Path) -> anyhow::Result<String> {
    let shown = manifest.display();
    let text = fs::read_to_string(manifest).with_context(|| {
        format!("cannot read {shown}; name the folder of a plugin in Rust, or a core module")
    })?;
    let manifest: Manifest =
        toml::from_str(&text).with_context(|| format!("{shown} describes no package"))?;
    Ok(manifest.package.name)
}

/// One line of cargo's `--message-format=json`.
#[derive(Deserialize)]
#[serde(tag = "reason")]
enum Message {
    #[serde(rename = "compiler-artifact")]
    Artifact {
        manifest_path: PathBuf,
        target: Target,
        filenames: Vec<PathBuf>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

/// Where cargo left the core module of the package with that manifest.
fn built_module(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let mut modules = messages.lines().rev().filter_map(|line| {
        let Ok(Message::Artifact {
            manifest_path,
            target,
            filenames,
        }) = serde_json::from_str(line)
        else {
            return None;
        };
        let is_it =
            manifest_path == manifest && target.crate_types.iter().any(|kind| kind == "cdylib");
        let mut files = filenames.into_iter().filter(|_| is_it);
        files.find(|file| file.extension().is_some_and(|found| found == "wasm"))
    });
    modules.next()
}

/// Writes in one step, since the file may lie where a server watches.
fn write(path: &Path, component: &[u8]) -> anyhow::Result<()> {
    let part = path.with_extension("wasm.part");
    fs::write(&part, component)
        .and_then(|()| fs::rename(&part, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// The shortest component there is.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn refusal(source: &Path, output: Option<&Path>) -> String {
        format!("{:#}", build(source, output).unwrap_err())
    }

    #[test]
    fn a_finished_component_stays_as_it_is() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("p.wasm");
        fs::write(&file, COMPONENT).unwrap();
        build(&file, None).unwrap();
        let output = dir.path().join("q.wasm");
        assert!(refusal(&file, Some(&output)).contains("finished component"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_become_a_component_is_named_with_the_reason() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("p.wasm");
        assert!(refusal(&file, None).contains("cannot read"));
        for (bytes, reason) in [
            (b"(module)".as_slice(), "neither a core module nor"),
            (b"\0asm\x01\0\0\0", "no WIT in it"),
        ] {
            fs::write(&file, bytes).unwrap();
            let refused = refusal(&file, None);
            assert!(
                refused.contains(reason) && refused.contains("p.wasm"),
                "{refused}"
            );
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_needs_a_package() {
        let dir = TempDir::new().unwrap();
        assert!(refusal(dir.path(), None).contains("name the folder of a plugin"));
        fs::write(dir.path().join("Cargo.toml"), "[workspace]\nmembers = []\n").unwrap();
        assert!(refusal(dir.path(), None).contains("describes no package"));
    }

    #[test]
    fn the_module_is_the_one_of_the_folders_own_package() {
        let line = |manifest: &str, kind: &str, file: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"{manifest}","target":{{"crate_types":["{kind}"]}},"filenames":["{file}"]}}"#
            )
        };
        let messages = [
            line("/w/dep/Cargo.toml", "cdylib", "/t/dep.wasm"),
            r#"{"reason":"build-script-executed"}"#.to_owned(),
            line("/w/p/Cargo.toml", "lib", "/t/libp.rlib"),
            line("/w/p/Cargo.toml", "cdylib", "/t/p.wasm"),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ];
        let found = |manifest: &str| built_module(&messages.join("\n"), Path::new(manifest));
        assert_eq!(found("/w/p/Cargo.toml"), Some(PathBuf::from("/t/p.wasm")));
        assert_eq!(found("/w/q/Cargo.toml"), None);
    }
}
