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

use crate::{
    delivery::session_handle::SessionHandle, plugins, router::account_of, server::shard::Shard,
};

/// Answers a request of a session.
pub(crate) async fn answer(shard: &Shard, asker: &Arc<SessionHandle>, request: Stanza) {
    let router = &shard.server.router;
    if is_session_request(&request) {
        return router.answer(&asker.jid, request.result_reply(None));
    }
    if let Some(asked) = Request::of(&request) {
        return match asked {
            _ if !is_own(asker, &request) => router.bounce(&request, Condition::Forbidden),
            Ok(asked) => shard.server.rosters.serve(asker, &request, asked).await,
            Err(error) => router.refuse(&request, &error),
        };
    }
    match shard.plugins.iq(&request, router.recipient(&request)).await {
        IqAnswer::Unhandled => router.bounce(&request, Condition::ServiceUnavailable),
        IqAnswer::Error(error) => router.refuse(&request, &error),
        IqAnswer::Result(payload, after) => {
            router.answer(&asker.jid, request.result_reply(payload));
            plugins::follow(router, after);
        }
        IqAnswer::Done(after) => plugins::follow(router, after),
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
