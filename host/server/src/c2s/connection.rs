//! The connection of a session: reads, parses, and writes.

use std::{
    io,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use waxwing_plugins::AuthStream;
use waxwing_xml::{StreamEvent, StreamParser, XmlError};

use super::{outbound::Outbound, resumption::Resumptions};
use crate::{
    context::StreamContext,
    delivery::buffers::Input,
    net::{connection_limits::ConnectionSlot, transport::Transport},
};

/// The connection of a session, and what reads and writes it.
pub(super) struct Connection {
    pub(super) cx: Rc<StreamContext>,
    /// All sessions that can be resumed.
    pub(super) resumptions: Arc<Resumptions>,
    pub(super) io: Transport,
    pub(super) parser: StreamParser,
    /// What was read and is not yet parsed.
    pub(super) input: Option<Input>,
    pub(super) outbound: Outbound,
    /// The provider of logins, if its host has one: until the end of the stream.
    pub(super) auth: Option<Box<AuthStream>>,
    /// Its place among the open connections, until it is dropped.
    pub(super) _slot: ConnectionSlot,
}

impl Connection {
    /// The next event in what was read. `None`: all of it is parsed, and nothing more is complete.
    pub(super) fn parse(&mut self) -> Result<Option<StreamEvent>, XmlError> {
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
    pub(super) fn unread(&self) -> usize {
        self.input.as_ref().map_or(0, |input| input.rest().len())
    }

    /// Reads, while what is to be written goes out. Ready with false at the end of the stream.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut input = self.cx.buffers.input();
        let read = input.fill(|buffer| self.io.poll_read(cx, buffer));
        read.map_ok(|()| {
            let some = !input.rest().is_empty();
            self.input = some.then_some(input);
            some
        })
    }
}
