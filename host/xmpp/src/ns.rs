//! Every namespace of the protocol crate, once.

/// The stream element, `<stream:features/>` and `<stream:error/>` (RFC 6120 §4.8.1).
pub const STREAMS: &str = "http://etherx.jabber.org/streams";
/// Content of client-to-server streams (RFC 6120 §4.8.3).
pub const CLIENT: &str = "jabber:client";
/// Content of server-to-server streams (RFC 6120 §4.8.3).
pub const SERVER: &str = "jabber:server";
/// Dialback declarations that a stream header may carry (XEP-0220).
pub const DIALBACK: &str = "jabber:server:dialback";
/// Conditions of stream errors (RFC 6120 §4.9.2).
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Conditions of stanza errors (RFC 6120 §8.3.2).
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// Rosters (RFC 6121 §2).
pub const ROSTER: &str = "jabber:iq:roster";
/// When a stanza was sent that comes late (XEP-0203).
pub const DELAY: &str = "urn:xmpp:delay";
/// Whether somebody is typing (XEP-0085).
pub const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";
/// What may be done with a message (XEP-0334).
pub const HINTS: &str = "urn:xmpp:hints";
/// The stream feature of roster versioning (RFC 6121 §2.6).
pub const ROSTER_VERSIONS: &str = "urn:xmpp:features:rosterver";
/// The stream feature of approving requests beforehand (RFC 6121 §3.4).
pub const PRE_APPROVAL: &str = "urn:xmpp:features:pre-approval";
/// Whether the other side is there (XEP-0199).
pub const PING: &str = "urn:xmpp:ping";
/// Stream management (XEP-0198).
pub const SM: &str = "urn:xmpp:sm:3";
/// Client state indication (XEP-0352).
pub const CSI: &str = "urn:xmpp:csi:0";
/// STARTTLS (RFC 6120 §5).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL (RFC 6120 §6).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Resource binding (RFC 6120 §7).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// Session establishment of RFC 3921, which RFC 6121 made a no-op and older clients still ask for.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Channel-binding types offered (XEP-0440).
pub const SASL_CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
/// Stream compression (XEP-0138), which is refused.
pub const COMPRESS: &str = "http://jabber.org/protocol/compress";
/// Application-specific error conditions such as `<stanza-too-big/>` (RFC 6120 §4.9.3.14 and §8.3.3.12).
pub const ERRORS: &str = "urn:xmpp:errors";
/// The prefix `xml`, bound by definition.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
