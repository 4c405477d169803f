//! Stream errors (RFC 6120 §4.9): the last thing said on a stream.

use super::stanza::finish;
use crate::ns;
use waxwing_xml::{Element, XmlError};

/// The condition that a stream error reports (RFC 6120 §4.9.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "the names are those of RFC 6120 §4.9.3, which explains each"
)]
pub enum StreamCondition {
    BadFormat,
    BadNamespacePrefix,
    Conflict,
    ConnectionTimeout,
    HostGone,
    HostUnknown,
    ImproperAddressing,
    InternalServerError,
    InvalidFrom,
    InvalidNamespace,
    InvalidXml,
    NotAuthorized,
    NotWellFormed,
    PolicyViolation,
    RemoteConnectionFailed,
    Reset,
    ResourceConstraint,
    RestrictedXml,
    /// The host, with or without a port, to connect to instead (§4.9.3.19).
    SeeOtherHost(String),
    SystemShutdown,
    UndefinedCondition,
    UnsupportedEncoding,
    UnsupportedFeature,
    UnsupportedStanzaType,
    UnsupportedVersion,
}

impl StreamCondition {
    /// The element's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::BadFormat => "bad-format",
            Self::BadNamespacePrefix => "bad-namespace-prefix",
            Self::Conflict => "conflict",
            Self::ConnectionTimeout => "connection-timeout",
            Self::HostGone => "host-gone",
            Self::HostUnknown => "host-unknown",
            Self::ImproperAddressing => "improper-addressing",
            Self::InternalServerError => "internal-server-error",
            Self::InvalidFrom => "invalid-from",
            Self::InvalidNamespace => "invalid-namespace",
            Self::InvalidXml => "invalid-xml",
            Self::NotAuthorized => "not-authorized",
            Self::NotWellFormed => "not-well-formed",
            Self::PolicyViolation => "policy-violation",
            Self::RemoteConnectionFailed => "remote-connection-failed",
            Self::Reset => "reset",
            Self::ResourceConstraint => "resource-constraint",
            Self::RestrictedXml => "restricted-xml",
            Self::SeeOtherHost(_) => "see-other-host",
            Self::SystemShutdown => "system-shutdown",
            Self::UndefinedCondition => "undefined-condition",
            Self::UnsupportedEncoding => "unsupported-encoding",
            Self::UnsupportedFeature => "unsupported-feature",
            Self::UnsupportedStanzaType => "unsupported-stanza-type",
            Self::UnsupportedVersion => "unsupported-version",
        }
    }
}

/// A stream error.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamError {
    /// What happened.
    pub condition: StreamCondition,
    /// A sentence in English, for people.
    pub text: Option<String>,
    /// The condition in the words of an extension (RFC 6120 §4.9.4).
    pub application: Option<Element>,
}

impl From<StreamCondition> for StreamError {
    fn from(condition: StreamCondition) -> Self {
        Self::new(condition)
    }
}

impl StreamError {
    /// An error without text.
    pub fn new(condition: StreamCondition) -> Self {
        Self {
            condition,
            text: None,
            application: None,
        }
    }

    /// The same with a text.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The same with an extension's condition.
    #[must_use]
    pub fn with_application(mut self, application: Element) -> Self {
        self.application = Some(application);
        self
    }

    /// The element `<stream:error/>` (RFC 6120 §4.9.2).
    pub fn to_element(&self) -> Element {
        let mut condition = Element::builder(self.condition.name(), ns::STREAM_ERRORS);
        if let StreamCondition::SeeOtherHost(host) = &self.condition {
            condition = condition.text(host);
        }
        let error = Element::builder("error", ns::STREAMS).child(condition.build());
        finish(
            error,
            ns::STREAM_ERRORS,
            self.text.as_deref(),
            self.application.as_ref(),
        )
    }
}

/// What answers a peer whose XML is not accepted. Where in the input it went wrong is for the log.
impl From<&XmlError> for StreamError {
    fn from(error: &XmlError) -> Self {
        match error {
            XmlError::NotWellFormed(_) => StreamCondition::NotWellFormed.into(),
            XmlError::Restricted(_) => StreamCondition::RestrictedXml.into(),
            XmlError::UnsupportedEncoding => StreamCondition::UnsupportedEncoding.into(),
            XmlError::BadNamespacePrefix => StreamCondition::BadNamespacePrefix.into(),
            XmlError::BadFormat(_) => StreamCondition::BadFormat.into(),
            XmlError::TooBig(_) => Self::new(StreamCondition::PolicyViolation)
                .with_application(Element::builder("stanza-too-big", ns::ERRORS).build()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_every_part() {
        let error = StreamError::new(StreamCondition::PolicyViolation)
            .with_text("too much")
            .with_application(Element::builder("stanza-too-big", ns::ERRORS).build());
        let element = error.to_element();
        assert!(element.is("error", ns::STREAMS));
        let names: Vec<_> = element
            .children()
            .map(|child| (child.name().to_owned(), child.ns().to_owned()))
            .collect();
        assert_eq!(
            names,
            [
                ("policy-violation".to_owned(), ns::STREAM_ERRORS.to_owned()),
                ("text".to_owned(), ns::STREAM_ERRORS.to_owned()),
                ("stanza-too-big".to_owned(), ns::ERRORS.to_owned()),
            ]
        );
    }

    #[test]
    fn says_where_to_connect_instead() {
        let element = StreamError::new(StreamCondition::SeeOtherHost(
            "[2001:db8::1]:9222".to_owned(),
        ))
        .to_element();
        assert_eq!(
            element
                .child("see-other-host", ns::STREAM_ERRORS)
                .unwrap()
                .text(),
            "[2001:db8::1]:9222"
        );
    }
}
