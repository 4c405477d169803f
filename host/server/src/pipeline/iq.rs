//! Requests that the server answers: to itself, or on behalf of an account (RFC 6120 §10.3.3, §10.5; RFC 6121 §8.5.2.1.3).
//!
//! Each is answered once: by what is native, by a plugin, or by service-unavailable.

use std::sync::Arc;

use waxwing_plugins::IqAnswer;
use waxwing_xmpp::{
    error::Condition,
    jid::Jid,
    ns,
    roster::Request,
    stanza::{IqType, Stanza},
};

use super::follow_up::apply_follow_ups;
use crate::{
    context::StreamContext,
    delivery::{address::account_of, session_handle::SessionHandle},
};

/// Answers a request of a session.
pub(super) async fn answer(cx: &StreamContext, asker: &Arc<SessionHandle>, request: Stanza) {
    let router = &cx.server.router;
    if is_session_request(&request) {
        return router.answer(&asker.jid, request.result_reply(None));
    }
    if let Some(asked) = Request::of(&request) {
        return match asked {
            _ if !is_own(asker, &request) => router.bounce(&request, Condition::Forbidden),
            Ok(asked) => cx.server.rosters.serve(asker, &request, asked).await,
            Err(error) => router.refuse(&request, &error),
        };
    }
    match cx.plugins.iq(&request, router.recipient(&request)).await {
        IqAnswer::Unhandled => router.bounce(&request, Condition::ServiceUnavailable),
        IqAnswer::Error(error) => router.refuse(&request, &error),
        IqAnswer::Result(payload, after) => {
            router.answer(&asker.jid, request.result_reply(payload));
            apply_follow_ups(&cx.server, after);
        }
        IqAnswer::Done(after) => apply_follow_ups(&cx.server, after),
    }
}

/// Whether a request is about the asker's own account: by its bare JID, or by saying nobody's.
fn is_own(asker: &SessionHandle, request: &Stanza) -> bool {
    let to = request.to().map(Jid::as_str);
    to.is_none_or(|to| to == account_of(&asker.jid))
}

/// Establishing a session (RFC 3921 §3) does nothing any more, but old clients ask for it.
fn is_session_request(request: &Stanza) -> bool {
    let is_session = |payload: waxwing_xml::ElementRef<'_>| payload.is("session", ns::SESSION);
    request.iq_type() == Some(IqType::Set) && request.payload().is_some_and(is_session)
}
