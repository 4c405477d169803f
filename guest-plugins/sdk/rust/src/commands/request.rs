//! What a client asks.

use super::errors;
use crate::forms::Form;
use crate::{ErrorCondition, Payload, Stanza, StanzaError};

/// `<command/>` as clients send it.
#[derive(Debug, Payload)]
#[payload(name = "command", ns = "http://jabber.org/protocol/commands")]
pub(super) struct Request {
    #[payload(attr)]
    pub(super) node: String,
    #[payload(attr = "sessionid")]
    pub(super) session: Option<String>,
    #[payload(attr)]
    action: Option<String>,
    #[payload(nested)]
    pub(super) form: Option<Form>,
}

/// What to do (XEP-0050 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Execute,
    Next,
    Prev,
    Complete,
    Cancel,
}

impl Request {
    pub(super) fn read(stanza: &Stanza) -> Result<Self, StanzaError> {
        match Self::of(stanza) {
            Ok(Some(request)) if stanza.subtype() == "set" => Ok(request),
            Ok(_) => Err(ErrorCondition::BadRequest.into()),
            Err(error) if error.element == "command" => Err(error.into()),
            Err(error) => Err(errors::bad_payload(&error.to_string())),
        }
    }

    pub(super) fn action(&self) -> Result<Action, StanzaError> {
        Ok(match self.action.as_deref() {
            None | Some("execute") => Action::Execute,
            Some("next") => Action::Next,
            Some("prev") => Action::Prev,
            Some("complete") => Action::Complete,
            Some("cancel") => Action::Cancel,
            Some(_) => return Err(errors::malformed_action()),
        })
    }
}
