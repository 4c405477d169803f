//! Quarantine: a plugin that fails for several peers is not called for a while.
//!
//! It takes five faults in a minute, of at least a fifth of the calls, for three different peers: a peer that finds one
//! input that traps a filter can silence it for itself alone. Or it takes one new instance that cannot be initialised.
//! Only the plugin's own faults count, never waiting or what the host failed at.
//!
//! After a time that doubles with each quarantine the plugin is on probation: one call at a time is tried, while the
//! others are still refused. Ten tries without relapse, and it serves as before. Two faults for two peers, a fifth of
//! the tries, or a failing `init`, and it is in quarantine again.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

mod window;

use window::{Peers, Window};

/// The first quarantine lasts so long, each next one twice as long as the last.
const SHORTEST: Duration = Duration::from_secs(5);
/// No quarantine lasts longer.
const LONGEST: Duration = Duration::from_mins(10);
/// A plugin that served so long without quarantine begins with the shortest again.
const RECOVERED_AFTER: Duration = Duration::from_mins(10);

/// What a quarantine takes.
const FAULTS: u64 = 5;
const PEERS: usize = 3;
/// At least one call of so many failed.
const SHARE: u64 = 5;

/// What a relapse takes on probation.
const TRIAL_FAULTS: u64 = 2;
const TRIAL_PEERS: usize = 2;
/// Tries without relapse that end a probation.
const TRIALS: u64 = 10;

const SERVING: u8 = 0;

/// Whether one version of a plugin may be called.
#[derive(Debug)]
pub(crate) struct Quarantine {
    /// [`SERVING`], or a state that is read under the lock.
    state: AtomicU8,
    inner: Mutex<Inner>,
    hasher: RandomState,
}

/// The peer that a call was made for, hashed, since peers are only compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(u64);

/// Whether a plugin is in quarantine, for listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuarantineStatus {
    /// It is called as usual.
    Serving,
    /// It is not called, for so long.
    Quarantined(Duration),
    /// One call at a time is tried.
    Probation,
}

impl QuarantineStatus {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Quarantined(_) => "quarantined",
            Self::Probation => "probation",
        }
    }
}

/// A change of the status, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Into quarantine, for so long.
    Quarantined { span: Duration, why: Why },
    /// It serves as before.
    Recovered,
}

/// Why a plugin is in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// So many calls failed, of so many.
    Faults { faults: u64, calls: u64 },
    /// A new instance could not be initialised.
    Init,
}

/// Permission to make one call. On probation there is only one until it is dropped.
#[derive(Debug)]
pub(crate) struct CallPermit<'a> {
    trial: Option<&'a Quarantine>,
}

/// How a call ended, as far as the quarantine is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CallOutcome {
    /// It returned, or the host failed it.
    Succeeded,
    /// It failed, for this peer.
    Fault(Peer),
    /// No instance could be initialised for it.
    NoInstance,
}

#[derive(Debug)]
struct Inner {
    state: QuarantineState,
    faults: Window,
    /// Calls of the plugin that came before those which count.
    before: u64,
    /// Quarantines in a row.
    level: u32,
    serving_since: Instant,
}

#[derive(Debug)]
enum QuarantineState {
    Serving,
    Quarantined { until: Instant },
    Probation(Trial),
}

#[derive(Debug, Default)]
struct Trial {
    running: bool,
    calls: u64,
    faults: u64,
    peers: Peers,
}

impl Quarantine {
    /// A version that serves from `now` on, after so many calls of those before it.
    pub(crate) fn new(calls: u64, now: Instant) -> Self {
        Self {
            state: AtomicU8::new(SERVING),
            inner: Mutex::new(Inner {
                state: QuarantineState::Serving,
                faults: Window::default(),
                before: calls,
                level: 0,
                serving_since: now,
            }),
            hasher: RandomState::new(),
        }
    }

    /// The peer of that name, such as a bare JID or an address.
    pub(crate) fn peer(&self, name: impl std::hash::Hash) -> Peer {
        Peer(self.hasher.hash_one(name))
    }

    /// Permission to make a call; none in quarantine, nor on probation while another call is tried.
    pub(crate) fn permit(&self, now: impl FnOnce() -> Instant) -> Option<CallPermit<'_>> {
        if self.state.load(Ordering::Relaxed) == SERVING {
            return Some(CallPermit { trial: None });
        }
        let trial = self.inner.lock().state.admits(now())?;
        Some(CallPermit {
            trial: trial.then_some(self),
        })
    }

    /// Records the outcome of a call that had a permit. `calls` are all that the plugin had, and those of the last
    /// minute.
    pub(crate) fn note(
        &self,
        permit: &CallPermit<'_>,
        outcome: CallOutcome,
        calls: impl FnOnce() -> (u64, u64),
        now: impl FnOnce() -> Instant,
    ) -> Option<Change> {
        if permit.trial.is_none() && matches!(outcome, CallOutcome::Succeeded) {
            return None;
        }
        let (now, (all, recent)) = (now(), calls());
        let mut inner = self.inner.lock();
        let change = match (&mut inner.state, permit.trial) {
            (QuarantineState::Probation(trial), Some(_)) => trial.verdict(outcome),
            (QuarantineState::Serving, _) => inner.verdict(outcome, all, recent, now),
            // A call that began before the quarantine says nothing new.
            (QuarantineState::Probation(_), None) | (QuarantineState::Quarantined { .. }, _) => {
                None
            }
        };
        let change = match change? {
            Verdict::Bad(why) => Change::Quarantined {
                span: inner.quarantine(now),
                why,
            },
            Verdict::Good => {
                inner.serve(all, now);
                Change::Recovered
            }
        };
        let serving = matches!(inner.state, QuarantineState::Serving);
        self.state.store(u8::from(!serving), Ordering::Relaxed);
        Some(change)
    }

    /// Ends a quarantine or probation at once; false if there was none.
    pub(crate) fn lift(&self, calls: u64, now: Instant) -> bool {
        let mut inner = self.inner.lock();
        let was = !matches!(inner.state, QuarantineState::Serving);
        inner.serve(calls, now);
        inner.level = 0;
        self.state.store(SERVING, Ordering::Relaxed);
        was
    }

    /// Whether the plugin is in quarantine.
    pub(crate) fn status(&self, now: Instant) -> QuarantineStatus {
        match self.inner.lock().state {
            QuarantineState::Serving => QuarantineStatus::Serving,
            QuarantineState::Quarantined { until } if now < until => {
                QuarantineStatus::Quarantined(until.saturating_duration_since(now))
            }
            QuarantineState::Quarantined { .. } | QuarantineState::Probation(_) => {
                QuarantineStatus::Probation
            }
        }
    }
}

impl Drop for CallPermit<'_> {
    fn drop(&mut self) {
        if let Some(quarantine) = self.trial
            && let QuarantineState::Probation(trial) = &mut quarantine.inner.lock().state
        {
            trial.running = false;
        }
    }
}

enum Verdict {
    Bad(Why),
    Good,
}

impl QuarantineState {
    /// Whether a call may be made; if so, whether it is a trial.
    fn admits(&mut self, now: Instant) -> Option<bool> {
        match self {
            Self::Serving => Some(false),
            Self::Quarantined { until } if now < *until => None,
            Self::Quarantined { .. } => {
                *self = Self::Probation(Trial {
                    running: true,
                    ..Trial::default()
                });
                Some(true)
            }
            Self::Probation(trial) if trial.running => None,
            Self::Probation(trial) => {
                trial.running = true;
                Some(true)
            }
        }
    }
}

impl Inner {
    fn verdict(
        &mut self,
        outcome: CallOutcome,
        all: u64,
        recent: u64,
        now: Instant,
    ) -> Option<Verdict> {
        let peer = match outcome {
            CallOutcome::Succeeded => return None,
            CallOutcome::NoInstance => return Some(Verdict::Bad(Why::Init)),
            CallOutcome::Fault(peer) => peer,
        };
        self.faults.add(peer, now);
        let (faults, peers) = self.faults.sum(now);
        let calls = recent.min(all.saturating_sub(self.before)).max(faults);
        let bad = faults >= FAULTS && peers >= PEERS && faults.saturating_mul(SHARE) >= calls;
        bad.then_some(Verdict::Bad(Why::Faults { faults, calls }))
    }

    fn quarantine(&mut self, now: Instant) -> Duration {
        let served = now.saturating_duration_since(self.serving_since);
        if matches!(self.state, QuarantineState::Serving) && served >= RECOVERED_AFTER {
            self.level = 0;
        }
        let factor = 1_u32.checked_shl(self.level).unwrap_or(u32::MAX);
        let span = SHORTEST.saturating_mul(factor).min(LONGEST);
        self.level = self.level.saturating_add(1).min(16);
        // A moment beyond the clock's end would mean for ever.
        let until = now.checked_add(span).unwrap_or(now);
        self.state = QuarantineState::Quarantined { until };
        span
    }

    fn serve(&mut self, calls: u64, now: Instant) {
        self.state = QuarantineState::Serving;
        self.faults = Window::default();
        self.before = calls;
        self.serving_since = now;
    }
}

impl Trial {
    fn verdict(&mut self, outcome: CallOutcome) -> Option<Verdict> {
        self.calls = self.calls.saturating_add(1);
        match outcome {
            CallOutcome::Succeeded => {}
            CallOutcome::NoInstance => return Some(Verdict::Bad(Why::Init)),
            CallOutcome::Fault(peer) => {
                self.faults = self.faults.saturating_add(1);
                self.peers.add(peer);
            }
        }
        let (faults, calls) = (self.faults, self.calls);
        let relapse = faults >= TRIAL_FAULTS
            && self.peers.count() >= TRIAL_PEERS
            && faults.saturating_mul(SHARE) >= calls;
        if relapse {
            return Some(Verdict::Bad(Why::Faults { faults, calls }));
        }
        (calls >= TRIALS).then_some(Verdict::Good)
    }
}

#[cfg(test)]
mod tests;
