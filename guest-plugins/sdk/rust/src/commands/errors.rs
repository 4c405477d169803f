//! The errors of XEP-0050 §4.4.

use super::COMMANDS;
use crate::{Element, ErrorCondition, StanzaError};

fn bad_request(condition: &str) -> StanzaError {
    StanzaError::new(ErrorCondition::BadRequest).with_application(Element::new(condition, COMMANDS))
}

/// The action is none of the five.
pub(super) fn malformed_action() -> StanzaError {
    bad_request("malformed-action")
}

/// The action is not allowed here.
pub(super) fn bad_action() -> StanzaError {
    bad_request("bad-action")
}

/// What was filled in cannot be.
pub(super) fn bad_payload(why: &str) -> StanzaError {
    bad_request("bad-payload").with_text(why)
}

/// There is no such session, or it is not the caller's: which of the two is nobody's business.
pub(super) fn bad_session() -> StanzaError {
    bad_request("bad-sessionid")
}

/// The session was completed, cancelled, or timed out.
pub(super) fn session_expired() -> StanzaError {
    StanzaError::new(ErrorCondition::NotAllowed)
        .with_application(Element::new("session-expired", COMMANDS))
}
