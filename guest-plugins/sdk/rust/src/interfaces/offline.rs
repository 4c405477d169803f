//! The interface `offline`: messages to accounts without a session, before they are stored.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::bindings::lifecycle::waxwing::plugin::types::Senders;
use crate::filters::narrowed;
use crate::{Draft, FaultPolicy, Manifest, Name, Plugin, Stanza, StanzaError};

/// Judges messages to accounts without a session before they are stored (interface `offline`, granted as `offline`).
pub trait Offline: Plugin {
    /// Judges a message that matched one of the manifest's offline filters, for the account of that bare JID. At most 10 ms
    /// of CPU time.
    fn filter(&self, message: &Stanza, account: &str) -> OfflineVerdict;
}

/// The verdict of an offline hook on a message.
#[must_use = "a verdict decides only when it is returned"]
pub enum OfflineVerdict {
    /// The server stores it.
    Pass,
    /// The server stores the draft instead.
    Replace(Draft),
    /// The message is discarded silently.
    Drop,
    /// Its sender gets this error.
    Bounce(StanzaError),
    /// The plugin has processed the message; the server does nothing more.
    Handled,
}

/// Which messages an offline hook judges: all by default, failing closed.
#[derive(Clone, Debug)]
pub struct OfflineFilter(pub(crate) wit::OfflineFilter);

impl OfflineFilter {
    /// All messages that are about to be stored.
    pub fn messages() -> Self {
        Self(wit::OfflineFilter {
            types: Vec::new(),
            payload: None,
            senders: Senders::all(),
            priority: 0,
            on_fault: FaultPolicy::Closed,
        })
    }
}

narrowed!(
    OfflineFilter,
    "When the hook fails, the message is stored instead of being refused.",
    types,
    payload,
    senders
);

impl Manifest {
    /// Subscribes to messages before they are stored.
    #[must_use]
    pub fn offline(mut self, filter: OfflineFilter) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::Offline(filter.0));
        self
    }
}

#[cfg(target_family = "wasm")]
impl From<OfflineVerdict> for crate::bindings::offline::exports::waxwing::plugin::offline::Verdict {
    fn from(keeping: OfflineVerdict) -> Self {
        match keeping {
            OfflineVerdict::Pass => Self::Pass,
            OfflineVerdict::Replace(draft) => Self::Replace(draft),
            OfflineVerdict::Drop => Self::Drop,
            OfflineVerdict::Bounce(error) => Self::Bounce(error.into()),
            OfflineVerdict::Handled => Self::Handled,
        }
    }
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::Offline;
    use crate::harness::arriving;
    use crate::harness::outcome::Pending;
    use crate::harness::{Harness, Outcome};
    use crate::jid;

    impl<P: Offline> Harness<P> {
        /// Sends a message to an account, given by its bare JID, that has no session to take it, through the plugin's hook. One
        /// that passes is kept.
        pub fn offline(&mut self, account: &str, xml: &str) -> Outcome {
            let message = match arriving(jid::domain(account), xml) {
                Ok(message) => message,
                Err(why) => return Outcome::Malformed(why),
            };
            let Some(policy) = self.subscriptions.offline(&message, account, &self.world) else {
                return Outcome::NotAsked;
            };
            let verdict = self.call(|plugin| plugin.filter(&message, account));
            Pending::of_keeping(verdict, policy).finish(&message)
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_offline {
    ($plugin:ty) => {
        impl $crate::bindings::offline::exports::waxwing::plugin::offline::Guest for Component {
            fn filter(message: &$crate::Stanza, account: ::std::string::String) -> $crate::bindings::offline::exports::waxwing::plugin::offline::Verdict {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Offline>::filter(plugin, message, &account))).into()
            }
        }
        $crate::bindings::offline::export_offline!(Component with_types_in $crate::bindings::offline);
    };
}
