//! The router's metrics: sessions now, and stanzas routed so far.

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

use super::striped::Striped;

/// What the router counts.
#[derive(Debug, Default)]
pub(crate) struct RouterMetrics {
    sessions: AtomicU64,
    messages: Striped,
    presences: Striped,
    iqs: Striped,
    reached: [AtomicU64; Limit::ALL.len()],
}

/// A limit that keeps somebody from having more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// A session sent more stanzas or bytes than it may, and was not read from for a while.
    SessionRate,
    /// A session had more waiting for it than it may, and was ended.
    Mailbox,
    /// An address opened more connections than it may have.
    Connections,
    /// An address opened connections faster than it may.
    ConnectionRate,
    /// A message was not kept: the account's spool is full.
    Spool,
    /// A contact or a request was not kept: the account's roster is full.
    Roster,
    /// A session that slept was ended: there were too many.
    HibernatedSessions,
    /// A client was silent for too long, and its connection taken for lost.
    IdleTimeout,
    /// A session was not bound: its account has too many.
    Sessions,
    /// Directed presence was sent back: the session has told too many.
    DirectedPresences,
}

impl Limit {
    const ALL: [Self; 10] = [
        Self::SessionRate,
        Self::Mailbox,
        Self::Connections,
        Self::ConnectionRate,
        Self::Spool,
        Self::Roster,
        Self::HibernatedSessions,
        Self::IdleTimeout,
        Self::Sessions,
        Self::DirectedPresences,
    ];

    /// As it is called in the metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::SessionRate => "session-rate",
            Self::Mailbox => "mailbox",
            Self::Connections => "connections-per-address",
            Self::ConnectionRate => "connection-rate-per-address",
            Self::Spool => "offline-messages",
            Self::Roster => "roster",
            Self::HibernatedSessions => "hibernated-sessions",
            Self::IdleTimeout => "idle-timeout",
            Self::Sessions => "sessions-per-account",
            Self::DirectedPresences => "directed-presences",
        }
    }
}

impl RouterMetrics {
    pub(crate) fn register(self: &Arc<Self>, registry: &mut Registry) {
        registry.register_collector(Box::new(Arc::clone(self)));
    }

    pub(crate) fn session_begins(&self) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn session_ends(&self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }

    /// A session handed in a stanza of that kind.
    pub(crate) fn routed(&self, kind: Kind) {
        self.of(kind).count();
    }

    /// Somebody reached a limit.
    pub(crate) fn limit_reached(&self, limit: Limit) {
        let all = Limit::ALL.iter().zip(&self.reached);
        for (_, count) in all.filter(|(known, _)| **known == limit) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn of(&self, kind: Kind) -> &Striped {
        match kind {
            Kind::Message => &self.messages,
            Kind::Presence => &self.presences,
            Kind::Iq => &self.iqs,
        }
    }
}

impl Collector for RouterMetrics {
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
        let (name, help) = (
            "waxwing_limits_reached",
            "How often somebody was kept from having more than a limit allows",
        );
        let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (limit, count) in Limit::ALL.iter().zip(&self.reached) {
            let labels = [("limit", limit.name())];
            let exemplar = None::<&Exemplar<NoLabelSet, f64>>;
            let mut counter = family.encode_family(&labels)?;
            counter.encode_counter(&count.load(Ordering::Relaxed), exemplar)?;
        }
        Ok(())
    }
}
