//! The platform as a whole: which plugins there are, and what the operator asks of it.

pub(crate) mod changes;
pub(crate) mod check;
pub(crate) mod load;
pub(crate) mod metrics;
pub(crate) mod operator_state;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod upgrade;
pub(crate) mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use waxwing_storage::Namespace;

use waxwing_xmpp::jid::BareJid;

use crate::accounting::trace::Trace;
use crate::calls::context::{GuestsRuntime, Shared};
use crate::dispatch::auth_provider;
use crate::dispatch::server_events::Inlet;
use crate::dispatch::shard::Shard;
use crate::engine::compile::{CompileCommand, Compiler, MAX_COMPONENT};
use crate::engine::limits::MemoryLimits;
use crate::exports::auth_provider::Map;
use crate::instance::plugin::{Plugin, Source};
use crate::model::manifest::is_plugin_name;
use crate::model::services::Services;
use crate::plain_file;
use crate::platform::changes::{Failure, Why};
use crate::platform::load::PluginSettings;
use crate::platform::metrics::PluginMetrics;
use crate::platform::operator_state::Choices;
use crate::platform::stats::PluginStats;
use crate::platform::status::{PluginError, PluginStatus};
use crate::platform::upgrade::retire;
use crate::platform::watch::{Listing, Watch};

/// How long all plugins together may take to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(3);
/// How long those who want figures wait for the storage.
const STORAGE_PATIENCE: Duration = Duration::from_secs(2);

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
    /// What the instances may have together.
    pub memory: MemoryLimits,
    /// The router's way to the plugins.
    pub inlet: Inlet,
    /// The file of what was decided by command.
    pub choices: PathBuf,
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
    pub(crate) shared: Arc<Shared>,
    pub(crate) compiler: Compiler,
    directory: PathBuf,
    bundled: &'static [BundledPlugin],
    /// The operator's tables, by plugin name.
    tables: Mutex<BTreeMap<String, PluginSettings>>,
    pub(crate) choices: Choices,
    /// Why the newest try at each name failed, if it did.
    pub(crate) failures: Mutex<BTreeMap<String, Failure>>,
    /// Changes are made one at a time.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// Versions on their way out.
    pub(crate) retiring: Mutex<JoinSet<()>>,
    watch: Mutex<Option<Watch>>,
    /// Kept until the end: guests that ran long are there. Dropped without waiting for them.
    guests: Mutex<Option<GuestsRuntime>>,
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
        // What changes from here on is found by the watch, which compares with this.
        let listing = Listing::of(&platform.directory);
        let listing =
            listing.with_context(|| format!("cannot read {}", platform.directory.display()))?;
        for name in platform.names(&listing) {
            if platform.shared.registry.now().plugin(&name).is_none() {
                platform.refresh(&name).await;
            }
        }
        let watch = Watch::start(&platform.directory, listing, Arc::downgrade(&platform))?;
        *platform.watch.lock() = Some(watch);
        Ok(platform)
    }

    fn new(settings: PlatformSettings, services: Arc<dyn Services>) -> anyhow::Result<Self> {
        let guests = GuestsRuntime::start()?;
        let shared = Shared::new(services, guests.handle(), settings.memory)?;
        settings.inlet.open(&shared);
        Ok(Self {
            compiler: Compiler::open(settings.compile, &settings.cache)?,
            shared,
            directory: settings.directory,
            bundled: settings.bundled,
            tables: Mutex::new(settings.plugins),
            choices: Choices::open(&settings.choices)?,
            failures: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
            retiring: Mutex::default(),
            watch: Mutex::new(None),
            guests: Mutex::new(Some(guests)),
        })
    }

    /// The site's user behind an account, where a plugin provides its host's logins; the error is one line for people.
    pub async fn user_of(&self, account: &BareJid) -> Result<Option<String>, String> {
        let map = Map::UserOf {
            account: account.to_string(),
        };
        let found = auth_provider::map(&self.shared, account.domain().as_str(), map).await;
        found.map_err(|fault| format!("the provider of logins {fault}"))
    }

    /// The account of a site's user at a host, likewise.
    pub async fn account_of(&self, host: &str, user: &str) -> Result<Option<String>, String> {
        let map = Map::AccountOf {
            host: host.to_owned(),
            user: user.to_owned(),
        };
        let found = auth_provider::map(&self.shared, host, map).await;
        found.map_err(|fault| format!("the provider of logins {fault}"))
    }

    /// What one shard thread calls.
    #[must_use]
    pub fn shard(&self) -> Shard {
        Shard::new(Arc::clone(&self.shared))
    }

    /// All plugins that serve, that are disabled, or that somebody tried to load.
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
        for name in self.disabled() {
            if let Some((source, _)) = self.source(&name) {
                let absent = || PluginStatus::absent(&name, &source);
                list.entry(name.clone()).or_insert_with(absent).enabled = false;
            }
        }
        list.into_values().collect()
    }

    /// Loads the plugin of that name anew from its file, or the bundled one, also where nothing has changed. If that fails,
    /// the old version goes on.
    pub async fn reload(&self, name: &str) -> Result<(), PluginError> {
        self.known(name)?;
        self.change(name, Why::Asked).await;
        self.lift_quarantine(name);
        self.outcome(name)
    }

    /// Lets a plugin serve that was disabled by command, together with those disabled by command that it depends on: all of
    /// them or none. Says which came. Holds over restarts.
    pub async fn enable(&self, name: &str) -> Result<Vec<String>, PluginError> {
        self.known(name)?;
        if !self.table(name).enabled {
            return Err(PluginError::Configured(name.to_owned()));
        }
        let before = self.serving();
        self.change(name, Why::Enabled).await;
        self.outcome(name)?;
        let mut came = self.serving();
        came.retain(|name| !before.contains(name));
        Ok(came.into_iter().collect())
    }

    /// Ends a plugin, and those that depend on it, until it is enabled again. Says which others went. Holds over restarts.
    pub async fn disable(&self, name: &str) -> Result<Vec<String>, PluginError> {
        self.known(name)?;
        let kept = self.choices.disable(name);
        kept.map_err(|error| PluginError::Unkept {
            name: name.to_owned(),
            why: format!("{error:#}"),
        })?;
        let before = self.serving();
        self.change(name, Why::Asked).await;
        let after = self.serving();
        let went = before.difference(&after).filter(|went| *went != name);
        Ok(went.cloned().collect())
    }

    /// Keeps what was granted to a component, whose file is about to be installed.
    pub fn grant(&self, name: &str, sha256: &str, grants: Vec<String>) -> Result<(), PluginError> {
        let kept = self.choices.grant(name, sha256, grants);
        kept.map_err(|error| PluginError::Unkept {
            name: name.to_owned(),
            why: format!("{error:#}"),
        })
    }

    /// What the plugins that serve have done and cost, the costliest first; or one of them alone.
    pub async fn stats(&self, name: Option<&str>) -> Result<Vec<PluginStats>, PluginError> {
        self.look_at_storage().await;
        let snapshot = self.shared.registry.keep();
        let wanted = |plugin: &&Arc<Plugin>| name.is_none_or(|name| plugin.manifest.name == name);
        let mut stats: Vec<_> = snapshot
            .plugins()
            .filter(wanted)
            .map(|plugin| PluginStats::of(plugin))
            .collect();
        if let (true, Some(name)) = (stats.is_empty(), name) {
            return Err(PluginError::NotServing(name.to_owned()));
        }
        let cost = |stats: &PluginStats| stats.cpu.total_seconds + stats.cpu.init_seconds;
        stats.sort_by(|a, b| cost(b).total_cmp(&cost(a)));
        Ok(stats)
    }

    /// Watches a plugin that serves: its calls from now on, in this version and those that follow. `full` shows stanzas
    /// whole, up to 16 KiB of each.
    pub fn trace(&self, name: &str, full: bool) -> Result<Trace, PluginError> {
        let now = self.shared.registry.now();
        let plugin = now.plugin(name);
        let plugin = plugin.ok_or_else(|| PluginError::NotServing(name.to_owned()))?;
        Ok(Trace::new(Arc::clone(&plugin.ledger), full))
    }

    /// Registers the plugins' figures. Those of the storage are as of the last [`Platform::look_at_storage`].
    pub fn register_metrics(&self, registry: &mut prometheus_client::registry::Registry) {
        let metrics = PluginMetrics::new(Arc::clone(&self.shared));
        registry.register_collector(Box::new(metrics));
    }

    /// Asks the storage what it holds of each plugin. What it does not say soon stays as it was said last.
    pub async fn look_at_storage(&self) {
        let ask = async {
            for (name, ledger) in self.shared.ledgers.all() {
                let (Ok(data), Ok(namespace)) =
                    (self.shared.services.plugin_data(), Namespace::new(&name))
                else {
                    continue;
                };
                if let Ok(usage) = data.usage(&namespace).await {
                    ledger.stores(usage.bytes, usage.keys);
                }
            }
        };
        if tokio::time::timeout(STORAGE_PATIENCE, ask).await.is_err() {
            tracing::debug!("the storage takes long to say what plugins keep in it");
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

    /// Ends all plugins, those that depend on others first: each is told, and what that causes is committed. Takes 3 seconds
    /// at most. Nothing may call plugins any more.
    pub async fn stop(&self) {
        self.watch.lock().take();
        let gone = self.shared.tenants.all_gone();
        if tokio::time::timeout(FAREWELL, gone).await.is_err() {
            tracing::warn!("providers were not told of all sessions that ended");
        }
        let _turn = self.turn.lock().await;
        let mut retiring = std::mem::take(&mut *self.retiring.lock());
        let serving = self.in_order_of_going();
        let names: Vec<String> = serving
            .iter()
            .map(|plugin| plugin.manifest.name.clone())
            .collect();
        self.shared.remove(&names);
        retiring.spawn(retire(Arc::clone(&self.shared), serving));
        let all = async { while retiring.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, all).await.is_err() {
            tracing::warn!("plugins cut off: they did not end in time");
        }
    }

    /// Stops watching and lets go of the guests' runtime, without waiting for guests.
    pub fn shutdown(&self) {
        self.shared.stopping.cancel();
        self.watch.lock().take();
        drop(self.guests.lock().take());
    }

    fn in_order_of_going(&self) -> Vec<Arc<Plugin>> {
        let snapshot = self.shared.registry.keep();
        let mut order = crate::model::dependencies::order(&snapshot.manifests());
        order.reverse();
        let plugins = order.iter().filter_map(|name| snapshot.plugin(name));
        plugins.cloned().collect()
    }

    fn serving(&self) -> BTreeSet<String> {
        let snapshot = self.shared.registry.now();
        let names = snapshot.plugins().map(|plugin| &plugin.manifest.name);
        names.cloned().collect()
    }

    fn outcome(&self, name: &str) -> Result<(), PluginError> {
        match self.failures.lock().get(name) {
            Some(failure) => Err(PluginError::Failed {
                name: name.to_owned(),
                why: failure.why.clone(),
            }),
            None => Ok(()),
        }
    }

    fn known(&self, name: &str) -> Result<(), PluginError> {
        let is_known = is_plugin_name(name)
            && (self.source(name).is_some() || self.shared.registry.now().plugin(name).is_some());
        if is_known {
            Ok(())
        } else {
            Err(PluginError::Unknown(name.to_owned()))
        }
    }

    /// The operator's table of a plugin.
    pub(crate) fn table(&self, name: &str) -> PluginSettings {
        self.tables.lock().get(name).cloned().unwrap_or_default()
    }

    fn disabled(&self) -> BTreeSet<String> {
        let mut disabled = self.choices.disabled();
        let tables = self.tables.lock();
        let off = tables.iter().filter(|(_, table)| !table.enabled);
        disabled.extend(off.map(|(name, _)| name.clone()));
        disabled
    }

    /// An operator who loads a plugin anew wants it to be tried, changed or not.
    fn lift_quarantine(&self, name: &str) {
        let now = self.shared.registry.now();
        if let Some(plugin) = now.plugin(name)
            && plugin
                .quarantine
                .lift(plugin.ledger.calls(), Instant::now())
        {
            tracing::info!(plugin = name, "serves again: an operator loaded it anew");
        }
    }

    /// The names of all files in the folder and of all bundled components.
    fn names(&self, folder: &Listing) -> BTreeSet<String> {
        let bundled = self.bundled.iter().map(|plugin| plugin.name);
        let names = folder.names().map(String::as_str).chain(bundled);
        names.map(str::to_owned).collect()
    }

    /// What a plugin of that name is loaded from: the folder's file, else the bundled component. A file that cannot be seen to
    /// be absent (a link to nothing, a folder that cannot be read) counts as there: the operator wants no other in its place.
    pub(crate) fn source(&self, name: &str) -> Option<(Source, Option<&'static [u8]>)> {
        let file = self.directory.join(format!("{name}.wasm"));
        let is_absent = std::fs::symlink_metadata(&file).is_err_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            )
        });
        if !is_absent {
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

/// Reads a component's file: a plain one of at most [`MAX_COMPONENT`] bytes.
pub(crate) async fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = path.to_owned();
    let read = move || plain_file::read(&file, MAX_COMPONENT);
    let read = tokio::task::spawn_blocking(read).await?;
    read.with_context(|| format!("cannot read {}", path.display()))
}
