//! How a stream lies on its transport, as one value from a listener's settings to the parser and the writer.

use super::wire::{self, OpenReply};
use crate::content::ContentNamespace;
use crate::error::StreamError;
use waxwing_xml::{Context, Element, Limits, StreamParser};

/// How the header, the elements and the end of a stream are written and read.
///
/// On TCP a stream is one XML document (RFC 6120 §4): the header is an open tag that declares what its elements use. A
/// transport with frames (RFC 7395) writes other headers and self-contained elements; it gets a constructor of its own here,
/// and nothing that holds a `Framing` changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    content: ContentNamespace,
}

impl Framing {
    /// A stream of that content on TCP or TLS.
    pub const fn tcp(content: ContentNamespace) -> Self {
        Self { content }
    }

    /// What the stream's stanzas are qualified by.
    pub const fn content(self) -> ContentNamespace {
        self.content
    }

    /// What is declared where an element is written.
    pub const fn context(self) -> Context<'static> {
        Context::stream(self.content.name())
    }

    /// A parser of what the peer sends, at the start of its stream.
    pub fn parser(self, limits: Limits) -> StreamParser {
        StreamParser::new(limits)
    }

    /// Our header.
    pub fn open(self, reply: &OpenReply<'_>) -> Vec<u8> {
        wire::open(reply, self.content.name())
    }

    /// An element inside our stream.
    pub fn element(self, element: &Element) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        element.write(&self.context(), &mut out);
        out
    }

    /// The end of our stream.
    pub const fn close(self) -> &'static [u8] {
        wire::CLOSE
    }

    /// A stream error and the end of our stream, whose header was sent.
    pub fn error_and_close(self, error: &StreamError) -> Vec<u8> {
        let mut out = self.element(&error.to_element());
        out.extend_from_slice(self.close());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StreamCondition;
    use crate::stream::Version;

    #[test]
    fn writes_a_stream_in_its_content_namespace() {
        for content in [ContentNamespace::Client, ContentNamespace::Server] {
            let framing = Framing::tcp(content);
            let reply = OpenReply {
                from: "example.com",
                to: None,
                id: "x",
                version: Some(Version::ONE),
            };
            let header = String::from_utf8(framing.open(&reply)).unwrap();
            assert!(
                header.contains(&format!(" xmlns='{}' ", content.name())),
                "{header}"
            );
            let stanza = Element::builder("message", content.name()).build();
            assert_eq!(framing.element(&stanza), b"<message/>");
            assert_eq!(ContentNamespace::from_name(content.name()), Some(content));
        }
        assert_eq!(ContentNamespace::from_name("urn:example"), None);
        let error = Framing::tcp(ContentNamespace::Server)
            .error_and_close(&StreamCondition::Conflict.into());
        let error = String::from_utf8(error).unwrap();
        assert!(error.starts_with("<stream:error>") && error.ends_with("</stream:stream>"));
    }
}
