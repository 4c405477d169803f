//! Bytes of a stream on TCP: its header and its end.

use super::header::Version;
use crate::ns;
use std::fmt::Write as _;

/// The end of our stream.
pub(super) const CLOSE: &[u8] = b"</stream:stream>";

/// The attributes of our stream header (RFC 6120 §4.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReply<'a> {
    /// Our host.
    pub from: &'a str,
    /// The bare JID that the client's header named in `from`; None where it named none (§4.7.2).
    pub to: Option<&'a str>,
    /// New for each header (§4.7.3).
    pub id: &'a str,
    /// The lower of both sides' versions; None where the client's header has none (§4.7.5).
    pub version: Option<Version>,
}

/// Our stream header, with an XML declaration. Its language is English, the only one that texts here are written in.
pub(super) fn open(reply: &OpenReply<'_>, content: &str) -> Vec<u8> {
    let mut out = format!(
        "<?xml version='1.0'?><stream:stream xmlns='{content}' xmlns:stream='{}'",
        ns::STREAMS
    );
    attribute(&mut out, "id", reply.id);
    attribute(&mut out, "from", reply.from);
    if let Some(to) = reply.to {
        attribute(&mut out, "to", to);
    }
    if let Some(version) = reply.version {
        attribute(&mut out, "version", &version.to_string());
    }
    attribute(&mut out, "xml:lang", "en");
    out.push('>');
    out.into_bytes()
}

fn attribute(out: &mut String, name: &str, value: &str) {
    // Writing to a string does not fail.
    let _ = write!(out, " {name}='");
    for character in value.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '\'' => out.push_str("&apos;"),
            character => out.push(character),
        }
    }
    out.push('\'');
}
