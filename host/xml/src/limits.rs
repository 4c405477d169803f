//! How much of a peer's XML is held before the stream is closed (RFC 6120 §13.12, XEP-0478).

/// Limits on one top-level element of a stream (a stanza, or the stream header itself).
///
/// Every byte since the last boundary counts towards `stanza_bytes`: markup, text, CDATA and the white space between stanzas.
/// What is held between two calls for a token or a text that never ends stays within `stanza_bytes` and 8 KiB; of the densest
/// markup, whose lists of nodes are longer than the bytes they came from, it stays within four times `stanza_bytes` and 8 KiB.
/// Each limit leads to [`XmlError::TooBig`](crate::XmlError::TooBig).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one top-level element, with the whitespace before it.
    pub stanza_bytes: usize,
    /// Elements in one stanza, the stanza itself included.
    pub elements: usize,
    /// Nesting, where the stanza itself is at depth 1.
    pub depth: usize,
    /// Attributes of one element, namespace declarations not included.
    pub attributes: usize,
    /// Namespace declarations in scope at one place, those of the stream header not included.
    pub namespaces: usize,
    /// Bytes of one name, its prefix included.
    pub name_bytes: usize,
}

impl Limits {
    /// For a peer that has not authenticated: 10,000 bytes (the floor that RFC 6120 §13.12 allows) and 32 elements.
    pub const fn pre_auth() -> Self {
        Self {
            stanza_bytes: 10_000,
            elements: 32,
            depth: 64,
            attributes: 32,
            namespaces: 32,
            name_bytes: 256,
        }
    }

    /// For an authenticated client: 262,144 bytes and 8,192 elements.
    pub const fn stanza() -> Self {
        Self {
            stanza_bytes: 262_144,
            elements: 8_192,
            depth: 64,
            attributes: 128,
            namespaces: 128,
            name_bytes: 1_024,
        }
    }

    /// For what we wrote ourselves and read again: it was within some peer's limits when it came, and may be longer as we write
    /// it. Only what would nest too deep is refused.
    pub const fn own() -> Self {
        Self {
            stanza_bytes: usize::MAX,
            elements: usize::MAX,
            depth: 128,
            attributes: usize::MAX,
            namespaces: usize::MAX,
            name_bytes: usize::MAX,
        }
    }
}

/// Which of the [`Limits`] was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`Limits::stanza_bytes`].
    StanzaBytes,
    /// [`Limits::elements`].
    Elements,
    /// [`Limits::depth`].
    Depth,
    /// [`Limits::attributes`].
    Attributes,
    /// [`Limits::namespaces`].
    Namespaces,
    /// [`Limits::name_bytes`].
    NameBytes,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::StanzaBytes => "too many bytes in one stanza",
            Self::Elements => "too many elements in one stanza",
            Self::Depth => "elements nested too deeply",
            Self::Attributes => "too many attributes on one element",
            Self::Namespaces => "too many namespace declarations in scope",
            Self::NameBytes => "name too long",
        })
    }
}
