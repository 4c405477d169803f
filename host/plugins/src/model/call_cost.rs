//! What calls cost.

use std::time::Duration;

/// What a call cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallCost {
    /// CPU time was measured: exactly from the beginning, or, of a long call, from the first tick on.
    pub(crate) measured: bool,
    /// The call took more than a millisecond, if it was measured exactly, or so long that its ticks show it.
    pub(crate) long: bool,
    /// CPU time, if it was measured.
    pub(crate) cpu: Duration,
    /// How often the call waited for the host.
    pub(crate) waits: u32,
    /// For how long.
    pub(crate) waited: Duration,
}
