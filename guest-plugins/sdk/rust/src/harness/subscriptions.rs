//! The manifest's filters, evaluated as the host does.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::bindings::lifecycle::waxwing::plugin::types::Senders;
use crate::interfaces::roster_hook::flag as flag_of;
use crate::native::address;
use crate::native::world::World;
use crate::{
    Element, FaultPolicy, Manifest, Name, PresenceStep, Stanza, StanzaKind, SubscriptionAction,
};

/// What a manifest wants to be called for.
#[derive(Debug)]
pub(crate) struct Subscriptions(Vec<wit::Subscription>);

impl Subscriptions {
    pub(crate) fn of(manifest: Manifest) -> Self {
        Self(manifest.into_wit().subscriptions)
    }

    /// Whether the plugin serves that request.
    pub(crate) fn iq(&self, request: &Stanza, hosts: &[String]) -> bool {
        let wanted = match request.subtype().as_str() {
            "get" => wit::RequestTypes::GET,
            "set" => wit::RequestTypes::SET,
            _ => return false,
        };
        let Some(payload) = payload(request) else {
            return false;
        };
        let class = class(request, hosts);
        self.0.iter().any(|subscription| match subscription {
            wit::Subscription::Iq(filter) => {
                filter.payload == payload
                    && (filter.node.is_none() || filter.node == node(request))
                    && filter.types.contains(wanted)
                    && filter.recipients.contains(class)
            }
            _ => false,
        })
    }

    /// Whether the plugin serves that request before authentication.
    pub(crate) fn pre_auth(&self, request: &Stanza) -> bool {
        let Some(payload) = payload(request) else {
            return false;
        };
        self.0.iter().any(
            |subscription| matches!(subscription, wit::Subscription::PreAuth(name) if *name == payload),
        )
    }

    /// What the plugin can do as a provider of logins.
    pub(crate) fn auth(&self) -> Option<wit::AuthOffer> {
        self.0.iter().find_map(|subscription| match subscription {
            wit::Subscription::AuthProvider(offer) => Some(*offer),
            _ => None,
        })
    }

    /// Whether the plugin may offer stream features.
    pub(crate) fn has_pre_auth(&self) -> bool {
        let mut subscriptions = self.0.iter();
        subscriptions.any(|subscription| matches!(subscription, wit::Subscription::PreAuth(_)))
    }

    /// The names of the domains that the plugin serves below each served one.
    pub(crate) fn components(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|subscription| match subscription {
            wit::Subscription::Component(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether the plugin listens to an event.
    pub(crate) fn event(&self, source: &str, name: &str) -> bool {
        self.0.iter().any(|subscription| match subscription {
            wit::Subscription::Event(filter) => {
                filter.name == name
                    && filter
                        .source
                        .as_deref()
                        .is_none_or(|wanted| wanted == source)
            }
            _ => false,
        })
    }

    /// What happens if the inbound hook fails, if it is asked.
    pub(crate) fn inbound(&self, stanza: &Stanza, hosts: &[String]) -> Option<FaultPolicy> {
        let class = class(stanza, hosts);
        self.policy(|subscription| match subscription {
            wit::Subscription::Inbound(filter)
                if filter.kinds.contains(flag(stanza.kind()))
                    && filter.recipients.contains(class)
                    && has(stanza, &filter.types, filter.payload.as_ref()) =>
            {
                Some((filter.priority, filter.on_fault))
            }
            _ => None,
        })
    }

    /// The same of the deliver hook, for a stanza to that account.
    pub(crate) fn deliver(
        &self,
        stanza: &Stanza,
        account: &str,
        world: &World,
    ) -> Option<FaultPolicy> {
        let class = address::sender(world, account, stanza.sender().as_deref());
        self.policy(|subscription| match subscription {
            wit::Subscription::Deliver(filter)
                if filter.kinds.contains(flag(stanza.kind()))
                    && filter.senders.contains(class)
                    && has(stanza, &filter.types, filter.payload.as_ref()) =>
            {
                Some((filter.priority, filter.on_fault))
            }
            _ => None,
        })
    }

    /// The same of the offline hook, for a message to that account.
    pub(crate) fn offline(
        &self,
        message: &Stanza,
        account: &str,
        world: &World,
    ) -> Option<FaultPolicy> {
        let class = address::sender(world, account, message.sender().as_deref());
        self.policy(|subscription| match subscription {
            wit::Subscription::Offline(filter)
                if filter.senders.contains(class)
                    && has(message, &filter.types, filter.payload.as_ref()) =>
            {
                Some((filter.priority, filter.on_fault))
            }
            _ => None,
        })
    }

    /// The same of the presence hook.
    pub(crate) fn presence(&self, presence: &Stanza, step: PresenceStep) -> Option<FaultPolicy> {
        let step = match step {
            PresenceStep::Initial => wit::PresenceSteps::INITIAL,
            PresenceStep::Update => wit::PresenceSteps::UPDATE,
            PresenceStep::Unavailable => wit::PresenceSteps::UNAVAILABLE,
        };
        self.policy(|subscription| match subscription {
            wit::Subscription::Presence(filter)
                if filter.steps.contains(step) && has(presence, &[], filter.payload.as_ref()) =>
            {
                Some((filter.priority, filter.on_fault))
            }
            _ => None,
        })
    }

    /// Whether the plugin hears of available sessions that are gone.
    pub(crate) fn presence_ends(&self) -> bool {
        self.0.iter().any(|subscription| {
            matches!(subscription, wit::Subscription::Presence(filter)
                if filter.steps.contains(wit::PresenceSteps::ENDED))
        })
    }

    /// What happens if the roster hook fails at a point, about a contact and a word where there is one, if it is asked.
    pub(crate) fn roster(
        &self,
        point: wit::RosterHookPoints,
        class: Option<Senders>,
        word: Option<SubscriptionAction>,
    ) -> Option<FaultPolicy> {
        self.policy(|subscription| match subscription {
            wit::Subscription::RosterHook(filter)
                if filter.points.contains(point)
                    && class.is_none_or(|class| filter.contacts.contains(class))
                    && word.is_none_or(|word| filter.actions.contains(flag_of(word))) =>
            {
                Some((filter.priority, filter.on_fault))
            }
            _ => None,
        })
    }

    /// The policy of the highest priority among the filters that match.
    fn policy(
        &self,
        matching: impl FnMut(&wit::Subscription) -> Option<(i32, FaultPolicy)>,
    ) -> Option<FaultPolicy> {
        let mut matching: Vec<_> = self.0.iter().filter_map(matching).collect();
        matching.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
        matching.first().map(|(_, policy)| *policy)
    }
}

fn has(stanza: &Stanza, types: &[String], payload: Option<&Name>) -> bool {
    (types.is_empty() || types.contains(&stanza.subtype()))
        && payload.is_none_or(|name| stanza.payload(name).is_some())
}

/// A request's one child (RFC 6120 §8.2.3).
fn payload(request: &Stanza) -> Option<Name> {
    if request.kind() != StanzaKind::Iq || request.element().attribute("id").is_none() {
        return None;
    }
    let mut children = request.element().elements();
    match (children.next(), children.next()) {
        (Some(child), None) => Some(name(child)),
        _ => None,
    }
}

fn node(request: &Stanza) -> Option<String> {
    let mut children = request.element().elements();
    children.next()?.attribute("node").map(str::to_owned)
}

fn name(element: &Element) -> Name {
    Name::new(element.namespace(), element.local())
}

fn class(
    stanza: &Stanza,
    hosts: &[String],
) -> crate::bindings::lifecycle::waxwing::plugin::types::Recipients {
    let (sender, recipient) = (stanza.sender(), stanza.recipient());
    address::class(hosts, sender.as_deref(), recipient.as_deref())
}

fn flag(kind: StanzaKind) -> wit::StanzaKinds {
    match kind {
        StanzaKind::Message => wit::StanzaKinds::MESSAGE,
        StanzaKind::Presence => wit::StanzaKinds::PRESENCE,
        StanzaKind::Iq => wit::StanzaKinds::IQ,
    }
}
