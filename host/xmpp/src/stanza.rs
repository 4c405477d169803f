//! Stanzas (RFC 6120 §8): a validated view over an element.

mod fault;
mod kind;

pub use fault::StanzaFault;
pub use kind::{IqType, Kind, MessageType, PresenceType, Type};

use crate::content::ContentNamespace;
use crate::error::{Condition, StanzaError, StreamCondition};
use crate::jid::{self, Jid};
use crate::ns;
use std::fmt;
use std::sync::Arc;
use waxwing_xml::{Element, ElementRef};

/// A message, presence or iq whose addresses and type were checked. Cloning shares everything.
#[derive(Clone)]
pub struct Stanza {
    element: Element,
    content: ContentNamespace,
    kind: Type,
    to: Option<Arc<Jid>>,
    from: Option<Arc<Jid>>,
}

impl fmt::Debug for Stanza {
    /// Shows the addressing only: what people say to each other, and passwords, belong in no log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stanza")
            .field("kind", &self.kind)
            .field("id", &self.id())
            .field("to", &self.to)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl Stanza {
    /// Checks a first-level element of a stream with that content. Inside the server that is [`ContentNamespace::Client`].
    ///
    /// Elements in another content namespace (§4.8.3), unknown elements (§4.8.4) and a malformed `from` end the stream; a malformed
    /// `to`, an unknown type of iq (§8.2.3) or presence (RFC 6121 §4.7.1), an iq without id and a request without exactly one
    /// child are answered with an error. A message of an unknown type is a normal one (RFC 6121 §5.2.2).
    pub fn parse(element: Element, content: ContentNamespace) -> Result<Self, StanzaFault> {
        let name = Kind::of(element.root(), content)
            .map_err(|condition| StanzaFault::Stream(condition.into()))?;
        let from = match element.attr("from").map(jid::parse_shared) {
            None => None,
            Some(Ok(from)) => Some(from),
            Some(Err(_)) => return Err(StanzaFault::Stream(StreamCondition::InvalidFrom.into())),
        };
        let kind = Type::of(name, element.attr("type"));
        let to = element.attr("to").map(jid::parse_shared).transpose();
        let wrong = match (kind, &to) {
            (None, _) => Some(Condition::BadRequest),
            (_, Err(_)) => Some(Condition::JidMalformed),
            (Some(kind), _) if !follows_iq_rules(kind, element.root()) => {
                Some(Condition::BadRequest)
            }
            _ => None,
        };
        match (kind, to, wrong) {
            (Some(kind), Ok(to), None) => Ok(Self {
                element,
                content,
                kind,
                to,
                from,
            }),
            (_, to, wrong) => {
                let condition = wrong.unwrap_or(Condition::BadRequest);
                Err(fault::answer(
                    &element,
                    (name, content),
                    to.ok().flatten().as_deref(),
                    from.as_deref(),
                    condition,
                ))
            }
        }
    }

    /// Message, presence or iq.
    pub fn kind(&self) -> Kind {
        self.kind.kind()
    }

    /// The kind with its type.
    pub fn typed(&self) -> Type {
        self.kind
    }

    /// The type of an iq, None for the other kinds.
    pub fn iq_type(&self) -> Option<IqType> {
        if let Type::Iq(kind) = self.kind {
            Some(kind)
        } else {
            None
        }
    }

    /// Whether it is an iq that must be answered: a get or a set.
    pub fn is_request(&self) -> bool {
        matches!(self.kind, Type::Iq(IqType::Get | IqType::Set))
    }

    /// Whether it is an error of any kind.
    pub fn is_error(&self) -> bool {
        self.kind.is_error()
    }

    /// The attribute `id`. An iq has one.
    pub fn id(&self) -> Option<&str> {
        self.element.attr("id")
    }

    /// The address it goes to, if it names one.
    pub fn to(&self) -> Option<&Jid> {
        self.to.as_deref()
    }

    /// The address it comes from, as stamped or as the peer claims.
    pub fn from(&self) -> Option<&Jid> {
        self.from.as_deref()
    }

    /// Its own `xml:lang`.
    pub fn lang(&self) -> Option<&str> {
        self.element.lang()
    }

    /// The only child of a request; the first child of any other stanza.
    pub fn payload(&self) -> Option<ElementRef<'_>> {
        self.element.children().next()
    }

    /// The element.
    pub fn element(&self) -> &Element {
        &self.element
    }

    /// The element, given up by the view.
    pub fn into_element(self) -> Element {
        self.element
    }

    /// Sets the address it comes from, whatever the peer claimed (RFC 6120 §8.1.2.1).
    pub fn stamp_from(&mut self, from: impl Into<Arc<Jid>>) {
        let from = from.into();
        if self.element.attr("from") != Some(from.as_str()) {
            self.element.set_attr("from", Some(from.as_str()));
        }
        self.from = Some(from);
    }

    /// Sets the address it goes to.
    pub fn set_to(&mut self, to: impl Into<Arc<Jid>>) {
        let to = to.into();
        if self.element.attr("to") != Some(to.as_str()) {
            self.element.set_attr("to", Some(to.as_str()));
        }
        self.to = Some(to);
    }

    /// Gives it the language of its stream where it has none of its own (RFC 6120 §4.7.4, §8.1.5).
    pub fn inherit_lang(&mut self, lang: Option<&str>) {
        if lang.is_some() && self.element.lang().is_none() {
            self.element.set_lang(lang);
        }
    }

    /// The error stanza that answers it, with the addresses swapped and the id kept.
    ///
    /// None for an error of any kind and for the result of an iq, which are never answered (§8.2.3, §8.3.1). What the sender
    /// sent is not repeated: it may be too large, restricted, or hold a password.
    #[must_use]
    pub fn error_reply(&self, error: &StanzaError) -> Option<Element> {
        if self.is_error() || self.iq_type() == Some(IqType::Result) {
            return None;
        }
        Some(fault::error_stanza(
            (self.kind(), self.content),
            self.id(),
            self.to(),
            self.from(),
            error,
        ))
    }

    /// The result that answers a request, with the addresses swapped and the id kept.
    pub fn result_reply(&self, payload: Option<Element>) -> Element {
        let kind = (Kind::Iq, self.content);
        fault::reply(kind, "result", self.id(), self.to(), self.from())
            .children(payload)
            .build()
    }
}

/// §8.2.3: an iq has an id, a request has exactly one child. What a result or an error holds is for its receiver to judge.
fn follows_iq_rules(kind: Type, element: ElementRef<'_>) -> bool {
    match kind {
        Type::Iq(IqType::Get | IqType::Set) => {
            element.attr("id").is_some() && element.children().count() == 1
        }
        Type::Iq(_) => element.attr("id").is_some(),
        _ => true,
    }
}

/// Whether a first-level element is the peer's stream error, after which the peer closes (RFC 6120 §4.9.1.1).
pub fn is_stream_error(element: &Element) -> bool {
    element.is("error", ns::STREAMS)
}

#[cfg(test)]
mod tests;
