//! Presence of a session: to be told to others, or about who may be told (RFC 6121 §3, §4).

use std::{rc::Rc, sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::timeout};
use waxwing_plugins::{AuthStream, HookVerdict, PresenceStep, Unavailable};
use waxwing_xmpp::{
    error::Condition,
    stanza::{PresenceType, Stanza, Type},
};

use crate::{
    context::StreamContext,
    delivery::{backpressure, session_handle::SessionHandle},
    roster,
    router::{priority, unavailable, with_counted_priority},
};

/// What comes of initial presence is done before the client's next stanza, unless it takes longer than this.
const IN_ORDER: Duration = Duration::from_secs(2);

/// Deals with a presence stanza; `from` is stamped.
pub(super) async fn handle(cx: &Rc<StreamContext>, sender: &Arc<SessionHandle>, stanza: Stanza) {
    let (router, rosters) = (&cx.server.router, &cx.server.rosters);
    if let Some(word) = roster::subscription_action(&stanza) {
        return rosters.send_subscription(sender, stanza, word).await;
    }
    let Some(step) = step(sender, &stanza) else {
        if matches!(stanza.typed(), Type::Presence(PresenceType::Probe)) {
            make_known(cx, sender).await;
        }
        return router.presence(sender, stanza);
    };
    let Some(stanza) = judge(cx, sender, stanza, step).await else {
        return;
    };
    if step == PresenceStep::Unavailable {
        return end_presence(cx, sender, stanza).await;
    }
    if let Err(error) = rosters.make_known(&sender.jid.to_bare()).await {
        // To be available without rosters would tell the wrong people that one is not.
        return router.refuse(&stanza, &error.reply());
    }
    let recorded = router.record(sender, Some((priority(&stanza), &stanza)));
    if let Err(error) = recorded.await {
        return router.refuse(&stanza, &error);
    }
    let (was_available, took_messages) = (sender.is_available(), sender.takes_messages());
    if priority(&stanza) >= 0 && !took_messages {
        // Before others can send it newer ones.
        sender.replay_offline();
    }
    router.presence(sender, stanza);
    if (sender.takes_messages() && !took_messages || !was_available) && sender.begin_initial_state()
    {
        let (done, sent) = oneshot::channel();
        let (cx_too, newcomer) = (Rc::clone(cx), Arc::clone(sender));
        cx.spawn(async move {
            send_initial_state(cx_too, newcomer).await;
            // The session may have gone on.
            let _ = done.send(());
        });
        drop(timeout(IN_ORDER, sent).await);
    }
}

/// What presence does that is told to all who may see it; `None` for any other.
fn step(sender: &SessionHandle, stanza: &Stanza) -> Option<PresenceStep> {
    match stanza.typed() {
        _ if stanza.to().is_some() => None,
        Type::Presence(PresenceType::Available) if sender.is_available() => {
            Some(PresenceStep::Update)
        }
        Type::Presence(PresenceType::Available) => Some(PresenceStep::Initial),
        Type::Presence(PresenceType::Unavailable) => Some(PresenceStep::Unavailable),
        _ => None,
    }
}

/// Has the presence hooks judge what a session says of itself. Gives what it has said, which may be nothing.
async fn judge(
    cx: &StreamContext,
    sender: &SessionHandle,
    stanza: Stanza,
    step: PresenceStep,
) -> Option<Stanza> {
    if !cx.plugins.wants_presence(&stanza, step) {
        return Some(stanza);
    }
    let judged = cx.plugins.presence(stanza.clone(), sender.id, step);
    match judged.await {
        HookVerdict::Pass(stanza) => Some(with_counted_priority(stanza)),
        // Nobody could judge what it says besides.
        HookVerdict::Bounce(_) if step == PresenceStep::Unavailable => unavailable(&sender.jid),
        HookVerdict::Bounce(error) => {
            cx.server.router.refuse(&stanza, &error);
            None
        }
        HookVerdict::Drop | HookVerdict::Answer(_) => None,
    }
}

/// Gives a session that became available what it has to know: the messages that waited, its rosters' presence, and who asks for
/// its own. That may be more than a client takes before it is heard, so it is done beside the session.
async fn send_initial_state(cx: Rc<StreamContext>, newcomer: Arc<SessionHandle>) {
    loop {
        if newcomer.takes_messages() {
            cx.server.offline.give(&newcomer).await;
        } else {
            // It has changed its mind: what is for itself is not to wait for others.
            cx.server.router.end_replay(&newcomer);
        }
        tell_of_contacts(&cx, &newcomer).await;
        if newcomer.end_initial_state() {
            return;
        }
    }
}

async fn tell_of_contacts(cx: &StreamContext, newcomer: &Arc<SessionHandle>) {
    let (router, rosters) = (&cx.server.router, &cx.server.rosters);
    for presence in router.presence_of_contacts(newcomer) {
        if !backpressure::wait_for_room(newcomer, presence.element().heap_bytes()).await
            || !newcomer.is_available()
        {
            return;
        }
        router.give_to(newcomer, presence);
    }
    if let Err(error) = rosters.remind(newcomer).await {
        drop(error.reply());
    }
}

/// Tells everybody that a session is unavailable; it is recorded as such when they know.
async fn end_presence(cx: &StreamContext, sender: &Arc<SessionHandle>, stanza: Stanza) {
    let router = &cx.server.router;
    router.presence(sender, stanza);
    if let Err(error) = router.record(sender, None).await {
        // It is unavailable all the same: the provider's record is what is late.
        tracing::debug!(
            condition = error.condition.name(),
            "unavailable presence was not recorded"
        );
    }
}

/// Makes the sender's subscriptions known where it asks something of another: who is away is not known, but who asks then is.
pub(super) async fn make_known(cx: &StreamContext, sender: &SessionHandle) {
    if let Err(error) = cx.server.rosters.make_known(&sender.jid.to_bare()).await {
        // It is treated as one who has no rosters.
        drop(error.reply());
    }
}

/// Whether the provider of logins, where there is one, lets a stanza go: a request for the presence of an account of its host (RFC 6121
/// §3.1). The error is for the sender.
pub(super) async fn may_ask(
    cx: &StreamContext,
    auth: Option<&mut AuthStream>,
    stanza: &Stanza,
) -> Result<(), Condition> {
    let (Some(auth), Some(to)) = (auth, stanza.to()) else {
        return Ok(());
    };
    if !asks_for_presence(stanza) || to.node().is_none() || to.domain().as_str() != auth.host() {
        return Ok(());
    }
    match cx.plugins.is_valid_contact(auth, &to.to_bare()).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Condition::ItemNotFound),
        Err(Unavailable) => Err(Condition::InternalServerError),
    }
}

fn asks_for_presence(stanza: &Stanza) -> bool {
    matches!(stanza.typed(), Type::Presence(PresenceType::Subscribe))
}
