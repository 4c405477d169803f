//! The ticks of the engine's epoch, by which running guests are interrupted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::Mutex;
use wasmtime::Engine;

/// Time between two ticks of the epoch. Each tick interrupts the guests that run, so that a call sees its first tick
/// within this time of its beginning, perhaps at once. Each tick takes some 30 µs from a busy processor, so that it is
/// no more often.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// Raises the engine's epoch while guests run, and sleeps when none does (it would cost 2 % of a core otherwise).
#[derive(Debug)]
pub(crate) struct Ticker {
    /// Set when a call starts, cleared at each tick. The ticks go on for [`Ticker::IDLE_TICKS`] after the last
    /// call began: a call still under way by then saw a tick, and keeps a guard of its own.
    began: AtomicBool,
    /// Ticks so far. There are none while no call runs, but for one before the sleep.
    ticks: AtomicU64,
    running: AtomicU64,
    asleep: AtomicBool,
    thread: Mutex<Option<Thread>>,
}

impl Ticker {
    const IDLE_TICKS: u32 = 32;

    /// Starts the thread of the ticks, which ends with the engine.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Arc<Self>> {
        let ticker = Arc::new(Self {
            began: AtomicBool::new(false),
            ticks: AtomicU64::new(0),
            running: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            thread: Mutex::new(None),
        });
        let weak = Arc::downgrade(&ticker);
        let engine = engine.weak();
        let handle = std::thread::Builder::new()
            .name("guest-ticker".to_owned())
            .spawn(move || {
                let mut idle = 0_u32;
                while let (Some(engine), Some(ticker)) = (engine.upgrade(), Weak::upgrade(&weak)) {
                    engine.increment_epoch();
                    drop(engine);
                    ticker.ticks.fetch_add(1, Ordering::Relaxed);
                    idle = if ticker.is_busy() {
                        0
                    } else {
                        idle.saturating_add(1)
                    };
                    if idle < Self::IDLE_TICKS {
                        std::thread::park_timeout(TICK);
                    } else {
                        ticker.sleep();
                        idle = 0;
                    }
                }
            })?;
        *ticker.thread.lock() = Some(handle.thread().clone());
        Ok(ticker)
    }

    /// Whether a call began since the last tick, or a long one is under way.
    fn is_busy(&self) -> bool {
        self.began.swap(false, Ordering::Relaxed) || self.running.load(Ordering::Relaxed) > 0
    }

    /// Waits for the next call. Waking each second lets the thread end with its engine.
    fn sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        // A call that began before it could see `asleep` does not wake this thread.
        if !self.began.load(Ordering::SeqCst) {
            std::thread::park_timeout(Duration::from_secs(1));
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// The number of the tick: another one than [`TICK`] ago, but for a millisecond or so after a pause.
    pub(crate) fn tick(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// Says that a call begins: from now on there are ticks for at least the next while.
    pub(crate) fn call_begins(&self) {
        if !self.began.load(Ordering::Relaxed) {
            self.began.store(true, Ordering::SeqCst);
        }
        if self.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Keeps the ticks coming for as long as the guard lives: for calls that did not end at once.
    pub(crate) fn keep_awake(self: &Arc<Self>) -> Awake {
        self.running.fetch_add(1, Ordering::Relaxed);
        self.call_begins();
        Awake(Arc::clone(self))
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.lock().as_ref() {
            thread.unpark();
        }
    }
}

/// A call under way.
#[derive(Debug)]
pub(crate) struct Awake(Arc<Ticker>);

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
