//! The threads that call plugins on behalf of no session, and what they share with the server.

use std::sync::Arc;

use crate::calls::context::Context;
use crate::calls::event_queue::EventReceiver;
use crate::dispatch::background::BackgroundCalls;
use crate::dispatch::event_worker;
use crate::dispatch::session_leases::SessionLeases;

/// What the server's doors to plugins share. One for each process.
pub(crate) struct Dispatcher {
    pub(crate) context: Arc<Context>,
    pub(crate) background: BackgroundCalls,
    pub(crate) leases: Arc<SessionLeases>,
}

impl Dispatcher {
    /// Starts the threads. They end when the context's `stopping` is cancelled.
    pub(crate) fn start(context: Arc<Context>, events: EventReceiver) -> anyhow::Result<Arc<Self>> {
        event_worker::start(&context, events)?;
        Ok(Arc::new(Self {
            background: BackgroundCalls::start(&context)?,
            leases: Arc::default(),
            context,
        }))
    }
}
