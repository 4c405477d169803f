//! Routing by itself, for those who count what it takes. No part of what a server offers.

use std::{
    sync::Arc,
    task::{Context, Waker},
};

use anyhow::Context as _;
use waxwing_plugins::Recipient;
use waxwing_xmpp::{jid, stanza::Stanza};

use super::{Registration, Router};
use crate::config::Limits;

/// A sender's router, and the session that receives.
#[derive(Debug)]
pub struct Routing {
    router: Arc<Router>,
    receiver: Registration,
}

impl Routing {
    /// A router that serves the domain of that full JID, whose session is bound and has sent no presence.
    ///
    /// # Errors
    ///
    /// It is no full JID.
    pub fn to(receiver: &str) -> anyhow::Result<Self> {
        let receiver = jid::parse(receiver)?;
        let resource = receiver.resource().context("no full JID")?.to_string();
        let router = Router::new([receiver.domain().to_string()], &Limits::default());
        let router = Arc::new(router);
        let handle = router.handle_for(&receiver.to_bare(), Some(&resource));
        let entered = handle.and_then(|handle| router.enter(&handle, true));
        let receiver = entered.ok().flatten().context("there is no room for it")?;
        Ok(Self { router, receiver })
    }

    /// Takes a message of a local client from the moment that it is stamped to that where the receiver's session has it to write;
    /// false if it did not come there.
    #[must_use]
    pub fn pass(&self, message: Stanza) -> bool {
        if self.router.recipient(&message) != Recipient::Full {
            return false;
        }
        self.router.count(&message);
        if self.router.try_message(message).is_err() {
            return false;
        }
        let context = Context::from_waker(Waker::noop());
        let mailbox = self.receiver.handle.mailbox();
        let mut came = false;
        for delivery in mailbox.take(usize::MAX, context.waker()).items {
            delivery.delivered();
            came = true;
        }
        came
    }
}
