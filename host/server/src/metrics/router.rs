//! The router's metrics: sessions now, and stanzas routed so far.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use prometheus_client::registry::Registry;
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
    /// Registers them.
    pub(crate) fn register(self: &Arc<Self>, registry: &mut Registry) {
        let own = Arc::clone(self);
        super::gauge(
            registry,
            "waxwing_sessions",
            "Bound resources of clients",
            move || own.sessions.load(Ordering::Relaxed),
        );
        let own = Arc::clone(self);
        super::by_label(
            registry,
            "waxwing_stanzas_routed",
            "Stanzas of clients that the router dealt with, after the hooks",
            "kind",
            move || {
                let kinds = [Kind::Message, Kind::Presence, Kind::Iq];
                kinds.map(|kind| (kind.name(), own.of(kind).sum())).to_vec()
            },
        );
        let own = Arc::clone(self);
        super::by_label(
            registry,
            "waxwing_limits_reached",
            "How often a limit refused something",
            "limit",
            move || {
                let reached = Limit::ALL.map(|limit| (limit.name(), own.times_reached(limit)));
                // Under their names of version 0.1 as well.
                let renamed = [
                    ("silence", Limit::IdleTimeout),
                    ("sleeping-sessions", Limit::HibernatedSessions),
                ];
                let renamed = renamed.map(|(old, limit)| (old, own.times_reached(limit)));
                reached.into_iter().chain(renamed).collect()
            },
        );
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

    fn times_reached(&self, limit: Limit) -> u64 {
        let all = Limit::ALL.iter().zip(&self.reached);
        let of_limit = all.filter(|(known, _)| **known == limit);
        of_limit
            .map(|(_, count)| count.load(Ordering::Relaxed))
            .sum()
    }

    fn of(&self, kind: Kind) -> &Striped {
        match kind {
            Kind::Message => &self.messages,
            Kind::Presence => &self.presences,
            Kind::Iq => &self.iqs,
        }
    }
}
