//! Stanzas before authentication: extensions such as registration may answer a request to the host, nothing else is processed
//! (RFC 6120 §4.9.3.12).

use super::features;
use super::io::{Output, PreAuthReply};
use super::negotiation::Negotiation;
use super::state::{Handshake, State, Stream};
use crate::error::{StanzaError, StreamCondition, StreamError};
use crate::ns;
use crate::stanza::{Kind, Stanza, StanzaFault};
use waxwing_xml::Element;

/// The most requests that extensions are offered on one stream.
const MAX_REQUESTS: u8 = 20;

impl Negotiation {
    /// Offers a request to the extensions, and ends the stream over anything else.
    pub(super) fn early_stanza(
        &mut self,
        stream: Stream,
        handshake: &Handshake,
        element: Element,
    ) -> State {
        let kind = match Kind::of(element.root(), self.settings.framing.content()) {
            Ok(kind) => kind,
            Err(condition) => return self.end_open(condition),
        };
        if kind == Kind::Iq && features::needs_tls(&self.settings, stream.tls.as_ref()) {
            let error = StreamError::new(StreamCondition::PolicyViolation);
            return self.end_open(error.with_text("TLS is required first"));
        }
        let mut request = match Stanza::parse(element, self.settings.framing.content()) {
            Ok(request)
                if matches!(handshake, Handshake::Idle) && may_be_early(&request, &stream.host) =>
            {
                request
            }
            Err(StanzaFault::Stream(error)) => return self.end_open(error),
            _ => return self.end_open(StreamCondition::NotAuthorized),
        };
        self.requests = self.requests.saturating_add(1);
        if self.requests > MAX_REQUESTS {
            return self.end_open(StreamCondition::PolicyViolation);
        }
        request.inherit_lang(stream.lang.as_deref());
        self.push(Output::PreAuth(request.clone()));
        State::Asking(stream, request)
    }

    pub(super) fn reply(&mut self, stream: Stream, request: &Stanza, reply: PreAuthReply) -> State {
        match reply {
            PreAuthReply::Reply(mut reply) => {
                reply.set_attr("id", request.id());
                self.send(&reply);
                State::Unauthenticated(stream, Handshake::Idle)
            }
            PreAuthReply::NotHandled => self.end_open(StreamCondition::NotAuthorized),
            PreAuthReply::Close(error) => self.end_open(error),
        }
    }

    pub(super) fn no_reply(&mut self, stream: Stream, request: &Stanza) -> State {
        if let Some(reply) = request.error_reply(&StanzaError::temporary()) {
            self.send(&reply);
        }
        State::Unauthenticated(stream, Handshake::Idle)
    }
}

/// Whether extensions are offered a stanza before authentication: a request to nobody else than the host, and not one for
/// what only an authenticated peer gets.
fn may_be_early(stanza: &Stanza, host: &str) -> bool {
    stanza.is_request()
        && stanza.to().is_none_or(|to| to.as_str() == host)
        && stanza
            .payload()
            .is_some_and(|payload| !matches!(payload.ns(), ns::BIND | ns::SESSION))
}
