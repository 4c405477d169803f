//! What calls and instances may take where the manifest asks for nothing else, and what it may ask for.

use std::time::Duration;

/// Bytes of all memories and tables of a store together.
pub(crate) const STORE_BYTES: usize = 64 << 20;

/// CPU time of a hook.
pub(crate) const HOOK_CPU: Duration = Duration::from_millis(10);

/// CPU time of a request.
pub(crate) const REQUEST_CPU: Duration = Duration::from_millis(50);

/// What calls and instances want to take, where that is not the default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AskedLimits {
    pub(crate) hook_cpu: Option<Duration>,
    pub(crate) request_cpu: Option<Duration>,
    /// In bytes.
    pub(crate) memory: Option<usize>,
}

impl AskedLimits {
    /// Whether any is more than the default.
    pub(crate) fn exceed(&self) -> bool {
        self.hook_cpu > Some(HOOK_CPU)
            || self.request_cpu > Some(REQUEST_CPU)
            || self.memory > Some(STORE_BYTES)
    }
}
