//! A session whose resource is bound: stanzas in, stanzas out.
//!
//! What was read at once is worked through stanza by stanza, in order; all that comes of it for one receiver is written at
//! once. While a stanza waits for a guest or for storage, the client still gets what others send it.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::{task::coop, time::timeout};
use waxwing_xml::{Element, StreamEvent};
use waxwing_xmpp::{
    error::{Condition, StreamCondition, StreamError},
    ns,
    sm::{self, Enable, Nonza},
    stanza::{Kind, Stanza, StanzaFault},
};

use super::{
    connection::Connection,
    negotiate::{Bound, Resumed},
    outbound::Outbound,
    rate_limit::RateLimiter,
    resumption::Resumptions,
    stream_management::StreamManagement,
};
use crate::{
    context::StreamContext,
    delivery::{
        address::account_of,
        envelope::Envelope,
        liveness,
        mailbox::{End, Flow},
        session_handle::SessionHandle,
    },
    metrics::router::Limit,
    net::transport::Transport,
    pipeline::{self, Sender, Step},
};

/// A client that has more than this to read is not read from.
const HIGH_WATER: usize = 256 * 1024;

/// How a session came to its end.
#[derive(Debug)]
pub(super) enum Finish {
    /// The client closed its stream.
    Closed,
    /// The connection ended or failed without that.
    Lost(io::Error),
    /// The client did not answer a probe.
    TimedOut,
    /// The client broke the rules of the stream.
    Broken(StreamError),
    /// The router or the operator ended it.
    Ended(End),
}

/// What a session is, while its connection is in use elsewhere.
struct Session {
    cx: Rc<StreamContext>,
    handle: Arc<SessionHandle>,
    /// The account's id.
    account: u64,
    lang: Option<String>,
}

/// Serves a bound session until it ends.
pub(super) async fn run(connection: &mut Connection, bound: &mut Bound) -> Finish {
    let session = Session {
        cx: Rc::clone(&connection.cx),
        handle: Arc::clone(bound.registration.handle()),
        account: bound.account,
        lang: bound.lang.clone(),
    };
    if let Some(resumed) = bound.resumed.take()
        && let Err(error) = resume(connection, *resumed).await
    {
        return Finish::Broken(error);
    }
    let mut limiter = RateLimiter::new(&connection.cx.limits);
    session.handle.liveness.touch();
    loop {
        if let Err(finish) = session.go_on(connection, &mut limiter).await {
            return finish;
        }
    }
}

/// Goes on with a session on another connection (XEP-0198 §5).
async fn resume(connection: &mut Connection, resumed: Resumed) -> Result<(), StreamError> {
    let Resumed {
        mut management,
        held,
        request,
    } = resumed;
    let counted = management.acked(request.handled);
    management.finish_pending().await;
    connection
        .outbound
        .resume(management, &request.previd, held);
    counted
}

impl Session {
    async fn go_on(
        &self,
        connection: &mut Connection,
        limiter: &mut RateLimiter,
    ) -> Result<(), Finish> {
        limiter.read(connection.unread());
        self.work(connection, limiter).await?;
        if let Some(wait) = limiter.wait() {
            self.cx.server.router.limit_reached(Limit::SessionRate);
            self.hold_back(connection, wait).await?;
        }
        self.wait(connection).await
    }

    /// Reads nothing for so long; writes what comes.
    async fn hold_back(&self, connection: &mut Connection, wait: Duration) -> Result<(), Finish> {
        let Connection { io, outbound, .. } = connection;
        let end = poll_fn(|cx| outbound.poll_mailbox(cx, io, &self.handle));
        match timeout(wait, end).await {
            Ok(end) => Err(end.map_or_else(Finish::Lost, Finish::Ended)),
            Err(_) => Ok(()),
        }
    }

    /// Works through what was read.
    async fn work(
        &self,
        connection: &mut Connection,
        limiter: &mut RateLimiter,
    ) -> Result<(), Finish> {
        loop {
            let event = connection.parse().map_err(|error| {
                tracing::debug!(jid = %self.handle.jid, %error, "stream error");
                Finish::Broken(StreamError::from(&error))
            })?;
            match event {
                None => return Ok(()),
                Some(StreamEvent::Element(element)) => {
                    limiter.stanza();
                    self.element(connection, element).await?;
                }
                Some(StreamEvent::Close) => return Err(Finish::Closed),
                // The parser knows of one header in a stream.
                Some(StreamEvent::Open(_)) => {
                    return Err(Finish::Broken(StreamError::new(StreamCondition::BadFormat)));
                }
            }
            if self.handle.mailbox().is_over() {
                return self.wait(connection).await;
            }
            // What the client has to acknowledge first it has to be heard for.
            if self.handle.mailbox().bytes() > HIGH_WATER && !connection.outbound.waits_for_acks() {
                self.write_below_high_water(connection).await?;
            }
            coop::consume_budget().await;
        }
    }

    /// Writes what comes for the client until there is something to read, and asks a client that is silent. One that does not read what
    /// it is sent is not read from either: how long that goes is the kernel's to say.
    async fn wait(&self, connection: &mut Connection) -> Result<(), Finish> {
        let more = poll_fn(|cx| {
            let Connection { io, outbound, .. } = &mut *connection;
            if self.handle.liveness.should_probe() {
                outbound.ask(&self.handle);
            }
            if let Poll::Ready(end) = outbound.poll_mailbox(cx, io, &self.handle) {
                return Poll::Ready(Err(end.map_or_else(Finish::Lost, Finish::Ended)));
            }
            if outbound.is_busy() && self.handle.mailbox().bytes() > HIGH_WATER {
                return Poll::Pending;
            }
            let read = connection.poll_read(cx);
            if read.is_ready() {
                self.handle.liveness.touch();
            } else if self.handle.liveness.timed_out() {
                return Poll::Ready(Err(Finish::TimedOut));
            }
            read.map_err(Finish::Lost)
        });
        if more.await? {
            Ok(())
        } else {
            Err(Finish::Lost(io::ErrorKind::UnexpectedEof.into()))
        }
    }

    async fn write_below_high_water(&self, connection: &mut Connection) -> Result<(), Finish> {
        let Connection { io, outbound, .. } = connection;
        poll_fn(|cx| match outbound.poll_mailbox(cx, io, &self.handle) {
            Poll::Ready(end) => Poll::Ready(Err(end.map_or_else(Finish::Lost, Finish::Ended))),
            Poll::Pending
                if self.handle.mailbox().bytes() > HIGH_WATER && !outbound.waits_for_acks() =>
            {
                Poll::Pending
            }
            Poll::Pending => Poll::Ready(Ok(())),
        })
        .await
    }

    async fn element(&self, connection: &mut Connection, element: Element) -> Result<(), Finish> {
        match (element.ns(), element.name()) {
            (ns::SM, _) => return self.manage(connection, &element),
            (ns::CSI, "active") => connection.outbound.set_active(true),
            (ns::CSI, "inactive") => connection.outbound.set_active(false),
            _ => return self.stanza(connection, element).await,
        }
        Ok(())
    }

    /// Stream management (XEP-0198).
    fn manage(&self, connection: &mut Connection, element: &Element) -> Result<(), Finish> {
        let Connection {
            outbound,
            resumptions,
            ..
        } = connection;
        let nonza = Nonza::read(element).map_err(Finish::Broken)?;
        match (nonza, &mut outbound.management) {
            (Nonza::Enable(enable), None) => self.enable(outbound, resumptions, enable),
            (Nonza::Request, Some(management)) => management.on_ack_request(),
            (Nonza::Ack(handled), Some(_)) => {
                return outbound.acked(handled).map_err(Finish::Broken);
            }
            // Out of turn (§3).
            _ => outbound.say(&sm::failed(&Condition::UnexpectedRequest.into())),
        }
        Ok(())
    }

    fn enable(&self, outbound: &mut Outbound, resumptions: &Arc<Resumptions>, enable: Enable) {
        let seconds = resumptions.seconds().filter(|_| enable.resume);
        let resumption = seconds.map(|_| resumptions.add(self.account, &self.handle));
        let resumable = resumption
            .as_ref()
            .map(|resumption| resumption.id.as_str())
            .zip(seconds);
        outbound.say(&sm::enabled(resumable));
        outbound.management = Some(Box::new(StreamManagement::new(
            self.cx.server.offline.spool_queue(),
            resumption,
        )));
    }

    async fn stanza(&self, connection: &mut Connection, element: Element) -> Result<(), Finish> {
        let router = &self.cx.server.router;
        let management = connection.outbound.management.as_ref();
        // Dropping the receipt acknowledges the stanza: at the end of this, unless delivery takes longer.
        let receipt = management.map(|management| management.begin());
        let mut stanza = match Stanza::parse(element, connection.outbound.framing.content()) {
            Ok(stanza) => stanza,
            Err(StanzaFault::Stream(error)) => return Err(Finish::Broken(error)),
            Err(StanzaFault::Answer { reply, .. }) => {
                router.answer(&self.handle.jid, reply);
                return Ok(());
            }
            Err(StanzaFault::Drop) => return Ok(()),
        };
        self.stamp(&mut stanza)?;
        if liveness::is_answer(&stanza, &self.handle.jid) {
            return Ok(());
        }
        let Connection {
            io, outbound, auth, ..
        } = connection;
        let sender = Sender::Session(pipeline::Session {
            cx: &self.cx,
            handle: &self.handle,
            auth: auth.as_deref_mut(),
        });
        let flow = match pipeline::accept(sender, Envelope::with_receipt(stanza, receipt)) {
            Step::Done(flow) => flow,
            Step::Wait(work) => self.meanwhile(io, outbound, work).await,
        };
        if flow == Flow::Pressed {
            // The receiver, and others who send to it, have their turn first.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Says whom a stanza is from (RFC 6120 §8.1.2.1), and in which language if it does not (§8.1.5).
    fn stamp(&self, stanza: &mut Stanza) -> Result<(), Finish> {
        let jid = &self.handle.jid;
        if let Some(from) = stanza.from()
            && from.as_str() != jid.as_str()
            && from.as_str() != account_of(jid)
        {
            return Err(Finish::Broken(StreamError::new(
                StreamCondition::InvalidFrom,
            )));
        }
        stanza.stamp_from(Arc::clone(&self.handle.from));
        stanza.inherit_lang(self.lang.as_deref());
        if stanza.to().is_none() && stanza.kind() == Kind::Message {
            stanza.set_to(Arc::clone(&self.handle.account_jid));
        }
        Ok(())
    }

    /// Waits for something, and writes what comes for the client meanwhile. What comes to an end meanwhile is seen
    /// afterwards: guests are not interrupted for it. Work of any size is boxed, so that a session that waits for its client is
    /// as small as it can be.
    async fn meanwhile<T>(
        &self,
        io: &mut Transport,
        outbound: &mut Outbound,
        mut work: impl Future<Output = T> + Unpin,
    ) -> T {
        poll_fn(|cx| {
            let result = Pin::new(&mut work).poll(cx);
            if result.is_pending()
                && let Poll::Ready(Err(_)) = outbound.poll_mailbox(cx, io, &self.handle)
            {
                // Work that waits for the client to take something sees that it never will.
                self.handle.end(End::Closing);
            }
            result
        })
        .await
    }
}
