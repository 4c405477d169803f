//! From a component file to a plugin that can serve: compiled, described, granted, configured and initialised, or refused
//! with a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail, ensure};
use toml::Table;
use wasmtime::component::{Component, InstancePre};
use waxwing_storage::Namespace;

use crate::calls::caller::create;
use crate::calls::context::Shared;
use crate::engine::compile::{Compiler, MAX_COMPONENT, one_line, sha256};
use crate::engine::cpu_clock::Meter;
use crate::engine::executor::{INIT_BUDGET, run};
use crate::exports::{Exports, Level, PACKAGE, VERSION};
use crate::imports::wasi;
use crate::instance;
use crate::instance::plugin::{Parts, Plugin, Scope, Source};
use crate::instance::state::State;
use crate::model::http::HttpAccess;
use crate::model::manifest::Manifest;
use crate::model::memory_table::Table as Memory;
use crate::model::settings::Values;
use crate::platform::upgrade::Ready;
use crate::wit::manifest;

/// What the operator says of a plugin: the table `[plugin.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginSettings {
    /// Whether the plugin is loaded.
    pub enabled: bool,
    /// Added to the priorities in its manifest.
    pub priority: i32,
    /// The imports and exports that it may use. Absent: a bundled component has what its manifest asks, any other nothing.
    pub grants: Option<Vec<String>>,
    /// The SHA-256 that the component must have, in hexadecimal.
    pub sha256: Option<String>,
    /// Its configuration.
    pub config: Table,
    /// What stands in `[host.plugin.NAME.config]`, by domain: laid over `config`, key by key.
    pub host_config: BTreeMap<String, Table>,
    /// What stands in `[host.plugin.NAME] provider`, by domain: whether it is the provider there, whatever the priorities.
    pub host_provider: BTreeMap<String, bool>,
    /// The HTTP servers that it may send requests to.
    pub http_hosts: Vec<String>,
}

impl Default for PluginSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            priority: 0,
            grants: None,
            sha256: None,
            config: Table::new(),
            host_config: BTreeMap::new(),
            host_provider: BTreeMap::new(),
            http_hosts: Vec::new(),
        }
    }
}

impl PluginSettings {
    /// Whether the operator says that it provides or does not provide at this host.
    pub(crate) fn provides_at(&self, host: &str) -> Option<bool> {
        self.host_provider.get(host).copied()
    }
}

/// A component that was compiled and described; nothing of it serves.
pub(crate) struct Described {
    pub(crate) manifest: Manifest,
    /// What its manifest says that this server does not know.
    pub(crate) left_aside: Vec<String>,
    pub(crate) sha256: String,
    /// The names of the interfaces that it imports.
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Exports,
    pre: InstancePre<State>,
}

/// Compiles a component and asks it what it is.
pub(crate) async fn describe(
    shared: &Arc<Shared>,
    compiler: &Compiler,
    bytes: &[u8],
) -> anyhow::Result<Described> {
    check_kind(bytes)?;
    let sha256 = sha256(bytes);
    let engine = (&*shared.engine, shared.addresses);
    let component = compiler.component(engine, bytes, &sha256).await?;
    check_imports(&component)?;
    let linker = wasi::linker(&shared.linker, &component)
        .map_err(|error| anyhow!("{}", one_line(&error)))?;
    let pre = linker.instantiate_pre(&component).map_err(|error| {
        let error = one_line(&error);
        anyhow!("{error}; build it against this server's interfaces")
    })?;
    let exports = Exports::bind(&component, &pre)?;
    // `describe` runs before there is a plugin: in the name of one that is nothing and may nothing.
    let bare = Arc::new(Plugin::new(
        nobody(&sha256)?,
        pre.clone(),
        Exports::bind(&component, &pre)?,
    ));
    let meter = Arc::new(Meter::default());
    let asked = instance::describe(Arc::clone(shared), Arc::clone(&bare), Arc::clone(&meter));
    let described = run(shared, &bare, meter, INIT_BUDGET, Box::pin(asked))
        .await
        .0??;
    let (manifest, left_aside) = manifest::read(described)?;
    let imports = component.component_type();
    let imports = imports.imports(component.engine());
    Ok(Described {
        manifest: Manifest::check(manifest)?,
        left_aside,
        imports: imports.map(|(name, _)| name.to_owned()).collect(),
        sha256,
        exports,
        pre,
    })
}

/// Makes a described component a plugin by the operator's settings, and proves that it initialises for every scope.
pub(crate) async fn prepare(
    shared: &Arc<Shared>,
    described: Described,
    source: Source,
    settings: &PluginSettings,
    memory: Arc<Memory>,
) -> anyhow::Result<Ready> {
    let Described {
        manifest,
        left_aside,
        sha256,
        exports,
        pre,
        ..
    } = described;
    if !left_aside.is_empty() {
        tracing::warn!(
            plugin = manifest.name,
            left_aside = left_aside.join(", "),
            "the manifest says more than this server knows; it was built against a newer version of the interfaces"
        );
    }
    if let Some(pinned) = &settings.sha256 {
        ensure!(
            pinned.eq_ignore_ascii_case(&sha256),
            "the file's SHA-256 is {sha256}, but `sha256` in [plugin.{}] pins {pinned}",
            manifest.name
        );
    }
    let grants = match &settings.grants {
        Some(grants) => grants.iter().cloned().collect(),
        None if source == Source::Bundled => {
            let exports = exports.names().into_iter().map(str::to_owned);
            exports.chain(manifest.asks.iter().cloned()).collect()
        }
        None => BTreeSet::new(),
    };
    let scopes = scopes(&manifest, settings, &shared.hosts)?;
    let ledger = shared.ledgers.of(&manifest.name);
    let http = HttpAccess::new(&settings.http_hosts);
    let http = http.with_context(|| format!("`http_hosts` in [plugin.{}]", manifest.name))?;
    let parts = Parts {
        namespace: Namespace::new(&manifest.name)?,
        manifest,
        grants,
        source,
        sha256,
        settings: settings.clone(),
        scopes,
        memory,
        ledger,
        http,
    };
    let plugin = Arc::new(Plugin::new(parts, pre, exports));
    let first = create(shared, &plugin, 0, Level::Hook).await?;
    for scope in 1..plugin.scopes.len() {
        create(shared, &plugin, scope, Level::Hook).await?;
    }
    Ok(Ready { plugin, first })
}

/// Hosts with the same configuration share a scope.
fn scopes(
    manifest: &Manifest,
    settings: &PluginSettings,
    hosts: &[Arc<str>],
) -> anyhow::Result<Vec<Scope>> {
    let mut scopes: Vec<Scope> = Vec::new();
    for host in hosts {
        let mut table = settings.config.clone();
        if let Some(over) = settings.host_config.get(&**host) {
            overlay(&mut table, over);
        }
        let config = Values::check(&manifest.name, &manifest.settings, &table)?;
        match scopes.iter_mut().find(|scope| *scope.config == config) {
            Some(scope) => scope.hosts.push(host.to_string()),
            None => scopes.push(Scope {
                hosts: vec![host.to_string()],
                config: Arc::new(config),
            }),
        }
    }
    Ok(scopes)
}

fn overlay(table: &mut Table, over: &Table) {
    for (key, value) in over {
        match (table.get_mut(key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(over)) => overlay(inner, over),
            _ => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Says in words what a file that is no component is, before a compiler has to.
fn check_kind(bytes: &[u8]) -> anyhow::Result<()> {
    const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];
    const MODULE: [u8; 4] = [1, 0, 0, 0];
    ensure!(!bytes.is_empty(), "the file is empty");
    ensure!(
        u64::try_from(bytes.len()).unwrap_or(u64::MAX) <= MAX_COMPONENT,
        "the file is larger than {} MiB",
        MAX_COMPONENT >> 20
    );
    match bytes.strip_prefix(b"\0asm") {
        Some(rest) if rest.starts_with(&COMPONENT) => Ok(()),
        Some(rest) if rest.starts_with(&MODULE) => {
            bail!(
                "the file is a core WebAssembly module, not a component; make one of it with wit-component"
            )
        }
        Some(_) => {
            bail!("the file is a WebAssembly component of another version of the binary format")
        }
        None => bail!("the file is no WebAssembly component"),
    }
}

/// Names the first import that this server does not have.
fn check_imports(component: &Component) -> anyhow::Result<()> {
    const KNOWN: [&str; 20] = [
        "types",
        "manifest",
        "stanzas",
        "contacts",
        "roster",
        "accounts",
        "prepare",
        "memory",
        "storage",
        "router",
        "events",
        "timers",
        "sessions",
        "disco",
        "config",
        "log",
        "metrics",
        "clock",
        "random",
        "http-client",
    ];
    for (name, _) in component.component_type().imports(component.engine()) {
        let interface = name
            .strip_prefix(PACKAGE)
            .and_then(|interface| interface.strip_suffix(VERSION));
        #[cfg(test)]
        if name == crate::hostile::IMPORT {
            continue;
        }
        if interface.is_some_and(|interface| KNOWN.contains(&interface)) || wasi::is_offered(name) {
            continue;
        }
        if name.starts_with(PACKAGE) {
            bail!(
                "imports `{name}`, which this server does not have: it serves version 0.2.0; build the plugin against that version"
            );
        }
        bail!(
            "imports `{name}`, which this server does not offer: a plugin may import only {PACKAGE}* and, with nothing behind them, wasi:cli, clocks, filesystem, io, random and sockets in version 0.2; build it without"
        );
    }
    Ok(())
}

fn nobody(sha256: &str) -> anyhow::Result<Parts> {
    let manifest = Manifest::nobody();
    Ok(Parts {
        namespace: Namespace::new(&manifest.name)?,
        manifest,
        grants: BTreeSet::new(),
        source: Source::Bundled,
        sha256: sha256.to_owned(),
        settings: PluginSettings::default(),
        scopes: Vec::new(),
        memory: Arc::default(),
        ledger: Arc::default(),
        http: HttpAccess::default(),
    })
}
