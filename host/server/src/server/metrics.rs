//! The metrics of the server, in the text format of Prometheus (OpenMetrics 1.0): all that its parts register.

use std::sync::Arc;

use prometheus_client::{encoding::text, registry::Registry};
use waxwing_plugins::Platform;

use super::Server;

/// All families of the server.
pub(crate) struct Metrics {
    registry: Registry,
    platform: Arc<Platform>,
}

impl Metrics {
    /// Has each part of a server register what it counts.
    pub(crate) fn new(server: &Server) -> Self {
        let mut registry = Registry::default();
        let context = &server.context;
        context.connections.register(&mut registry);
        context.router.register(&mut registry);
        context.roster_jobs.register(&mut registry);
        context.offline.spool_queue().register(&mut registry);
        server.resumptions.register(&mut registry);
        server.platform.register_metrics(&mut registry);
        Self {
            registry,
            platform: Arc::clone(&server.platform),
        }
    }

    /// The metrics of this moment.
    pub(super) async fn text(&self) -> Result<String, std::fmt::Error> {
        self.platform.look_at_storage().await;
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
