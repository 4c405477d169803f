//! A queue ordered by time: one for the timers of all plugins and for the timeouts of requests.

use std::collections::BTreeMap;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The key of an entry, to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey(Instant, u64);

/// Entries in the order of their times.
pub(crate) struct TimerQueue<T> {
    list: Mutex<List<T>>,
    changed: Notify,
}

struct List<T> {
    due: BTreeMap<TimerKey, T>,
    next: u64,
}

impl<T> Default for TimerQueue<T> {
    fn default() -> Self {
        Self {
            list: Mutex::new(List {
                due: BTreeMap::new(),
                next: 0,
            }),
            changed: Notify::new(),
        }
    }
}

impl<T> TimerQueue<T> {
    /// Adds an entry.
    pub(crate) fn add(&self, at: Instant, what: T) -> TimerKey {
        let (key, is_first) = {
            let mut list = self.list.lock();
            let key = TimerKey(at, list.next);
            list.next = list.next.wrapping_add(1);
            list.due.insert(key, what);
            let is_first = list.due.first_key_value().map(|(first, _)| *first) == Some(key);
            (key, is_first)
        };
        if is_first {
            self.changed.notify_one();
        }
        key
    }

    /// Removes an entry, if it is still there.
    pub(crate) fn cancel(&self, key: TimerKey) -> Option<T> {
        self.list.lock().due.remove(&key)
    }

    /// Waits for the next entry whose time has come. For one caller at a time.
    pub(crate) async fn next(&self) -> T {
        loop {
            let changed = self.changed.notified();
            let first = {
                let mut list = self.list.lock();
                match list.due.first_entry() {
                    Some(entry) if entry.key().0 <= Instant::now() => return entry.remove(),
                    Some(entry) => Some(entry.key().0),
                    None => None,
                }
            };
            match first {
                Some(at) => tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn gives_what_is_due_in_the_order_of_time() {
        let queue = Arc::new(TimerQueue::default());
        let now = Instant::now();
        queue.add(now, "first");
        queue.add(now, "second");
        let cancelled = queue.add(now, "never");
        assert_eq!(queue.cancel(cancelled), Some("never"));
        assert_eq!(queue.cancel(cancelled), None);
        assert_eq!(queue.next().await, "first");
        assert_eq!(queue.next().await, "second");
    }

    #[tokio::test]
    async fn wakes_for_what_is_due_before_what_it_waits_for() {
        let queue = Arc::new(TimerQueue::default());
        let now = Instant::now();
        queue.add(now + Duration::from_hours(1), "late");
        let waiting = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.next().await }
        });
        tokio::task::yield_now().await;
        queue.add(now + Duration::from_millis(20), "soon");
        assert_eq!(waiting.await.unwrap(), "soon");
    }
}
