//! Stanzas for a domain that a plugin serves as a component.

use waxwing_plugins::IqAnswer;
use waxwing_xmpp::{error::Condition, stanza::Stanza};

use crate::{delivery::session_handle::SessionHandle, plugins, server::shard::Shard};

/// Hands a stanza of a session to the plugin, and answers its sender if the plugin does.
pub(crate) async fn hand_over(shard: &Shard, sender: &SessionHandle, stanza: Stanza) {
    let router = &shard.server.router;
    // The answer to a request that the plugin sent from its domain goes to its handler of replies.
    if !stanza.is_request() && router.inlet().reply(&stanza) {
        return;
    }
    if !router.told_component(sender, &stanza) {
        return router.bounce(&stanza, Condition::ResourceConstraint);
    }
    match shard.plugins.component(&stanza).await {
        IqAnswer::Unhandled => router.bounce(&stanza, Condition::RemoteServerNotFound),
        IqAnswer::Error(error) => router.refuse(&stanza, &error),
        IqAnswer::Result(payload, after) => {
            router.answer(&sender.jid, stanza.result_reply(payload));
            plugins::follow(router, after);
        }
        IqAnswer::Done(after) => plugins::follow(router, after),
    }
}
