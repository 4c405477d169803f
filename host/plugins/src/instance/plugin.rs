//! One version of one plugin, ready to be instantiated.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use wasmtime::component::InstancePre;
use waxwing_storage::Namespace;

use crate::accounting::Ledger;
use crate::accounting::quarantine::Quarantine;
use crate::calls::shared_instances::Slots;
use crate::engine::limits::Limits;
use crate::engine::opaque::Opaque;
use crate::exports::{Exports, PACKAGE};
use crate::instance::state::State;
use crate::model::auth_offer::AuthOffer;
use crate::model::http::HttpAccess;
use crate::model::manifest::Manifest;
use crate::model::memory_table::Table;
use crate::model::settings::Values;
use crate::platform::load::PluginSettings;
use crate::registry::providers::Role;
use crate::wit::bindings::waxwing::plugin::manifest::Placement;

/// How long a plugin whose call ran too long is run away from the sockets from the start.
const SLOW_FOR: Duration = Duration::from_secs(1);

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
    pub(crate) pre: Opaque<InstancePre<State>>,
    pub(crate) exports: Exports,
    pub(crate) scopes: Vec<Scope>,
    /// The index of each host's scope.
    pub(crate) scope_of: HashMap<String, usize>,
    /// Handed on from version to version.
    pub(crate) memory: Arc<Table>,
    /// Kept by name, so that it goes on with the next version.
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) quarantine: Quarantine,
    pub(crate) http: HttpAccess,
    /// What its calls and stores may take.
    pub(crate) limits: Limits,
    /// The instances that all threads share.
    pub(crate) slots: Opaque<Slots>,
    pub(crate) under_way: UnderWay,
    /// It imports nothing that waits, and its instances come and go.
    pub(crate) never_waits: bool,
    slow: SlowUntil,
    large: AtomicBool,
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
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) http: HttpAccess,
}

impl Plugin {
    pub(crate) fn new(parts: Parts, pre: InstancePre<State>, exports: Exports) -> Self {
        let hosts = parts.scopes.iter().enumerate();
        let scope_of = hosts
            .flat_map(|(index, scope)| scope.hosts.iter().map(move |host| (host.clone(), index)));
        let never_waits = parts.manifest.placement == Placement::Pooled && imports_at_once(&pre);
        let limits = Limits::of(parts.manifest.limits, parts.grants.contains("limits"));
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            manifest: parts.manifest,
            namespace: parts.namespace,
            grants: parts.grants,
            source: parts.source,
            sha256: parts.sha256,
            settings: parts.settings,
            pre: Opaque::new(pre),
            exports,
            scope_of: scope_of.collect(),
            scopes: parts.scopes,
            memory: parts.memory,
            quarantine: Quarantine::new(parts.ledger.calls(), Instant::now()),
            ledger: parts.ledger,
            http: parts.http,
            limits,
            slots: Opaque::new(Slots::default()),
            under_way: UnderWay::default(),
            never_waits,
            slow: SlowUntil::default(),
            large: AtomicBool::new(false),
        }
    }

    /// The scope that a domain is in.
    pub(crate) fn scope(&self, host: &str) -> usize {
        // Nearly always there is one, and nothing to look up.
        if self.scopes.len() < 2 {
            return 0;
        }
        self.scope_of.get(host).copied().unwrap_or(0)
    }

    /// What the plugin wants and was not granted.
    pub(crate) fn missing_grants(&self) -> Vec<String> {
        let asked = self
            .exports
            .names()
            .into_iter()
            .chain(self.manifest.asks.iter().map(String::as_str));
        asked
            .filter(|&grant| !self.grants.contains(grant))
            .map(str::to_owned)
            .collect()
    }

    /// What it can do as a provider of logins, where it is granted to be one.
    pub(crate) fn auth_offer(&self) -> Option<AuthOffer> {
        let granted = self.grants.contains("auth-provider") && self.exports.auth_provider.is_some();
        self.manifest.wants.auth.filter(|_| granted)
    }

    /// Its priority among the providers of that kind, the operator's included; none where it offers to be no such provider, or
    /// is not granted to be one.
    pub(crate) fn priority_as(&self, role: Role) -> Option<i32> {
        let own = match role {
            Role::Logins => self.auth_offer()?.priority,
            Role::Rosters if self.exports.roster_provider.is_none() => return None,
            Role::Rosters => self.manifest.wants.rosters?,
            Role::Sessions if self.exports.session_provider.is_none() => return None,
            Role::Sessions => self.manifest.wants.sessions?,
        };
        let granted = self.grants.contains(role.export());
        granted.then(|| own.saturating_add(self.settings.priority))
    }

    /// Whether calls of this plugin ran long just now, so that the next ones should not begin beside the sockets.
    pub(crate) fn is_slow(&self, started: Instant) -> bool {
        self.slow.is_set(started)
    }

    /// Whether an instance of this plugin has so much memory that one instruction over all of it, which nothing can
    /// interrupt, would be felt on the sockets.
    pub(crate) fn is_large(&self) -> bool {
        self.large.load(Ordering::Relaxed)
    }

    pub(crate) fn mark_large(&self) {
        self.large.store(true, Ordering::Relaxed);
    }

    pub(crate) fn mark_slow(&self, started: Instant) {
        self.slow.set(started);
    }
}

/// Interfaces of ours whose functions wait: those that the bindings make asynchronous.
const WAITING: [&str; 4] = ["accounts", "storage", "http-client", "roster"];

/// Whether the component imports only interfaces of ours whose functions return at once.
fn imports_at_once(pre: &InstancePre<State>) -> bool {
    let component = pre.component().component_type();
    let imports = component.imports(pre.engine());
    let mut names = imports.map(|(name, _)| name.split('@').next().unwrap_or_default());
    names.all(|name| {
        let ours = name.strip_prefix(PACKAGE);
        ours.is_some_and(|interface| !WAITING.contains(&interface))
    })
}

/// How many calls each thread has under way: a thread writes to its own number, so that nobody waits for it.
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

/// A moment in milliseconds since the server started; 0 is never.
#[derive(Debug, Default)]
struct SlowUntil(AtomicU64);

impl SlowUntil {
    fn is_set(&self, started: Instant) -> bool {
        let until = self.0.load(Ordering::Relaxed);
        if until == 0 {
            return false;
        }
        let slow = millis(started.elapsed()) < until;
        if !slow {
            self.0.store(0, Ordering::Relaxed);
        }
        slow
    }

    fn set(&self, started: Instant) {
        let now = started.elapsed();
        self.0
            .store(millis(now.saturating_add(SLOW_FOR)), Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interfaces_that_wait_are_those_that_the_bindings_make_asynchronous() {
        let bindings = include_str!("../wit/bindings.rs").lines();
        let asynchronous = bindings.filter(|line| line.contains(": async |"));
        let mut names: Vec<_> = asynchronous
            .filter_map(|line| line.split('"').nth(1)?.strip_prefix(PACKAGE))
            .collect();
        let mut waiting = WAITING.to_vec();
        names.sort_unstable();
        waiting.sort_unstable();
        assert_eq!(waiting, names);
    }
}
