//! Building a manifest.

use crate::IqFilter;
use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::commands::COMMANDS;
use crate::forms::DATA;

pub use wit::{DiscoNode, FaultPolicy, Placement};

/// What a plugin says of itself (interface `manifest`).
#[derive(Clone, Debug)]
pub struct Manifest(pub(crate) wit::PluginManifest);

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
