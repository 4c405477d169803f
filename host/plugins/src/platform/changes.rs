//! Loading, replacing and unloading plugins. Those that depend on each other change together, all or none, in one
//! switch.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::calls::commit::release;
use crate::calls::context::Context;
use crate::engine::compile::Compiler;
use crate::instance::loaded::Loaded;
use crate::instance::plugin::{Plugin, Source};
use crate::model::dependencies::{DependencyError, Plugins, check, dependents, order};
use crate::model::manifest::Dependency;
use crate::model::plugin_settings::PluginSettings;
use crate::platform::load::{self, Described};
use crate::platform::operator_state::OperatorOverrides;
use crate::platform::serving::{put, remove};
use crate::platform::sources::{Sources, read};
use crate::platform::upgrade::{Ready, shut_down_all, start, upgrade};

/// Why a change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its file or its table may have changed: if they have not, nothing is done.
    Changed,
    /// The operator wants it loaded anew.
    Asked,
    /// The operator wants it, and what it depends on, enabled.
    Enabled,
}

/// Why a plugin does not serve, or its newest version does not.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) source: Source,
    pub(crate) why: String,
    /// It may succeed once other plugins are loaded.
    waits: bool,
}

/// A component that may come to serve.
struct Candidate {
    described: Described,
    source: Source,
    settings: PluginSettings,
}

/// Whether a plugin can be had for one that depends on it.
enum Standing {
    There,
    Disabled,
    Absent,
}

/// Brings, replaces and ends plugins, one change at a time.
pub(crate) struct Changes {
    pub(crate) context: Arc<Context>,
    pub(crate) sources: Sources,
    pub(crate) overrides: OperatorOverrides,
    compiler: Compiler,
    /// Why the newest try at each name failed, if it did.
    failures: Mutex<BTreeMap<String, Failure>>,
    /// Held by the change under way.
    lock: tokio::sync::Mutex<()>,
    /// Versions that are being shut down.
    ending: Mutex<JoinSet<()>>,
}

impl Changes {
    /// No plugin serves yet.
    pub(crate) fn new(
        context: Arc<Context>,
        sources: Sources,
        overrides: OperatorOverrides,
        compiler: Compiler,
    ) -> Self {
        Self {
            context,
            sources,
            overrides,
            compiler,
            failures: Mutex::default(),
            lock: tokio::sync::Mutex::new(()),
            ending: Mutex::default(),
        }
    }

    /// Why the newest try at a name failed, if it did.
    pub(crate) fn failure(&self, name: &str) -> Option<Failure> {
        self.failures.lock().get(name).cloned()
    }

    /// All failures, by name.
    pub(crate) fn failures(&self) -> BTreeMap<String, Failure> {
        self.failures.lock().clone()
    }

    /// Waits for the change under way, and takes out all plugins: those that depend on others first. Gives the tasks
    /// that shut them down.
    pub(crate) async fn end_all(&self) -> JoinSet<()> {
        let _lock = self.lock.lock().await;
        let mut ending = std::mem::take(&mut *self.ending.lock());
        let snapshot = self.context.registry.keep();
        let mut names = order(&snapshot.manifests());
        names.reverse();
        let plugins = names.iter().filter_map(|name| snapshot.plugin(name));
        let plugins: Vec<_> = plugins.cloned().collect();
        drop(snapshot);
        remove(&self.context, &names);
        ending.spawn(shut_down_all(Arc::clone(&self.context), plugins));
        ending
    }

    /// Makes what serves under a name what should serve: the folder's file, else the bundled component, else nothing.
    /// A failure leaves what served.
    pub(crate) async fn refresh(&self, name: &str) {
        self.change(name, Why::Changed).await;
    }

    /// Like [`Self::refresh`], for a reason. Afterwards plugins that waited for others are tried again.
    pub(crate) async fn change(&self, name: &str, why: Why) {
        let _lock = self.lock.lock().await;
        let mut came = self.change_one(name, why).await;
        while came {
            came = false;
            let waiting: Vec<String> = {
                let failures = self.failures.lock();
                let waiting = failures.iter().filter(|(_, failure)| failure.waits);
                waiting.map(|(name, _)| name.clone()).collect()
            };
            for name in waiting {
                came |= self.change_one(&name, Why::Changed).await;
            }
        }
    }

    /// Whether any plugin was loaded or replaced.
    async fn change_one(&self, name: &str, why: Why) -> bool {
        let off = !self.sources.table(name).enabled
            || (why != Why::Enabled && self.overrides.is_disabled(name));
        let source = self.sources.find(name).filter(|_| !off);
        let Some((source, _)) = source else {
            self.take_out(name);
            return false;
        };
        match self.bring(name, why).await {
            Ok(came) => {
                let mut failures = self.failures.lock();
                failures.remove(name);
                for name in &came {
                    failures.remove(name);
                }
                !came.is_empty()
            }
            Err(error) => {
                self.fail(name, source, &error);
                false
            }
        }
    }

    fn fail(&self, name: &str, source: Source, error: &anyhow::Error) {
        let why = format!("{error:#}");
        let waits = error
            .chain()
            .any(|cause| cause.downcast_ref::<DependencyError>().is_some());
        let failure = Failure {
            source,
            why: why.clone(),
            waits,
        };
        let before = self.failures.lock().insert(name.to_owned(), failure);
        if before.is_some_and(|before| before.why == why) {
            return;
        }
        let now = self.context.registry.now();
        if let Some(serving) = now.plugin(name) {
            let version = &serving.manifest.version;
            tracing::error!(
                plugin = name,
                "not loaded, version {version} goes on: {why}"
            );
        } else {
            tracing::error!(plugin = name, "not loaded: {why}");
        }
    }

    /// Unloads a plugin, and with it those that depend on it; they are loaded again when it is.
    fn take_out(&self, name: &str) {
        self.failures.lock().remove(name);
        let snapshot = self.context.registry.keep();
        let Some(plugin) = snapshot.plugin(name) else {
            return;
        };
        let mut out = Vec::new();
        let mut ended = Vec::new();
        for (dependent, lacks) in dependents(&snapshot.manifests(), name) {
            tracing::warn!(plugin = dependent, "unloaded: it depends on `{lacks}`");
            if let Some(plugin) = snapshot.plugin(&dependent) {
                let went = DependencyError::Went { name: lacks };
                let failure = Failure {
                    source: plugin.source.clone(),
                    why: went.to_string(),
                    waits: true,
                };
                self.failures.lock().insert(dependent.clone(), failure);
                ended.push(Arc::clone(plugin));
            }
            out.push(dependent);
        }
        tracing::info!(plugin = name, "unloaded");
        ended.push(Arc::clone(plugin));
        out.push(name.to_owned());
        remove(&self.context, &out);
        drop(snapshot);
        self.shut_down(ended);
    }

    fn shut_down(&self, versions: Vec<Arc<Loaded>>) {
        let mut ending = self.ending.lock();
        while ending.try_join_next().is_some() {}
        ending.spawn(shut_down_all(Arc::clone(&self.context), versions));
    }

    /// Loads a plugin and what it depends on and is not there, and gives their names; none where nothing has changed.
    async fn bring(&self, name: &str, why: Why) -> anyhow::Result<Vec<String>> {
        let group = self.gather(name, why).await?;
        if group.is_empty() {
            return Ok(Vec::new());
        }
        let names = {
            let now = self.context.registry.keep();
            let coming: Plugins<'_> = group
                .iter()
                .map(|(name, candidate)| (name.as_str(), &candidate.described.manifest))
                .collect();
            check(&now.manifests(), &coming)?;
            order(&coming)
        };
        let ready = self.prepare(group, &names).await?;
        self.switch(ready, &names, why).await?;
        Ok(names)
    }

    /// Initialises the plugins beside the old versions, in order.
    async fn prepare(
        &self,
        mut group: BTreeMap<String, Candidate>,
        names: &[String],
    ) -> anyhow::Result<Vec<Ready>> {
        let alone = names.len() == 1;
        let mut ready = Vec::new();
        for name in names {
            let Some(candidate) = group.remove(name) else {
                continue;
            };
            let old = self.serving_version(name);
            let memory = old.map(|old| Arc::clone(&old.memory)).unwrap_or_default();
            let Candidate {
                described,
                source,
                settings,
            } = candidate;
            let prepared = load::prepare(&self.context, described, source, &settings, memory).await;
            let prepared = if alone {
                prepared
            } else {
                prepared.with_context(|| format!("`{name}`"))
            };
            ready.push(prepared?);
        }
        Ok(ready)
    }

    /// Upgrades, starts, switches, and lets the old versions end. Until the switch nothing has happened.
    async fn switch(&self, ready: Vec<Ready>, names: &[String], why: Why) -> anyhow::Result<()> {
        let versions: Vec<u64> = ready.iter().map(|one| one.plugin.id).collect();
        let switched = self.try_switch(ready, names, why).await;
        if switched.is_err() {
            for version in versions {
                self.context.shared_instances.clear(version);
            }
        }
        switched
    }

    async fn try_switch(
        &self,
        ready: Vec<Ready>,
        names: &[String],
        why: Why,
    ) -> anyhow::Result<()> {
        let context = &*self.context;
        let (mut old, mut held, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for one in ready {
            let serving = self.serving_version(&one.plugin.manifest.name);
            let Some(serving) = serving else {
                new.push(one);
                continue;
            };
            let (one, of_old) = upgrade(context, &serving, one).await?;
            held.extend(of_old);
            old.push(serving);
            new.push(one);
        }
        let committed = start(context, new).await?.commit(context).await?;
        if why == Why::Enabled {
            self.overrides.enable(names.iter().map(String::as_str))?;
        }
        let plugins = committed.iter().map(|one| Arc::clone(&one.plugin));
        put(context, plugins.collect());
        drop(held);
        for one in committed {
            announce(&one.plugin);
            let follow_ups = release(context, &one.plugin, 0, one.effects);
            context.server().apply_follow_ups(follow_ups);
        }
        self.shut_down(old);
        Ok(())
    }

    fn serving_version(&self, name: &str) -> Option<Arc<Loaded>> {
        self.context.registry.now().plugin(name).cloned()
    }

    /// The plugin and, of those that it depends on, the ones that do not serve in a version that will do.
    async fn gather(&self, name: &str, why: Why) -> anyhow::Result<BTreeMap<String, Candidate>> {
        let mut group = BTreeMap::new();
        let mut open = vec![name.to_owned()];
        while let Some(next) = open.pop() {
            if group.contains_key(&next) {
                continue;
            }
            let candidate = match self.candidate(&next).await {
                Err(error) if next != name => {
                    let why = format!("{error:#}");
                    return Err(DependencyError::Broken { name: next, why }.into());
                }
                candidate => candidate?,
            };
            if next == name && why == Why::Changed && self.is_serving(&candidate) {
                return Ok(group);
            }
            for needed in &candidate.described.manifest.dependencies {
                if self.wants_loading(needed, why)? {
                    open.push(needed.name.clone());
                }
            }
            group.insert(next, candidate);
        }
        Ok(group)
    }

    /// Whether a plugin that another depends on has to come too.
    fn wants_loading(&self, needed: &Dependency, why: Why) -> Result<bool, DependencyError> {
        let serving = self.serving_version(&needed.name);
        if serving.is_some_and(|plugin| needed.versions.matches(&plugin.manifest.release)) {
            return Ok(false);
        }
        let name = needed.name.clone();
        match self.standing(&name, why) {
            Standing::There => Ok(true),
            Standing::Disabled => Err(DependencyError::Disabled { name }),
            Standing::Absent => Err(DependencyError::Missing {
                name,
                versions: needed.versions.to_string(),
            }),
        }
    }

    fn standing(&self, name: &str, why: Why) -> Standing {
        let off = !self.sources.table(name).enabled
            || (why != Why::Enabled && self.overrides.is_disabled(name));
        match self.sources.find(name) {
            None => Standing::Absent,
            Some(_) if off => Standing::Disabled,
            Some(_) => Standing::There,
        }
    }

    /// Compiles what is there under that name, and asks it what it is.
    async fn candidate(&self, name: &str) -> anyhow::Result<Candidate> {
        let (source, bundled) = self.sources.find(name).context("there is no such plugin")?;
        let bytes = match (&source, bundled) {
            (Source::Folder(path), _) => read(path).await?,
            (Source::Bundled, bytes) => bytes.unwrap_or_default().to_vec(),
        };
        let described = load::describe(&self.context, &self.compiler, &bytes).await?;
        anyhow::ensure!(
            described.manifest.name == name,
            "the file is named {name}.wasm, but the plugin in it is `{}`; rename one of them",
            described.manifest.name
        );
        let settings = self.sources.table(name);
        let settings = self.overrides.complete(name, &described.sha256, settings);
        Ok(Candidate {
            described,
            source,
            settings,
        })
    }

    /// Whether just that serves already.
    fn is_serving(&self, candidate: &Candidate) -> bool {
        let serving = self.serving_version(&candidate.described.manifest.name);
        serving.is_some_and(|serving| {
            serving.sha256 == candidate.described.sha256
                && serving.source == candidate.source
                && serving.settings == candidate.settings
        })
    }
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
