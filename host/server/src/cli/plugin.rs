//! `waxwing plugin`

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::Value;
use tokio::runtime::Builder;
use waxwing_plugins::{MAX_COMPONENT, PluginReport, plain_file};

use super::{listing, say, stats, trace};
use crate::{
    admin::{AdminClient, AdminError, PluginCommand, PluginDecision, Reply, Request, Trace},
    config::Config,
    plugins,
};

/// What of a plugin is listed for people; programs get all.
const COLUMNS: [&str; 9] = [
    "name",
    "version",
    "state",
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
    /// Show what the plugins of the running server have done and cost, the costliest first
    Stats {
        /// Show all about this plugin
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show each call that a plugin of the running server serves, as it happens, until Ctrl-C
    Trace {
        /// The plugin's name
        name: String,
        /// Show stanzas whole, bodies included
        #[arg(long)]
        full: bool,
        /// Print JSON, a line for each call
        #[arg(long)]
        json: bool,
    },
    /// Load a plugin of the running server anew from its file
    Reload {
        /// The plugin's name
        name: String,
    },
    /// Copy a component into the plugins folder, and load it if the server runs
    Install {
        /// The component, a file `NAME.wasm`
        file: PathBuf,
        /// What to grant of that which it asks for, or `none`; kept for this very file
        #[arg(long, value_name = "GRANT", value_delimiter = ',')]
        grant: Option<Vec<String>>,
    },
    /// Let a disabled plugin serve, with those that it depends on: all of them or none
    Enable {
        /// The plugin's name
        name: String,
    },
    /// End a plugin, and those that depend on it, until it is enabled again
    Disable {
        /// The plugin's name
        name: String,
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
            let command = Request::Plugin(PluginCommand::List);
            let Reply::Plugins(list) = AdminClient::open(config)?.call(command)? else {
                return Err(AdminError::Unexpected.into());
            };
            listing::print(&Value::Array(list), *json, &COLUMNS)
        }
        Command::Check { file, json } => check(file, *json, config),
        Command::Stats { name, json } => {
            let command = Request::Plugin(PluginCommand::Stats { name: name.clone() });
            let Reply::Stats(stats) = AdminClient::open(config)?.call(command)? else {
                return Err(AdminError::Unexpected.into());
            };
            stats::print(&stats, *json, name.is_some())
        }
        Command::Trace { name, full, json } => {
            let trace = Trace {
                name: name.clone(),
                full: *full,
            };
            Ok(AdminClient::open(config)?.follow(trace, |call| {
                say(&if *json {
                    call.to_string()
                } else {
                    trace::line(call)
                })?;
                Ok(true)
            })?)
        }
        Command::Reload { name } => {
            reload(&mut AdminClient::open(config)?, name)?;
            Ok(())
        }
        Command::Install { file, grant } => install(file, grant.as_deref(), config),
        Command::Enable { name } => {
            let name = name.clone();
            let came = decide(config, PluginDecision::Enable { name })?;
            tell("serving: ", &came)
        }
        Command::Disable { name } => {
            let name = name.clone();
            let went = decide(config, PluginDecision::Disable { name })?;
            tell("not serving either, since they depend on it: ", &went)
        }
        Command::Remove { name } => remove(name, &config.plugin_dir()),
    }
}

fn reload(client: &mut AdminClient, name: &str) -> Result<(), AdminError> {
    let name = name.to_owned();
    client.call(Request::Plugin(PluginCommand::Reload { name }))?;
    Ok(())
}

/// Gives the names of the plugins that came or went with the one that is decided about.
fn decide(config: &Config, decision: PluginDecision) -> anyhow::Result<Vec<String>> {
    match AdminClient::open(config)?.call(Request::Decision(decision))? {
        Reply::Names(names) => Ok(names),
        _ => Err(AdminError::Unexpected.into()),
    }
}

/// Prints a list of names, if there are any.
fn tell(what: &str, names: &[String]) -> anyhow::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    Ok(say(&format!("{what}{}", names.join(", ")))?)
}

/// Compiles a component as the server would, and asks it what it is.
fn examine(file: &Path, config: &Config) -> anyhow::Result<PluginReport> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let cache = config.data_dir.join("cache");
    let compile = plugins::compile_command(config)?;
    let checked = runtime.block_on(waxwing_plugins::check(file, &cache, compile));
    checked.with_context(|| format!("{} cannot be served", file.display()))
}

/// Prints what a component says of itself.
fn check(file: &Path, json: bool, config: &Config) -> anyhow::Result<()> {
    let report = examine(file, config)?;
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
        ("depends on", &report.depends_on),
        ("imports", &report.imports),
        ("says what this server does not know", &report.left_aside),
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

/// Keeps what is granted to a component, copies it to the plugins folder, and has a running server load it.
fn install(file: &Path, grant: Option<&[String]>, config: &Config) -> anyhow::Result<()> {
    if file.extension().is_none_or(|extension| extension != "wasm") {
        bail!("{} is not named NAME.wasm", file.display());
    }
    let report = examine(file, config)?;
    if file
        .file_stem()
        .is_none_or(|stem| stem != report.name.as_str())
    {
        bail!(
            "the plugin in {} is `{name}`; name the file {name}.wasm",
            file.display(),
            name = report.name
        );
    }
    let name = report.name.clone();
    let table = config.plugin.get(&name);
    let in_table = table.and_then(|table| table.grants.as_ref()).is_some();
    let mut client = AdminClient::open(config)?;
    if let Some(grants) = granted(&report, grant, in_table)? {
        client.call(Request::Decision(PluginDecision::Grant {
            name: name.clone(),
            sha256: report.sha256,
            grants,
        }))?;
    }
    copy(file, &config.plugin_dir())?;
    match reload(&mut client, &name) {
        Ok(()) | Err(AdminError::NotRunning) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What to keep as granted; none where there is nothing to decide, or the configuration decides.
fn granted(
    report: &PluginReport,
    grant: Option<&[String]>,
    in_table: bool,
) -> anyhow::Result<Option<Vec<String>>> {
    let (name, asks) = (&report.name, report.asks.join(","));
    match grant {
        Some(_) if in_table => bail!(
            "`grants` in [plugin.{name}] of the configuration stands over --grant; change it there"
        ),
        None if in_table || report.asks.is_empty() => Ok(None),
        None => bail!(
            "`{name}` asks for the grants {asks}; install it with --grant {asks}, with some of them, or with --grant none"
        ),
        Some([none]) if none == "none" => Ok(Some(Vec::new())),
        Some(grants) => match grants.iter().find(|grant| !report.asks.contains(grant)) {
            Some(unasked) => bail!("`{name}` does not ask for `{unasked}`, but for: {asks}"),
            None => Ok(Some(grants.to_vec())),
        },
    }
}

/// Copies a component in one step: a server that watches the folder never sees a part of it.
fn copy(file: &Path, folder: &Path) -> anyhow::Result<()> {
    let component = plain_file::read(file, MAX_COMPONENT)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let target = folder.join(file.file_name().unwrap_or_default());
    fs::create_dir_all(folder)
        .and_then(|()| plain_file::replace(&target, &component, 0o644))
        .with_context(|| format!("cannot write {}", target.display()))?;
    Ok(say(&format!("installed {}", target.display()))?)
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

    use waxwing_plugins::PluginReport;

    use super::{copy, granted, remove};

    #[test]
    fn copies_and_removes_a_component() {
        let folder = TempDir::new().unwrap();
        let (file, plugins) = (
            folder.path().join("ping.wasm"),
            folder.path().join("plugins"),
        );
        fs::write(&file, "a component").unwrap();
        copy(&file, &plugins).unwrap();
        let installed: Vec<_> = fs::read_dir(&plugins)
            .unwrap()
            .map(|f| f.unwrap().file_name())
            .collect();
        assert_eq!(installed, ["ping.wasm"]);
        remove("ping", &plugins).unwrap();
        assert!(remove("ping", &plugins).is_err());
        assert!(remove("../plugins/ping", &plugins).is_err());
    }

    fn asking(asks: &[&str]) -> PluginReport {
        PluginReport {
            name: "p".to_owned(),
            version: "1.0.0".to_owned(),
            summary: String::new(),
            sha256: String::new(),
            implements: Vec::new(),
            asks: asks.iter().map(|&ask| ask.to_owned()).collect(),
            imports: Vec::new(),
            features: Vec::new(),
            settings: Vec::new(),
            left_aside: Vec::new(),
            depends_on: Vec::new(),
        }
    }

    #[test]
    fn grants_are_what_was_asked_for_and_said_aloud() {
        let inbound = ["inbound".to_owned()];
        let (asking, modest) = (asking(&["inbound", "accounts"]), asking(&[]));
        let refused = granted(&asking, None, false).unwrap_err().to_string();
        assert!(refused.contains("--grant inbound,accounts"), "{refused}");
        let kept = granted(&asking, Some(&inbound), false).unwrap();
        assert_eq!(kept, Some(inbound.to_vec()));
        let none = ["none".to_owned()];
        assert_eq!(granted(&asking, Some(&none), false).unwrap(), Some(vec![]));
        assert!(granted(&modest, Some(&inbound), false).is_err());
        assert_eq!(granted(&modest, None, false).unwrap(), None);
        assert_eq!(granted(&asking, None, true).unwrap(), None);
        assert!(granted(&asking, Some(&inbound), true).is_err());
    }
}
