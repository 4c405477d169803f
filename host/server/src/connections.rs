//! How many connections are open.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use prometheus_client::{
    collector::Collector, encoding::DescriptorEncoder, metrics::MetricType, registry::Registry,
};

/// Counts connections against a limit.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    open: Arc<AtomicUsize>,
    limit: usize,
}

/// One open connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Connections {
    /// None yet, and at most so many. Shards that accept at the same moment may pass the limit by one each.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            open: Arc::default(),
            limit,
        }
    }

    /// Registers its figure.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }

    /// True if no more may be accepted just now.
    pub(crate) fn is_full(&self) -> bool {
        self.open.load(Ordering::Relaxed) >= self.limit
    }

    /// Counts one more.
    pub(crate) fn slot(&self) -> Slot {
        self.open.fetch_add(1, Ordering::Relaxed);
        Slot(Arc::clone(&self.open))
    }
}

impl Collector for Connections {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = ("waxwing_streams", "Open connections of clients");
        let mut gauge = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
        let open = self.open.load(Ordering::Relaxed);
        gauge.encode_gauge(&u64::try_from(open).unwrap_or(u64::MAX))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn the_figure_follows_the_open_connections() {
        let connections = Connections::new(10);
        let mut registry = Registry::default();
        connections.register(&mut registry);
        let scraped = || {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            text
        };
        let slots = [connections.slot(), connections.slot()];
        assert!(scraped().contains("\nwaxwing_streams 2\n"), "{}", scraped());
        drop(slots);
        assert!(scraped().contains("\nwaxwing_streams 0\n"), "{}", scraped());
    }
}
