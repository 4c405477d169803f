//! The calls that the host makes, one file an exported interface: what goes in, and what a guest may answer.

pub(crate) mod inbound;
pub(crate) mod iq_handler;
pub(crate) mod pre_auth;
mod table;

use std::future::Future;
use std::time::Duration;

use waxwing_xml::Element;
use waxwing_xmpp::error::StanzaError;

use crate::bindings::waxwing::plugin::types;
use crate::convert::stanza_error;
use crate::fault::Fault;
use crate::imports::stanzas::payload;
use crate::instance::Instance;

pub(crate) use table::{Exports, Guests, PACKAGE, VERSION};

/// What may lead to what, only downwards: a hook, handler, component or command may cause a veto or ask a provider; a veto
/// may ask a provider; a provider asks nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    /// Asks nobody.
    Provider,
    /// Asked about the effects of others; causes none that are asked about.
    Veto,
    /// Everything else.
    Hook,
}

/// One call of one exported function, with its arguments.
pub(crate) trait Call: Send + 'static {
    /// What the guest answers, checked.
    type Answer: Send + 'static;

    /// CPU time that the call may take.
    const BUDGET: Duration;

    /// What its effects may cause.
    const LEVEL: Level = Level::Hook;

    /// Makes the call.
    fn make(
        self,
        instance: &mut Instance,
    ) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;
}

/// The answer of a handler, checked.
pub(crate) type Reply = Result<Option<Element>, StanzaError>;

fn reply(answer: Result<Option<String>, types::StanzaError>) -> Result<Reply, Fault> {
    match answer {
        Ok(xml) => Ok(Ok(payload(xml.as_deref())?)),
        Err(error) => Ok(Err(stanza_error(error)?)),
    }
}
