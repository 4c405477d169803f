//! The one place that reads the wall clock. It may jump: durations are measured with `Instant`.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time of day.
#[expect(
    clippy::disallowed_methods,
    reason = "certificates and stored messages carry the time of day"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The time of day in milliseconds since 1970, as it is stored.
pub(crate) fn millis() -> i64 {
    let since = now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    i64::try_from(millis).unwrap_or(i64::MAX)
}
