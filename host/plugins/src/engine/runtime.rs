//! What runs guests, one for each process: the engine, its ticks, and the threads for guests that run long.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use tokio::runtime::{Builder, Handle, Runtime as TokioRuntime};
use wasmtime::Engine;

use crate::engine::configuration::{Addresses, for_running};
use crate::engine::limits::{MemoryLimits, MemoryTotals};
use crate::engine::opaque::Opaque;
use crate::engine::ticker::Ticker;

/// The engine and what its guests share.
pub(crate) struct Runtime {
    pub(crate) engine: Opaque<Engine>,
    /// What code for the engine must be compiled for.
    pub(crate) addresses: Addresses,
    pub(crate) ticker: Arc<Ticker>,
    /// Where calls go on that ran too long for a thread that serves sockets.
    pub(crate) guests: Handle,
    /// The memory of all instances.
    pub(crate) memory: Arc<MemoryTotals>,
    pub(crate) started: Instant,
}

impl Runtime {
    /// Starts the engine. Guests that run long go on at `guests`; all instances together have that much memory.
    pub(crate) fn start(guests: Handle, memory: MemoryLimits) -> anyhow::Result<Self> {
        let (engine, addresses, ticker) = for_running()?;
        Ok(Self {
            engine: Opaque::new(engine),
            addresses,
            ticker,
            guests,
            memory: Arc::new(MemoryTotals::new(memory)),
            started: Instant::now(),
        })
    }
}

/// The tokio runtime for guests that run long: one thread, on which they take turns at each tick.
///
/// Dropping it does not wait for the guests. tokio panics where a runtime that waits is dropped inside another one, which
/// is where a start of the platform may fail.
pub(crate) struct GuestsRuntime {
    handle: Handle,
    /// There until it is dropped.
    runtime: Option<TokioRuntime>,
}

impl GuestsRuntime {
    /// Starts the thread.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads(1)
            .thread_name("guests")
            .enable_time();
        let runtime = builder
            .build()
            .context("cannot start the guests' runtime")?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// Where to spawn the calls of guests that run long.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for GuestsRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
