//! One plugin's writes do not fill the queue for the others and for accounts.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Namespace;

/// Calls of one namespace that may wait for the writer, a quarter of its queue.
const CALLS: usize = 256;

#[derive(Default)]
pub(super) struct Gates(Mutex<HashMap<Namespace, Arc<Semaphore>>>);

impl Gates {
    /// Waits until fewer than [`CALLS`] of the namespace's calls are under way. The passage is one's own until dropped.
    pub(super) async fn pass(&self, namespace: &Namespace) -> Option<OwnedSemaphorePermit> {
        // No semaphore is ever closed, so there always is one.
        self.gate(namespace).acquire_owned().await.ok()
    }

    fn gate(&self, namespace: &Namespace) -> Arc<Semaphore> {
        let mut gates = self.0.lock();
        if let Some(gate) = gates.get(namespace) {
            return Arc::clone(gate);
        }
        let gate = Arc::new(Semaphore::new(CALLS));
        gates.insert(namespace.clone(), Arc::clone(&gate));
        gate
    }
}
