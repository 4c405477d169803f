//! Routing by itself, for those who count and time what it takes. No part of what a server offers.

use std::{
    sync::Arc,
    task::{Context, Waker},
};

use anyhow::Context as _;
use waxwing_plugins::Recipient;
use waxwing_xmpp::{jid, stanza::Stanza};

use super::{Registration, Router};
use crate::{config::Limits, delivery::spool_queue::SpoolQueue};

/// A router, and sessions that receive.
#[derive(Debug)]
pub struct Routing {
    router: Arc<Router>,
    receivers: Vec<Registration>,
}

impl Routing {
    /// A router that serves a domain, at which sessions with these full JIDs are bound and have sent no presence.
    ///
    /// # Errors
    ///
    /// One is no full JID, or an account has more than it may.
    pub fn to<'a>(
        domain: &str,
        receivers: impl IntoIterator<Item = &'a str>,
    ) -> anyhow::Result<Self> {
        let router = Router::new([domain.to_owned()], &Limits::default(), SpoolQueue::new().0);
        let mut routing = Self {
            router: Arc::new(router),
            receivers: Vec::new(),
        };
        for receiver in receivers {
            let jid = jid::parse(receiver)?;
            let resource = jid.resource().context("no full JID")?.to_string();
            let router = &routing.router;
            let handle = router.handle_for(&jid.to_bare(), Some(&resource));
            let entered = handle.and_then(|handle| router.enter(&handle, true));
            let receiver = entered.ok().flatten().context("there is no room for it")?;
            routing.receivers.push(receiver);
        }
        Ok(routing)
    }

    /// Takes a message of a local client from the moment that it is stamped to that where the session of that number has it to
    /// write; false if it did not come there.
    #[must_use]
    pub fn pass(&self, message: Stanza, receiver: usize) -> bool {
        if self.router.recipient(&message) != Recipient::Full {
            return false;
        }
        self.router.count(&message);
        if self.router.try_message(message.into()).is_err() {
            return false;
        }
        let Some(receiver) = self.receivers.get(receiver) else {
            return false;
        };
        let context = Context::from_waker(Waker::noop());
        let taken = receiver.handle.mailbox().take(usize::MAX, context.waker());
        let came = !taken.items.is_empty();
        for delivery in taken.items {
            delivery.delivered();
        }
        came
    }
}
