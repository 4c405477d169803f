//! Wake-ups of sessions across shards.
//!
//! Waking a task of another thread's runtime costs a system call each time, whether that thread sleeps or not. So wake-ups for sessions
//! of another shard are batched: the session's waker is left with that shard's [`CrossShardWaker`], which is notified once for all that
//! gather there until it runs. On the session's own thread the waker is called directly.

use std::{
    cell::Cell,
    convert::Infallible,
    future::poll_fn,
    mem,
    task::{Poll, Waker},
};

use parking_lot::Mutex;

thread_local! {
    static OWN: Cell<Option<&'static CrossShardWaker>> = const { Cell::new(None) };
}

/// The pending wake-ups of one shard. It lives as long as the process: wake-ups come until the end.
#[derive(Debug, Default)]
pub(crate) struct CrossShardWaker(Mutex<Wakers>);

#[derive(Debug, Default)]
struct Wakers {
    /// Wakers of sessions that are to be woken.
    pending: Vec<Waker>,
    /// The shard's own waker, until it is notified.
    listener: Option<Waker>,
    /// The shard has ended.
    closed: bool,
}

impl CrossShardWaker {
    /// The one of the calling thread; none if the thread is not a shard's.
    pub(crate) fn own() -> Option<&'static Self> {
        OWN.get()
    }

    /// Makes one for the calling thread, and wakes the sessions whose wakers are left there, until it is dropped.
    pub(crate) async fn serve() -> Infallible {
        let shard_waker: &'static Self = Box::leak(Box::default());
        OWN.set(Some(shard_waker));
        let _close = CloseOnDrop(shard_waker);
        let mut woken = Vec::new();
        poll_fn(|context| {
            let mut wakers = shard_waker.0.lock();
            mem::swap(&mut wakers.pending, &mut woken);
            let is_new = |known: &Waker| !known.will_wake(context.waker());
            if wakers.listener.as_ref().is_none_or(is_new) {
                wakers.listener = Some(context.waker().clone());
            }
            drop(wakers);
            for waker in woken.drain(..) {
                waker.wake();
            }
            Poll::Pending
        })
        .await
    }

    fn notify(&self, waker: Waker) {
        let mut wakers = self.0.lock();
        if wakers.closed {
            drop(wakers);
            return waker.wake();
        }
        wakers.pending.push(waker);
        let listener = wakers.listener.take();
        // The listener comes for the lock at once.
        drop(wakers);
        if let Some(listener) = listener {
            listener.wake();
        }
    }
}

/// Wakes a task that waits on the thread of `owner_shard`.
pub(crate) fn wake(waker: Waker, owner_shard: Option<&'static CrossShardWaker>) {
    let is_here = |shard_waker: &&'static CrossShardWaker| {
        CrossShardWaker::own().is_some_and(|own| std::ptr::eq(own, *shard_waker))
    };
    match owner_shard.filter(|shard_waker| !is_here(shard_waker)) {
        Some(shard_waker) => shard_waker.notify(waker),
        None => waker.wake(),
    }
}

/// Wakes all that is pending when the shard ends, and lets later wake-ups go directly.
struct CloseOnDrop(&'static CrossShardWaker);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let mut wakers = self.0.0.lock();
        wakers.closed = true;
        let pending = mem::take(&mut wakers.pending);
        drop(wakers);
        OWN.set(None);
        pending.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        task::Wake,
        thread,
        time::Duration,
    };

    use tokio::runtime::Builder;

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Counted {
        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn one_ring_wakes_all_who_were_left() {
        let (listener, sessions) = (Arc::new(Counted::default()), Arc::new(Counted::default()));
        let (as_listener, as_session) =
            (Waker::from(listener.clone()), Waker::from(sessions.clone()));
        let mut context = std::task::Context::from_waker(&as_listener);
        let mut serving = Box::pin(CrossShardWaker::serve());
        assert!(serving.as_mut().poll(&mut context).is_pending());
        let shard_waker = CrossShardWaker::own().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| (0..3).for_each(|_| wake(as_session.clone(), Some(shard_waker))));
        });
        assert_eq!((listener.count(), sessions.count()), (1, 0));
        assert!(serving.as_mut().poll(&mut context).is_pending());
        assert_eq!((listener.count(), sessions.count()), (1, 3));

        // On the owner's thread no notification is needed.
        wake(as_session.clone(), Some(shard_waker));
        assert_eq!((listener.count(), sessions.count()), (1, 4));

        // What was left when the shard ended is not forgotten, nor what comes after.
        thread::scope(|scope| {
            scope.spawn(|| wake(as_session.clone(), Some(shard_waker)));
        });
        drop(serving);
        assert_eq!(sessions.count(), 5);
        wake(as_session, Some(shard_waker));
        assert_eq!((listener.count(), sessions.count()), (2, 6));
    }

    #[test]
    fn a_shard_that_sleeps_is_woken() {
        let (tell, told) = mpsc::channel();
        let (tell_bell, shard_waker) = mpsc::channel();
        let shard = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    never = CrossShardWaker::serve() => match never {},
                    () = async {
                        tell_bell.send(CrossShardWaker::own().unwrap()).unwrap();
                        let mut is_first = true;
                        poll_fn(|context| {
                            if mem::take(&mut is_first) {
                                tell.send(context.waker().clone()).unwrap();
                                return Poll::Pending;
                            }
                            Poll::Ready(())
                        })
                        .await;
                    } => {}
                }
            });
        });
        let (shard_waker, waker) = (shard_waker.recv().unwrap(), told.recv().unwrap());
        // Meanwhile the shard falls asleep.
        thread::park_timeout(Duration::from_millis(50));
        wake(waker, Some(shard_waker));
        shard.join().unwrap();
    }
}
