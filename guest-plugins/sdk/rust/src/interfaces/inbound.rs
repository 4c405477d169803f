//! The interface `inbound`: stanzas of local clients, before they are routed.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::bindings::lifecycle::waxwing::plugin::types::Recipients;
use crate::filters::narrowed;
use crate::{Draft, Element, FaultPolicy, Manifest, Name, Plugin, Stanza, StanzaError};

/// Judges stanzas of local clients before they are routed (interface `inbound`, granted as `inbound`).
pub trait Inbound: Plugin {
    /// Judges a stanza that matched one of the manifest's inbound filters. At most 10 ms of CPU time.
    fn filter(&self, stanza: &Stanza) -> Verdict;
}

/// The verdict of an inbound or deliver hook on a stanza.
#[must_use = "a verdict decides only when it is returned"]
pub enum Verdict {
    /// The stanza proceeds.
    Pass,
    /// The draft proceeds instead.
    Replace(Draft),
    /// The stanza is discarded silently (an iq request is answered `service-unavailable`).
    Drop,
    /// Its sender gets this error.
    Bounce(StanzaError),
    /// An iq request is answered with this payload.
    Answer(Option<Element>),
}

/// Which stanzas an inbound hook judges: by default all of the kind, to any addressee, failing closed.
#[derive(Clone, Debug)]
pub struct InboundFilter(pub(crate) wit::InboundFilter);

impl InboundFilter {
    fn new(kinds: wit::StanzaKinds) -> Self {
        Self(wit::InboundFilter {
            kinds,
            types: Vec::new(),
            payload: None,
            recipients: Recipients::all(),
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

    /// Iqs.
    pub fn iqs() -> Self {
        Self::new(wit::StanzaKinds::IQ)
    }

    /// Every stanza.
    pub fn stanzas() -> Self {
        Self::new(wit::StanzaKinds::all())
    }
}

narrowed!(
    InboundFilter,
    "When the hook fails, the stanza proceeds instead of being refused.",
    types,
    payload,
    recipients
);

impl Manifest {
    /// Subscribes to stanzas of local clients.
    #[must_use]
    pub fn inbound(mut self, filter: InboundFilter) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::Inbound(filter.0));
        self
    }
}

#[cfg(target_family = "wasm")]
impl From<Verdict> for crate::bindings::inbound::exports::waxwing::plugin::inbound::Verdict {
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
    use super::Inbound;
    use crate::harness::outcome::Pending;
    use crate::harness::{Harness, Outcome};
    use crate::native::xml;

    impl<P: Inbound> Harness<P> {
        /// Sends a stanza of a local client through the plugin's hook. The sender is the attribute `from`, or
        /// `juliet@localhost/balcony`.
        pub fn inbound(&mut self, xml: &str) -> Outcome {
            let sender = xml::parse(xml).ok().and_then(|stanza| {
                let sender = stanza.attribute("from");
                sender.map(str::to_owned)
            });
            let sender = sender.unwrap_or_else(|| "juliet@localhost/balcony".to_owned());
            self.inbound_from(&sender, xml)
        }

        /// The same with the sender's full JID.
        pub fn inbound_from(&mut self, sender: &str, xml: &str) -> Outcome {
            let stanza = match self.stamped(sender, xml) {
                Ok(stanza) => stanza,
                Err(why) => return Outcome::Malformed(why),
            };
            let Some(policy) = self.subscriptions.inbound(&stanza, &self.world.hosts) else {
                return Outcome::NotAsked;
            };
            let verdict = self.call(|plugin| plugin.filter(&stanza));
            Pending::of_verdict(verdict, policy).finish(&stanza)
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_inbound {
    ($plugin:ty) => {
        impl $crate::bindings::inbound::exports::waxwing::plugin::inbound::Guest for Component {
            fn filter(stanza: &$crate::Stanza) -> $crate::bindings::inbound::exports::waxwing::plugin::inbound::Verdict {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Inbound>::filter(plugin, stanza))).into()
            }
        }
        $crate::bindings::inbound::export_inbound!(Component with_types_in $crate::bindings::inbound);
    };
}
