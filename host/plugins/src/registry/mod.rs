//! Which plugins serve now, indexed by what they asked for. A change makes a new snapshot and swaps it in whole: every call
//! is handled by exactly one version, and those under way finish on the old.

pub(crate) mod hooks;
pub(crate) mod providers;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use waxwing_xml::ElementRef;
use waxwing_xmpp::stanza::Stanza;

use crate::exports::vetoes::Question;
use crate::instance::plugin::Plugin;
use crate::model::dependencies::Plugins;
use crate::model::filter::{IqFilter, Qname, Recipient, RosterFilter, Sender, StanzaFilter};
use crate::registry::hooks::{Hooks, StanzaHooks};
use crate::registry::providers::Providers;
use crate::wit::bindings::waxwing::plugin::manifest::{DiscoNode, PresenceSteps};
use crate::wit::bindings::waxwing::plugin::types::{Recipients, Senders};

/// The current snapshot, replaceable.
pub(crate) struct Registry {
    current: ArcSwap<Snapshot>,
    generation: AtomicU64,
    /// Snapshots that were replaced: a chain of hooks may still go on with one.
    replaced: Mutex<Vec<Weak<Snapshot>>>,
}

/// All plugins that serve, and what for.
#[derive(Default)]
pub(crate) struct Snapshot {
    plugins: BTreeMap<String, Arc<Plugin>>,
    pub(crate) inbound: StanzaHooks<Recipients>,
    pub(crate) deliver: StanzaHooks<Senders>,
    pub(crate) offline: StanzaHooks<Senders>,
    pub(crate) presence: StanzaHooks<PresenceSteps>,
    pub(crate) roster: Hooks<RosterFilter>,
    /// Those that are told of available sessions that are gone.
    pub(crate) presence_listeners: Vec<Arc<Plugin>>,
    iq: HashMap<String, Vec<Handler>>,
    pre_auth: Vec<(Qname, Arc<Plugin>)>,
    components: BTreeMap<String, Component>,
    vetoes: [Vec<Arc<Plugin>>; 3],
    /// Those that are told what becomes of accounts.
    pub(crate) account_listeners: Vec<Arc<Plugin>>,
    /// Those that are told of sessions.
    pub(crate) session_listeners: Vec<Arc<Plugin>>,
    /// Those that are told what other plugins publish.
    pub(crate) event_listeners: Vec<Arc<Plugin>>,
    pub(crate) providers: Providers,
    features: BTreeSet<String>,
    account_features: BTreeSet<String>,
}

/// A domain that a plugin serves.
pub(crate) struct Component {
    pub(crate) plugin: Arc<Plugin>,
    /// The served domain that it is below of.
    pub(crate) host: Arc<str>,
}

struct Handler {
    plugin: Arc<Plugin>,
    filter: IqFilter,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            current: ArcSwap::from_pointee(Snapshot::default()),
            generation: AtomicU64::new(0),
            replaced: Mutex::default(),
        }
    }

    /// The snapshot of this moment, for one short look.
    pub(crate) fn now(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// The snapshot of this moment, to keep for a chain of hooks.
    pub(crate) fn keep(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Another number after each change. Cheap to look at.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Takes plugins out and puts plugins in, each in place of the version of the same name if there is one, all in one
    /// switch. Callers take turns.
    pub(crate) fn replace(
        &self,
        out: &[String],
        put: impl IntoIterator<Item = Arc<Plugin>>,
        hosts: &[Arc<str>],
    ) {
        let mut plugins = self.now().plugins.clone();
        plugins.retain(|name, _| !out.contains(name));
        for plugin in put {
            plugins.insert(plugin.manifest.name.clone(), plugin);
        }
        let old = self.current.swap(Arc::new(Snapshot::index(plugins, hosts)));
        self.generation.fetch_add(1, Ordering::Relaxed);
        let mut replaced = self.replaced.lock();
        replaced.retain(|snapshot| snapshot.strong_count() > 0);
        replaced.push(Arc::downgrade(&old));
    }

    /// Whether a chain of hooks may still call that version, which serves no more.
    pub(crate) fn is_held(&self, id: u64) -> bool {
        let replaced = self.replaced.lock();
        let mut held = replaced.iter().filter_map(Weak::upgrade);
        held.any(|snapshot| snapshot.plugins().any(|plugin| plugin.id == id))
    }
}

impl Snapshot {
    fn index(plugins: BTreeMap<String, Arc<Plugin>>, hosts: &[Arc<str>]) -> Self {
        let mut snapshot = Self::default();
        for plugin in plugins.values() {
            snapshot
                .features
                .extend(plugin.manifest.features.iter().cloned());
            let account_features = plugin.manifest.account_features.iter();
            snapshot.account_features.extend(account_features.cloned());
            snapshot.index_handlers(plugin);
            snapshot.index_listeners(plugin);
            snapshot.providers.add(plugin);
        }
        // Stable sorts: the plugins come in the order of their names.
        snapshot.inbound.sort();
        snapshot.deliver.sort();
        snapshot.offline.sort();
        snapshot.presence.sort();
        snapshot.roster.sort();
        for handlers in snapshot.iq.values_mut() {
            handlers.sort_by_key(|handler| {
                let priority = handler.plugin.settings.priority;
                Reverse((handler.filter.is_specific(), priority))
            });
        }
        snapshot
            .pre_auth
            .sort_by_key(|(_, plugin)| Reverse(plugin.settings.priority));
        for vetoes in &mut snapshot.vetoes {
            vetoes.sort_by_key(|plugin| Reverse(plugin.settings.priority));
        }
        snapshot.index_components(&plugins, hosts);
        snapshot.providers.sort();
        snapshot.plugins = plugins;
        snapshot
    }

    fn index_handlers(&mut self, plugin: &Arc<Plugin>) {
        let serves = |name: &str, exported: bool| exported && plugin.grants.contains(name);
        if serves("inbound", plugin.exports.inbound.is_some()) {
            self.inbound.add(plugin, &plugin.manifest.wants.inbound);
        }
        if serves("deliver", plugin.exports.deliver.is_some()) {
            self.deliver.add(plugin, &plugin.manifest.wants.deliver);
        }
        if serves("offline", plugin.exports.offline.is_some()) {
            self.offline.add(plugin, &plugin.manifest.wants.offline);
        }
        if serves("presence", plugin.exports.presence.is_some()) {
            let filters = &plugin.manifest.wants.presence;
            self.presence.add(plugin, filters);
            if filters.iter().any(StanzaFilter::hears_of_ends) {
                self.presence_listeners.push(Arc::clone(plugin));
            }
        }
        if serves("roster-hook", plugin.exports.roster_hook.is_some()) {
            self.roster.add(plugin, &plugin.manifest.wants.roster);
        }
        if serves("iq-handler", plugin.exports.iq_handler.is_some()) {
            for filter in &plugin.manifest.wants.iq {
                let namespace = filter.payload.namespace.clone();
                self.iq.entry(namespace).or_default().push(Handler {
                    plugin: Arc::clone(plugin),
                    filter: filter.clone(),
                });
            }
        }
        if serves("pre-auth", plugin.exports.pre_auth.is_some()) {
            let names = plugin.manifest.wants.pre_auth.iter();
            self.pre_auth
                .extend(names.map(|name| (name.clone(), Arc::clone(plugin))));
        }
    }

    fn index_listeners(&mut self, plugin: &Arc<Plugin>) {
        let exports = &plugin.exports;
        let lists = [
            (
                "account-events",
                exports.account_events.is_some(),
                &mut self.account_listeners,
            ),
            (
                "session-events",
                exports.session_events.is_some(),
                &mut self.session_listeners,
            ),
            (
                "plugin-events",
                exports.plugin_events.is_some(),
                &mut self.event_listeners,
            ),
        ];
        for (grant, exported, list) in lists {
            if exported && plugin.grants.contains(grant) {
                list.push(Arc::clone(plugin));
            }
        }
        for (question, vetoes) in Question::ALL.into_iter().zip(&mut self.vetoes) {
            if question.is_for(plugin) {
                vetoes.push(Arc::clone(plugin));
            }
        }
    }

    /// Gives each domain to the plugin of the highest priority that wants it. A domain that is itself served is nobody's.
    fn index_components(&mut self, plugins: &BTreeMap<String, Arc<Plugin>>, hosts: &[Arc<str>]) {
        let granted = |plugin: &&Arc<Plugin>| {
            plugin.exports.component.is_some() && plugin.grants.contains("component")
        };
        let mut owners: Vec<&Arc<Plugin>> = plugins.values().filter(granted).collect();
        owners.sort_by_key(|plugin| Reverse(plugin.settings.priority));
        for plugin in owners {
            for (name, host) in plugin
                .manifest
                .wants
                .components
                .iter()
                .flat_map(|name| hosts.iter().map(move |host| (name, host)))
            {
                let domain = format!("{name}.{host}");
                if hosts.iter().all(|host| **host != *domain) {
                    self.components.entry(domain).or_insert_with(|| Component {
                        plugin: Arc::clone(plugin),
                        host: Arc::clone(host),
                    });
                }
            }
        }
    }

    /// Who serves a domain as a component.
    pub(crate) fn component(&self, domain: &str) -> Option<&Component> {
        if self.components.is_empty() {
            return None;
        }
        self.components.get(domain)
    }

    /// The class of a stanza's sender, where it is not known whether a plugin serves its domain.
    pub(crate) fn exact(&self, stanza: &Stanza, sender: Sender) -> Sender {
        let domain = stanza.from().map(|from| from.domain().as_str());
        let component = domain.and_then(|domain| self.component(domain));
        match (sender, component) {
            (Sender::Remote, Some(_)) => Sender::Component,
            (sender, _) => sender,
        }
    }

    /// Who is asked about a change to an account, in order.
    pub(crate) fn vetoes(&self, question: Question) -> &[Arc<Plugin>] {
        let index = Question::ALL.iter().position(|one| *one == question);
        index
            .and_then(|index| self.vetoes.get(index))
            .map_or(&[], Vec::as_slice)
    }

    pub(crate) fn plugin(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.plugins.get(name)
    }

    pub(crate) fn plugins(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.plugins.values()
    }

    /// What they say of themselves, by name.
    pub(crate) fn manifests(&self) -> Plugins<'_> {
        let plugins = self.plugins.iter();
        plugins
            .map(|(name, plugin)| (name.as_str(), &plugin.manifest))
            .collect()
    }

    /// The nodes that service discovery lists, by the names of their plugins.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &DiscoNode> {
        let plugins = self.plugins.values();
        plugins.flat_map(|plugin| &plugin.manifest.nodes)
    }

    /// The domains below a served one that plugins serve.
    pub(crate) fn components_of(&self, host: &str) -> impl Iterator<Item = &String> {
        let below = self.components.iter();
        below
            .filter(move |(_, component)| *component.host == *host)
            .map(|(domain, _)| domain)
    }

    /// The features that service discovery announces, sorted.
    pub(crate) fn features(&self) -> impl Iterator<Item = &String> {
        self.features.iter()
    }

    /// The features that service discovery announces for accounts, sorted.
    pub(crate) fn account_features(&self) -> impl Iterator<Item = &String> {
        self.account_features.iter()
    }

    /// The plugin that serves a request with this payload.
    pub(crate) fn iq_handler(
        &self,
        payload: ElementRef<'_>,
        is_set: bool,
        to: Recipient,
    ) -> Option<&Arc<Plugin>> {
        let handlers = self.iq.get(payload.ns())?;
        let serves = |handler: &&Handler| handler.filter.serves(payload, is_set, to);
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
        for own in &plugin.manifest.wants.iq {
            let handlers = self.iq.get(&own.payload.namespace).into_iter().flatten();
            let before = handlers.take_while(|handler| handler.plugin.id != plugin.id);
            let overlapping = before.filter(|handler| handler.filter.overlaps(own));
            names.extend(overlapping.map(|handler| handler.plugin.manifest.name.clone()));
        }
        for name in &plugin.manifest.wants.components {
            let wanted = self
                .components
                .iter()
                .filter(|(domain, component)| **domain == format!("{name}.{}", component.host));
            let lost = wanted.filter(|(_, component)| component.plugin.id != plugin.id);
            names.extend(lost.map(|(_, component)| component.plugin.manifest.name.clone()));
        }
        names.extend(self.providers.in_the_way(plugin));
        names.into_iter().collect()
    }
}
