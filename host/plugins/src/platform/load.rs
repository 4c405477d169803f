//! From a component file to a plugin that can serve: compiled, described, granted, configured and initialised, or
//! refused with a reason.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail, ensure};
use toml::Table;
use wasmtime::component::Component;
use waxwing_storage::Namespace;

use crate::calls::context::Context;
use crate::calls::invoke::create;
use crate::engine::compile::{Compiler, MAX_COMPONENT, one_line, sha256};
use crate::engine::cpu_clock::CpuClock;
use crate::engine::executor::{INIT_BUDGET, run};
use crate::engine::opaque::Opaque;
use crate::imports::wasi;
use crate::instance::loaded::Loaded;
use crate::instance::plugin::{Parts, Scope, Source};
use crate::instance::store;
use crate::instance::template::Template;
use crate::model::http::HttpAccess;
use crate::model::interfaces::Level;
use crate::model::interfaces::PACKAGE;
use crate::model::interfaces::VERSION;
use crate::model::manifest::Manifest;
use crate::model::memory_table::Table as Memory;
use crate::model::plugin_settings::PluginSettings;
use crate::model::settings::Values;
use crate::platform::upgrade::Ready;
use crate::wit::manifest;

/// A component that was compiled and described; nothing of it serves.
pub(crate) struct Described {
    pub(crate) manifest: Manifest,
    /// What its manifest says that this server does not know.
    pub(crate) left_aside: Vec<String>,
    pub(crate) sha256: String,
    /// The names of the interfaces that it imports.
    pub(crate) imports: Vec<String>,
    pub(crate) template: Opaque<Template>,
}

/// Compiles a component and asks it what it is.
pub(crate) async fn describe(
    context: &Context,
    compiler: &Compiler,
    bytes: &[u8],
) -> anyhow::Result<Described> {
    check_kind(bytes)?;
    let sha256 = sha256(bytes);
    let engine = (&*context.runtime.engine, context.runtime.addresses);
    let component = compiler.component(engine, bytes, &sha256).await?;
    check_imports(&component)?;
    let linker = wasi::linker(&context.linker, &component)
        .map_err(|error| anyhow!("{}", one_line(&error)))?;
    let pre = linker.instantiate_pre(&component).map_err(|error| {
        let error = one_line(&error);
        anyhow!("{error}; build it against this server's interfaces")
    })?;
    let template = Opaque::new(Template::bind(&component, pre)?);
    // `describe` runs before there is a plugin: in the name of one that is nothing and may nothing.
    let bare = Loaded::new(undescribed(&sha256)?, template.clone());
    let clock = Arc::new(CpuClock::default());
    let (runtime, services) = (&context.runtime, &context.services);
    let asked = store::describe(runtime, services, &bare, &clock);
    let described = run(runtime, &bare.pace, clock, INIT_BUDGET, Box::pin(asked))
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
        template,
    })
}

/// Makes a described component a plugin by the operator's settings, and proves that it initialises for every scope.
pub(crate) async fn prepare(
    context: &Context,
    described: Described,
    source: Source,
    settings: &PluginSettings,
    memory: Arc<Memory>,
) -> anyhow::Result<Ready> {
    let Described {
        manifest,
        left_aside,
        sha256,
        template,
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
            let exports = template.exports().names().into_iter();
            let exports = exports.map(str::to_owned);
            exports.chain(manifest.asks.iter().cloned()).collect()
        }
        None => BTreeSet::new(),
    };
    let scopes = scopes(&manifest, settings, &context.services.hosts)?;
    let counters = context.counters.of(&manifest.name);
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
        counters,
        http,
    };
    let plugin = Arc::new(Loaded::new(parts, template));
    let first = create(context, &plugin, 0, Level::Hook).await?;
    for scope in 1..plugin.scopes.len() {
        create(context, &plugin, scope, Level::Hook).await?;
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

/// What stands for a plugin while its component is described.
fn undescribed(sha256: &str) -> anyhow::Result<Parts> {
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
        counters: Arc::default(),
        http: HttpAccess::default(),
    })
}
