//! Building a manifest.

use crate::Name;
use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::commands::COMMANDS;
use crate::filters::{
    DeliverFilter, InboundFilter, IqFilter, OfflineFilter, PresenceFilter, RosterFilter,
};
use crate::forms::DATA;

pub use wit::{DiscoNode, FaultPolicy, Placement};

/// What a plugin says of itself (interface `manifest`).
#[derive(Clone, Debug)]
pub struct Manifest(wit::PluginManifest);

impl Manifest {
    /// A manifest with a name (lower-case letters, digits, hyphens), a semantic version and a line for people.
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self(wit::PluginManifest {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            implements: Vec::new(),
            features: Vec::new(),
            account_features: Vec::new(),
            settings: Vec::new(),
            asks: Vec::new(),
            subscriptions: Vec::new(),
            nodes: Vec::new(),
            dependencies: Vec::new(),
            placement: Placement::Pooled,
            limits: wit::Limits {
                hook_cpu: None,
                request_cpu: None,
                memory: None,
            },
        })
    }

    /// Names an extension protocol that the plugin serves, with the version of its text.
    #[must_use]
    pub fn xep(mut self, number: u32, version: &str) -> Self {
        self.0.implements.push(wit::Extension {
            number,
            version: version.to_owned(),
        });
        self
    }

    /// A feature for service discovery to announce.
    #[must_use]
    pub fn feature(mut self, feature: &str) -> Self {
        self.0.features.push(feature.to_owned());
        self
    }

    /// A feature for service discovery to announce for each account: the plugin serves it at accounts' bare JIDs.
    #[must_use]
    pub fn account_feature(mut self, feature: &str) -> Self {
        self.0.account_features.push(feature.to_owned());
        self
    }

    /// Needs another plugin, in versions as Cargo writes them: `1.2`, `>=1.2, <1.5`, `*`.
    #[must_use]
    pub fn depends_on(mut self, name: &str, versions: &str) -> Self {
        self.0.dependencies.push(wit::Dependency {
            name: name.to_owned(),
            versions: versions.to_owned(),
        });
        self
    }

    /// Where its calls are made, instead of in any free instance.
    #[must_use]
    pub fn placement(mut self, placement: Placement) -> Self {
        self.0.placement = placement;
        self
    }

    /// CPU time of a hook, instead of 10 ms. More than that needs the grant `limits`, as in the next two.
    #[must_use]
    pub fn hook_cpu(mut self, milliseconds: u32) -> Self {
        self.0.limits.hook_cpu = Some(milliseconds);
        self
    }

    /// CPU time of a request, instead of 50 ms.
    #[must_use]
    pub fn request_cpu(mut self, milliseconds: u32) -> Self {
        self.0.limits.request_cpu = Some(milliseconds);
        self
    }

    /// Memory of an instance, instead of 64 MiB.
    #[must_use]
    pub fn memory(mut self, mebibytes: u32) -> Self {
        self.0.limits.memory = Some(mebibytes);
        self
    }

    /// Asks for a grant besides those for the exported interfaces: `accounts`, `address`, `http-client`, `storage`, `router`,
    /// `router-as-accounts`, `reserved-elements`, `events`, `sessions`, `limits`.
    #[must_use]
    pub fn ask(mut self, grant: &str) -> Self {
        self.0.asks.push(grant.to_owned());
        self
    }

    /// A node for service discovery to list.
    #[must_use]
    pub fn node(mut self, node: DiscoNode) -> Self {
        self.0.nodes.push(node);
        self
    }

    /// An ad-hoc command (XEP-0050) at the server, by its node and a name for people: discovery lists it, and its requests
    /// come to the iq handler.
    #[must_use]
    pub fn command(self, node: &str, label: &str) -> Self {
        let item = DiscoNode {
            node: node.to_owned(),
            parent: Some(COMMANDS.to_owned()),
            category: "automation".to_owned(),
            kind: "command-node".to_owned(),
            label: Some(label.to_owned()),
            features: vec![COMMANDS.to_owned(), DATA.to_owned()],
        };
        let requests = IqFilter::set(COMMANDS, "command")
            .node(node)
            .to_own_server();
        self.node(item).iq(requests)
    }

    /// A configuration key.
    #[must_use]
    pub fn setting(mut self, setting: Setting) -> Self {
        self.0.settings.push(setting.0);
        self
    }

    /// Wants to judge the stanzas that match.
    #[must_use]
    pub fn inbound(mut self, filter: InboundFilter) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::Inbound(filter.0));
        self
    }

    /// Wants to judge the stanzas that match before a session is given them.
    #[must_use]
    pub fn deliver(mut self, filter: DeliverFilter) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::Deliver(filter.0));
        self
    }

    /// Wants to judge the messages that match before they are kept.
    #[must_use]
    pub fn offline(mut self, filter: OfflineFilter) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::Offline(filter.0));
        self
    }

    /// Wants to judge the presence that matches before anybody is told.
    #[must_use]
    pub fn presence(mut self, filter: PresenceFilter) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::Presence(filter.0));
        self
    }

    /// Wants to judge what matches of what users do with their rosters.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as its neighbours, whose filters hold text"
    )]
    pub fn roster_hook(mut self, filter: RosterFilter) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::RosterHook(filter.0));
        self
    }

    /// Wants to answer the requests that match.
    #[must_use]
    pub fn iq(mut self, filter: IqFilter) -> Self {
        self.0.subscriptions.push(wit::Subscription::Iq(filter.0));
        self
    }

    /// Wants to answer iqs with this payload before authentication, and to offer stream features.
    #[must_use]
    pub fn pre_auth(mut self, namespace: &str, local: &str) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::PreAuth(Name::new(namespace, local)));
        self
    }

    /// Serves the domain of this name below each served one: `rooms` for `rooms.example.org`.
    #[must_use]
    pub fn component(mut self, name: &str) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::Component(name.to_owned()));
        self
    }

    /// Wants to hear of the events of this name that a plugin publishes, or that any does.
    #[must_use]
    pub fn event(mut self, source: Option<&str>, name: &str) -> Self {
        let filter = wit::EventFilter {
            source: source.map(str::to_owned),
            name: name.to_owned(),
        };
        self.0.subscriptions.push(wit::Subscription::Event(filter));
        self
    }

    /// Wants to decide who logs in.
    #[must_use]
    pub fn auth(mut self, offer: crate::AuthOffer) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::AuthProvider(offer.0));
        self
    }

    /// Wants to keep rosters, with a priority: [`AuthOffer::PRIORITY`](crate::AuthOffer::PRIORITY) is the usual one.
    #[must_use]
    pub fn rosters(mut self, priority: i32) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::RosterProvider(priority));
        self
    }

    /// Wants to record sessions, with a priority like that of [`Self::rosters`].
    #[must_use]
    pub fn sessions(mut self, priority: i32) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::SessionProvider(priority));
        self
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn as_wit(&self) -> &wit::PluginManifest {
        &self.0
    }

    #[doc(hidden)]
    pub fn into_wit(self) -> wit::PluginManifest {
        self.0
    }
}

/// Begins a manifest with the crate's name and version: `manifest!("answers pings")`.
#[macro_export]
macro_rules! manifest {
    ($summary:expr) => {
        $crate::Manifest::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), $summary)
    };
}

/// One configuration key of the plugin. Dots in the key go into sub-tables.
#[derive(Clone, Debug)]
pub struct Setting(wit::Setting);

impl Setting {
    fn new(key: &str, kind: wit::SettingKind, summary: &str) -> Self {
        Self(wit::Setting {
            key: key.to_owned(),
            kind,
            default: None,
            summary: summary.to_owned(),
        })
    }

    /// True or false.
    pub fn boolean(key: &str, summary: &str) -> Self {
        Self::new(key, wit::SettingKind::Boolean, summary)
    }

    /// A whole number.
    pub fn integer(key: &str, summary: &str) -> Self {
        Self::new(key, wit::SettingKind::Integer, summary)
    }

    /// A text.
    pub fn text(key: &str, summary: &str) -> Self {
        Self::new(key, wit::SettingKind::Text, summary)
    }

    /// A list of texts.
    pub fn texts(key: &str, summary: &str) -> Self {
        Self::new(key, wit::SettingKind::Texts, summary)
    }

    /// The value if the operator gives none, written as TOML.
    #[must_use]
    pub fn default(mut self, toml: &str) -> Self {
        self.0.default = Some(toml.to_owned());
        self
    }
}
