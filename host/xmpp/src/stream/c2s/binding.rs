//! Resource binding (RFC 6120 §7), the last step.

use super::features;
use super::io::{Established, Output};
use super::negotiation::Negotiation;
use super::state::{Proven, State};
use crate::bind::{self, BindRequest};
use crate::error::{Condition, StanzaError, StreamCondition};
use crate::jid::FullJid;
use crate::ns;
use crate::sm::{self, Nonza, NotResumed};
use crate::stanza::{Stanza, StanzaFault};
use waxwing_xml::Element;

impl Negotiation {
    pub(super) fn advertise_binding(&mut self, proven: Proven, extensions: Vec<Element>) -> State {
        self.send(&features::after_authentication(extensions));
        State::Unbound(proven)
    }

    /// Before binding nothing but the request for it is processed (§7.1).
    pub(super) fn before_binding(&mut self, proven: Proven, element: Element) -> State {
        match (element.ns(), element.name()) {
            (ns::TLS, "starttls") => return self.refuse_tls(),
            (ns::SASL, _) => return self.end_open(StreamCondition::NotAuthorized),
            (ns::COMPRESS, "compress") => {
                self.refuse_compression();
                return State::Unbound(proven);
            }
            (ns::SM, "enable" | "resume") => return self.manage(proven, &element),
            _ => {}
        }
        let binds = element.child("bind", ns::BIND).is_some();
        match Stanza::parse(element, self.settings.framing.content()) {
            Ok(request) if is_request_to_bind(&request, &proven) => self.bind(proven, request),
            Err(StanzaFault::Stream(error)) => self.end_open(error),
            Err(StanzaFault::Answer { reply, .. }) if binds => {
                self.send(&reply);
                self.count_failure(proven)
            }
            _ => self.end_open(StreamCondition::NotAuthorized),
        }
    }

    fn bind(&mut self, proven: Proven, request: Stanza) -> State {
        let wish = match BindRequest::read(&request) {
            Ok(wish) => wish,
            Err(condition) => return self.bound(proven, &request, Err(condition.into())),
        };
        let (account, jid) = (proven.identity.account, proven.identity.jid.clone());
        self.push(Output::Bind {
            account,
            jid,
            request: wish,
        });
        State::Binding(proven, request)
    }

    /// Answers the request, and is done if it was granted.
    pub(super) fn bound(
        &mut self,
        proven: Proven,
        request: &Stanza,
        bound: Result<FullJid, StanzaError>,
    ) -> State {
        let jid = match bound {
            Ok(jid) => jid,
            Err(error) => {
                if let Some(reply) = request.error_reply(&error) {
                    self.send(&reply);
                }
                return self.count_failure(proven);
            }
        };
        self.send(&request.result_reply(Some(bind::bound(&jid))));
        self.establish(proven, jid)
    }

    fn establish(&mut self, proven: Proven, jid: FullJid) -> State {
        self.push(Output::Established(Established {
            account: proven.identity.account,
            jid,
            host: proven.host,
            lang: proven.lang,
            tls: proven.tls,
        }));
        State::Done
    }

    /// Stream management before binding: a session may be resumed, nothing else (XEP-0198 §3, §5).
    fn manage(&mut self, proven: Proven, element: &Element) -> State {
        let (account, jid) = (proven.identity.account, proven.identity.jid.clone());
        match Nonza::read(element) {
            Ok(Nonza::Resume(resume)) => {
                self.push(Output::Resume {
                    account,
                    jid,
                    resume,
                });
                State::Resuming(proven)
            }
            Ok(_) => self.resumed(proven, Err(Condition::UnexpectedRequest.into())),
            Err(_) => self.resumed(proven, Err(Condition::BadRequest.into())),
        }
    }

    /// Is done if a session was taken over; else the client may bind a resource, or try again.
    pub(super) fn resumed(
        &mut self,
        proven: Proven,
        resumed: Result<FullJid, NotResumed>,
    ) -> State {
        match resumed {
            Ok(jid) => self.establish(proven, jid),
            Err(why) => {
                self.send(&sm::failed(&why));
                self.count_failure(proven)
            }
        }
    }

    /// §7.7.3.
    fn count_failure(&mut self, proven: Proven) -> State {
        self.bindings = self.bindings.saturating_add(1);
        if self.bindings > self.settings.bind_retries {
            return self.end_open(StreamCondition::PolicyViolation);
        }
        State::Unbound(proven)
    }
}

/// Whether it asks the server, and nobody else, for binding.
fn is_request_to_bind(request: &Stanza, proven: &Proven) -> bool {
    let to_server = request
        .to()
        .is_none_or(|to| to.as_str() == proven.host || to.as_str() == proven.identity.jid.as_str());
    request.is_request()
        && to_server
        && request
            .payload()
            .is_some_and(|payload| payload.is("bind", ns::BIND))
}
