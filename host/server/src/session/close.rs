//! The end of a session (RFC 6120 §4.4, §4.9): last words, the client's own end, and the end of TLS.

use std::{future::poll_fn, time::Duration};

use tokio::time::timeout;
use waxwing_xml::StreamEvent;
use waxwing_xmpp::{
    error::{StreamCondition, StreamError},
    stream,
};

use super::{Connection, established::Finish, login, negotiate::Failed};
use crate::{mailbox::End, router::Registration};

/// Time for a client to take what is written to it. With [`FAREWELL`] it is less than the time the server takes to stop.
const WRITE_OUT: Duration = Duration::from_secs(2);
/// Time for a client to close its own stream.
const FAREWELL: Duration = Duration::from_secs(2);

/// Ends a connection whose stream came to nothing; what there was to say is said.
pub(super) async fn without_session(mut connection: Connection, failed: Failed) {
    let auth = connection.auth.take();
    let shard = std::rc::Rc::clone(&connection.shard);
    let farewell = async {
        if failed == Failed::Said {
            connection.wait_for_end(false).await;
        }
    };
    tokio::join!(login::leave(&shard, auth), farewell);
    connection.shut_down().await;
}

/// Ends a session.
pub(super) async fn session(
    mut connection: Connection,
    registration: Registration,
    finish: Finish,
) {
    let words = match &finish {
        Finish::Lost(error) => {
            tracing::trace!(%error, "connection lost");
            connection.outbound.give_up(registration.handle());
            drop(registration);
            let auth = connection.auth.take();
            let shard = std::rc::Rc::clone(&connection.shard);
            tokio::join!(login::leave(&shard, auth), connection.shut_down());
            return;
        }
        Finish::Closed => stream::CLOSE.to_vec(),
        Finish::Broken(error) => stream::error_and_close(error),
        Finish::Ended(end) => stream::error_and_close(&reason(*end)),
    };
    connection.write_mailbox(&registration).await;
    // From here on the session is gone for everybody else. What it has not taken by now goes elsewhere.
    connection.outbound.give_up(registration.handle());
    drop(registration);
    let auth = connection.auth.take();
    let shard = std::rc::Rc::clone(&connection.shard);
    let farewell = async {
        connection.outbound.push(words.as_ref());
        if connection.write_out().await {
            connection
                .wait_for_end(matches!(finish, Finish::Closed))
                .await;
        }
    };
    tokio::join!(login::leave(&shard, auth), farewell);
    connection.shut_down().await;
}

/// What a client is told.
fn reason(end: End) -> StreamError {
    match end {
        End::Conflict => StreamError::new(StreamCondition::Conflict),
        End::AccountGone => StreamError::new(StreamCondition::NotAuthorized),
        End::Policy => StreamError::new(StreamCondition::PolicyViolation),
        End::Overflow => StreamError::new(StreamCondition::PolicyViolation)
            .with_text("you were sent more than you read"),
        End::Shutdown => StreamError::new(StreamCondition::SystemShutdown),
        End::Closing => StreamError::new(StreamCondition::UndefinedCondition),
    }
}

impl Connection {
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
