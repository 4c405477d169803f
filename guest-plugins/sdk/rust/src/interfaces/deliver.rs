//! The interface `deliver`: stanzas of others, before they are delivered to a session.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::bindings::lifecycle::waxwing::plugin::types::Senders;
use crate::filters::narrowed;
use crate::{FaultPolicy, Manifest, Name, Plugin, Stanza, Verdict};

/// Judges stanzas of others before they are delivered to a session (interface `deliver`, granted as `deliver`).
pub trait Deliver: Plugin {
    /// Judges a stanza that matched one of the manifest's deliver filters, for the session of that full JID. At most 10 ms of
    /// CPU time.
    fn filter(&self, stanza: &Stanza, session: &str) -> Verdict;
}

/// Which stanzas a deliver hook judges: by default all of the kind, from any sender, failing closed.
#[derive(Clone, Debug)]
pub struct DeliverFilter(pub(crate) wit::DeliverFilter);

impl DeliverFilter {
    fn new(kinds: wit::StanzaKinds) -> Self {
        Self(wit::DeliverFilter {
            kinds,
            types: Vec::new(),
            payload: None,
            senders: Senders::all(),
            priority: 0,
            on_fault: FaultPolicy::Closed,
        })
    }

    /// Messages.
    pub fn messages() -> Self {
        Self::new(wit::StanzaKinds::MESSAGE)
    }

    /// Presence stanzas.
    pub fn presences() -> Self {
        Self::new(wit::StanzaKinds::PRESENCE)
    }

    /// Iqs of other clients.
    pub fn iqs() -> Self {
        Self::new(wit::StanzaKinds::IQ)
    }

    /// Every stanza.
    pub fn stanzas() -> Self {
        Self::new(wit::StanzaKinds::all())
    }
}

narrowed!(
    DeliverFilter,
    "When the hook fails, the stanza proceeds instead of being refused.",
    types,
    payload,
    senders
);

impl Manifest {
    /// Subscribes to stanzas before they are delivered to a session.
    #[must_use]
    pub fn deliver(mut self, filter: DeliverFilter) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::Deliver(filter.0));
        self
    }
}

#[cfg(target_family = "wasm")]
impl From<Verdict> for crate::bindings::deliver::exports::waxwing::plugin::deliver::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Replace(draft) => Self::Replace(draft),
            Verdict::Drop => Self::Drop,
            Verdict::Bounce(error) => Self::Bounce(error.into()),
            Verdict::Answer(payload) => Self::Answer(payload.map(|payload| payload.to_xml())),
        }
    }
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::Deliver;
    use crate::harness::arriving;
    use crate::harness::outcome::Pending;
    use crate::harness::{Harness, Outcome};
    use crate::jid;

    impl<P: Deliver> Harness<P> {
        /// Sends a stanza to a session, given by its full JID, through the plugin's hook. The sender is the attribute `from`, or
        /// `romeo@localhost/orchard`.
        pub fn deliver(&mut self, session: &str, xml: &str) -> Outcome {
            let stanza = match arriving(jid::domain(session), xml) {
                Ok(stanza) => stanza,
                Err(why) => return Outcome::Malformed(why),
            };
            let account = jid::bare(session);
            let Some(policy) = self.subscriptions.deliver(&stanza, account, &self.world) else {
                return Outcome::NotAsked;
            };
            let verdict = self.call(|plugin| plugin.filter(&stanza, session));
            Pending::of_verdict(verdict, policy).finish(&stanza)
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_deliver {
    ($plugin:ty) => {
        impl $crate::bindings::deliver::exports::waxwing::plugin::deliver::Guest for Component {
            fn filter(stanza: &$crate::Stanza, session: ::std::string::String) -> $crate::bindings::deliver::exports::waxwing::plugin::deliver::Verdict {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Deliver>::filter(plugin, stanza, &session))).into()
            }
        }
        $crate::bindings::deliver::export_deliver!(Component with_types_in $crate::bindings::deliver);
    };
}
