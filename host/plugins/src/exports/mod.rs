//! The calls that the host makes, one file an exported interface: what goes in, and what a guest may answer.

pub(crate) mod account_events;
pub(crate) mod auth_provider;
pub(crate) mod component;
pub(crate) mod decision;
pub(crate) mod deliver;
pub(crate) mod inbound;
pub(crate) mod iq_handler;
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

use crate::fault::Fault;
use crate::instance::store::Instance;

use crate::model::interfaces::{Export, Level};
use crate::model::outcome::Outcome;

/// One call of one exported function, with its arguments.
pub(crate) trait Call: Send + 'static {
    /// What the guest answers, checked.
    type Answer: Send + 'static;

    /// CPU time that the call may take.
    const BUDGET: Duration;

    /// What its effects may cause.
    const LEVEL: Level = Level::Hook;

    /// Whether hooks at the receiving side are left out for what the call sends: it is such a hook, and would feed
    /// itself.
    const SENDS_BYPASS_HOOKS: bool = false;

    /// What the call is about: with the placement `keyed`, calls with the same key are made in the same instance.
    fn key(&self) -> Option<String> {
        None
    }

    /// The interface, as which the call is counted.
    fn export(&self) -> Export;

    /// The outcome of an answer, for counters and traces.
    fn outcome(_: &Self::Answer) -> Outcome {
        Outcome::Done
    }

    /// Makes the call on the caller's own stack, where the component imports nothing that waits. None for an export
    /// that is called too seldom for that to matter.
    const SYNC: Option<SyncCall<Self>> = None;

    /// Makes the call.
    fn make(
        self,
        instance: &mut Instance,
    ) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;
}

/// See [`Call::SYNC`]. The call may have to be made again, by [`Call::make`].
pub(crate) type SyncCall<C> = fn(&C, &mut Instance) -> Result<<C as Call>::Answer, Fault>;
