//! The platform as a whole: which plugins there are, and their coming and going.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Context as _;
use parking_lot::Mutex;
use serde::Serialize;

use crate::compile::{CompileCommand, Compiler, MAX_COMPONENT};
use crate::inlet::Inlet;
use crate::load::{self, PluginSettings};
use crate::manifest::is_plugin_name;
use crate::plugin::{Plugin, Source};
use crate::services::Services;
use crate::shard::Shard;
use crate::shared::{Shared, guests_runtime};
use crate::watch::Watch;

/// What the platform is made of.
#[derive(Clone, Debug)]
pub struct PlatformSettings {
    /// The watched folder; made if it is not there.
    pub directory: PathBuf,
    /// Where compiled components are kept; made if it is not there.
    pub cache: PathBuf,
    /// The components inside the binary.
    pub bundled: &'static [BundledPlugin],
    /// The operator's tables, by plugin name.
    pub plugins: BTreeMap<String, PluginSettings>,
    /// How to start the process that compiles.
    pub compile: CompileCommand,
    /// The router's way to the plugins.
    pub inlet: Inlet,
}

/// A component inside the server's binary.
#[derive(Clone, Copy, Debug)]
pub struct BundledPlugin {
    /// Its name.
    pub name: &'static str,
    /// Its bytes.
    pub component: &'static [u8],
}

/// All plugins of a process.
pub struct Platform {
    shared: Arc<Shared>,
    compiler: Compiler,
    directory: PathBuf,
    bundled: &'static [BundledPlugin],
    /// The operator's tables, by plugin name.
    tables: Mutex<BTreeMap<String, PluginSettings>>,
    /// Why the newest try at each name failed, if it did.
    failures: Mutex<BTreeMap<String, Failure>>,
    /// Loading is done one at a time.
    turn: tokio::sync::Mutex<()>,
    watch: Mutex<Option<Watch>>,
    /// Kept until the end: guests that ran long are there. Dropped without waiting for them.
    guests: Mutex<Option<tokio::runtime::Runtime>>,
}

#[derive(Clone, Debug)]
struct Failure {
    source: Source,
    why: String,
}

/// A line of `waxwing plugin list`.
#[derive(Clone, Debug, Serialize)]
pub struct PluginStatus {
    /// The name.
    pub name: String,
    /// Whether a version of it serves.
    pub serving: bool,
    /// The version that serves.
    pub version: Option<String>,
    /// What it says of itself.
    pub summary: Option<String>,
    /// `bundled`, or the file.
    pub source: String,
    /// The SHA-256 of the component that serves.
    pub sha256: Option<String>,
    /// The extension protocols that it serves.
    pub implements: Vec<String>,
    /// What it was granted.
    pub grants: Vec<String>,
    /// What it asks for and was not granted.
    pub missing_grants: Vec<String>,
    /// Plugins that answer requests in its place.
    pub conflicts: Vec<String>,
    /// Calls made to the version that serves.
    pub calls: u64,
    /// Calls of those that failed.
    pub faults: u64,
    /// Why the newest file of that name does not serve.
    pub error: Option<String>,
}

impl Platform {
    /// Makes the platform and loads all plugins: those in the folder, then the bundled ones that no file replaces. A plugin
    /// that fails is reported, and the rest serves. Then the folder is watched.
    pub async fn start(
        settings: PlatformSettings,
        services: Arc<dyn Services>,
    ) -> anyhow::Result<Arc<Self>> {
        let folder = &settings.directory;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let platform = Arc::new(Self::new(settings, services)?);
        let watch = Watch::start(&platform.directory, Arc::downgrade(&platform))?;
        for name in platform.names()? {
            platform.refresh(&name).await;
        }
        *platform.watch.lock() = Some(watch);
        Ok(platform)
    }

    fn new(settings: PlatformSettings, services: Arc<dyn Services>) -> anyhow::Result<Self> {
        let guests = guests_runtime()?;
        let shared = Shared::new(services, guests.handle().clone())?;
        settings.inlet.open(&shared);
        Ok(Self {
            compiler: Compiler::open(settings.compile, &settings.cache)?,
            shared,
            directory: settings.directory,
            bundled: settings.bundled,
            tables: Mutex::new(settings.plugins),
            failures: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
            watch: Mutex::new(None),
            guests: Mutex::new(Some(guests)),
        })
    }

    /// What one shard thread calls.
    #[must_use]
    pub fn shard(&self) -> Shard {
        Shard::new(Arc::clone(&self.shared))
    }

    /// All plugins that serve, or that somebody tried to load.
    #[must_use]
    pub fn list(&self) -> Vec<PluginStatus> {
        let snapshot = self.shared.registry.keep();
        let failures = self.failures.lock().clone();
        let mut list: BTreeMap<String, PluginStatus> = snapshot
            .plugins()
            .map(|plugin| (plugin.manifest.name.clone(), PluginStatus::of(plugin)))
            .collect();
        for (name, status) in &mut list {
            status.conflicts = snapshot
                .plugin(name)
                .map(|plugin| snapshot.conflicts(plugin))
                .unwrap_or_default();
        }
        for (name, failure) in failures {
            let status = list
                .entry(name.clone())
                .or_insert_with(|| PluginStatus::absent(&name, &failure.source));
            status.error = Some(failure.why);
        }
        list.into_values().collect()
    }

    /// Loads the plugin of that name anew from its file, or the bundled one. If that fails, the old version goes on.
    pub async fn reload(&self, name: &str) -> Result<(), PluginError> {
        if !self.is_known(name) {
            return Err(PluginError::Unknown(name.to_owned()));
        }
        self.refresh(name).await;
        match self.failures.lock().get(name) {
            Some(failure) => Err(PluginError::Failed {
                name: name.to_owned(),
                why: failure.why.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Takes new tables from the operator, and loads the plugins anew whose tables changed. A table that its plugin refuses
    /// leaves the plugin as it served.
    pub async fn reconfigure(&self, tables: BTreeMap<String, PluginSettings>) {
        let old = std::mem::replace(&mut *self.tables.lock(), tables.clone());
        let names: BTreeSet<&String> = old.keys().chain(tables.keys()).collect();
        for name in names {
            if old.get(name) != tables.get(name) {
                self.refresh(name).await;
            }
        }
    }

    /// Stops watching and lets go of the guests' runtime, without waiting for guests.
    pub fn shutdown(&self) {
        self.shared.stopping.cancel();
        self.watch.lock().take();
        if let Some(guests) = self.guests.lock().take() {
            guests.shutdown_background();
        }
    }

    /// Makes what serves under a name what should serve: the folder's file, else the bundled component, else nothing.
    /// A failure leaves what served.
    pub(crate) async fn refresh(&self, name: &str) {
        let _turn = self.turn.lock().await;
        let settings = self.tables.lock().get(name).cloned().unwrap_or_default();
        let source = self.source(name).filter(|_| settings.enabled);
        let Some((source, bundled)) = source else {
            if self.shared.registry.now().plugin(name).is_some() {
                tracing::info!(plugin = name, "unloaded");
            }
            self.failures.lock().remove(name);
            self.shared.remove(name);
            return;
        };
        match self.load(name, &source, bundled, &settings).await {
            Ok(()) => {
                self.failures.lock().remove(name);
            }
            Err(error) => {
                let why = format!("{error:#}");
                let serving = self
                    .shared
                    .registry
                    .now()
                    .plugin(name)
                    .map(|plugin| plugin.manifest.version.clone());
                if let Some(version) = serving {
                    tracing::error!(
                        plugin = name,
                        "not loaded, version {version} goes on: {why}"
                    );
                } else {
                    tracing::error!(plugin = name, "not loaded: {why}");
                }
                self.failures
                    .lock()
                    .insert(name.to_owned(), Failure { source, why });
            }
        }
    }

    async fn load(
        &self,
        name: &str,
        source: &Source,
        bundled: Option<&'static [u8]>,
        settings: &PluginSettings,
    ) -> anyhow::Result<()> {
        let bytes = match (source, bundled) {
            (Source::Folder(path), _) => read(path).await?,
            (Source::Bundled, bytes) => bytes.unwrap_or_default().to_vec(),
        };
        let described = load::describe(&self.shared, &self.compiler, &bytes).await?;
        anyhow::ensure!(
            described.manifest.name == name,
            "the file is named {name}.wasm, but the plugin in it is `{}`; rename one of them",
            described.manifest.name
        );
        let old = self.shared.registry.now().plugin(name).cloned();
        let unchanged = |old: &Arc<Plugin>| {
            old.sha256 == described.sha256 && old.source == *source && old.settings == *settings
        };
        if old.as_ref().is_some_and(unchanged) {
            return Ok(());
        }
        let memory = old.map(|old| Arc::clone(&old.memory)).unwrap_or_default();
        let plugin =
            load::prepare(&self.shared, described, source.clone(), settings, memory).await?;
        announce(&plugin);
        self.shared.put(plugin);
        Ok(())
    }

    /// The names of all files in the folder and of all bundled components.
    fn names(&self) -> anyhow::Result<Vec<String>> {
        let folder = &self.directory;
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        let files = entries.filter_map(|entry| plugin_name(&entry.ok()?.path()));
        let bundled = self.bundled.iter().map(|plugin| plugin.name.to_owned());
        let mut names: Vec<String> = files.chain(bundled).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn is_known(&self, name: &str) -> bool {
        is_plugin_name(name)
            && (self.source(name).is_some() || self.shared.registry.now().plugin(name).is_some())
    }

    fn source(&self, name: &str) -> Option<(Source, Option<&'static [u8]>)> {
        let file = self.directory.join(format!("{name}.wasm"));
        if file.exists() {
            return Some((Source::Folder(file), None));
        }
        let bundled = self.bundled.iter().find(|plugin| plugin.name == name)?;
        Some((Source::Bundled, Some(bundled.component)))
    }
}

/// The plugin that a file of the folder is for; none for other files.
pub(crate) fn plugin_name(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?.strip_suffix(".wasm")?;
    is_plugin_name(name).then(|| name.to_owned())
}

pub(crate) async fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let length = tokio::fs::metadata(path)
        .await
        .with_context(|| format!("cannot read {}", path.display()))?
        .len();
    anyhow::ensure!(
        length <= MAX_COMPONENT,
        "the file is larger than {} MiB",
        MAX_COMPONENT >> 20
    );
    tokio::fs::read(path)
        .await
        .with_context(|| format!("cannot read {}", path.display()))
}

fn announce(plugin: &Plugin) {
    let (name, version) = (
        plugin.manifest.name.as_str(),
        plugin.manifest.version.as_str(),
    );
    let missing = plugin.missing_grants();
    if missing.is_empty() {
        tracing::info!(plugin = name, version, "serving");
    } else {
        let wanted = missing.join("\", \"");
        tracing::warn!(
            plugin = name,
            version,
            "loaded, but without what it was not granted; to grant it, add grants = [\"{wanted}\"] to [plugin.{name}]"
        );
    }
}

impl PluginStatus {
    fn of(plugin: &Plugin) -> Self {
        Self {
            name: plugin.manifest.name.clone(),
            serving: true,
            version: Some(plugin.manifest.version.clone()),
            summary: Some(plugin.manifest.summary.clone()),
            source: plugin.source.to_string(),
            sha256: Some(plugin.sha256.clone()),
            implements: plugin.manifest.implements.clone(),
            grants: plugin.grants.iter().cloned().collect(),
            missing_grants: plugin.missing_grants(),
            conflicts: Vec::new(),
            calls: plugin.counters.calls.load(Ordering::Relaxed),
            faults: plugin.counters.faults.load(Ordering::Relaxed),
            error: None,
        }
    }

    fn absent(name: &str, source: &Source) -> Self {
        Self {
            name: name.to_owned(),
            serving: false,
            version: None,
            summary: None,
            source: source.to_string(),
            sha256: None,
            implements: Vec::new(),
            grants: Vec::new(),
            missing_grants: Vec::new(),
            conflicts: Vec::new(),
            calls: 0,
            faults: 0,
            error: None,
        }
    }
}

/// Why a plugin could not be loaded on request.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PluginError {
    /// There is no such plugin, loaded, bundled or in the folder.
    #[error("there is no plugin `{0}`; `waxwing plugin list` names them all")]
    Unknown(String),
    /// It does not load; what served goes on.
    #[error("plugin `{name}` was not loaded: {why}")]
    Failed {
        /// The plugin.
        name: String,
        /// The reason.
        why: String,
    },
}
