//! What is wrong with a peer's XML, and the stream error that answers it.

use crate::limits::Limit;

/// Why a stream's XML is not accepted. It is always the peer's fault, and always ends the stream.
///
/// Each variant names the stream error that it leads to (RFC 6120 §4.9.3); [`XmlError::condition`] gives its element name.
/// The text inside is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not well-formed, or not namespace-well-formed (RFC 6120 §11.3): `not-well-formed`.
    #[error("xml is not well-formed: {0}")]
    NotWellFormed(&'static str),
    /// Comment, processing instruction, DOCTYPE, foreign entity or another thing that §11.1 forbids: `restricted-xml`.
    #[error("xml has a forbidden feature: {0}")]
    Restricted(&'static str),
    /// An encoding other than UTF-8, declared or seen (RFC 6120 §11.6): `unsupported-encoding`.
    #[error("xml is not in utf-8")]
    UnsupportedEncoding,
    /// A prefix on an element of a content namespace (RFC 6120 §4.8.5): `bad-namespace-prefix`.
    #[error("an element of the content namespace has a prefix")]
    BadNamespacePrefix,
    /// Well-formed, but no XMPP: text between stanzas (RFC 6120 §4.9.3.1): `bad-format`.
    #[error("not an xmpp stream: {0}")]
    BadFormat(&'static str),
    /// One of our [`Limits`](crate::Limits) (RFC 6120 §13.12): `policy-violation`, with the application condition
    /// `<stanza-too-big xmlns='urn:xmpp:errors'/>`.
    #[error("a limit was passed: {0}")]
    TooBig(Limit),
}

impl XmlError {
    /// The stream error condition that answers this, as the name of its element (RFC 6120 §4.9.3).
    pub const fn condition(&self) -> &'static str {
        match self {
            Self::NotWellFormed(_) => "not-well-formed",
            Self::Restricted(_) => "restricted-xml",
            Self::UnsupportedEncoding => "unsupported-encoding",
            Self::BadNamespacePrefix => "bad-namespace-prefix",
            Self::BadFormat(_) => "bad-format",
            Self::TooBig(_) => "policy-violation",
        }
    }
}
