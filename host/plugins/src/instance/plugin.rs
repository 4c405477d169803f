//! One version of one plugin, ready to be instantiated.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use waxwing_storage::Namespace;

use crate::accounting::counters::PluginCounters;
use crate::accounting::quarantine::Quarantine;
use crate::engine::limits::Limits;
use crate::engine::pace::Pace;
use crate::model::auth_offer::AuthOffer;
use crate::model::http::HttpAccess;
use crate::model::interfaces::{Export, ExportSet, Role};
use crate::model::manifest::Manifest;
use crate::model::memory_table::Table;
use crate::model::plugin_settings::PluginSettings;
use crate::model::settings::Values;
use crate::wit::bindings::waxwing::plugin::manifest::Placement;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A loaded plugin: immutable but for its counters.
pub(crate) struct Plugin {
    /// Different for each version loaded in this process.
    pub(crate) id: u64,
    pub(crate) manifest: Manifest,
    /// Its part of the storage.
    pub(crate) namespace: Namespace,
    pub(crate) grants: BTreeSet<String>,
    pub(crate) source: Source,
    pub(crate) sha256: String,
    /// The operator's table that it was loaded with.
    pub(crate) settings: PluginSettings,
    /// The interfaces that it exports, without `lifecycle`.
    pub(crate) exports: ExportSet,
    pub(crate) scopes: Vec<Scope>,
    /// The index of each host's scope.
    pub(crate) scope_of: HashMap<String, usize>,
    /// Handed on from version to version.
    pub(crate) memory: Arc<Table>,
    /// Kept by name, so that it goes on with the next version.
    pub(crate) counters: Arc<PluginCounters>,
    pub(crate) quarantine: Quarantine,
    pub(crate) http: HttpAccess,
    /// What its calls and stores may take.
    pub(crate) limits: Limits,
    pub(crate) under_way: UnderWay,
    /// It imports nothing that waits, and its instances come and go.
    pub(crate) never_waits: bool,
    pub(crate) pace: Pace,
}

/// Where a component came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// It is inside the server's binary.
    Bundled,
    /// It is a file of the plugins folder.
    Folder(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled => f.write_str("bundled"),
            Self::Folder(path) => path.display().fmt(f),
        }
    }
}

/// Hosts that share a configuration.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) hosts: Vec<String>,
    pub(crate) config: Arc<Values>,
}

/// What makes a plugin besides its component: for [`Plugin::new`].
pub(crate) struct Parts {
    pub(crate) manifest: Manifest,
    pub(crate) namespace: Namespace,
    pub(crate) grants: BTreeSet<String>,
    pub(crate) source: Source,
    pub(crate) sha256: String,
    pub(crate) settings: PluginSettings,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) memory: Arc<Table>,
    pub(crate) counters: Arc<PluginCounters>,
    pub(crate) http: HttpAccess,
}

impl Plugin {
    /// A new version, which exports that. `at_once`: nothing that its component imports waits.
    pub(crate) fn new(parts: Parts, exports: ExportSet, at_once: bool) -> Self {
        let hosts = parts.scopes.iter().enumerate();
        let scope_of = hosts
            .flat_map(|(index, scope)| scope.hosts.iter().map(move |host| (host.clone(), index)));
        let never_waits = parts.manifest.placement == Placement::Pooled && at_once;
        let limits = Limits::of(parts.manifest.limits, parts.grants.contains("limits"));
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            manifest: parts.manifest,
            namespace: parts.namespace,
            grants: parts.grants,
            source: parts.source,
            sha256: parts.sha256,
            settings: parts.settings,
            exports,
            scope_of: scope_of.collect(),
            scopes: parts.scopes,
            memory: parts.memory,
            quarantine: Quarantine::new(parts.counters.calls(), Instant::now()),
            counters: parts.counters,
            http: parts.http,
            limits,
            under_way: UnderWay::default(),
            never_waits,
            pace: Pace::default(),
        }
    }

    /// The scope that a domain is in.
    pub(crate) fn scope(&self, host: &str) -> usize {
        // Nearly always there is only one.
        if self.scopes.len() < 2 {
            return 0;
        }
        self.scope_of.get(host).copied().unwrap_or(0)
    }

    /// Whether it exports the interface and was granted that.
    pub(crate) fn serves(&self, export: Export) -> bool {
        self.exports.contains(export) && self.grants.contains(export.name())
    }

    /// What the plugin asks for and was not granted.
    pub(crate) fn missing_grants(&self) -> Vec<String> {
        let exports = self.exports.names().into_iter();
        let asked = exports.chain(self.manifest.asks.iter().map(String::as_str));
        asked
            .filter(|&grant| !self.grants.contains(grant))
            .map(str::to_owned)
            .collect()
    }

    /// What it can do as a provider of logins, where it is granted to be one.
    pub(crate) fn auth_offer(&self) -> Option<AuthOffer> {
        let granted = self.serves(Export::auth_provider);
        self.manifest.subscriptions.auth.filter(|_| granted)
    }

    /// Its priority among the providers of that kind, the operator's included; none where it offers to be no such
    /// provider, or is not granted to be one.
    pub(crate) fn priority_as(&self, role: Role) -> Option<i32> {
        let subscriptions = &self.manifest.subscriptions;
        let own = match role {
            Role::Auth => subscriptions.auth.map(|offer| offer.priority),
            Role::Roster => subscriptions.roster_priority,
            Role::Session => subscriptions.session_priority,
        };
        let own = own.filter(|_| self.serves(role.export()))?;
        Some(own.saturating_add(self.settings.priority))
    }
}

/// How many calls each thread has under way: each thread writes to a number of its own, without contention.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<Vec<Arc<AtomicUsize>>>);

impl UnderWay {
    /// Counts these too.
    pub(crate) fn watch(&self, busy: &Arc<AtomicUsize>) {
        self.0.lock().push(Arc::clone(busy));
    }

    /// Whether no call is under way.
    pub(crate) fn is_none(&self) -> bool {
        let threads = self.0.lock();
        threads.iter().all(|busy| busy.load(Ordering::Acquire) == 0)
    }
}
