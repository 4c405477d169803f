//! The interface `iq-handler`: iq requests to the server or to accounts.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::bindings::lifecycle::waxwing::plugin::types::{self, Recipients};
use crate::router::{self, SendError};
use crate::{Answer, Manifest, Name, Plugin, Stanza};

/// Serves iq requests (interface `iq-handler`, granted as `iq-handler`).
pub trait IqHandler: Plugin {
    /// Answers a request that matched one of the manifest's iq filters. At most 50 ms of CPU time.
    fn handle(&self, request: &Stanza) -> Answer;
}

/// Serves iq requests, some of which it answers later (interface `iq-handler`, granted as `iq-handler`).
pub trait LateIqHandler: Plugin {
    /// Answers a request that matched one of the manifest's iq filters, or defers the answer, to be sent by [`answer_later`](crate::answer_later) with
    /// the token. At most 50 ms of CPU time.
    fn handle(&self, request: &Stanza, token: u64) -> Deferred;
}

/// The answer to a request, now or later.
#[must_use = "a request is answered only by what is returned"]
pub enum Deferred {
    /// The payload of its result (or none), or its error.
    Now(Answer),
    /// The plugin answers within so many seconds (1 to 300).
    Later(u32),
}

/// Which iq requests a handler serves. By default to no class of addressee: add at least one.
#[derive(Clone, Debug)]
pub struct IqFilter(pub(crate) wit::IqFilter);

impl IqFilter {
    fn new(namespace: &str, local: &str, types: wit::RequestTypes) -> Self {
        Self(wit::IqFilter {
            payload: Name::new(namespace, local),
            node: None,
            types,
            recipients: Recipients::empty(),
        })
    }

    /// Requests of type get with that payload.
    pub fn get(namespace: &str, local: &str) -> Self {
        Self::new(namespace, local, wit::RequestTypes::GET)
    }

    /// Requests of type set with that payload.
    pub fn set(namespace: &str, local: &str) -> Self {
        Self::new(namespace, local, wit::RequestTypes::SET)
    }

    /// Requests of both types with that payload.
    pub fn any(namespace: &str, local: &str) -> Self {
        Self::new(namespace, local, wit::RequestTypes::all())
    }

    /// Only those whose payload has this attribute `node`.
    #[must_use]
    pub fn node(mut self, node: &str) -> Self {
        self.0.node = Some(node.to_owned());
        self
    }

    /// Also those to the sender's own domain. For handlers that act on the sender's account.
    #[must_use]
    pub fn to_own_server(mut self) -> Self {
        self.0.recipients |= Recipients::OWN_SERVER;
        self
    }

    /// Also those to any domain served here. The sender may have its account at another: a handler that acts on the
    /// sender's account takes [`IqFilter::to_own_server`] instead.
    #[must_use]
    pub fn to_any_server(mut self) -> Self {
        self.0.recipients |= Recipients::OWN_SERVER | Recipients::OTHER_SERVER;
        self
    }

    /// Also those to the sender's own account.
    #[must_use]
    pub fn to_own_account(mut self) -> Self {
        self.0.recipients |= Recipients::OWN_ACCOUNT;
        self
    }

    /// Also those to other accounts' bare JIDs.
    #[must_use]
    pub fn to_other_accounts(mut self) -> Self {
        self.0.recipients |= Recipients::OTHER_ACCOUNT;
        self
    }
}

impl Manifest {
    /// Subscribes to iq requests.
    #[must_use]
    pub fn iq(mut self, filter: IqFilter) -> Self {
        self.0.subscriptions.push(wit::Subscription::Iq(filter.0));
        self
    }
}

/// Answers the request of a token whose answer a handler deferred. An effect of the call. Returns false if the request was
/// answered already or has timed out.
pub fn answer_later(token: u64, answer: Answer) -> Result<bool, SendError> {
    match answer {
        Ok(payload) => {
            let payload = payload.map(|payload| payload.to_xml());
            router::answer(token, Ok(payload.as_deref()))
        }
        Err(error) => router::answer(token, Err(&types::StanzaError::from(error))),
    }
}

#[cfg(target_family = "wasm")]
impl From<Deferred> for crate::bindings::iq_handler::exports::waxwing::plugin::iq_handler::Handled {
    fn from(promise: Deferred) -> Self {
        match promise {
            Deferred::Now(Ok(payload)) => Self::Answer(payload.map(|payload| payload.to_xml())),
            Deferred::Now(Err(error)) => Self::Refuse(error.into()),
            Deferred::Later(seconds) => Self::Later(seconds),
        }
    }
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::{Deferred, IqHandler, LateIqHandler};
    use crate::harness::outcome::Pending;
    use crate::harness::{Harness, Outcome};

    impl<P: IqHandler> Harness<P> {
        /// Sends an iq request from a full JID to the plugin's iq handler.
        pub fn iq_from(&mut self, sender: &str, xml: &str) -> Outcome {
            let request = match self.stamped(sender, xml) {
                Ok(request) => request,
                Err(why) => return Outcome::Malformed(why),
            };
            if !self.subscriptions.iq(&request, &self.world.hosts) {
                return Outcome::NotAsked;
            }
            let answer = self.call(|plugin| plugin.handle(&request));
            Pending::of_answer(answer).finish(&request)
        }
    }

    impl<P: LateIqHandler> Harness<P> {
        /// Sends an iq request from a full JID to the plugin's iq handler. What it promises to answer later is seen by
        /// [`late_answer`](Self::late_answer).
        pub fn late_iq_from(&mut self, sender: &str, xml: &str) -> Outcome {
            let request = match self.stamped(sender, xml) {
                Ok(request) => request,
                Err(why) => return Outcome::Malformed(why),
            };
            if !self.subscriptions.iq(&request, &self.world.hosts) {
                return Outcome::NotAsked;
            }
            let token = self.token();
            let promise = self.call(|plugin| plugin.handle(&request, token));
            self.promise(token, &request, matches!(promise, Ok(Deferred::Later(_))));
            let answer = match promise {
                Ok(Deferred::Later(_)) => return Outcome::Deferred(token),
                Ok(Deferred::Now(answer)) => Ok(answer),
                Err(words) => Err(words),
            };
            Pending::of_answer(answer).finish(&request)
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_iq_handler {
    ($plugin:ty) => {
        impl $crate::bindings::iq_handler::exports::waxwing::plugin::iq_handler::Guest for Component {
            fn handle(request: &$crate::Stanza, _: u64) -> $crate::bindings::iq_handler::exports::waxwing::plugin::iq_handler::Handled {
                $crate::Deferred::Now(PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::IqHandler>::handle(plugin, request)))).into()
            }
        }
        $crate::bindings::iq_handler::export_iq_handler!(Component with_types_in $crate::bindings::iq_handler);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_late_iq_handler {
    ($plugin:ty) => {
        impl $crate::bindings::iq_handler::exports::waxwing::plugin::iq_handler::Guest for Component {
            fn handle(request: &$crate::Stanza, token: u64) -> $crate::bindings::iq_handler::exports::waxwing::plugin::iq_handler::Handled {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::LateIqHandler>::handle(plugin, request, token))).into()
            }
        }
        $crate::bindings::iq_handler::export_iq_handler!(Component with_types_in $crate::bindings::iq_handler);
    };
}
