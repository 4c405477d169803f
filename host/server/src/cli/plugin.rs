//! `waxwing plugin`

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Subcommand;
use tokio::runtime::Builder;

use super::{listing, say};
use crate::{
    admin::{Link, Request},
    config::Config,
    plugins,
};

/// What a component begins with: WebAssembly's magic number, then version 13 of the layer of components.
const COMPONENT: [u8; 8] = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

/// What of a plugin is listed for people; programs get all.
const COLUMNS: [&str; 9] = [
    "name",
    "version",
    "serving",
    "source",
    "calls",
    "faults",
    "missing_grants",
    "error",
    "summary",
];

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the plugins of the running server
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what a component is, what it asks for, and whether this server can serve it
    Check {
        /// The component
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Load a plugin of the running server anew from its file
    Reload {
        /// The plugin's name
        name: String,
    },
    /// Copy a component into the plugins folder, where a running server finds it
    Install {
        /// The component, a file `NAME.wasm`
        file: PathBuf,
    },
    /// Remove a component from the plugins folder
    Remove {
        /// The name of its file, without `.wasm`
        name: String,
    },
}

pub(super) fn execute(command: &Command, config: &Config) -> anyhow::Result<()> {
    match command {
        Command::List { json } => {
            let list = Link::open(config)?.call(&Request::PluginList {})?;
            listing::print(&list, *json, &COLUMNS)
        }
        Command::Check { file, json } => check(file, *json, config),
        Command::Reload { name } => {
            Link::open(config)?.call(&Request::PluginReload { name: name.clone() })?;
            Ok(())
        }
        Command::Install { file } => install(file, &config.plugin_dir()),
        Command::Remove { name } => remove(name, &config.plugin_dir()),
    }
}

/// Compiles a component as the server would, and prints what it says of itself.
fn check(file: &Path, json: bool, config: &Config) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let cache = config.data_dir.join("cache");
    let checked = runtime.block_on(waxwing_plugins::check(
        file,
        &cache,
        plugins::compile_command(config)?,
    ));
    let report = checked.with_context(|| format!("{} cannot be served", file.display()))?;
    if json {
        return Ok(say(&serde_json::to_string_pretty(&report)?)?);
    }
    say(&format!(
        "{} {}: {}",
        report.name, report.version, report.summary
    ))?;
    for (what, values) in [
        ("serves", &report.implements),
        ("announces", &report.features),
        ("can be configured by", &report.settings),
        ("asks for the grants", &report.asks),
        ("imports", &report.imports),
    ] {
        if !values.is_empty() {
            say(&format!("  {what}: {}", values.join(", ")))?;
        }
    }
    say(&format!("  sha256: {}", report.sha256))?;
    if !report.asks.is_empty() {
        let (name, asks) = (&report.name, report.asks.join("\", \""));
        say(&format!(
            "to grant what it asks for, write\n[plugin.{name}]\ngrants = [\"{asks}\"]"
        ))?;
    }
    Ok(())
}

/// Copies a component in one step: a server that watches the folder never sees a part of it.
fn install(file: &Path, folder: &Path) -> anyhow::Result<()> {
    let name = file.file_name().unwrap_or_default();
    if file.extension().is_none_or(|extension| extension != "wasm") {
        bail!("{} is not named NAME.wasm", file.display());
    }
    let component = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    if !component.starts_with(&COMPONENT) {
        bail!("{} is not a WebAssembly component", file.display());
    }
    let target = folder.join(name);
    let part = target.with_extension("part");
    fs::create_dir_all(folder)
        .and_then(|()| write_through(&part, &component))
        .and_then(|()| fs::rename(&part, &target))
        .with_context(|| format!("cannot write {}", target.display()))?;
    Ok(say(&format!("installed {}", target.display()))?)
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    File::open(path)?.sync_all()
}

fn remove(name: &str, folder: &Path) -> anyhow::Result<()> {
    if name.contains(['/', '\0']) || name.starts_with('.') {
        bail!("`{name}` is not a plugin's name");
    }
    let file = folder.join(format!("{name}.wasm"));
    fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    Ok(say(&format!("removed {}", file.display()))?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::{COMPONENT, install, remove};

    #[test]
    fn installs_and_removes_a_component() {
        let folder = TempDir::new().unwrap();
        let (file, plugins) = (
            folder.path().join("ping.wasm"),
            folder.path().join("plugins"),
        );
        fs::write(&file, COMPONENT).unwrap();
        install(&file, &plugins).unwrap();
        let installed: Vec<_> = fs::read_dir(&plugins)
            .unwrap()
            .map(|f| f.unwrap().file_name())
            .collect();
        assert_eq!(installed, ["ping.wasm"]);
        remove("ping", &plugins).unwrap();
        assert!(remove("ping", &plugins).is_err());
        assert!(remove("../plugins/ping", &plugins).is_err());
    }

    #[test]
    fn refuses_what_is_not_a_component() {
        let folder = TempDir::new().unwrap();
        let (file, plugins) = (folder.path().join("a.wasm"), folder.path().join("plugins"));
        fs::write(&file, b"\0asm\x01\0\0\0").unwrap();
        let error = install(&file, &plugins).unwrap_err().to_string();
        assert!(
            error.ends_with("a.wasm is not a WebAssembly component"),
            "{error}"
        );
        assert!(install(&folder.path().join("a.txt"), &plugins).is_err());
    }
}
