//! Stanzas of a client's session.

use std::{rc::Rc, sync::Arc};

use tokio::sync::oneshot;
use waxwing_plugins::{AuthStream, ChainRun, HookVerdict, Recipient};
use waxwing_xmpp::stanza::Kind;

use super::{Step, component, iq, presence};
use crate::{
    context::StreamContext,
    delivery::{envelope::Envelope, mailbox::Flow, session_handle::SessionHandle},
    router::{Routed, Router, with_counted_priority},
};

/// A session that hands in a stanza.
pub(crate) struct Session<'a> {
    pub(crate) cx: &'a Rc<StreamContext>,
    pub(crate) handle: &'a Arc<SessionHandle>,
    /// The stream at the provider of its host's logins, where there is one.
    pub(crate) auth: Option<&'a mut AuthStream>,
}

impl<'a> Session<'a> {
    /// Takes a stanza; `from` is stamped.
    pub(super) fn accept(self, stanza: Envelope) -> Step<'a> {
        let plugins = &self.cx.plugins;
        // A hook does not change whom a stanza is for.
        let recipient = self.router().recipient(&stanza);
        if !plugins.wants_inbound(&stanza, recipient) {
            return self.route(stanza, recipient);
        }
        match plugins.inbound(stanza.stanza().clone(), recipient) {
            ChainRun::Ready(verdict) => match self.obey(verdict, stanza) {
                Some(stanza) => self.route(stanza, recipient),
                None => Step::Done(Flow::Free),
            },
            ChainRun::Pending(verdict) => Step::wait(async move {
                match self.obey(verdict.await, stanza) {
                    Some(stanza) => self.route(stanza, recipient).finish().await,
                    None => Flow::Free,
                }
            }),
        }
    }

    fn router(&self) -> &'a Arc<Router> {
        &self.cx.server.router
    }

    /// Carries out the verdict of the hooks. Returns the stanza that goes on.
    fn obey(&self, verdict: HookVerdict, mut stanza: Envelope) -> Option<Envelope> {
        match verdict {
            HookVerdict::Pass(judged) => {
                stanza.replace(judged);
                return Some(stanza);
            }
            HookVerdict::Drop => self.router().discard(&stanza),
            HookVerdict::Bounce(error) => self.router().refuse(&stanza, &error),
            HookVerdict::Answer(payload) => {
                let reply = stanza.result_reply(payload);
                self.router().answer(&self.handle.jid, reply);
            }
        }
        None
    }

    fn route(self, mut stanza: Envelope, recipient: Recipient) -> Step<'a> {
        if stanza.kind() == Kind::Presence {
            stanza.edit(with_counted_priority);
        }
        if recipient == Recipient::Component {
            return Step::wait(component::call(self.cx, self.handle, stanza));
        }
        self.router().count(&stanza);
        match stanza.kind() {
            Kind::Message => {
                stanza.arm_receipt();
                self.message(stanza)
            }
            Kind::Presence => Step::wait(self.presence(stanza)),
            Kind::Iq if recipient == Recipient::Full && stanza.is_request() => {
                Step::wait(async move {
                    presence::make_known(self.cx, self.handle).await;
                    self.iq(stanza).finish().await
                })
            }
            Kind::Iq => self.iq(stanza),
        }
    }

    /// Routes a message: by the priorities of the provider of sessions, where its account has one.
    fn message(self, stanza: Envelope) -> Step<'a> {
        let router = self.router();
        if !router.has_recorded_priorities(&stanza) {
            return delivered(router, router.try_message(stanza));
        }
        Step::wait(async move {
            match router.recorded_priorities(&stanza).await {
                Ok(recorded) => {
                    let routed = router.try_message_by(stanza, recorded.as_ref());
                    delivered(router, routed).finish().await
                }
                Err(error) => {
                    router.refuse(&stanza, &error);
                    Flow::Free
                }
            }
        })
    }

    async fn presence(self, mut stanza: Envelope) -> Flow {
        // Until the presence is dealt with.
        let _receipt = stanza.take_receipt();
        match presence::may_ask(self.cx, self.auth, &stanza).await {
            Ok(()) => presence::handle(self.cx, self.handle, stanza.into_stanza()).await,
            Err(condition) => self.cx.server.router.bounce(&stanza, condition),
        }
        Flow::Free
    }

    fn iq(self, mut stanza: Envelope) -> Step<'a> {
        let receipt = stanza.take_receipt();
        match self.router().iq(stanza) {
            Routed::Done(flow) => Step::Done(flow),
            Routed::Request(request) => Step::wait(async move {
                iq::answer(self.cx, self.handle, request.into_stanza()).await;
                drop(receipt);
                Flow::Free
            }),
        }
    }
}

/// Has a message stored that no session takes. Its sender waits until it is stored, or refused.
fn delivered(router: &Router, routed: Result<Flow, Envelope>) -> Step<'_> {
    match routed {
        Ok(flow) => Step::Done(flow),
        Err(stanza) => {
            let (done, stored) = oneshot::channel();
            router.store(stanza, Some(done));
            Step::wait(async move {
                // An error: it was not stored, and its sender was told so.
                let _ = stored.await;
                Flow::Free
            })
        }
    }
}
