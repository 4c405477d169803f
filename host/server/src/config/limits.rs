//! `[limits]`: bounds on what one client may use.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::Bounds;

/// Bounds on one client's stream, and on what is kept of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest stanza of an authenticated client, in bytes; at least 10,000 (RFC 6120 §13.12).
    pub stanza_bytes: usize,
    /// Largest top-level element before authentication, in bytes; at least 10,000 (RFC 6120 §13.12).
    pub pre_auth_stanza_bytes: usize,
    /// Time to authenticate and bind a resource, in seconds from the accepted connection.
    pub pre_auth_seconds: u32,
    /// Most stanzas that a session may send in a second, on average; it may send twice as many at once, and is read from no faster. 0: no
    /// limit.
    pub stanzas_per_second: u32,
    /// The same in bytes, as they are before encryption.
    pub bytes_per_second: u32,
    /// Idle timeout of a client, in seconds: after two thirds of it the server pings the client, then drops the connection. 0 disables.
    pub idle_probe_seconds: u32,
    /// Most sessions of one account, those included whose clients are away.
    pub sessions_per_account: usize,
    /// Most addresses that a session may have sent directed presence to, and not taken it back (RFC 6121 §4.6).
    pub directed_presences: usize,
    /// Most bytes that may wait for a session to read them, as they are held in memory. One more ends a session that does not read; of a
    /// client with stream management (XEP-0198), a half of it may be sent and not acknowledged; of one of which it is said that nobody
    /// looks at it (XEP-0352), a quarter may be held back.
    pub outbound_bytes: u32,
    /// The same in stanzas.
    pub outbound_stanzas: u32,
    /// Most connections from one address, by IPv6 from one network of 64 bits; more are closed at once. 0: no limit.
    pub connections_per_address: usize,
    /// Most that it may open in a second, on average; it may open four times as many at once. 0: no limit.
    pub connections_per_second_per_address: u32,
    /// These two hold for addresses of loopback too, from which proxies connect.
    pub limit_loopback: bool,
    /// Most contacts in a roster, and most requests for presence that wait for an account's answer.
    pub roster_items: u64,
    /// Longest request for presence that is kept whole until it is answered, in bytes; of a longer one is kept who asks (RFC 6121 §3.1.3).
    pub request_bytes: usize,
    /// Most messages that wait for an account while it is offline.
    pub offline_messages: u64,
    /// Most bytes of them.
    pub offline_bytes: u64,
    /// Days for which they wait; then they are removed, and nobody is told. 0: for as long as it takes.
    pub offline_days: u32,
    /// Time in which a client can resume its session after its connection was lost (XEP-0198), in seconds; 0: it cannot.
    pub resume_seconds: u32,
    /// Most hibernated sessions of an account, which lost their connection and may be resumed. One more ends the oldest.
    pub hibernated_sessions_per_account: usize,
    /// Most hibernated sessions of all accounts.
    pub hibernated_sessions: usize,
    /// Most bytes that all hibernated sessions hold in memory. Beyond it the session that holds most ends; its messages stay in the spool.
    pub hibernated_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stanza_bytes: 262_144,
            pre_auth_stanza_bytes: 10_000,
            pre_auth_seconds: 30,
            stanzas_per_second: 10_000,
            bytes_per_second: 10 << 20,
            idle_probe_seconds: 90,
            sessions_per_account: 256,
            directed_presences: 1_000,
            outbound_bytes: 1 << 20,
            outbound_stanzas: 16_384,
            connections_per_address: 1_000,
            connections_per_second_per_address: 50,
            limit_loopback: false,
            roster_items: 1_000,
            request_bytes: 16 << 10,
            offline_messages: 1_000,
            offline_bytes: 10 << 20,
            offline_days: 0,
            resume_seconds: 300,
            hibernated_sessions_per_account: 10,
            hibernated_sessions: 10_000,
            hibernated_bytes: 256 << 20,
        }
    }
}

impl Limits {
    /// `pre_auth_seconds` as a duration.
    pub fn pre_auth(&self) -> Duration {
        Duration::from_secs(u64::from(self.pre_auth_seconds))
    }

    /// How much may wait for a session.
    pub(crate) const fn outbound(&self) -> Bounds {
        Bounds::new(self.outbound_bytes, self.outbound_stanzas)
    }
}
