//! Dialogues between requests, in the host's memory: one entry for each full JID, so that a session can only be found by
//! the one who began it.

use std::time::Duration;

use super::errors;
use crate::{
    Element, ErrorCondition, ErrorType, Parsed, Payload, StanzaError, clock, memory, random,
};

/// Dialogues that one full JID may have open; beginning one more ends the oldest.
const MAX_OPEN: usize = 4;

/// Dialogues that are remembered, so that one that has ended can be told from one that never was.
const MAX_KEPT: usize = 12;

/// The most that is kept for one full JID, in bytes.
const MAX_BYTES: usize = 16_384;

/// All dialogues of one full JID, the oldest first.
#[derive(Debug, Payload)]
#[payload(name = "sessions", ns = "urn:waxwing:commands")]
pub(super) struct Sessions {
    #[payload(nested)]
    list: Vec<Session>,
}

/// One dialogue.
#[derive(Clone, Debug, Payload)]
#[payload(name = "session", ns = "urn:waxwing:commands")]
pub(super) struct Session {
    #[payload(attr)]
    pub(super) id: String,
    #[payload(attr)]
    pub(super) node: String,
    /// When it times out, by the monotonic clock.
    #[payload(attr)]
    until: u64,
    /// The states that it was in, the present one last; none once it has ended.
    #[payload(other)]
    pub(super) states: Vec<Element>,
}

impl Session {
    /// A dialogue that begins, with an id that nobody guesses.
    pub(super) fn begin(node: &str) -> Self {
        Self {
            id: id(),
            node: node.to_owned(),
            until: 0,
            states: Vec::new(),
        }
    }

    fn is_open(&self) -> bool {
        !self.states.is_empty() && self.until > clock::monotonic()
    }
}

impl Sessions {
    /// Those of that full JID.
    pub(super) fn of(jid: &str) -> Self {
        let stored = memory::get(&key(jid)).and_then(|bytes| String::from_utf8(bytes).ok());
        let parsed = stored.and_then(|xml| Parsed::parse(&xml).ok());
        let sessions = parsed.and_then(|parsed| Self::read(&parsed).ok());
        sessions.unwrap_or(Self { list: Vec::new() })
    }

    /// The open dialogue of that id and command.
    pub(super) fn find(&self, id: &str, node: &str) -> Result<Session, StanzaError> {
        let mut list = self.list.iter();
        match list.find(|session| session.id == id && session.node == node) {
            Some(session) if session.is_open() => Ok(session.clone()),
            Some(_) => Err(errors::session_expired()),
            None => Err(errors::bad_session()),
        }
    }

    /// Keeps a dialogue, for another `lifetime` if it is open.
    pub(super) fn keep(
        mut self,
        jid: &str,
        mut session: Session,
        lifetime: Duration,
    ) -> Result<(), StanzaError> {
        let milliseconds = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        session.until = clock::monotonic().saturating_add(milliseconds);
        self.list.retain(|kept| kept.id != session.id);
        self.list.push(session);
        self.make_room();
        let xml = self.to_element().to_xml();
        // As long again, so that a late answer is told that it is late.
        let seconds = lifetime.as_secs().saturating_mul(2).max(1);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        if xml.len() > MAX_BYTES || memory::put(&key(jid), xml.as_bytes(), Some(seconds)).is_err() {
            return Err(StanzaError::new(ErrorCondition::ResourceConstraint)
                .of_type(ErrorType::Wait)
                .with_text("no room for another command; finish or cancel one"));
        }
        Ok(())
    }

    fn make_room(&mut self) {
        let mut open = 0_usize;
        for session in self.list.iter_mut().rev() {
            if session.is_open() {
                open = open.saturating_add(1);
            }
            if open > MAX_OPEN || !session.is_open() {
                session.states.clear();
            }
        }
        let surplus = self.list.len().saturating_sub(MAX_KEPT);
        let mut ended = surplus;
        self.list.retain(|session| {
            let goes = ended > 0 && session.states.is_empty();
            ended = ended.saturating_sub(usize::from(goes));
            !goes
        });
    }
}

fn key(jid: &str) -> String {
    ["commands/", jid].concat()
}

/// 128 bits, in hexadecimal digits.
fn id() -> String {
    let mut id = String::with_capacity(32);
    for byte in random::bytes(16) {
        for nibble in [byte >> 4, byte & 15] {
            id.extend(char::from_digit(nibble.into(), 16));
        }
    }
    id
}
