//! The end of a session (RFC 6120 §4.4, §4.9): last words, the client's own end, and the end of TLS.

use std::{future::poll_fn, rc::Rc, time::Duration};

use tokio::time::timeout;
use waxwing_xml::StreamEvent;
use waxwing_xmpp::error::{StreamCondition, StreamError};

use super::{
    auth_provider,
    connection::Connection,
    established::Finish,
    hibernated,
    negotiate::{Bound, Failed},
    resumption::DetachedSession,
    stream_management::StreamManagement,
};
use crate::{delivery::mailbox::End, metrics::router::Limit, router::Registration};

/// Time for a client to take what is written to it. With [`FAREWELL`] it is less than the time the server takes to stop.
const WRITE_OUT: Duration = Duration::from_secs(2);
/// Time for a client to close its own stream.
const FAREWELL: Duration = Duration::from_secs(2);

/// Ends a connection whose stream came to nothing; what there was to say is said.
pub(super) async fn without_session(mut connection: Connection, failed: Failed) {
    let auth = connection.auth.take();
    let cx = Rc::clone(&connection.cx);
    let farewell = async {
        if failed == Failed::Said {
            connection.wait_for_end(false).await;
        }
    };
    tokio::join!(auth_provider::leave(&cx, auth), farewell);
    connection.shut_down().await;
}

/// Ends a connection whose session was bound, and the session, unless it may be resumed.
pub(super) async fn session(mut connection: Connection, bound: Bound, finish: Finish) {
    match finish {
        Finish::Lost(error) => {
            tracing::trace!(%error, "connection lost");
            connection.leave_session(bound).await;
            connection.without_words().await;
        }
        Finish::TimedOut => {
            connection
                .cx
                .server
                .router
                .limit_reached(Limit::IdleTimeout);
            let goes_on = connection.is_resumable();
            connection.leave_session(bound).await;
            if goes_on {
                // A client that is told of the end of its stream would not come back for the session.
                return connection.without_words().await;
            }
            let error = StreamError::new(StreamCondition::ConnectionTimeout);
            let words = connection.outbound.framing.error_and_close(&error);
            connection.say_last(&words, false).await;
        }
        Finish::Ended(End::Taken) => {
            connection.hand_over(bound);
            let conflict = StreamError::new(StreamCondition::Conflict);
            let words = connection.outbound.framing.error_and_close(&conflict);
            connection.say_last(&words, false).await;
        }
        Finish::Closed => {
            let end = connection.outbound.framing.close();
            connection.end_session(bound, end, true).await;
        }
        Finish::Broken(error) => {
            let words = connection.outbound.framing.error_and_close(&error);
            connection.end_session(bound, &words, false).await;
        }
        Finish::Ended(end) => {
            if end == End::Overflow {
                connection.cx.server.router.limit_reached(Limit::Mailbox);
            }
            if let (End::Shutdown, Some(management)) = (end, &mut connection.outbound.management) {
                // Its client finds out what was handled when the server is there again.
                management.spool_and_save().await;
                management.resumption = None;
            }
            let words = connection.outbound.framing.error_and_close(&reason(end));
            connection.end_session(bound, &words, false).await;
        }
    }
}

/// What a client is told.
fn reason(end: End) -> StreamError {
    match end {
        End::Conflict | End::Taken => StreamError::new(StreamCondition::Conflict),
        End::AccountGone => StreamError::new(StreamCondition::NotAuthorized),
        End::Policy => StreamError::new(StreamCondition::PolicyViolation),
        End::Overflow => StreamError::new(StreamCondition::PolicyViolation)
            .with_text("you were sent more than you read"),
        End::Shutdown => StreamError::new(StreamCondition::SystemShutdown),
        End::Closing => StreamError::new(StreamCondition::UndefinedCondition),
    }
}

impl Connection {
    /// Ends a session whose client can still be told so.
    async fn end_session(mut self, bound: Bound, words: &[u8], closed: bool) {
        self.write_mailbox(&bound.registration).await;
        // From here on the session is gone for everybody else. What it has not taken by now goes elsewhere.
        self.outbound.give_up(bound.registration.handle());
        drop(bound);
        self.say_last(words, closed).await;
    }

    /// The connection is lost: the session waits for its client where that can be, or is over.
    async fn leave_session(&mut self, bound: Bound) {
        let cx = Rc::clone(&self.cx);
        match self.take_session(bound) {
            Ok(detached) if !cx.stopping.is_cancelled() => {
                cx.spawn(hibernated::keep(Rc::clone(&cx), detached));
            }
            Ok(mut detached) => {
                detached.management.spool_and_save().await;
                hibernated::give_up(detached);
            }
            Err(bound) => {
                self.outbound.give_up(bound.registration.handle());
            }
        }
    }

    /// Another connection goes on with the session.
    fn hand_over(&mut self, bound: Bound) {
        let cx = Rc::clone(&self.cx);
        match self.take_session(bound).map(hibernated::hand_over) {
            Ok(Ok(())) => {}
            Ok(Err(detached)) => cx.spawn(hibernated::keep(Rc::clone(&cx), *detached)),
            Err(bound) => self.outbound.give_up(bound.registration.handle()),
        }
    }

    /// Whether the session may go on without this connection.
    fn is_resumable(&self) -> bool {
        let management = self.outbound.management.as_ref();
        management.is_some_and(|management| management.resumption.is_some())
    }

    /// The session without its connection, if it can be resumed.
    fn take_session(&mut self, bound: Bound) -> Result<DetachedSession, Bound> {
        let is_resumable = |management: &mut Box<StreamManagement>| management.resumption.is_some();
        let Some(management) = self.outbound.management.take_if(is_resumable) else {
            return Err(bound);
        };
        Ok(DetachedSession {
            registration: bound.registration,
            lang: bound.lang,
            management,
            held: self.outbound.take_held(),
        })
    }

    /// Says what is said last, and waits for the client to close its stream.
    async fn say_last(mut self, words: &[u8], closed: bool) {
        let auth = self.auth.take();
        let cx = Rc::clone(&self.cx);
        let farewell = async {
            self.outbound.push(words);
            if self.write_out().await {
                self.wait_for_end(closed).await;
            }
        };
        tokio::join!(auth_provider::leave(&cx, auth), farewell);
        self.shut_down().await;
    }

    async fn without_words(mut self) {
        let auth = self.auth.take();
        let cx = Rc::clone(&self.cx);
        tokio::join!(auth_provider::leave(&cx, auth), self.shut_down());
    }

    /// Writes what was queued before the end, answers to the client's own requests among it.
    async fn write_mailbox(&mut self, registration: &Registration) {
        let handle = registration.handle();
        handle.end(End::Closing);
        let Self { io, outbound, .. } = self;
        let write = poll_fn(|cx| outbound.poll_mailbox(cx, io, handle));
        // What could not be written goes elsewhere.
        drop(timeout(WRITE_OUT, write).await);
    }

    /// True if all is written.
    async fn write_out(&mut self) -> bool {
        let Self { io, outbound, .. } = self;
        let write = poll_fn(|cx| outbound.poll_write_out(cx, io));
        matches!(timeout(WRITE_OUT, write).await, Ok(Ok(())))
    }

    /// Waits for the client to close its stream, if it did not do so before. What it still sends is not looked at.
    async fn wait_for_end(&mut self, closed: bool) {
        if closed {
            return;
        }
        let wait = async {
            loop {
                match self.parse() {
                    Ok(None) => {}
                    Ok(Some(StreamEvent::Close)) => return,
                    Ok(Some(_)) => continue,
                    // A stream that cannot be parsed ends with its connection.
                    Err(_) => self.input = None,
                }
                if !matches!(poll_fn(|cx| self.poll_read(cx)).await, Ok(true)) {
                    return;
                }
                tokio::task::coop::consume_budget().await;
            }
        };
        // A client that stays is left behind.
        drop(timeout(FAREWELL, wait).await);
    }

    async fn shut_down(&mut self) {
        let shutdown = poll_fn(|cx| self.io.poll_shutdown(cx));
        // The connection is dropped next, whatever came of it.
        drop(timeout(Duration::from_secs(1), shutdown).await);
    }
}
