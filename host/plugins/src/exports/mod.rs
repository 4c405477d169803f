//! The calls that the host makes, one file an exported interface: what goes in, and what a guest may answer.

pub(crate) mod account_events;
pub(crate) mod auth_provider;
pub(crate) mod component;
pub(crate) mod deliver;
pub(crate) mod inbound;
pub(crate) mod iq_handler;
pub(crate) mod judgement;
pub(crate) mod lifecycle;
pub(crate) mod offline;
pub(crate) mod plugin_events;
pub(crate) mod pre_auth;
pub(crate) mod presence;
pub(crate) mod reply_handler;
pub(crate) mod roster_hook;
pub(crate) mod roster_provider;
pub(crate) mod session_events;
pub(crate) mod session_provider;
pub(crate) mod timer_handler;
pub(crate) mod vetoes;

use std::future::Future;
use std::time::Duration;

use waxwing_xml::Element;
use waxwing_xmpp::error::StanzaError;

use crate::fault::Fault;
use crate::instance::Instance;

pub(crate) use crate::instance::template::{Export, Exports, Guests, PACKAGE, VERSION};
pub(crate) use crate::model::outcome::Outcome;

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

    /// Whether hooks at the receiving side are left out for what the call sends: it is such a hook, and would feed itself.
    const SENDS_BYPASS_HOOKS: bool = false;

    /// What the call is about: with the placement `keyed`, calls with the same key meet the same instance.
    fn key(&self) -> Option<String> {
        None
    }

    /// The interface, as which the call is counted.
    fn export(&self) -> Export;

    /// What an answer comes to, for those who count or watch.
    fn outcome(_: &Self::Answer) -> Outcome {
        Outcome::Done
    }

    /// Makes the call on the stack of whoever asks for it, where the component imports nothing that waits. None of an export
    /// that is called too seldom for that to matter.
    const NOW: Option<Now<Self>> = None;

    /// Makes the call.
    fn make(
        self,
        instance: &mut Instance,
    ) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;
}

/// See [`Call::NOW`]. The call may have to be made again, by [`Call::make`].
pub(crate) type Now<C> = fn(&C, &mut Instance) -> Result<<C as Call>::Answer, Fault>;

/// What a handler did with a stanza, checked.
#[derive(Debug)]
pub(crate) enum Handled {
    /// All that is to be done: no request is told so.
    Done,
    /// A request is answered with this payload.
    Result(Option<Element>),
    /// The sender gets this error.
    Error(StanzaError),
    /// The request of this token is answered within so many seconds.
    Later(u64, u32),
}

impl Handled {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Done | Self::Later(..) => Outcome::Done,
            Self::Result(_) => Outcome::Answer,
            Self::Error(error) => Outcome::Error(error.condition),
        }
    }
}
