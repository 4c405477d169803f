//! What the server does with a stanza, whoever hands it in: hooks, then routing.
//!
//! [`accept`] is the one way in. `from` is stamped or verified before. Below is the router, which decides by the directory of addresses
//! who gets the stanza; above are the sessions and the port to the plugins.

pub(crate) mod follow_up;

mod component;
mod iq;
mod presence;
mod session;

use std::pin::Pin;

use crate::{
    context::ServerContext,
    delivery::{envelope::Envelope, mailbox::Flow},
    router::{Routed, with_counted_priority},
};
use waxwing_xmpp::{error::Condition, stanza::Kind};

pub(crate) use session::Session;

/// Who hands a stanza in.
pub(crate) enum Sender<'a> {
    /// A client's session. Inbound hooks and iq handlers are asked.
    Session(Session<'a>),
    /// A plugin, whose call is committed. No inbound hook and no iq handler is asked: what a guest causes enters no guest by this way. A
    /// component is reached through its plugin's event queue.
    Plugin(&'a ServerContext),
}

/// How far a stanza got at once.
#[must_use]
pub(crate) enum Step<'a> {
    /// All is done. The flow says whether its receivers are near their bounds.
    Done(Flow),
    /// A guest or the database is awaited; the sender goes on with other work meanwhile, but not with its next stanza.
    Wait(Pin<Box<dyn Future<Output = Flow> + 'a>>),
}

impl<'a> Step<'a> {
    fn wait(work: impl Future<Output = Flow> + 'a) -> Self {
        Self::Wait(Box::pin(work))
    }

    /// Waits for the rest where there is nothing else to do meanwhile.
    async fn finish(self) -> Flow {
        match self {
            Self::Done(flow) => flow,
            Self::Wait(work) => work.await,
        }
    }
}

/// Takes a stanza from its sender. Each iq request ends in exactly one reply.
pub(crate) fn accept(sender: Sender<'_>, stanza: Envelope) -> Step<'_> {
    match sender {
        Sender::Session(session) => session.accept(stanza),
        Sender::Plugin(server) => Step::Done(route_for_plugin(server, stanza)),
    }
}

fn route_for_plugin(server: &ServerContext, mut stanza: Envelope) -> Flow {
    let router = &server.router;
    match stanza.kind() {
        Kind::Message => router.message(stanza),
        Kind::Presence => {
            stanza.edit(with_counted_priority);
            router.deliver_presence(stanza);
            Flow::Free
        }
        Kind::Iq => match router.iq(stanza) {
            Routed::Done(flow) => flow,
            // A request to the server or to an account is not for guests to answer.
            Routed::Request(request) => {
                router.bounce(&request, Condition::ServiceUnavailable);
                Flow::Free
            }
        },
    }
}
