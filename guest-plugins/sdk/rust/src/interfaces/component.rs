//! The interface `component`: a domain of the plugin's own.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::{Element, Manifest, Plugin, Stanza, StanzaError};

/// Serves a domain below each served one (interface `component`, granted as `component`).
pub trait Component: Plugin {
    /// Handles one stanza to an address at the domain. At most 50 ms of CPU time.
    fn handle(&self, stanza: &Stanza, token: u64) -> Handled;
}

/// The result of handling a stanza.
#[must_use = "a request is answered only by what is returned"]
pub enum Handled {
    /// Nothing further; a request is answered `service-unavailable`.
    Done,
    /// An iq request is answered with this payload.
    Answer(Option<Element>),
    /// The sender gets this error.
    Bounce(StanzaError),
    /// The plugin answers an iq request within so many seconds (1 to 300).
    Later(u32),
}

impl Manifest {
    /// Serves the domain of this name below each served one: `rooms` for `rooms.example.org`.
    #[must_use]
    pub fn component(mut self, name: &str) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::Component(name.to_owned()));
        self
    }
}

#[cfg(target_family = "wasm")]
impl From<Handled> for crate::bindings::component::exports::waxwing::plugin::component::Handled {
    fn from(handled: Handled) -> Self {
        match handled {
            Handled::Done => Self::Done,
            Handled::Answer(payload) => Self::Answer(payload.map(|payload| payload.to_xml())),
            Handled::Bounce(error) => Self::Bounce(error.into()),
            Handled::Later(seconds) => Self::Later(seconds),
        }
    }
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::{Component, Handled};
    use crate::harness::outcome::Pending;
    use crate::harness::{Harness, Outcome};
    use crate::jid;

    impl<P: Component> Harness<P> {
        /// Sends a stanza from a full JID to the plugin's domain.
        pub fn component_from(&mut self, sender: &str, xml: &str) -> Outcome {
            let stanza = match self.stamped(sender, xml) {
                Ok(stanza) => stanza,
                Err(why) => return Outcome::Malformed(why),
            };
            let domain = stanza.recipient().map(|to| jid::domain(&to).to_owned());
            if !domain.is_some_and(|domain| self.world.components.contains(&domain)) {
                return Outcome::NotAsked;
            }
            let token = self.token();
            let handled = self.call(|plugin| plugin.handle(&stanza, token));
            self.promise(token, &stanza, matches!(handled, Ok(Handled::Later(_))));
            Pending::of_handled(handled, token).finish(&stanza)
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_component {
    ($plugin:ty) => {
        impl $crate::bindings::component::exports::waxwing::plugin::component::Guest for Component {
            fn handle(stanza: &$crate::Stanza, token: u64) -> $crate::bindings::component::exports::waxwing::plugin::component::Handled {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Component>::handle(plugin, stanza, token))).into()
            }
        }
        $crate::bindings::component::export_component!(Component with_types_in $crate::bindings::component);
    };
}
