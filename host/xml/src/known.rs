//! Namespaces that nearly every stream uses: held as a number, so that no tree copies them.

use std::cmp::Ordering;

/// The namespace of the prefix `xml`.
pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of the prefix `xmlns`, which nothing may be bound to.
pub(crate) const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
/// The namespace of the stream element and of its features and errors.
pub(crate) const STREAMS: &str = "http://etherx.jabber.org/streams";
/// The content namespaces (RFC 6120 §4.8.3).
pub(crate) const CLIENT: &str = "jabber:client";
/// See [`CLIENT`].
pub(crate) const SERVER: &str = "jabber:server";

/// Sorted by length, then by bytes; the first is "no namespace".
static TABLE: [&str; 63] = [
    "",
    "vcard-temp",
    "jabber:x:oob",
    "jabber:client",
    "jabber:server",
    "jabber:x:data",
    "urn:xmpp:ping",
    "urn:xmpp:sm:3",
    "urn:xmpp:time",
    "jabber:iq:auth",
    "jabber:iq:last",
    "urn:xmpp:csi:0",
    "urn:xmpp:delay",
    "urn:xmpp:eme:0",
    "urn:xmpp:hints",
    "urn:xmpp:mam:2",
    "urn:xmpp:sid:0",
    "urn:xmpp:bind:0",
    "urn:xmpp:errors",
    "urn:xmpp:push:0",
    "urn:xmpp:sasl:2",
    "jabber:iq:roster",
    "urn:xmpp:reply:0",
    "jabber:iq:private",
    "jabber:iq:version",
    "storage:bookmarks",
    "urn:xmpp:blocking",
    "urn:xmpp:receipts",
    "jabber:iq:register",
    "urn:xmpp:carbons:2",
    "urn:xmpp:forward:0",
    "jabber:x:conference",
    "vcard-temp:x:update",
    "urn:xmpp:reactions:0",
    "jabber:server:dialback",
    "urn:xmpp:http:upload:0",
    "jabber:component:accept",
    "urn:xmpp:chat-markers:0",
    "urn:xmpp:message-correct:0",
    "eu.siacs.conversations.axolotl",
    "http://jabber.org/protocol/ibb",
    "http://jabber.org/protocol/muc",
    "http://jabber.org/protocol/rsm",
    "http://jabber.org/protocol/caps",
    "urn:ietf:params:xml:ns:xmpp-tls",
    "http://etherx.jabber.org/streams",
    "urn:ietf:params:xml:ns:xmpp-bind",
    "urn:ietf:params:xml:ns:xmpp-sasl",
    "http://jabber.org/protocol/pubsub",
    "http://jabber.org/protocol/commands",
    "http://jabber.org/protocol/httpbind",
    "http://jabber.org/protocol/muc#user",
    "urn:ietf:params:xml:ns:xmpp-session",
    "urn:ietf:params:xml:ns:xmpp-stanzas",
    "urn:ietf:params:xml:ns:xmpp-streams",
    "http://jabber.org/protocol/muc#admin",
    "http://jabber.org/protocol/muc#owner",
    "http://www.w3.org/XML/1998/namespace",
    "http://jabber.org/protocol/chatstates",
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "http://jabber.org/protocol/pubsub#event",
    "http://jabber.org/protocol/pubsub#owner",
];

/// A well-known namespace: the index into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known(u16);

impl Known {
    /// No namespace.
    pub(crate) const NONE: Self = Self(0);
    /// That of the prefix `xml`.
    pub(crate) const XML: Self = Self(57);

    /// The well-known namespace of this name, if it is one.
    pub(crate) fn find(uri: &str) -> Option<Self> {
        // What most attributes and elements that are made here have.
        match uri {
            "" => return Some(Self::NONE),
            XML => return Some(Self::XML),
            _ => {}
        }
        let found = TABLE.binary_search_by(|known| order(known, uri)).ok()?;
        u16::try_from(found).ok().map(Self)
    }

    /// Its name.
    #[inline]
    pub(crate) fn uri(self) -> &'static str {
        TABLE.get(usize::from(self.0)).copied().unwrap_or("")
    }
}

fn order(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_of_its_own() {
        for uri in TABLE {
            assert_eq!(Known::find(uri).map(Known::uri), Some(uri));
        }
        for uri in [XML, STREAMS, CLIENT, SERVER] {
            assert!(Known::find(uri).is_some(), "{uri}");
        }
        assert_eq!(Known::find("urn:example"), None);
        assert_eq!(Known::NONE.uri(), "");
        assert_eq!(Known::XML.uri(), XML);
    }
}
