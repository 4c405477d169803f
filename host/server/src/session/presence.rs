//! Presence of a session: to be told to others, or about who may be told (RFC 6121 §3, §4).

use std::sync::Arc;

use waxwing_xmpp::stanza::{PresenceType, Stanza, Type};

use crate::{
    contacts, pacing,
    router::{Handle, priority},
    shard::Shard,
};

/// Deals with a presence stanza; `from` is stamped.
pub(super) async fn handle(shard: &Shard, sender: &Arc<Handle>, stanza: Stanza) {
    let (router, contacts) = (&shard.server.router, &shard.server.contacts);
    if let Some(word) = contacts::word(&stanza) {
        return contacts.say(sender, stanza, word).await;
    }
    let is_broadcast =
        stanza.to().is_none() && matches!(stanza.typed(), Type::Presence(PresenceType::Available));
    if !is_broadcast {
        if matches!(stanza.typed(), Type::Presence(PresenceType::Probe)) {
            make_known(shard, sender).await;
        }
        return router.presence(sender, stanza);
    }
    if let Err(error) = contacts.make_known(&sender.jid.to_bare()).await {
        // To be available without contacts would tell the wrong people that one is not.
        return router.refuse(&stanza, &error.reply());
    }
    let (was_available, took_messages) = (sender.is_available(), sender.takes_messages());
    let takes_messages = priority(&stanza) >= 0;
    let gets_messages = takes_messages && !took_messages;
    if gets_messages {
        // Before others can send it newer ones.
        shard.server.offline.give(sender).await;
    }
    router.presence(sender, stanza);
    if gets_messages {
        // What came in between.
        shard.server.offline.give(sender).await;
    }
    if was_available {
        return;
    }
    for presence in router.presence_of_contacts(sender) {
        if !pacing::room(sender, presence.element().heap_bytes()).await {
            return;
        }
        router.give_to(sender, presence);
    }
    if let Err(error) = contacts.remind(sender).await {
        drop(error.reply());
    }
}

/// Makes the sender's subscriptions known where it asks something of another: who is away is not known, but who asks then is.
pub(super) async fn make_known(shard: &Shard, sender: &Handle) {
    if let Err(error) = shard
        .server
        .contacts
        .make_known(&sender.jid.to_bare())
        .await
    {
        // It is treated as one who has no contacts.
        drop(error.reply());
    }
}
