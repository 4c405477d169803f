//! What a plugin wants to be called for, checked: the subscriptions of its manifest, by kind.

use crate::model::auth_offer::AuthOffer;
use crate::model::filter::{EventFilter, IqFilter, Qname, RosterFilter, StanzaFilter};
use crate::model::interfaces::interfaces;
use crate::model::manifest_error::ManifestError;
use crate::model::manifest_error::wrong;
use crate::wit::bindings::waxwing::plugin::manifest::{self as wit, PresenceSteps};
use crate::wit::bindings::waxwing::plugin::types::{Recipients, Senders};

const MAX_SUBSCRIPTIONS: usize = 256;

macro_rules! subscriptions {
    (
        hooks { $($hook:ident = $hook_name:literal, $variant:ident($filter:ty);)+ }
        $($others:tt)*
    ) => {
        /// All subscriptions of a plugin.
        #[derive(Clone, Debug, Default)]
        pub(crate) struct Subscriptions {
            $(pub(crate) $hook: Vec<$filter>,)+
            pub(crate) iq: Vec<IqFilter>,
            pub(crate) pre_auth: Vec<Qname>,
            /// Names of domains below each served one.
            pub(crate) components: Vec<String>,
            pub(crate) events: Vec<EventFilter>,
            pub(crate) auth: Option<AuthOffer>,
            /// Its priority as a provider of rosters.
            pub(crate) roster_priority: Option<i32>,
            /// Its priority as a provider of sessions.
            pub(crate) session_priority: Option<i32>,
        }

        impl Subscriptions {
            fn add(&mut self, subscription: wit::Subscription) -> Result<(), ManifestError> {
                match subscription {
                    $(wit::Subscription::$variant(filter) => self.$hook.push(filter.into()),)+
                    wit::Subscription::Iq(filter) => self.iq.push(filter.into()),
                    wit::Subscription::PreAuth(name) => self.pre_auth.push(name.into()),
                    wit::Subscription::Component(name) => self.add_component(name)?,
                    wit::Subscription::Event(filter) => self.events.push(filter.into()),
                    wit::Subscription::AuthProvider(offer) => self.add_auth(offer)?,
                    wit::Subscription::RosterProvider(priority) => {
                        once(&mut self.roster_priority, priority, "offer to provide rosters twice")?;
                    }
                    wit::Subscription::SessionProvider(priority) => {
                        once(&mut self.session_priority, priority, "offer to provide sessions twice")?;
                    }
                }
                Ok(())
            }
        }
    };
}

interfaces!(subscriptions);

impl Subscriptions {
    /// Checks what the manifest lists: at most 256 subscriptions.
    pub(crate) fn check(listed: Vec<wit::Subscription>) -> Result<Self, ManifestError> {
        if listed.len() > MAX_SUBSCRIPTIONS {
            return wrong("subscriptions", "are more than 256");
        }
        let mut subscriptions = Self::default();
        for subscription in listed {
            subscriptions.add(subscription)?;
        }
        Ok(subscriptions)
    }

    fn add_component(&mut self, name: String) -> Result<(), ManifestError> {
        if !is_subdomain(&name) {
            return wrong(
                "component's name",
                "must be labels of lower-case letters, digits and hyphens with dots between",
            );
        }
        self.components.push(name);
        Ok(())
    }

    fn add_auth(&mut self, offer: wit::AuthOffer) -> Result<(), ManifestError> {
        let offer = AuthOffer::check(offer);
        let offer = offer.or_else(|problem| wrong("offer to provide logins", problem))?;
        once(&mut self.auth, offer, "offer to provide logins twice")
    }
}

/// Sets what a manifest may say once.
fn once<T>(value: &mut Option<T>, new: T, problem: &'static str) -> Result<(), ManifestError> {
    match value.replace(new) {
        Some(_) => wrong("subscriptions", problem),
        None => Ok(()),
    }
}

/// A prefix of a domain, prepared already (RFC 6122 §2.2).
fn is_subdomain(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    name.len() <= 200 && name.split('.').all(is_label)
}
