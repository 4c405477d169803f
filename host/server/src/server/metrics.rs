//! Metrics for monitoring, in the text format of Prometheus (OpenMetrics 1.0).
//!
//! Each family is registered by the module that owns what it counts; here they come together, and [`serve`] hands them
//! out. Labels have values of our own and names that the operator chose: nothing that a client can make up.

use std::sync::Arc;

use prometheus_client::{encoding::text, registry::Registry};

use super::Server;

/// All families of the server.
pub(crate) struct Metrics {
    registry: Registry,
    server: Arc<Server>,
}

impl Metrics {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        let mut registry = Registry::default();
        server.connections.register(&mut registry);
        server.router.register(&mut registry);
        server.resumptions.register(&mut registry);
        server.platform.register_metrics(&mut registry);
        Self { registry, server }
    }

    /// The metrics of this moment.
    pub(super) async fn text(&self) -> Result<String, std::fmt::Error> {
        self.server.platform.look_at_storage().await;
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
