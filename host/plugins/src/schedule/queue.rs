//! What is due when: one list for the timers of all plugins and for the ends of waits.

use std::collections::BTreeMap;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// A place in the list, to cancel by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Appointment(Instant, u64);

/// A list of things to do, in the order of their times.
pub(crate) struct Agenda<T> {
    list: Mutex<List<T>>,
    changed: Notify,
}

struct List<T> {
    due: BTreeMap<Appointment, T>,
    next: u64,
}

impl<T> Default for Agenda<T> {
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

impl<T> Agenda<T> {
    /// Puts something on the list.
    pub(crate) fn add(&self, at: Instant, what: T) -> Appointment {
        let (appointment, is_first) = {
            let mut list = self.list.lock();
            let appointment = Appointment(at, list.next);
            list.next = list.next.wrapping_add(1);
            list.due.insert(appointment, what);
            let is_first = list.due.first_key_value().map(|(first, _)| *first) == Some(appointment);
            (appointment, is_first)
        };
        if is_first {
            self.changed.notify_one();
        }
        appointment
    }

    /// Takes something off the list, if it is still there.
    pub(crate) fn cancel(&self, appointment: Appointment) -> Option<T> {
        self.list.lock().due.remove(&appointment)
    }

    /// Waits for the next thing that is due. For one waiter.
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
        let agenda = Arc::new(Agenda::default());
        let now = Instant::now();
        agenda.add(now, "first");
        agenda.add(now, "second");
        let cancelled = agenda.add(now, "never");
        assert_eq!(agenda.cancel(cancelled), Some("never"));
        assert_eq!(agenda.cancel(cancelled), None);
        assert_eq!(agenda.next().await, "first");
        assert_eq!(agenda.next().await, "second");
    }

    #[tokio::test]
    async fn wakes_for_what_is_due_before_what_it_waits_for() {
        let agenda = Arc::new(Agenda::default());
        let now = Instant::now();
        agenda.add(now + Duration::from_hours(1), "late");
        let waiting = tokio::spawn({
            let agenda = Arc::clone(&agenda);
            async move { agenda.next().await }
        });
        tokio::task::yield_now().await;
        agenda.add(now + Duration::from_millis(20), "soon");
        assert_eq!(waiting.await.unwrap(), "soon");
    }
}
