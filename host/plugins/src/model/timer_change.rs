//! Changes that calls make to timers.

use std::time::Duration;

/// A change that a call made to its plugin's timers.
#[derive(Clone, Debug)]
pub(crate) enum TimerChange {
    Set {
        name: String,
        after: Duration,
        repeat: bool,
    },
    Cancel {
        name: String,
    },
}
