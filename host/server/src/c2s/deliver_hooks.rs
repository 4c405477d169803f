//! Plugins judge what a session is given, one stanza after the other, before it is written (the export `deliver`).
//!
//! Where no plugin wants to, this is one look a batch. A stanza stays here while it is judged, so that it is not lost with the
//! connection: whoever gets it then judges it again.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use waxwing_plugins::{ChainRun, HookVerdict};
use waxwing_xmpp::error::Condition;

use crate::{
    context::StreamContext,
    delivery::{mailbox::Items, queued_stanza::QueuedStanza, session_handle::SessionHandle},
};

type Call = Pin<Box<dyn Future<Output = HookVerdict>>>;

/// What waits to be judged, in order.
pub(super) struct DeliverHooks {
    cx: Rc<StreamContext>,
    waiting: VecDeque<QueuedStanza>,
    /// About the first of them.
    call: Option<Call>,
}

impl fmt::Debug for DeliverHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliverHooks")
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl DeliverHooks {
    pub(super) fn new(cx: Rc<StreamContext>) -> Self {
        Self {
            cx,
            waiting: VecDeque::new(),
            call: None,
        }
    }

    /// Takes what came for the session; gives it back at once where nobody judges.
    pub(super) fn admit(&mut self, items: Items<QueuedStanza>) -> Option<Items<QueuedStanza>> {
        if !self.cx.plugins.has_deliver() {
            return Some(items);
        }
        self.waiting = items.into_iter().collect();
        None
    }

    /// What was judged and goes on, perhaps nothing of it; ready with `None` when nothing waits.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        handle: &SessionHandle,
    ) -> Poll<Option<Items<QueuedStanza>>> {
        if self.waiting.is_empty() {
            return Poll::Ready(None);
        }
        let mut judged = Items::new();
        while let Some(delivery) = self.waiting.front() {
            let asked = match self.call.take() {
                Some(call) => Some(ChainRun::Pending(call)),
                None => ask(&self.cx, delivery, handle),
            };
            let verdict = match asked {
                None => None,
                Some(ChainRun::Ready(verdict)) => Some(verdict),
                Some(ChainRun::Pending(mut call)) => match call.as_mut().poll(cx) {
                    Poll::Ready(verdict) => Some(verdict),
                    Poll::Pending => {
                        self.call = Some(call);
                        // What is judged need not wait.
                        if judged.is_empty() {
                            return Poll::Pending;
                        }
                        break;
                    }
                },
            };
            let delivery = self.waiting.pop_front();
            judged.extend(match (delivery, verdict) {
                (Some(delivery), Some(verdict)) => obey(&self.cx, verdict, delivery),
                (unasked, _) => unasked,
            });
        }
        Poll::Ready(Some(judged))
    }

    /// What was not judged.
    pub(super) fn take(&mut self) -> VecDeque<QueuedStanza> {
        self.call = None;
        std::mem::take(&mut self.waiting)
    }
}

/// Has the hooks judge what is for a session; `None` if none of them wants to.
fn ask(cx: &StreamContext, delivery: &QueuedStanza, handle: &SessionHandle) -> Option<ChainRun> {
    let stanza = delivery
        .envelope()
        .filter(|stanza| !stanza.bypasses_hooks())?;
    let sender = cx.server.router.sender(stanza, &handle.account_jid);
    if !cx.plugins.wants_deliver(stanza, sender) {
        return None;
    }
    let judged = cx
        .plugins
        .deliver(stanza.stanza().clone(), &handle.jid, sender);
    Some(judged)
}

/// Carries out what was decided. Gives what goes on.
fn obey(cx: &StreamContext, verdict: HookVerdict, delivery: QueuedStanza) -> Option<QueuedStanza> {
    let router = &cx.server.router;
    match verdict {
        HookVerdict::Pass(stanza) => return Some(delivery.altered(stanza)),
        HookVerdict::Drop => {
            if let Some(stanza) = delivery.refused().filter(|stanza| stanza.is_request()) {
                router.bounce(&stanza, Condition::ServiceUnavailable);
            }
        }
        HookVerdict::Bounce(error) => {
            if let Some(stanza) = delivery.refused() {
                router.refuse(&stanza, &error);
            }
        }
        HookVerdict::Answer(payload) => {
            if let Some(stanza) = delivery.refused()
                && let Some(asker) = stanza.from()
            {
                router.answer(asker, stanza.result_reply(payload));
            }
        }
    }
    None
}
