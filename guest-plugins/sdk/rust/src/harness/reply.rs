//! Answers as the host writes them.

use super::outcome::{Outcome, Xml};
use crate::native::xml::CLIENT;
use crate::{Element, ErrorCondition, ErrorType, Stanza, StanzaError, StanzaKind};

/// The namespace of the defined conditions (RFC 6120 §8.3.3).
const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

pub(crate) fn is_request(stanza: &Stanza) -> bool {
    stanza.kind() == StanzaKind::Iq && matches!(stanza.subtype().as_str(), "get" | "set")
}

/// The result of a request.
pub(crate) fn result(request: &Stanza, payload: Option<Element>) -> Outcome {
    Outcome::Answered(Xml::from(reply(request, "result").children(payload)))
}

/// The error that answers a stanza; errors and results are never answered.
pub(crate) fn error(stanza: &Stanza, error: &StanzaError) -> Outcome {
    if matches!(stanza.subtype().as_str(), "error" | "result") {
        return Outcome::Dropped;
    }
    Outcome::Answered(Xml::from(reply(stanza, "error").child(element(error))))
}

fn reply(stanza: &Stanza, subtype: &str) -> Element {
    let head = stanza.head();
    let kind = stanza.element().local();
    Element::new(kind, CLIENT)
        .attr("type", subtype)
        .attr_if("id", head.id.as_deref())
        .attr_if("from", head.recipient.as_deref())
        .attr_if("to", head.sender.as_deref())
}

/// With the legacy code of XEP-0086.
fn element(error: &StanzaError) -> Element {
    let (name, kind, code) = row(error.condition);
    let kind = error.kind.map_or(kind, |kind| match kind {
        ErrorType::Auth => "auth",
        ErrorType::Cancel => "cancel",
        ErrorType::Continue => "continue",
        ErrorType::Modify => "modify",
        ErrorType::Wait => "wait",
    });
    let text = error.text.as_deref();
    Element::new("error", CLIENT)
        .attr("type", kind)
        .attr_if("code", code)
        .child(Element::new(name, STANZAS))
        .children(text.map(|text| Element::new("text", STANZAS).text(text)))
        .children(error.application.as_deref().cloned())
}

/// Name, type (RFC 6120 §8.3.3) and code (XEP-0086 §3).
fn row(condition: ErrorCondition) -> (&'static str, &'static str, Option<&'static str>) {
    use ErrorCondition as C;
    match condition {
        C::BadRequest => ("bad-request", "modify", Some("400")),
        C::Conflict => ("conflict", "cancel", Some("409")),
        C::FeatureNotImplemented => ("feature-not-implemented", "cancel", Some("501")),
        C::Forbidden => ("forbidden", "auth", Some("403")),
        C::Gone => ("gone", "cancel", Some("302")),
        C::InternalServerError => ("internal-server-error", "cancel", Some("500")),
        C::ItemNotFound => ("item-not-found", "cancel", Some("404")),
        C::JidMalformed => ("jid-malformed", "modify", Some("400")),
        C::NotAcceptable => ("not-acceptable", "modify", Some("406")),
        C::NotAllowed => ("not-allowed", "cancel", Some("405")),
        C::NotAuthorized => ("not-authorized", "auth", Some("401")),
        C::PolicyViolation => ("policy-violation", "modify", None),
        C::RecipientUnavailable => ("recipient-unavailable", "wait", Some("404")),
        C::Redirect => ("redirect", "modify", Some("302")),
        C::RegistrationRequired => ("registration-required", "auth", Some("407")),
        C::RemoteServerNotFound => ("remote-server-not-found", "cancel", Some("404")),
        C::RemoteServerTimeout => ("remote-server-timeout", "wait", Some("504")),
        C::ResourceConstraint => ("resource-constraint", "wait", Some("500")),
        C::ServiceUnavailable => ("service-unavailable", "cancel", Some("503")),
        C::SubscriptionRequired => ("subscription-required", "auth", Some("407")),
        C::UndefinedCondition => ("undefined-condition", "cancel", Some("500")),
        C::UnexpectedRequest => ("unexpected-request", "wait", Some("400")),
    }
}
