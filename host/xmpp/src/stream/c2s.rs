//! The receiving side of a client's stream, from its first byte to a bound resource (RFC 6120 §4 to §7).
//!
//! [`Negotiation`] takes [`Input`]s, which are parsed elements and the results of effects, and gives [`Output`]s, which are
//! bytes to send and effects wanted. It is a state machine of its own data: no socket, no clock, no task. After
//! [`Output::Established`] the session has the stream, and only the functions for its end are still of use.
//!
//! Decisions where the standard leaves room:
//! - A header without `version` comes from before XMPP 1.0 (§4.7.5): it is answered without one, then unsupported-version,
//!   since no authentication of that time is spoken here.
//! - A header without `to` is answered improper-addressing, one with a host that is not ours host-unknown, both `from` the
//!   first host (§4.9.1.3).
//! - What was said before TLS is forgotten (§5.4.3.3), the host too. The host that the account was proven for is kept: a
//!   restart for another one is not-authorized.
//! - A header's `from` decides only the `to` of ours (§4.7.2). The account is the one that SASL proved.
//! - Before required TLS `<auth/>` fails with encryption-required and the stream lives; an iq (registration, binding) is
//!   policy-violation, any other stanza not-authorized.
//! - Each `<auth/>` is an attempt, whether it fails, is aborted or replaced (§6.4.5).
//! - A stream not bound by its deadline is closed with connection-timeout, however busy it was.
//! - `<compress/>` is refused without any other effect: compression under encryption gives secrets away.

mod authentication;
mod authority;
mod binding;
mod early;
mod features;
mod io;
mod negotiation;
mod provided;
mod state;

pub use authority::{Abilities, Authority};
pub use io::{Established, Input, Output, PreAuthReply, StreamState};
pub use negotiation::Negotiation;

#[cfg(test)]
mod tests;
