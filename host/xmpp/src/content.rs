//! What the stanzas of a stream are qualified by.

use crate::ns;

/// What the stanzas of a stream are qualified by (RFC 6120 §4.8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentNamespace {
    /// `jabber:client`: streams of clients, and every stanza inside the server.
    Client,
    /// `jabber:server`: streams between servers.
    Server,
}

impl ContentNamespace {
    /// The namespace.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => ns::CLIENT,
            Self::Server => ns::SERVER,
        }
    }

    /// The content namespace of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Client, Self::Server]
            .into_iter()
            .find(|content| content.name() == name)
    }
}
