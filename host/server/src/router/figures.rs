//! The router's figures: sessions now, and stanzas routed so far.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::{MetricType, exemplar::Exemplar},
    registry::Registry,
};
use waxwing_xmpp::stanza::Kind;

use crate::metrics::Striped;

/// What the router counts.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    sessions: AtomicU64,
    messages: Striped,
    presences: Striped,
    iqs: Striped,
}

impl Figures {
    pub(super) fn register(self: &Arc<Self>, registry: &mut Registry) {
        registry.register_collector(Box::new(Arc::clone(self)));
    }

    pub(super) fn session_begins(&self) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn session_ends(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }

    /// A session handed in a stanza of that kind.
    pub(super) fn routed(&self, kind: Kind) {
        self.of(kind).count();
    }

    fn of(&self, kind: Kind) -> &Striped {
        match kind {
            Kind::Message => &self.messages,
            Kind::Presence => &self.presences,
            Kind::Iq => &self.iqs,
        }
    }
}

impl Collector for Figures {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = ("waxwing_sessions", "Bound resources of clients");
        let mut gauge = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
        gauge.encode_gauge(&self.sessions.load(Ordering::Relaxed))?;
        let (name, help) = (
            "waxwing_stanzas_routed",
            "Stanzas of clients that the router dealt with, after the hooks",
        );
        let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for kind in [Kind::Message, Kind::Presence, Kind::Iq] {
            let labels = [("kind", kind.name())];
            let exemplar = None::<&Exemplar<NoLabelSet, f64>>;
            let mut counter = family.encode_family(&labels)?;
            counter.encode_counter(&self.of(kind).sum(), exemplar)?;
        }
        Ok(())
    }
}
