//! A client's session, from the accepted connection to the closed one: one task on its shard.
//!
//! [`negotiate`] until a resource is bound, [`established`] while stanzas flow, [`close`] at the end. What is written to the
//! client goes by [`outbound`]; buffers are lent by the shard.

mod auth_provider;
mod client_state;
mod close;
mod deliver_hooks;
mod established;
mod hibernated;
mod hibernation_limits;
mod negotiate;
mod outbound;
mod rate_limit;
mod resumption;
mod stream_management;

use std::{io, net::SocketAddr, rc::Rc, task::Context, task::Poll};

use tokio::net::TcpStream;
use waxwing_plugins::AuthStream;
use waxwing_xml::{StreamEvent, StreamParser, XmlError};
use waxwing_xmpp::stream::Settings;

use crate::{
    config::Kind,
    delivery::buffers::Input,
    net::{connection_limits::ConnectionSlot, transport::Transport},
    server::shard::Shard,
};
use outbound::Outbound;

pub(crate) use resumption::Resumptions;

/// What all connections of one listener have in common.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// What is spoken there.
    pub(crate) kind: Kind,
    /// How streams are negotiated there.
    pub(crate) settings: std::sync::Arc<Settings>,
}

/// The connection of a session, and what reads and writes it.
struct Connection {
    shard: Rc<Shard>,
    io: Transport,
    parser: StreamParser,
    /// What was read and is not yet parsed.
    input: Option<Input>,
    outbound: Outbound,
    /// The provider of logins, if its host has one: until the end of the stream.
    auth: Option<Box<AuthStream>>,
    /// Its place among the open connections, until it is dropped.
    _slot: ConnectionSlot,
}

/// Serves one connection to its end.
pub(crate) async fn run(
    shard: Rc<Shard>,
    endpoint: Rc<Endpoint>,
    stream: TcpStream,
    address: SocketAddr,
    slot: ConnectionSlot,
) {
    let framing = endpoint.settings.framing;
    let mut connection = Connection {
        io: Transport::Plain(stream),
        parser: framing.parser(shard.limits.pre_auth),
        input: None,
        outbound: Outbound::new(&shard, framing),
        auth: None,
        _slot: slot,
        shard,
    };
    // What is needed at the beginning and at the end alone is boxed, so that the session between is small.
    let negotiation = Box::pin(negotiate::run(&mut connection, &endpoint, address));
    let mut bound = match negotiation.await {
        Ok(bound) => bound,
        Err(failed) => return Box::pin(close::without_session(connection, failed)).await,
    };
    tracing::debug!(jid = %bound.registration.handle().jid, "session begins");
    let finish = established::run(&mut connection, &mut bound).await;
    tracing::debug!(jid = %bound.registration.handle().jid, ?finish, "session ends");
    Box::pin(close::session(connection, bound, finish)).await;
}

impl Connection {
    /// The next event in what was read. `None`: all of it is parsed, and nothing more is complete.
    fn parse(&mut self) -> Result<Option<StreamEvent>, XmlError> {
        let Some(input) = &mut self.input else {
            return Ok(None);
        };
        let mut rest = input.rest();
        let before = rest.len();
        let event = self.parser.next(&mut rest);
        let used = before.saturating_sub(rest.len());
        input.advance(used);
        if input.rest().is_empty() {
            self.input = None;
        }
        event
    }

    /// Bytes that were read and are not yet parsed.
    fn unread(&self) -> usize {
        self.input.as_ref().map_or(0, |input| input.rest().len())
    }

    /// Reads, while what is to be written goes out. Ready with false at the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut input = self.shard.buffers.input();
        let read = input.fill(|buffer| self.io.poll_read(cx, buffer));
        read.map_ok(|()| {
            let some = !input.rest().is_empty();
            self.input = some.then_some(input);
            some
        })
    }
}
