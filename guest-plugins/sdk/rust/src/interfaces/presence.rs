//! The interface `presence`: presence that clients broadcast, before the server broadcasts it.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::filters::narrowed;
use crate::{Draft, FaultPolicy, Manifest, Name, Plugin, Stanza};

pub use crate::bindings::presence::exports::waxwing::plugin::presence::Step as PresenceStep;

/// Judges presence before the server broadcasts it (interface `presence`, granted as `presence`).
pub trait Presence: Plugin {
    /// Judges presence that matched one of the manifest's presence filters, of the session that sent it and has that id. At most
    /// 10 ms of CPU time.
    fn filter(&self, presence: &Stanza, id: u64, step: PresenceStep) -> PresenceVerdict;

    /// An available session of that full JID ended, and the server has broadcast its unavailable presence.
    fn ended(&self, _session: &str, _id: u64) {}
}

/// The verdict of a presence hook.
#[must_use = "a verdict decides only when it is returned"]
pub enum PresenceVerdict {
    /// The stanza proceeds.
    Pass,
    /// The draft proceeds instead.
    Replace(Draft),
    /// The presence is discarded silently; the session's presence does not change.
    Drop,
}

/// Which presence a presence hook judges: by default all broadcast presence, failing closed.
#[derive(Clone, Debug)]
pub struct PresenceFilter(pub(crate) wit::PresenceFilter);

impl PresenceFilter {
    fn new(steps: wit::PresenceSteps) -> Self {
        Self(wit::PresenceFilter {
            steps,
            payload: None,
            priority: 0,
            on_fault: FaultPolicy::Closed,
        })
    }

    /// All presence that clients broadcast.
    pub fn all() -> Self {
        Self::new(
            wit::PresenceSteps::INITIAL
                | wit::PresenceSteps::UPDATE
                | wit::PresenceSteps::UNAVAILABLE,
        )
    }

    /// Presence that makes a session available.
    pub fn initial() -> Self {
        Self::new(wit::PresenceSteps::INITIAL)
    }

    /// Further presence of available sessions.
    pub fn updates() -> Self {
        Self::new(wit::PresenceSteps::UPDATE)
    }

    /// All presence of available sessions, the initial one included.
    pub fn available() -> Self {
        Self::new(wit::PresenceSteps::INITIAL | wit::PresenceSteps::UPDATE)
    }

    /// Unavailable presence.
    pub fn unavailable() -> Self {
        Self::new(wit::PresenceSteps::UNAVAILABLE)
    }

    /// No presence, only the ends of available sessions.
    pub fn ends() -> Self {
        Self::new(wit::PresenceSteps::ENDED)
    }

    /// Also the ends of available sessions that sent no unavailable presence.
    #[must_use]
    pub fn and_ends(mut self) -> Self {
        self.0.steps |= wit::PresenceSteps::ENDED;
        self
    }
}

narrowed!(
    PresenceFilter,
    "When the hook fails, the presence proceeds instead of being refused.",
    payload
);

impl Manifest {
    /// Subscribes to presence before it is broadcast.
    #[must_use]
    pub fn presence(mut self, filter: PresenceFilter) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::Presence(filter.0));
        self
    }
}

#[cfg(target_family = "wasm")]
impl From<PresenceVerdict>
    for crate::bindings::presence::exports::waxwing::plugin::presence::Verdict
{
    fn from(showing: PresenceVerdict) -> Self {
        match showing {
            PresenceVerdict::Pass => Self::Pass,
            PresenceVerdict::Replace(draft) => Self::Replace(draft),
            PresenceVerdict::Drop => Self::Drop,
        }
    }
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::{Presence, PresenceStep};
    use crate::harness::outcome::Pending;
    use crate::harness::{Harness, Outcome};

    impl<P: Presence> Harness<P> {
        /// Has a session, given by its full JID and its id, say presence to all who may see it, through the plugin's hook.
        pub fn presence(
            &mut self,
            (session, id): (&str, u64),
            step: PresenceStep,
            xml: &str,
        ) -> Outcome {
            let presence = match self.stamped(session, xml) {
                Ok(presence) => presence,
                Err(why) => return Outcome::Malformed(why),
            };
            let is_unavailable = presence.subtype() == "unavailable";
            if presence.recipient().is_some()
                || is_unavailable != (step == PresenceStep::Unavailable)
            {
                return Outcome::Malformed("such a presence does not do that".to_owned());
            }
            let Some(policy) = self.subscriptions.presence(&presence, step) else {
                return Outcome::NotAsked;
            };
            let showing = self.call(|plugin| plugin.filter(&presence, id, step));
            Pending::of_showing(showing, step, policy, &presence).finish(&presence)
        }

        /// An available session is gone without a word. False: the plugin does not want to hear of it.
        pub fn presence_ended(&mut self, session: &str, id: u64) -> bool {
            let wants = self.subscriptions.presence_ends();
            if wants {
                // Nobody is left to hear of a panic.
                drop(self.call(|plugin| plugin.ended(session, id)));
            }
            wants
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_presence {
    ($plugin:ty) => {
        impl $crate::bindings::presence::exports::waxwing::plugin::presence::Guest for Component {
            fn filter(presence: &$crate::Stanza, id: u64, step: $crate::PresenceStep) -> $crate::bindings::presence::exports::waxwing::plugin::presence::Verdict {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Presence>::filter(plugin, presence, id, step))).into()
            }
            fn ended(session: ::std::string::String, id: u64) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Presence>::ended(plugin, &session, id)))
            }
        }
        $crate::bindings::presence::export_presence!(Component with_types_in $crate::bindings::presence);
    };
}
