//! Stanzas of a session for a domain that a plugin serves as a component.

use waxwing_plugins::IqAnswer;
use waxwing_xmpp::error::Condition;

use super::follow_up::apply_follow_ups;
use crate::{
    context::StreamContext,
    delivery::{envelope::Envelope, mailbox::Flow, session_handle::SessionHandle},
};

/// Hands a stanza of a session to the plugin, and answers its sender if the plugin does.
pub(super) async fn call(cx: &StreamContext, sender: &SessionHandle, stanza: Envelope) -> Flow {
    let router = &cx.server.router;
    // The answer to a request that the plugin sent from its domain goes to its handler of replies.
    if !stanza.is_request() && router.inlet().reply(&stanza) {
        return Flow::Free;
    }
    if !router.told_component(sender, &stanza) {
        router.bounce(&stanza, Condition::ResourceConstraint);
        return Flow::Free;
    }
    match cx.plugins.component(&stanza).await {
        IqAnswer::Unhandled => router.bounce(&stanza, Condition::RemoteServerNotFound),
        IqAnswer::Error(error) => router.refuse(&stanza, &error),
        IqAnswer::Result(payload, follow_ups) => {
            router.answer(&sender.jid, stanza.result_reply(payload));
            apply_follow_ups(&cx.server, follow_ups);
        }
        IqAnswer::Done(follow_ups) => apply_follow_ups(&cx.server, follow_ups),
    }
    Flow::Free
}
