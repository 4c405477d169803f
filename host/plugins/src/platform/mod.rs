//! The platform as a whole: which plugins there are, and what the operator asks of it.

pub(crate) mod changes;
pub(crate) mod check;
pub(crate) mod load;
pub(crate) mod metrics;
pub(crate) mod operator_state;
pub(crate) mod serving;
pub(crate) mod sources;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod upgrade;
pub(crate) mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use waxwing_storage::Namespace;
use waxwing_xmpp::jid::BareJid;

use crate::accounting::trace::Trace;
use crate::calls::context::Context;
use crate::dispatch::auth_provider;
use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::server_events::PluginEvents;
use crate::dispatch::shard::Shard;
use crate::engine::compile::{CompileCommand, Compiler};
use crate::engine::limits::MemoryLimits;
use crate::engine::runtime::GuestsRuntime;
use crate::exports::auth_provider::Map;
use crate::instance::loaded::Loaded;
use crate::model::names::is_plugin_name;
use crate::model::plugin_settings::PluginSettings;
use crate::model::services::Services;
use crate::platform::changes::{Changes, Why};
use crate::platform::metrics::PluginMetrics;
use crate::platform::operator_state::OperatorOverrides;
use crate::platform::sources::{BundledPlugin, Sources};
use crate::platform::stats::PluginStats;
use crate::platform::status::{PluginError, PluginStatus};
use crate::platform::watch::{Changed, Listing, Watch};

/// How long all plugins together may take to end when the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a request for figures waits for the storage.
const STORAGE_TIMEOUT: Duration = Duration::from_secs(2);

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
    pub events: PluginEvents,
    /// The file of what was decided by command.
    pub overrides: PathBuf,
}

/// All plugins of a process.
pub struct Platform {
    dispatcher: Arc<Dispatcher>,
    changes: Arc<Changes>,
    watch: Mutex<Option<Watch>>,
    /// Refreshes plugins whose files change; ends with the watch.
    refreshing: Mutex<JoinSet<()>>,
    /// Kept until the end: guests that ran long are there. Dropped without waiting for them.
    guests: Mutex<Option<GuestsRuntime>>,
}

impl Platform {
    /// Makes the platform and loads all plugins: those in the folder, then the bundled ones that no file replaces. A
    /// plugin that fails is reported, and the rest serves. Then the folder is watched.
    pub async fn start(
        settings: PlatformSettings,
        services: Arc<dyn Services>,
    ) -> anyhow::Result<Arc<Self>> {
        let folder = &settings.directory;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let platform = Arc::new(Self::new(settings, services)?);
        let changes = &platform.changes;
        // What changes from here on is found by the watch, which compares with this.
        let folder = &changes.sources.folder;
        let listing = Listing::of(folder);
        let listing = listing.with_context(|| format!("cannot read {}", folder.display()))?;
        for name in changes.sources.names(listing.names()) {
            if changes.context.registry.now().plugin(&name).is_none() {
                changes.refresh(&name).await;
            }
        }
        let (watch, changed) = Watch::start(folder, listing)?;
        let mut refreshing = platform.refreshing.lock();
        refreshing.spawn(refresh(Arc::clone(changes), changed));
        drop(refreshing);
        *platform.watch.lock() = Some(watch);
        Ok(platform)
    }

    fn new(settings: PlatformSettings, services: Arc<dyn Services>) -> anyhow::Result<Self> {
        let guests = GuestsRuntime::start()?;
        let (context, events) = Context::new(services, guests.handle(), settings.memory)?;
        let dispatcher = Dispatcher::start(Arc::clone(&context), events)?;
        settings.events.open(&dispatcher);
        let sources = Sources {
            folder: settings.directory,
            bundled: settings.bundled,
            tables: Mutex::new(settings.plugins),
        };
        let overrides = OperatorOverrides::open(&settings.overrides)?;
        let compiler = Compiler::open(settings.compile, &settings.cache)?;
        Ok(Self {
            dispatcher,
            changes: Arc::new(Changes::new(context, sources, overrides, compiler)),
            watch: Mutex::new(None),
            refreshing: Mutex::default(),
            guests: Mutex::new(Some(guests)),
        })
    }

    fn context(&self) -> &Context {
        &self.dispatcher.context
    }

    /// The site's user behind an account, where a plugin provides its host's logins; the error is one line for people.
    pub async fn user_of(&self, account: &BareJid) -> Result<Option<String>, String> {
        let map = Map::UserOf {
            account: account.to_string(),
        };
        let found = auth_provider::map(self.context(), account.domain().as_str(), map).await;
        found.map_err(|fault| format!("the provider of logins {fault}"))
    }

    /// The account of a site's user at a host, likewise.
    pub async fn account_of(&self, host: &str, user: &str) -> Result<Option<String>, String> {
        let map = Map::AccountOf {
            host: host.to_owned(),
            user: user.to_owned(),
        };
        let found = auth_provider::map(self.context(), host, map).await;
        found.map_err(|fault| format!("the provider of logins {fault}"))
    }

    /// What one shard thread calls.
    #[must_use]
    pub fn shard(&self) -> Shard {
        Shard::new(Arc::clone(&self.dispatcher.context))
    }

    /// All plugins that serve, that are disabled, or that failed to load.
    #[must_use]
    pub fn list(&self) -> Vec<PluginStatus> {
        let snapshot = self.context().registry.keep();
        let failures = self.changes.failures();
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
            if let Some((source, _)) = self.changes.sources.find(&name) {
                let absent = || PluginStatus::absent(&name, &source);
                list.entry(name.clone()).or_insert_with(absent).enabled = false;
            }
        }
        list.into_values().collect()
    }

    /// Loads the plugin of that name anew from its file, or the bundled one, also where nothing has changed. If that
    /// fails, the old version goes on.
    pub async fn reload(&self, name: &str) -> Result<(), PluginError> {
        self.known(name)?;
        self.changes.change(name, Why::Asked).await;
        self.lift_quarantine(name);
        self.outcome(name)
    }

    /// Enables a plugin that was disabled by command, together with those disabled by command that it depends on: all
    /// of them or none. Returns the names of those that serve now. Survives restarts.
    pub async fn enable(&self, name: &str) -> Result<Vec<String>, PluginError> {
        self.known(name)?;
        if !self.changes.sources.table(name).enabled {
            return Err(PluginError::Configured(name.to_owned()));
        }
        let before = self.serving();
        self.changes.change(name, Why::Enabled).await;
        self.outcome(name)?;
        let mut came = self.serving();
        came.retain(|name| !before.contains(name));
        Ok(came.into_iter().collect())
    }

    /// Unloads a plugin, and those that depend on it, until it is enabled again. Returns the names of the others.
    /// Survives restarts.
    pub async fn disable(&self, name: &str) -> Result<Vec<String>, PluginError> {
        self.known(name)?;
        let kept = self.changes.overrides.disable(name);
        kept.map_err(|error| PluginError::Unkept {
            name: name.to_owned(),
            why: format!("{error:#}"),
        })?;
        let before = self.serving();
        self.changes.change(name, Why::Asked).await;
        let after = self.serving();
        let went = before.difference(&after).filter(|went| *went != name);
        Ok(went.cloned().collect())
    }

    /// Records the grants of a component whose file is about to be installed.
    pub fn grant(&self, name: &str, sha256: &str, grants: Vec<String>) -> Result<(), PluginError> {
        let kept = self.changes.overrides.grant(name, sha256, grants);
        kept.map_err(|error| PluginError::Unkept {
            name: name.to_owned(),
            why: format!("{error:#}"),
        })
    }

    /// What the plugins that serve have done and cost, the costliest first; or one of them alone.
    pub async fn stats(&self, name: Option<&str>) -> Result<Vec<PluginStats>, PluginError> {
        self.look_at_storage().await;
        let snapshot = self.context().registry.keep();
        let wanted = |plugin: &&Arc<Loaded>| name.is_none_or(|name| plugin.manifest.name == name);
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
        let now = self.context().registry.now();
        let plugin = now.plugin(name);
        let plugin = plugin.ok_or_else(|| PluginError::NotServing(name.to_owned()))?;
        Ok(Trace::new(Arc::clone(&plugin.counters.tracers), full))
    }

    /// Registers the plugins' metrics. Those of the storage are as of the last [`Platform::look_at_storage`].
    pub fn register_metrics(&self, registry: &mut prometheus_client::registry::Registry) {
        let metrics = PluginMetrics::new(Arc::clone(&self.dispatcher));
        registry.register_collector(Box::new(metrics));
    }

    /// Asks the storage what it holds of each plugin. Figures that do not arrive in time stay as they were.
    pub async fn look_at_storage(&self) {
        let ask = async {
            for (name, counters) in self.context().counters.all() {
                let (Ok(data), Ok(namespace)) =
                    (self.context().server().plugin_data(), Namespace::new(&name))
                else {
                    continue;
                };
                if let Ok(usage) = data.usage(&namespace).await {
                    counters.stores(usage.bytes, usage.keys);
                }
            }
        };
        if tokio::time::timeout(STORAGE_TIMEOUT, ask).await.is_err() {
            tracing::debug!("the storage did not report the plugins' usage in time");
        }
    }

    /// Takes new tables from the operator, and loads the plugins anew whose tables changed. A table that its plugin
    /// refuses leaves the plugin as it served.
    pub async fn reconfigure(&self, tables: BTreeMap<String, PluginSettings>) {
        let old = std::mem::replace(&mut *self.changes.sources.tables.lock(), tables.clone());
        let names: BTreeSet<&String> = old.keys().chain(tables.keys()).collect();
        for name in names {
            if old.get(name) != tables.get(name) {
                self.changes.refresh(name).await;
            }
        }
    }

    /// Ends all plugins, those that depend on others first: `shutdown` is called in each, and its effects are
    /// committed. Takes 3 seconds at most. No other call may be made any more.
    pub async fn stop(&self) {
        self.watch.lock().take();
        self.refreshing.lock().abort_all();
        let ended = self.dispatcher.leases.all_gone();
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, ended).await.is_err() {
            tracing::warn!("providers were not told of all sessions that ended");
        }
        let mut ending = self.changes.end_all().await;
        let all = async { while ending.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, all).await.is_err() {
            tracing::warn!("plugins cut off: they did not end in time");
        }
    }

    /// Stops watching and lets go of the guests' runtime, without waiting for guests.
    pub fn shutdown(&self) {
        self.context().stopping.cancel();
        self.watch.lock().take();
        self.refreshing.lock().abort_all();
        drop(self.guests.lock().take());
    }

    fn serving(&self) -> BTreeSet<String> {
        let snapshot = self.context().registry.now();
        let names = snapshot.plugins().map(|plugin| &plugin.manifest.name);
        names.cloned().collect()
    }

    fn outcome(&self, name: &str) -> Result<(), PluginError> {
        match self.changes.failure(name) {
            Some(failure) => Err(PluginError::Failed {
                name: name.to_owned(),
                why: failure.why,
            }),
            None => Ok(()),
        }
    }

    fn known(&self, name: &str) -> Result<(), PluginError> {
        let is_known = is_plugin_name(name)
            && (self.changes.sources.find(name).is_some()
                || self.context().registry.now().plugin(name).is_some());
        if is_known {
            Ok(())
        } else {
            Err(PluginError::Unknown(name.to_owned()))
        }
    }

    fn disabled(&self) -> BTreeSet<String> {
        let mut disabled = self.changes.overrides.disabled();
        let tables = self.changes.sources.tables.lock();
        let off = tables.iter().filter(|(_, table)| !table.enabled);
        disabled.extend(off.map(|(name, _)| name.clone()));
        disabled
    }

    /// A plugin that the operator loads anew is called again, changed or not.
    fn lift_quarantine(&self, name: &str) {
        let now = self.context().registry.now();
        if let Some(plugin) = now.plugin(name)
            && plugin
                .quarantine
                .lift(plugin.counters.calls(), Instant::now())
        {
            tracing::info!(plugin = name, "serves again: an operator loaded it anew");
        }
    }
}

/// Refreshes plugins whose files change, until the watch ends.
async fn refresh(changes: Arc<Changes>, mut changed: Changed) {
    while let Some(names) = changed.next().await {
        for name in names {
            changes.refresh(&name).await;
        }
    }
}
