//! A shared value whose type is hidden from the compiler's proofs.

use std::ops::Deref;
use std::sync::Arc;

/// A shared value of one of the engine's types.
///
/// The engine's types nest by the thousand. Wherever a future that holds one of them is to be `Send`, the compiler
/// proves that for each nested type anew: that took nine tenths of the time for checking `waxwing-server`. Behind a
/// trait object the proof ends at the object.
pub(crate) struct Opaque<T>(Arc<dyn Holds<T>>);

trait Holds<T>: Send + Sync {
    fn held(&self) -> &T;
}

impl<T: Send + Sync> Holds<T> for T {
    fn held(&self) -> &T {
        self
    }
}

impl<T: Send + Sync + 'static> Opaque<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Deref for Opaque<T> {
    type Target = T;

    fn deref(&self) -> &T {
        (*self.0).held()
    }
}

impl<T> Clone for Opaque<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
