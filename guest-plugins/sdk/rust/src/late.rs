//! Answering a request after the call that brought it.

use crate::Answer;
use crate::bindings::lifecycle::waxwing::plugin::types as wit;
use crate::router::{self, SendError};

/// Answers the request of a token that a handler promised to answer later. An effect of the call. False: nobody waits any
/// more, since it was answered or took too long.
pub fn answer_later(token: u64, answer: Answer) -> Result<bool, SendError> {
    match answer {
        Ok(payload) => {
            let payload = payload.map(|payload| payload.to_xml());
            router::answer(token, Ok(payload.as_deref()))
        }
        Err(error) => router::answer(token, Err(&wit::StanzaError::from(error))),
    }
}
