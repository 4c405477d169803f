//! A client's session, from the accepted connection to the closed one: one task on its shard.
//!
//! [`negotiate`] until a resource is bound, [`established`] while stanzas flow, [`close`] at the end. What is written to the
//! client goes by [`outbound`]; buffers are lent by the shard. What a stanza brings about is the pipeline's.

pub(crate) mod liveness_watch;

mod auth_provider;
mod client_state;
mod close;
mod connection;
mod deliver_hooks;
mod endpoint;
mod established;
mod hibernated;
mod hibernation_limits;
mod negotiate;
mod outbound;
mod pre_auth;
mod rate_limit;
mod resumption;
mod stream_management;

use std::{net::SocketAddr, rc::Rc, sync::Arc};

use tokio::net::TcpStream;

use self::{connection::Connection, outbound::Outbound};
use crate::{
    context::StreamContext,
    net::{connection_limits::ConnectionSlot, transport::Transport},
};

pub(crate) use endpoint::Endpoint;
pub(crate) use resumption::Resumptions;

/// Serves one connection to its end.
pub(crate) async fn run(
    cx: Rc<StreamContext>,
    resumptions: Arc<Resumptions>,
    endpoint: Rc<Endpoint>,
    stream: TcpStream,
    address: SocketAddr,
    slot: ConnectionSlot,
) {
    let framing = endpoint.settings.framing;
    let mut connection = Connection {
        io: Transport::Plain(stream),
        parser: framing.parser(cx.limits.pre_auth),
        input: None,
        outbound: Outbound::new(&cx, framing),
        auth: None,
        _slot: slot,
        resumptions,
        cx,
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
