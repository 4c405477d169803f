//! What the tasks of a load have done together.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use super::Latencies;
use crate::measure::Start;
use crate::metric::Values;

/// Before anything is measured, so that buffers, caches and compilers have settled.
const WARM_UP: Duration = Duration::from_millis(500);

/// Counts units, and how long they took while that is wanted.
#[derive(Default)]
pub(crate) struct Tally {
    units: Cell<u64>,
    latencies: RefCell<Option<Latencies>>,
    stopped: Cell<bool>,
}

impl Tally {
    pub(crate) fn new() -> Rc<Self> {
        Rc::default()
    }

    /// So many units are done.
    pub(crate) fn add(&self, units: u64) {
        self.units.set(self.units.get() + units);
    }

    /// A unit took so long.
    pub(crate) fn took(&self, latency: Duration) {
        if let Some(latencies) = self.latencies.borrow_mut().as_mut() {
            latencies.add(latency);
        }
    }

    pub(crate) fn units(&self) -> u64 {
        self.units.get()
    }

    /// Tells the tasks to begin nothing more.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// The figures of `span`, taken while the tasks run.
    pub(crate) async fn measure(&self, pid: u32, span: Duration) -> Result<Values> {
        sleep(WARM_UP.min(span)).await;
        self.latencies.replace(Some(Latencies::default()));
        let (before, start) = (self.units(), Start::now(pid)?);
        sleep(span).await;
        let done = self.units() - before;
        ensure!(done > 0, "nothing came back in {span:?}");
        let mut values = start.values(done)?;
        let latencies = self.latencies.take().unwrap_or_default();
        values.extend(latencies.values());
        Ok(values)
    }
}
