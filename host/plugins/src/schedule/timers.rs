//! Plugins' timers: by plugin and name, so that they outlive instances and versions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::model::timer_change::TimerChange;
use crate::schedule::event::ScheduledEvent;
use crate::schedule::timer_queue::{TimerKey, TimerQueue};

/// Timers that a plugin may have.
pub(crate) const MAX_TIMERS: usize = 1_000;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// The timers of all plugins.
#[derive(Default)]
pub(crate) struct Timers(Mutex<HashMap<String, HashMap<String, Timer>>>);

struct Timer {
    /// The served domain whose scope set it.
    host: Arc<str>,
    period: Option<Duration>,
    next: TimerKey,
}

impl Timers {
    /// How many timers a plugin has.
    pub(crate) fn count(&self, plugin: &str) -> usize {
        self.0.lock().get(plugin).map_or(0, HashMap::len)
    }

    /// Applies the changes of a call in the scope of `host`.
    pub(crate) fn apply(
        &self,
        queue: &TimerQueue<ScheduledEvent>,
        plugin: &str,
        host: &Arc<str>,
        changes: Vec<TimerChange>,
    ) {
        if changes.is_empty() {
            return;
        }
        let mut timers = self.0.lock();
        let own = timers.entry(plugin.to_owned()).or_default();
        for change in changes {
            let (TimerChange::Set { name, .. } | TimerChange::Cancel { name }) = &change;
            if let Some(old) = own.remove(name) {
                queue.cancel(old.next);
            }
            if let TimerChange::Set {
                name,
                after,
                repeat,
            } = change
                && own.len() < MAX_TIMERS
            {
                let after = after.clamp(SHORTEST, LONGEST);
                let timer = Timer {
                    host: Arc::clone(host),
                    period: repeat.then_some(after),
                    next: schedule(queue, plugin, &name, after),
                };
                own.insert(name, timer);
            }
        }
    }

    /// A timer has fired: gives the domain whose scope set it, and schedules its next time. None if it was just
    /// cancelled.
    pub(crate) fn fire(
        &self,
        queue: &TimerQueue<ScheduledEvent>,
        plugin: &str,
        name: &str,
    ) -> Option<Arc<str>> {
        let mut timers = self.0.lock();
        let own = timers.get_mut(plugin)?;
        let timer = own.get_mut(name)?;
        let host = Arc::clone(&timer.host);
        match timer.period {
            Some(period) => timer.next = schedule(queue, plugin, name, period),
            None => {
                own.remove(name);
            }
        }
        Some(host)
    }

    /// Cancels all timers of a plugin that is gone.
    pub(crate) fn forget(&self, queue: &TimerQueue<ScheduledEvent>, plugin: &str) {
        for (_, timer) in self.0.lock().remove(plugin).unwrap_or_default() {
            queue.cancel(timer.next);
        }
    }
}

fn schedule(
    queue: &TimerQueue<ScheduledEvent>,
    plugin: &str,
    name: &str,
    after: Duration,
) -> TimerKey {
    let now = Instant::now();
    let due = ScheduledEvent::Timer {
        plugin: plugin.to_owned(),
        name: name.to_owned(),
    };
    queue.add(now.checked_add(after).unwrap_or(now), due)
}
