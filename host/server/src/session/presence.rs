//! Presence of a session: to be told to others, or about who may be told (RFC 6121 §3, §4).

use std::{rc::Rc, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::timeout};
use waxwing_xmpp::stanza::{PresenceType, Stanza, Type};

use crate::{
    contacts, pacing,
    router::{Handle, priority},
    shard::Shard,
};

/// What comes of initial presence is done before the client's next stanza, unless it takes longer than this.
const IN_ORDER: Duration = Duration::from_secs(2);

/// Deals with a presence stanza; `from` is stamped.
pub(super) async fn handle(shard: &Rc<Shard>, sender: &Arc<Handle>, stanza: Stanza) {
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
        return retire(shard, sender, stanza).await;
    }
    if let Err(error) = contacts.make_known(&sender.jid.to_bare()).await {
        // To be available without contacts would tell the wrong people that one is not.
        return router.refuse(&stanza, &error.reply());
    }
    let recorded = router.record(sender, Some((priority(&stanza), &stanza)));
    if let Err(error) = recorded.await {
        return router.refuse(&stanza, &error);
    }
    let (was_available, took_messages) = (sender.is_available(), sender.takes_messages());
    if priority(&stanza) >= 0 && !took_messages {
        // Before others can send it newer ones.
        sender.catch_up();
    }
    router.presence(sender, stanza);
    if (sender.takes_messages() && !took_messages || !was_available) && sender.begin_welcome() {
        let (done, welcomed) = oneshot::channel();
        let (shard_too, newcomer) = (Rc::clone(shard), Arc::clone(sender));
        shard.spawn(async move {
            welcome(shard_too, newcomer).await;
            // The session may have gone on.
            let _ = done.send(());
        });
        drop(timeout(IN_ORDER, welcomed).await);
    }
}

/// Gives a session that became available what it has to know: the messages that waited, its contacts' presence, and who asks for
/// its own. That may be more than a client takes before it is heard, so it is done beside the session.
async fn welcome(shard: Rc<Shard>, newcomer: Arc<Handle>) {
    loop {
        if newcomer.takes_messages() {
            shard.server.offline.give(&newcomer).await;
        } else {
            // It has changed its mind: what is for itself is not to wait for others.
            shard.server.router.stop_catching_up(&newcomer);
        }
        tell_of_contacts(&shard, &newcomer).await;
        if newcomer.end_welcome() {
            return;
        }
    }
}

async fn tell_of_contacts(shard: &Shard, newcomer: &Arc<Handle>) {
    let (router, contacts) = (&shard.server.router, &shard.server.contacts);
    for presence in router.presence_of_contacts(newcomer) {
        if !pacing::room(newcomer, presence.element().heap_bytes()).await
            || !newcomer.is_available()
        {
            return;
        }
        router.give_to(newcomer, presence);
    }
    if let Err(error) = contacts.remind(newcomer).await {
        drop(error.reply());
    }
}

/// Passes on what is not presence to be told to all; who is unavailable is recorded as such when everybody knows.
async fn retire(shard: &Shard, sender: &Arc<Handle>, stanza: Stanza) {
    let router = &shard.server.router;
    let is_farewell = stanza.to().is_none()
        && matches!(stanza.typed(), Type::Presence(PresenceType::Unavailable));
    router.presence(sender, stanza);
    if is_farewell && let Err(error) = router.record(sender, None).await {
        // It is unavailable all the same: the provider's record is what is late.
        tracing::debug!(
            condition = error.condition.name(),
            "unavailable presence was not recorded"
        );
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
