//! Iqs of a client that has not logged in, which plugins answer (such as XEP-0077).

use waxwing_plugins::{IqAnswer, PreAuthStream};
use waxwing_xmpp::{
    stanza::Stanza,
    stream::{PreAuthReply, TlsVersion},
};

use crate::{context::StreamContext, pipeline::follow_up::apply_follow_ups};

/// Asks the plugins about a request.
pub(super) async fn answer(
    cx: &StreamContext,
    stream: &PreAuthStream,
    request: &Stanza,
) -> PreAuthReply {
    let reply = match cx.plugins.pre_auth_iq(stream, request).await {
        // A handler before authentication has no way to answer later.
        IqAnswer::Unhandled | IqAnswer::Done(_) => return PreAuthReply::NotHandled,
        IqAnswer::Result(payload, follow_ups) => {
            apply_follow_ups(&cx.server, follow_ups);
            Some(request.result_reply(payload))
        }
        IqAnswer::Error(error) => request.error_reply(&error),
    };
    reply.map_or(PreAuthReply::NotHandled, PreAuthReply::Reply)
}

/// The version of TLS in the platform's terms.
pub(super) fn tls_version(version: TlsVersion) -> waxwing_plugins::TlsVersion {
    match version {
        TlsVersion::Tls12 => waxwing_plugins::TlsVersion::Tls12,
        TlsVersion::Tls13 => waxwing_plugins::TlsVersion::Tls13,
    }
}
