//! What a plugin wants to be called for, checked: the subscriptions of its manifest, by kind.

use crate::model::auth_offer::AuthOffer;
use crate::model::filter::{EventFilter, IqFilter, Qname, RosterFilter, StanzaFilter};
use crate::model::manifest::{ManifestError, wrong};
use crate::wit::bindings::waxwing::plugin::manifest::{self as wit, PresenceSteps};
use crate::wit::bindings::waxwing::plugin::types::{Recipients, Senders};

const MAX_SUBSCRIPTIONS: usize = 256;

/// All subscriptions of a plugin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wants {
    pub(crate) inbound: Vec<StanzaFilter<Recipients>>,
    pub(crate) deliver: Vec<StanzaFilter<Senders>>,
    pub(crate) offline: Vec<StanzaFilter<Senders>>,
    pub(crate) presence: Vec<StanzaFilter<PresenceSteps>>,
    pub(crate) roster: Vec<RosterFilter>,
    pub(crate) iq: Vec<IqFilter>,
    pub(crate) pre_auth: Vec<Qname>,
    /// Names of domains below each served one.
    pub(crate) components: Vec<String>,
    pub(crate) events: Vec<EventFilter>,
    pub(crate) auth: Option<AuthOffer>,
    /// Its priority as a provider of rosters.
    pub(crate) rosters: Option<i32>,
    /// Its priority as a provider of sessions.
    pub(crate) sessions: Option<i32>,
}

impl Wants {
    /// Checks what the manifest lists.
    pub(crate) fn check(subscriptions: Vec<wit::Subscription>) -> Result<Self, ManifestError> {
        if subscriptions.len() > MAX_SUBSCRIPTIONS {
            return wrong("subscriptions", "are more than 256");
        }
        let mut wants = Self::default();
        for subscription in subscriptions {
            wants.add(subscription)?;
        }
        Ok(wants)
    }

    fn add(&mut self, subscription: wit::Subscription) -> Result<(), ManifestError> {
        match subscription {
            wit::Subscription::Inbound(filter) => self.inbound.push(filter.into()),
            wit::Subscription::Deliver(filter) => self.deliver.push(filter.into()),
            wit::Subscription::Offline(filter) => self.offline.push(filter.into()),
            wit::Subscription::Presence(filter) => self.presence.push(filter.into()),
            wit::Subscription::RosterHook(filter) => self.roster.push(filter.into()),
            wit::Subscription::Iq(filter) => self.iq.push(filter.into()),
            wit::Subscription::PreAuth(name) => self.pre_auth.push(name.into()),
            wit::Subscription::Component(name) if is_subdomain(&name) => self.components.push(name),
            wit::Subscription::Component(_) => {
                return wrong(
                    "component's name",
                    "must be labels of lower-case letters, digits and hyphens with dots between",
                );
            }
            wit::Subscription::Event(filter) => self.events.push(filter.into()),
            wit::Subscription::AuthProvider(offer) => {
                let offer = AuthOffer::check(offer);
                let offer = offer.or_else(|problem| wrong("offer to provide logins", problem))?;
                if self.auth.replace(offer).is_some() {
                    return wrong("subscriptions", "offer to provide logins twice");
                }
            }
            wit::Subscription::RosterProvider(priority) => {
                if self.rosters.replace(priority).is_some() {
                    return wrong("subscriptions", "offer to provide rosters twice");
                }
            }
            wit::Subscription::SessionProvider(priority) => {
                if self.sessions.replace(priority).is_some() {
                    return wrong("subscriptions", "offer to provide sessions twice");
                }
            }
        }
        Ok(())
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
