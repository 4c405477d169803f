//! Namespaces that the tests name.

/// Stanzas between client and server.
pub const CLIENT: &str = "jabber:client";
/// Streams.
pub const STREAMS: &str = "http://etherx.jabber.org/streams";
/// Conditions of stream errors.
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Conditions of stanza errors.
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// STARTTLS.
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL.
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Resource binding.
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// Channel bindings offered (XEP-0440).
pub const CHANNEL_BINDINGS: &str = "urn:xmpp:sasl-cb:0";
/// In-band registration (XEP-0077).
pub const REGISTER: &str = "jabber:iq:register";
/// Its stream feature.
pub const REGISTER_FEATURE: &str = "http://jabber.org/features/iq-register";
/// Ping (XEP-0199).
pub const PING: &str = "urn:xmpp:ping";
/// Service discovery (XEP-0030), information.
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// Service discovery, items.
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// Rosters.
pub const ROSTER: &str = "jabber:iq:roster";
/// When a stanza was sent (XEP-0203).
pub const DELAY: &str = "urn:xmpp:delay";
/// The stream feature of approval beforehand (RFC 6121 §3.4).
pub const PRE_APPROVAL: &str = "urn:xmpp:features:pre-approval";
