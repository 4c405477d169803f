//! All plugins that serve at one moment, indexed by what they asked for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use waxwing_xml::ElementRef;
use waxwing_xmpp::stanza::Stanza;

use crate::instance::loaded::Loaded;
use crate::instance::plugin::Plugin;
use crate::model::dependencies::Plugins;
use crate::model::filter::{IqFilter, Qname, Recipient, Sender, StanzaFilter};
use crate::model::interfaces::{AccountChange, Export, Role};
use crate::registry::points::{HookPoints, Listeners};
use crate::registry::providers::Providers;
use crate::wit::bindings::waxwing::plugin::manifest::DiscoNode;

/// All plugins that serve, and what for.
#[derive(Default)]
pub(crate) struct Snapshot {
    plugins: BTreeMap<String, Arc<Loaded>>,
    pub(crate) hooks: HookPoints,
    pub(crate) listeners: Listeners,
    /// Plugins that are told of available sessions that ended.
    pub(crate) presence_listeners: Vec<Arc<Loaded>>,
    iq: HashMap<String, Vec<Handler>>,
    pre_auth: Vec<(Qname, Arc<Loaded>)>,
    components: BTreeMap<String, Component>,
    vetoes: [Vec<Arc<Loaded>>; AccountChange::ALL.len()],
    pub(crate) providers: Providers,
    features: BTreeSet<String>,
    account_features: BTreeSet<String>,
}

/// A domain that a plugin serves.
pub(crate) struct Component {
    pub(crate) plugin: Arc<Loaded>,
    /// The served domain that it is below of.
    pub(crate) host: Arc<str>,
}

struct Handler {
    plugin: Arc<Loaded>,
    filter: IqFilter,
}

impl Snapshot {
    /// Indexes these plugins, for these served domains.
    pub(crate) fn index(plugins: BTreeMap<String, Arc<Loaded>>, hosts: &[Arc<str>]) -> Self {
        let mut snapshot = Self::default();
        for plugin in plugins.values() {
            snapshot
                .features
                .extend(plugin.manifest.features.iter().cloned());
            let account_features = plugin.manifest.account_features.iter();
            snapshot.account_features.extend(account_features.cloned());
            snapshot.index_handlers(plugin);
            snapshot.hooks.add(plugin);
            snapshot.listeners.add(plugin);
            snapshot.providers.add(plugin);
        }
        // Stable sorts: the plugins come in the order of their names.
        snapshot.hooks.sort();
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

    fn index_handlers(&mut self, plugin: &Arc<Loaded>) {
        let subscriptions = &plugin.manifest.subscriptions;
        let mut presence = subscriptions.presence.iter();
        if plugin.serves(Export::presence) && presence.any(StanzaFilter::hears_of_ends) {
            self.presence_listeners.push(Arc::clone(plugin));
        }
        if plugin.serves(Export::iq_handler) {
            for filter in &subscriptions.iq {
                let namespace = filter.payload.namespace.clone();
                self.iq.entry(namespace).or_default().push(Handler {
                    plugin: Arc::clone(plugin),
                    filter: filter.clone(),
                });
            }
        }
        if plugin.serves(Export::pre_auth) {
            let names = subscriptions.pre_auth.iter();
            self.pre_auth
                .extend(names.map(|name| (name.clone(), Arc::clone(plugin))));
        }
        for (change, vetoes) in AccountChange::ALL.into_iter().zip(&mut self.vetoes) {
            if plugin.serves(change.export()) {
                vetoes.push(Arc::clone(plugin));
            }
        }
    }

    /// Gives each domain to the plugin of the highest priority that wants it. A served domain is no component's.
    fn index_components(&mut self, plugins: &BTreeMap<String, Arc<Loaded>>, hosts: &[Arc<str>]) {
        let serves = |plugin: &&Arc<Loaded>| plugin.serves(Export::component);
        let mut owners: Vec<&Arc<Loaded>> = plugins.values().filter(serves).collect();
        owners.sort_by_key(|plugin| Reverse(plugin.settings.priority));
        for plugin in owners {
            for (name, host) in plugin
                .manifest
                .subscriptions
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
    pub(crate) fn vetoes(&self, change: AccountChange) -> &[Arc<Loaded>] {
        self.vetoes.get(change as usize).map_or(&[], Vec::as_slice)
    }

    /// The plugins by name.
    pub(crate) fn by_name(&self) -> BTreeMap<String, Arc<Loaded>> {
        self.plugins.clone()
    }

    /// A plugin that may serve in that role.
    pub(crate) fn provider(&self, name: &str, role: Role) -> Option<&Arc<Loaded>> {
        let plugin = self.plugins.get(name)?;
        plugin.priority_as(role).map(|_| plugin)
    }

    pub(crate) fn plugin(&self, name: &str) -> Option<&Arc<Loaded>> {
        self.plugins.get(name)
    }

    pub(crate) fn plugins(&self) -> impl Iterator<Item = &Arc<Loaded>> {
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
    ) -> Option<&Arc<Loaded>> {
        let handlers = self.iq.get(payload.ns())?;
        let serves = |handler: &&Handler| handler.filter.serves(payload, is_set, to);
        handlers.iter().find(serves).map(|handler| &handler.plugin)
    }

    /// The plugin that serves this payload before authentication.
    pub(crate) fn pre_auth(&self, payload: ElementRef<'_>) -> Option<&Arc<Loaded>> {
        self.pre_auth
            .iter()
            .find(|(name, _)| name.matches(payload))
            .map(|(_, plugin)| plugin)
    }

    /// The plugins that may offer stream features, each once.
    pub(crate) fn pre_auth_plugins(&self) -> Vec<Arc<Loaded>> {
        let mut plugins: Vec<Arc<Loaded>> = Vec::new();
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
        for own in &plugin.manifest.subscriptions.iq {
            let handlers = self.iq.get(&own.payload.namespace).into_iter().flatten();
            let before = handlers.take_while(|handler| handler.plugin.id != plugin.id);
            let overlapping = before.filter(|handler| handler.filter.overlaps(own));
            names.extend(overlapping.map(|handler| handler.plugin.manifest.name.clone()));
        }
        for name in &plugin.manifest.subscriptions.components {
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
