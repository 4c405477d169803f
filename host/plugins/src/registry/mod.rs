//! Which plugins serve now, indexed by what they asked for. A change makes a new snapshot and swaps it in whole: every
//! call is handled by exactly one version, and calls under way finish on the old one.

pub(crate) mod hooks;
pub(crate) mod points;
pub(crate) mod providers;
pub(crate) mod snapshot;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;

use crate::instance::host_services::Directory;
use crate::instance::loaded::Loaded;
use crate::registry::snapshot::Snapshot;
use crate::wit::bindings::waxwing::plugin::manifest::DiscoNode;

/// The current snapshot, replaceable.
pub(crate) struct Registry {
    current: ArcSwap<Snapshot>,
    generation: AtomicU64,
    /// Snapshots that were replaced: a chain of hooks may still go on with one.
    replaced: Mutex<Vec<Weak<Snapshot>>>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            current: ArcSwap::from_pointee(Snapshot::default()),
            generation: AtomicU64::new(0),
            replaced: Mutex::default(),
        }
    }

    /// The current snapshot, for a short read.
    pub(crate) fn now(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// The current snapshot, to keep for a chain of hooks.
    pub(crate) fn keep(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// A number that differs after each change. Cheap to read.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Takes plugins out and puts plugins in, each in place of the version of the same name if there is one, all in one
    /// switch. Calls must not overlap.
    pub(crate) fn replace(
        &self,
        out: &[String],
        put: impl IntoIterator<Item = Arc<Loaded>>,
        hosts: &[Arc<str>],
    ) {
        let mut plugins = self.now().by_name();
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

impl Directory for Registry {
    fn is_component_of(&self, domain: &str, plugin: &str) -> bool {
        let now = self.now();
        let component = now.component(domain);
        component.is_some_and(|component| component.plugin.manifest.name == *plugin)
    }

    fn each_node(&self, look: &mut dyn FnMut(&DiscoNode)) {
        self.now().nodes().for_each(look);
    }

    fn components_of(&self, host: &str) -> Vec<String> {
        self.now().components_of(host).cloned().collect()
    }

    fn features(&self) -> Vec<String> {
        self.now().features().cloned().collect()
    }

    fn account_features(&self) -> Vec<String> {
        self.now().account_features().cloned().collect()
    }
}
