//! Stanza errors (RFC 6120 §8.3) with the legacy codes of XEP-0086.

use crate::jid::Jid;
use crate::ns;
use waxwing_xml::{Element, ElementBuilder};

/// What the sender may do about an error (RFC 6120 §8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// Retry after providing credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// Go on: this was a warning.
    Continue,
    /// Retry after changing the data sent.
    Modify,
    /// Retry after waiting.
    Wait,
}

impl ErrorType {
    /// Every type.
    pub const ALL: [Self; 5] = [
        Self::Auth,
        Self::Cancel,
        Self::Continue,
        Self::Modify,
        Self::Wait,
    ];

    /// The value of the attribute `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Cancel => "cancel",
            Self::Continue => "continue",
            Self::Modify => "modify",
            Self::Wait => "wait",
        }
    }

    /// The type of a name; None for a name that RFC 6120 does not define.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The condition that a stanza error reports (RFC 6120 §8.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "the names are those of RFC 6120 §8.3.3, which explains each"
)]
pub enum Condition {
    BadRequest,
    Conflict,
    FeatureNotImplemented,
    Forbidden,
    Gone,
    InternalServerError,
    ItemNotFound,
    JidMalformed,
    NotAcceptable,
    NotAllowed,
    NotAuthorized,
    PolicyViolation,
    RecipientUnavailable,
    Redirect,
    RegistrationRequired,
    RemoteServerNotFound,
    RemoteServerTimeout,
    ResourceConstraint,
    ServiceUnavailable,
    SubscriptionRequired,
    UndefinedCondition,
    UnexpectedRequest,
}

use Condition as C;
use ErrorType as T;

/// Name, recommended type (RFC 6120 §8.3.3) and code of XEP-0086 §3, which policy-violation is too young to have.
type Row = (Condition, &'static str, ErrorType, Option<&'static str>);

const TABLE: [Row; 22] = [
    (C::BadRequest, "bad-request", T::Modify, Some("400")),
    (C::Conflict, "conflict", T::Cancel, Some("409")),
    (
        C::FeatureNotImplemented,
        "feature-not-implemented",
        T::Cancel,
        Some("501"),
    ),
    (C::Forbidden, "forbidden", T::Auth, Some("403")),
    (C::Gone, "gone", T::Cancel, Some("302")),
    (
        C::InternalServerError,
        "internal-server-error",
        T::Cancel,
        Some("500"),
    ),
    (C::ItemNotFound, "item-not-found", T::Cancel, Some("404")),
    (C::JidMalformed, "jid-malformed", T::Modify, Some("400")),
    (C::NotAcceptable, "not-acceptable", T::Modify, Some("406")),
    (C::NotAllowed, "not-allowed", T::Cancel, Some("405")),
    (C::NotAuthorized, "not-authorized", T::Auth, Some("401")),
    (C::PolicyViolation, "policy-violation", T::Modify, None),
    (
        C::RecipientUnavailable,
        "recipient-unavailable",
        T::Wait,
        Some("404"),
    ),
    (C::Redirect, "redirect", T::Modify, Some("302")),
    (
        C::RegistrationRequired,
        "registration-required",
        T::Auth,
        Some("407"),
    ),
    (
        C::RemoteServerNotFound,
        "remote-server-not-found",
        T::Cancel,
        Some("404"),
    ),
    (
        C::RemoteServerTimeout,
        "remote-server-timeout",
        T::Wait,
        Some("504"),
    ),
    (
        C::ResourceConstraint,
        "resource-constraint",
        T::Wait,
        Some("500"),
    ),
    (
        C::ServiceUnavailable,
        "service-unavailable",
        T::Cancel,
        Some("503"),
    ),
    (
        C::SubscriptionRequired,
        "subscription-required",
        T::Auth,
        Some("407"),
    ),
    (
        C::UndefinedCondition,
        "undefined-condition",
        T::Cancel,
        Some("500"),
    ),
    (
        C::UnexpectedRequest,
        "unexpected-request",
        T::Wait,
        Some("400"),
    ),
];

impl Condition {
    /// Every condition.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.into_iter().map(|(condition, ..)| condition)
    }

    fn row(self) -> Row {
        let row = TABLE.into_iter().find(|row| row.0 == self);
        // Every condition has its row, which a test holds.
        row.unwrap_or((
            C::UndefinedCondition,
            "undefined-condition",
            T::Cancel,
            Some("500"),
        ))
    }

    /// The element's name.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The condition of an element's name; None for a name that RFC 6120 does not define.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|condition| condition.name() == name)
    }

    /// The error type that RFC 6120 §8.3.3 recommends, which for some conditions is not that of XEP-0086.
    pub fn default_type(self) -> ErrorType {
        self.row().2
    }

    /// The code that clients from before RFC 3920 look for (XEP-0086 §3).
    pub fn legacy_code(self) -> Option<&'static str> {
        self.row().3
    }
}

/// A stanza error.
#[derive(Debug, Clone, PartialEq)]
pub struct StanzaError {
    /// What the sender may do about it.
    pub kind: ErrorType,
    /// What happened.
    pub condition: Condition,
    /// A sentence in English, for people.
    pub text: Option<String>,
    /// Who found the error, where that is not the address the stanza went to (RFC 6120 §8.3.1).
    pub by: Option<Jid>,
    /// The condition in the words of an extension (RFC 6120 §8.3.4).
    pub application: Option<Element>,
}

impl From<Condition> for StanzaError {
    fn from(condition: Condition) -> Self {
        Self::new(condition)
    }
}

impl StanzaError {
    /// An error of the recommended type, without text.
    pub fn new(condition: Condition) -> Self {
        Self {
            kind: condition.default_type(),
            condition,
            text: None,
            by: None,
            application: None,
        }
    }

    /// Something of the server's own failed, such as its database; worth another try later (RFC 6120 §8.3.3.6, whose type
    /// would be `cancel`).
    pub fn temporary() -> Self {
        Self::new(Condition::InternalServerError).with_type(ErrorType::Wait)
    }

    /// The same with a text.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The same with another type.
    #[must_use]
    pub fn with_type(mut self, kind: ErrorType) -> Self {
        self.kind = kind;
        self
    }

    /// The same with an extension's condition.
    #[must_use]
    pub fn with_application(mut self, application: Element) -> Self {
        self.application = Some(application);
        self
    }

    /// The element `<error/>` (RFC 6120 §8.3.2) in the clients' content namespace.
    pub fn to_element(&self) -> Element {
        let mut error = Element::builder("error", ns::CLIENT);
        if let Some(by) = &self.by {
            error = error.attr("by", by.as_str());
        }
        error = error.attr("type", self.kind.name());
        if let Some(code) = self.condition.legacy_code() {
            error = error.attr("code", code);
        }
        let condition = Element::builder(self.condition.name(), ns::STANZA_ERRORS).build();
        finish(
            error.child(condition),
            ns::STANZA_ERRORS,
            self.text.as_deref(),
            self.application.as_ref(),
        )
    }
}

/// The end that stanza errors and stream errors have in common: text, then an extension's condition.
pub(super) fn finish(
    mut error: ElementBuilder,
    namespace: &str,
    text: Option<&str>,
    application: Option<&Element>,
) -> Element {
    if let Some(text) = text {
        error = error.child(
            Element::builder("text", namespace)
                .attr_ns(ns::XML, "lang", "en")
                .text(text)
                .build(),
        );
    }
    if let Some(application) = application {
        error = error.child(application.clone());
    }
    error.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    // seeds: P19
    /// P19: the table of XEP-0086.
    #[test]
    fn codes_are_those_of_xep_0086() {
        for (name, code) in [
            ("bad-request", "400"),
            ("conflict", "409"),
            ("feature-not-implemented", "501"),
            ("forbidden", "403"),
            ("gone", "302"),
            ("internal-server-error", "500"),
            ("item-not-found", "404"),
            ("jid-malformed", "400"),
            ("not-acceptable", "406"),
            ("not-allowed", "405"),
            ("not-authorized", "401"),
            ("recipient-unavailable", "404"),
            ("redirect", "302"),
            ("registration-required", "407"),
            ("remote-server-not-found", "404"),
            ("remote-server-timeout", "504"),
            ("resource-constraint", "500"),
            ("service-unavailable", "503"),
            ("subscription-required", "407"),
            ("undefined-condition", "500"),
            ("unexpected-request", "400"),
        ] {
            assert_eq!(
                Condition::from_name(name).unwrap().legacy_code(),
                Some(code),
                "{name}"
            );
        }
        assert_eq!(Condition::PolicyViolation.legacy_code(), None);
        assert_eq!(Condition::from_name("payment-required"), None);
    }

    #[test]
    fn every_condition_has_its_row() {
        assert_eq!(TABLE.len(), Condition::UnexpectedRequest as usize + 1);
        for condition in Condition::all() {
            assert_eq!(Condition::from_name(condition.name()), Some(condition));
        }
    }

    // seeds: P19
    #[test]
    fn writes_every_part() {
        let mut error = StanzaError::new(Condition::NotAcceptable)
            .with_text("a < b")
            .with_type(ErrorType::Cancel);
        error.by = Some(crate::jid::parse("example.com").unwrap());
        error = error.with_application(Element::builder("too-many", "urn:example").build());
        assert_eq!(
            error.to_element().to_xml(),
            "<error xmlns='jabber:client' by='example.com' type='cancel' code='406'>\
             <not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>a &lt; b</text>\
             <too-many xmlns='urn:example'/></error>"
        );
    }
}
