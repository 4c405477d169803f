//! What a handler, a component or a plugin asked before authentication did with a stanza.

use waxwing_xml::Element;
use waxwing_xmpp::error::StanzaError;

use crate::model::outcome::Outcome;

/// What a handler did with a stanza, checked.
#[derive(Debug)]
pub(crate) enum Handled {
    /// Nothing more is to be done. Not for a request, which has to be answered.
    Done,
    /// A request is answered with this payload.
    Result(Option<Element>),
    /// The sender gets this error.
    Error(StanzaError),
    /// The request of this token is answered within so many seconds.
    Later(u64, u32),
}

impl Handled {
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Done | Self::Later(..) => Outcome::Done,
            Self::Result(_) => Outcome::Answer,
            Self::Error(error) => Outcome::Error(error.condition),
        }
    }
}
