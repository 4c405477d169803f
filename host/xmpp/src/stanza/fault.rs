//! How an element that is no valid stanza is answered, and how any stanza is.

use super::Kind;
use crate::content::ContentNamespace;
use crate::error::{Condition, StanzaError, StreamError};
use crate::jid::Jid;
use waxwing_xml::{Element, ElementBuilder};

/// Why an element is no valid stanza, as the answer that it gets. The peer is at fault.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[must_use]
pub enum StanzaFault {
    /// The stream ends with this error.
    #[error("the element ends the stream: {}", .0.condition.name())]
    Stream(StreamError),
    /// The sender gets `reply`, and the stream goes on.
    #[error("the stanza is answered with {}", .error.condition.name())]
    Answer {
        /// What is wrong.
        error: StanzaError,
        /// The error stanza, addressed to the `from` that the stanza had, if any.
        reply: Element,
    },
    /// Nothing is answered, since the stanza is itself an answer (RFC 6120 §8.2.3, §8.3.1).
    #[error("the stanza is dropped")]
    Drop,
}

/// The answer to a stanza that fails its checks.
pub(super) fn answer(
    element: &Element,
    (kind, content): (Kind, ContentNamespace),
    to: Option<&Jid>,
    from: Option<&Jid>,
    condition: Condition,
) -> StanzaFault {
    let name = element.attr("type");
    if name == Some("error") || (kind == Kind::Iq && name == Some("result")) {
        return StanzaFault::Drop;
    }
    let error = StanzaError::new(condition);
    let reply = error_stanza((kind, content), element.attr("id"), to, from, &error);
    StanzaFault::Answer { error, reply }
}

/// An error stanza; `to` and `from` are those of the stanza that it answers.
pub(super) fn error_stanza(
    kind: (Kind, ContentNamespace),
    id: Option<&str>,
    to: Option<&Jid>,
    from: Option<&Jid>,
    error: &StanzaError,
) -> Element {
    reply(kind, "error", id, to, from)
        .child(error.to_element())
        .build()
}

/// An answer without its children. A missing id of an iq is answered with an empty one (RFC 6120 §8.3.1).
pub(super) fn reply(
    (kind, content): (Kind, ContentNamespace),
    name: &str,
    id: Option<&str>,
    to: Option<&Jid>,
    from: Option<&Jid>,
) -> ElementBuilder {
    let mut reply = Element::builder(kind.name(), content.name()).attr("type", name);
    if let Some(id) = id.or((kind == Kind::Iq).then_some("")) {
        reply = reply.attr("id", id);
    }
    if let Some(from) = to {
        reply = reply.attr("from", from.as_str());
    }
    if let Some(to) = from {
        reply = reply.attr("to", to.as_str());
    }
    reply
}
