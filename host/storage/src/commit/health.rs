//! Whether the database answers, as far as one can see from here.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a caller waits, for a place in the queue and for its answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How long while the database is known not to answer: what takes several calls then fails within about as much as one.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);

/// Shared by all that ask one database.
pub(crate) struct Health {
    database: String,
    answered: Mutex<Instant>,
    silent: AtomicBool,
}

impl Health {
    pub(crate) fn new(database: String) -> Self {
        Self {
            database,
            answered: Mutex::new(Instant::now()),
            silent: AtomicBool::new(false),
        }
    }

    /// How long a caller waits now that would usually wait for `usual`.
    pub(crate) fn patience(&self, usual: Duration) -> Duration {
        if self.silent.load(Ordering::Relaxed) {
            usual.min(SHORT_PATIENCE)
        } else {
            usual
        }
    }

    /// There was an answer.
    pub(crate) fn answered(&self) {
        *self.answered.lock() = Instant::now();
        if self.silent.swap(false, Ordering::Relaxed) {
            tracing::info!(database = self.database, "the database answers again");
        }
    }

    /// A caller gave up waiting. That others have their answers may only mean that there is much to do.
    pub(crate) fn late(&self) {
        if self.answered.lock().elapsed() >= PATIENCE {
            self.is_silent("no answer for five seconds");
        }
    }

    /// The database cannot be reached.
    pub(crate) fn is_silent(&self, reason: &str) {
        if !self.silent.swap(true, Ordering::Relaxed) {
            let database = &self.database;
            tracing::error!(
                database,
                reason,
                "the database does not answer: what needs it fails until it does"
            );
        }
    }
}
