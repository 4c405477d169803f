//! How a shard wakes sessions of another: by the other's bell.
//!
//! Waking a task of another thread's runtime costs a system call each time, whether that thread sleeps or not. So whoever has
//! something for a session of another shard leaves the session's waker at that shard's bell, and rings it once for all that gathers
//! there until it is heard. On the session's own thread a wake-up costs nothing, and goes straight to the session.

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

/// A shard's bell. It lives as long as the process: sessions may be told something until the end.
#[derive(Debug, Default)]
pub(crate) struct CrossShardWaker(Mutex<Wakers>);

#[derive(Debug, Default)]
struct Wakers {
    /// Of those who are to be woken.
    pending: Vec<Waker>,
    /// Of the shard, until the bell is rung.
    listener: Option<Waker>,
    /// Nobody listens any more.
    closed: bool,
}

impl CrossShardWaker {
    /// That of the calling thread; none if the thread is no shard's.
    pub(crate) fn own() -> Option<&'static Self> {
        OWN.get()
    }

    /// Gives the calling thread a bell and wakes for others, until it is dropped, those who are left there.
    pub(crate) async fn serve() -> Infallible {
        let bell: &'static Self = Box::leak(Box::default());
        OWN.set(Some(bell));
        let _close = CloseOnDrop(bell);
        let mut woken = Vec::new();
        poll_fn(|context| {
            let mut wakers = bell.0.lock();
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

/// Wakes a task, whose waker was left on the thread of that bell.
pub(crate) fn wake(waker: Waker, owner_shard: Option<&'static CrossShardWaker>) {
    let is_here = |bell: &&'static CrossShardWaker| {
        CrossShardWaker::own().is_some_and(|own| std::ptr::eq(own, *bell))
    };
    match owner_shard.filter(|bell| !is_here(bell)) {
        Some(bell) => bell.notify(waker),
        None => waker.wake(),
    }
}

/// The end of whoever listened.
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
        let bell = CrossShardWaker::own().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| (0..3).for_each(|_| wake(as_session.clone(), Some(bell))));
        });
        assert_eq!((listener.count(), sessions.count()), (1, 0));
        assert!(serving.as_mut().poll(&mut context).is_pending());
        assert_eq!((listener.count(), sessions.count()), (1, 3));

        // At owner_shard nobody rings.
        wake(as_session.clone(), Some(bell));
        assert_eq!((listener.count(), sessions.count()), (1, 4));

        // What was left when the shard ended is not forgotten, nor what comes after.
        thread::scope(|scope| {
            scope.spawn(|| wake(as_session.clone(), Some(bell)));
        });
        drop(serving);
        assert_eq!(sessions.count(), 5);
        wake(as_session, Some(bell));
        assert_eq!((listener.count(), sessions.count()), (2, 6));
    }

    #[test]
    fn a_shard_that_sleeps_is_woken() {
        let (tell, told) = mpsc::channel();
        let (tell_bell, bell) = mpsc::channel();
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
        let (bell, waker) = (bell.recv().unwrap(), told.recv().unwrap());
        // Meanwhile the shard falls asleep.
        thread::park_timeout(Duration::from_millis(50));
        wake(waker, Some(bell));
        shard.join().unwrap();
    }
}
