//! The interface `pre-auth`: clients before they authenticate.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::{Answer, Element, Manifest, Name, Plugin, Stanza};

pub use crate::bindings::pre_auth::exports::waxwing::plugin::pre_auth::{
    PreAuthStream, TlsVersion, Transport,
};

/// Serves streams before authentication (interface `pre-auth`, granted as `pre-auth`).
pub trait PreAuth: Plugin {
    /// Stream features to offer on this stream.
    fn features(&self, on: &PreAuthStream) -> Vec<Element>;

    /// Answers an iq request that matched one of the manifest's pre-auth subscriptions.
    fn handle(&self, on: &PreAuthStream, request: &Stanza) -> Answer;
}

impl Manifest {
    /// Subscribes to iqs with this payload before authentication, and offers stream features.
    #[must_use]
    pub fn pre_auth(mut self, namespace: &str, local: &str) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::PreAuth(Name::new(namespace, local)));
        self
    }
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::{PreAuth, PreAuthStream, Stanza};
    use crate::harness::Xml;
    use crate::harness::outcome::Pending;
    use crate::harness::{Harness, Outcome};
    use crate::native::xml;

    impl<P: PreAuth> Harness<P> {
        /// Sends an iq request on a stream that has not authenticated.
        pub fn pre_auth(&mut self, on: &PreAuthStream, xml: &str) -> Outcome {
            let element = match xml::parse(xml) {
                Ok(element) => element,
                Err(why) => return Outcome::Malformed(why),
            };
            let Some(request) = Stanza::new(&on.host, element) else {
                return Outcome::Malformed("this is no message, presence or iq".to_owned());
            };
            if !self.subscriptions.pre_auth(&request) {
                return Outcome::NotAsked;
            }
            let on = self.shown(on);
            let answer = self.call(|plugin| plugin.handle(&on, &request));
            Pending::of_answer(answer).finish(&request)
        }

        /// The stream features that the plugin offers on a stream that has not authenticated; none after a panic.
        pub fn features(&mut self, on: &PreAuthStream) -> Vec<Xml> {
            if !self.subscriptions.has_pre_auth() {
                return Vec::new();
            }
            let on = self.shown(on);
            let features = self.call(|plugin| plugin.features(&on));
            let features = features.unwrap_or_default();
            features
                .iter()
                .map(|feature| Xml::from(feature.to_xml().as_str()))
                .collect()
        }

        /// The stream as the plugin sees it: its address only by grant.
        fn shown(&self, on: &PreAuthStream) -> PreAuthStream {
            let mut on = on.clone();
            if !self.world.grants.contains("address") {
                on.address = None;
            }
            on
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_pre_auth {
    ($plugin:ty) => {
        impl $crate::bindings::pre_auth::exports::waxwing::plugin::pre_auth::Guest for Component {
            fn features(on: $crate::PreAuthStream) -> ::std::vec::Vec<::std::string::String> {
                let features = PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::PreAuth>::features(plugin, &on)));
                features.iter().map($crate::Element::to_xml).collect()
            }

            fn handle(
                on: $crate::PreAuthStream,
                request: &$crate::Stanza,
            ) -> ::std::result::Result<::std::option::Option<::std::string::String>, $crate::bindings::lifecycle::waxwing::plugin::types::StanzaError> {
                let answer =
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::PreAuth>::handle(plugin, &on, request)))?;
                ::std::result::Result::Ok(answer.map(|payload| payload.to_xml()))
            }
        }
        $crate::bindings::pre_auth::export_pre_auth!(Component with_types_in $crate::bindings::pre_auth);
    };
}
