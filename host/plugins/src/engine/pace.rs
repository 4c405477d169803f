//! Where the calls of a plugin run: beside the sockets, or apart from them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a plugin whose call ran too long is run away from the sockets from the start.
const SLOW_FOR: Duration = Duration::from_secs(1);

/// What is known of how long a plugin's calls hold up their thread.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    slow: SlowUntil,
    large: AtomicBool,
}

impl Pace {
    /// Whether calls of the plugin begin on the thread that asks for them. They do not for a second after one ran long,
    /// nor once an instance has so much memory that one instruction over all of it, which nothing can interrupt, would
    /// be felt on the sockets.
    pub(crate) fn runs_in_place(&self, started: Instant) -> bool {
        !self.slow.is_set(started) && !self.large.load(Ordering::Relaxed)
    }

    /// A call ran too long for a thread that serves sockets.
    pub(crate) fn mark_slow(&self, started: Instant) {
        self.slow.set(started);
    }

    /// An instance has much memory.
    pub(crate) fn mark_large(&self) {
        self.large.store(true, Ordering::Relaxed);
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
