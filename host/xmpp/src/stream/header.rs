//! The rules for a peer's stream header (RFC 6120 §4.7 and §4.8).

use super::settings::Settings;
use crate::content::ContentNamespace;
use crate::error::StreamCondition;
use crate::jid;
use crate::ns;
use std::fmt;
use waxwing_xml::StreamHeader;

/// The longest language tag that is remembered, in bytes (RFC 5646 §4.4.1 finds 35 enough).
const MAX_LANG: usize = 64;

/// A version of XMPP: major, then minor, compared as numbers (RFC 6120 §4.7.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Raised when older entities could not follow.
    pub major: u16,
    /// Raised for what older entities may ignore.
    pub minor: u16,
}

impl Version {
    /// The version spoken here.
    pub const ONE: Self = Self { major: 1, minor: 0 };

    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let number = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| text.parse().ok())?
        };
        Some(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

/// What a header says, as far as it can be understood: enough to answer with a header of ours in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// The host that answers: the one asked for where it is ours, else the first.
    pub(super) host: String,
    /// The bare JID in `from`, which our header answers `to`.
    pub(super) from: Option<String>,
    /// The version that our header names.
    pub(super) version: Option<Version>,
    /// The language that stanzas of this stream inherit.
    pub(super) lang: Option<String>,
}

impl Header {
    /// Reads a header by the rules; the second part is what is wrong with it.
    pub(super) fn read(
        header: &StreamHeader,
        settings: &Settings,
    ) -> (Self, Result<(), StreamCondition>) {
        let root = &header.root;
        let host = host(root.attr("to"), settings);
        let from = root.attr("from").and_then(|from| jid::parse(from).ok());
        let version = root.attr("version");
        let parsed = version.and_then(Version::parse);
        let lang = root.lang().filter(|lang| is_language_tag(lang));
        let read = Self {
            host: host
                .clone()
                .unwrap_or_else(|_| settings.default_host().to_owned()),
            from: from.map(|from| from.into_bare().to_string()),
            version: version.map(|_| parsed.unwrap_or(Version::ONE).min(Version::ONE)),
            lang: lang.map(str::to_owned),
        };
        let verdict = namespaces(header, settings.framing.content())
            .and(host.map(drop))
            .and(supported(parsed));
        (read, verdict)
    }
}

/// §4.8.1 and §4.8.3: the stream's own namespace, and the listener's for its content. Prefix-free streams declare no content
/// namespace (§4.8.2), which is as good.
fn namespaces(header: &StreamHeader, content: ContentNamespace) -> Result<(), StreamCondition> {
    if header.root.ns() != ns::STREAMS {
        return Err(StreamCondition::InvalidNamespace);
    }
    if header.root.name() != "stream" {
        return Err(StreamCondition::BadFormat);
    }
    match header.default_ns.as_deref() {
        None | Some("") => Ok(()),
        Some(declared) if declared == content.name() => Ok(()),
        Some(ns::STREAMS) if header.prefix.is_none() => Ok(()),
        Some(_) => Err(StreamCondition::InvalidNamespace),
    }
}

fn host(to: Option<&str>, settings: &Settings) -> Result<String, StreamCondition> {
    let to = to.ok_or(StreamCondition::ImproperAddressing)?;
    jid::prepare_domain(to)
        .ok()
        .filter(|host| settings.hosts.contains(host))
        .ok_or(StreamCondition::HostUnknown)
}

/// None for a header without version, which comes from before 1.0, or with one that is no version.
fn supported(version: Option<Version>) -> Result<(), StreamCondition> {
    match version {
        Some(version) if version >= Version::ONE => Ok(()),
        _ => Err(StreamCondition::UnsupportedVersion),
    }
}

/// Letters, digits and hyphens, as in RFC 5646 §2.1.
fn is_language_tag(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_LANG
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_versions_as_numbers() {
        let version = |text| Version::parse(text).unwrap();
        assert!(version("2.4") < version("2.13") && version("2.13") < version("12.3"));
        assert_eq!(version("01.00"), Version::ONE);
        for text in [
            "",
            "1",
            "1.",
            ".0",
            "1.0.0",
            "+1.0",
            "-1.0",
            "1.x",
            " 1.0",
            "1.99999999999",
        ] {
            assert_eq!(Version::parse(text), None, "{text:?}");
        }
    }
}
