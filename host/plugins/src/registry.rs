//! Which plugins serve now, indexed by what they asked for. A change makes a new snapshot and swaps it in whole: every call
//! is handled by exactly one version, and those under way finish on the old.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use waxwing_xml::ElementRef;
use waxwing_xmpp::stanza::Stanza;

use crate::bindings::waxwing::plugin::manifest::FaultPolicy;
use crate::filter::{InboundFilter, IqFilter, Qname, Recipient};
use crate::plugin::Plugin;

/// The current snapshot, replaceable.
pub(crate) struct Registry(ArcSwap<Snapshot>);

/// All plugins that serve, and what for.
#[derive(Default)]
pub(crate) struct Snapshot {
    plugins: BTreeMap<String, Arc<Plugin>>,
    /// Highest priority first, ties by name.
    inbound: Vec<Hook>,
    iq: HashMap<String, Vec<Handler>>,
    pre_auth: Vec<(Qname, Arc<Plugin>)>,
    features: BTreeSet<String>,
}

/// One inbound subscription.
pub(crate) struct Hook {
    pub(crate) plugin: Arc<Plugin>,
    filter: InboundFilter,
}

struct Handler {
    plugin: Arc<Plugin>,
    filter: IqFilter,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self(ArcSwap::from_pointee(Snapshot::default()))
    }

    /// The snapshot of this moment, for one short look.
    pub(crate) fn now(&self) -> Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// The snapshot of this moment, to keep for a chain of hooks.
    pub(crate) fn keep(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Swaps a plugin in, in place of the version of the same name if there is one. Callers take turns.
    pub(crate) fn put(&self, plugin: Arc<Plugin>) {
        let mut plugins = self.now().plugins.clone();
        plugins.insert(plugin.manifest.name.clone(), plugin);
        self.0.store(Arc::new(Snapshot::index(plugins)));
    }

    /// Takes a plugin out. Callers take turns.
    pub(crate) fn remove(&self, name: &str) {
        let mut plugins = self.now().plugins.clone();
        if plugins.remove(name).is_some() {
            self.0.store(Arc::new(Snapshot::index(plugins)));
        }
    }
}

impl Snapshot {
    fn index(plugins: BTreeMap<String, Arc<Plugin>>) -> Self {
        let mut snapshot = Self::default();
        for plugin in plugins.values() {
            snapshot
                .features
                .extend(plugin.manifest.features.iter().cloned());
            if plugin.grants.contains("inbound") && plugin.exports.inbound.is_some() {
                let hooks = plugin.manifest.inbound.iter();
                let hook = |filter: &InboundFilter| Hook {
                    plugin: Arc::clone(plugin),
                    filter: filter.clone(),
                };
                snapshot.inbound.extend(hooks.map(hook));
            }
            if plugin.grants.contains("iq-handler") && plugin.exports.iq_handler.is_some() {
                for filter in &plugin.manifest.iq {
                    let handler = Handler {
                        plugin: Arc::clone(plugin),
                        filter: filter.clone(),
                    };
                    snapshot
                        .iq
                        .entry(filter.payload.namespace.clone())
                        .or_default()
                        .push(handler);
                }
            }
            if plugin.grants.contains("pre-auth") && plugin.exports.pre_auth.is_some() {
                let names = plugin.manifest.pre_auth.iter();
                snapshot
                    .pre_auth
                    .extend(names.map(|name| (name.clone(), Arc::clone(plugin))));
            }
        }
        // Stable sorts: the plugins come in the order of their names.
        snapshot
            .inbound
            .sort_by_key(|hook| Reverse(hook.priority()));
        for handlers in snapshot.iq.values_mut() {
            handlers.sort_by_key(|handler| Reverse(handler.plugin.settings.priority));
        }
        snapshot
            .pre_auth
            .sort_by_key(|(_, plugin)| Reverse(plugin.settings.priority));
        snapshot.plugins = plugins;
        snapshot
    }

    pub(crate) fn plugin(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.plugins.get(name)
    }

    pub(crate) fn plugins(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.plugins.values()
    }

    /// The features that service discovery announces, sorted.
    pub(crate) fn features(&self) -> impl Iterator<Item = &String> {
        self.features.iter()
    }

    /// The first hook at or after a position in the chain that wants the stanza, and its position.
    pub(crate) fn next_hook(
        &self,
        from: usize,
        stanza: &Stanza,
        recipient: Recipient,
    ) -> Option<(usize, &Hook)> {
        self.inbound
            .iter()
            .enumerate()
            .skip(from)
            .find(|(_, hook)| hook.filter.matches(stanza, recipient))
    }

    /// The plugin that serves a request with this payload.
    pub(crate) fn iq_handler(
        &self,
        payload: ElementRef<'_>,
        is_set: bool,
        to: Recipient,
    ) -> Option<&Arc<Plugin>> {
        let handlers = self.iq.get(payload.ns())?;
        let serves = |handler: &&Handler| {
            handler.filter.payload.matches(payload) && handler.filter.serves(is_set, to)
        };
        handlers.iter().find(serves).map(|handler| &handler.plugin)
    }

    /// The plugin that serves this payload before authentication.
    pub(crate) fn pre_auth(&self, payload: ElementRef<'_>) -> Option<&Arc<Plugin>> {
        self.pre_auth
            .iter()
            .find(|(name, _)| name.matches(payload))
            .map(|(_, plugin)| plugin)
    }

    /// The plugins that may offer stream features, each once.
    pub(crate) fn pre_auth_plugins(&self) -> Vec<Arc<Plugin>> {
        let mut plugins: Vec<Arc<Plugin>> = Vec::new();
        for (_, plugin) in &self.pre_auth {
            if plugins.iter().all(|known| known.id != plugin.id) {
                plugins.push(Arc::clone(plugin));
            }
        }
        plugins
    }

    /// The names of plugins that would serve a request of this plugin's in its place.
    pub(crate) fn conflicts(&self, plugin: &Plugin) -> Vec<String> {
        let mut names = BTreeSet::new();
        for own in &plugin.manifest.iq {
            let handlers = self.iq.get(&own.payload.namespace).into_iter().flatten();
            let before = handlers.take_while(|handler| handler.plugin.id != plugin.id);
            let overlapping = before.filter(|handler| handler.filter.overlaps(own));
            names.extend(overlapping.map(|handler| handler.plugin.manifest.name.clone()));
        }
        names.into_iter().collect()
    }
}

impl Hook {
    fn priority(&self) -> i32 {
        self.filter
            .priority
            .saturating_add(self.plugin.settings.priority)
    }

    /// Whether the stanza goes on if the hook fails.
    pub(crate) fn fails_open(&self) -> bool {
        self.filter.on_fault == FaultPolicy::Open
    }
}
