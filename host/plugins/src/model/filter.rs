//! Filters of subscriptions, evaluated by the host: a guest is called only for what it subscribed to.

use waxwing_xml::ElementRef;
use waxwing_xmpp::stanza::{Kind, Stanza};
use waxwing_xmpp::subscription::SubscriptionAction;

use crate::wit::bindings::waxwing::plugin::manifest::{self as wit, PresenceSteps};
use crate::wit::bindings::waxwing::plugin::types::{self, Recipients, Senders};
use crate::wit::contacts;

/// The expanded name of an element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Qname {
    pub(crate) namespace: String,
    pub(crate) local: String,
}

impl Qname {
    pub(crate) fn matches(&self, element: ElementRef<'_>) -> bool {
        element.is(&self.local, &self.namespace)
    }
}

impl From<types::Name> for Qname {
    fn from(name: types::Name) -> Self {
        Self {
            namespace: name.namespace,
            local: name.local,
        }
    }
}

/// The class of a stanza's addressee, seen from its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The sender's own domain.
    OwnServer,
    /// Another domain served here.
    OtherServer,
    /// The sender's own bare JID, or no `to`.
    OwnAccount,
    /// Another bare JID at a domain served here.
    OtherAccount,
    /// A full JID at a domain served here.
    Full,
    /// Anything at another domain.
    Remote,
    /// Anything at a domain that a plugin serves as a component.
    Component,
}

impl Recipient {
    pub(crate) const fn flag(self) -> Recipients {
        match self {
            Self::OwnServer => Recipients::OWN_SERVER,
            Self::OtherServer => Recipients::OTHER_SERVER,
            Self::OwnAccount => Recipients::OWN_ACCOUNT,
            Self::OtherAccount => Recipients::OTHER_ACCOUNT,
            Self::Full => Recipients::FULL,
            Self::Remote => Recipients::REMOTE,
            Self::Component => Recipients::COMPONENT,
        }
    }
}

/// The class of a stanza's sender, seen from the account that receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The receiving account's own domain.
    OwnServer,
    /// Another domain served here.
    OtherServer,
    /// The receiving account's bare JID, or one of its sessions.
    OwnAccount,
    /// Another account at a domain served here, or a session of one.
    OtherAccount,
    /// Anything at another domain.
    Remote,
    /// Anything at a domain that a plugin serves as a component.
    Component,
}

impl Sender {
    pub(crate) const fn flag(self) -> Senders {
        match self {
            Self::OwnServer => Senders::OWN_SERVER,
            Self::OtherServer => Senders::OTHER_SERVER,
            Self::OwnAccount => Senders::OWN_ACCOUNT,
            Self::OtherAccount => Senders::OTHER_ACCOUNT,
            Self::Remote => Senders::REMOTE,
            Self::Component => Senders::COMPONENT,
        }
    }
}

/// What a client's presence to all does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresenceStep {
    /// Its session becomes an available resource.
    Initial,
    /// It is one, and says something else of itself.
    Update,
    /// It is one no more.
    Unavailable,
}

impl PresenceStep {
    pub(crate) const fn flag(self) -> PresenceSteps {
        match self {
            Self::Initial => PresenceSteps::INITIAL,
            Self::Update => PresenceSteps::UPDATE,
            Self::Unavailable => PresenceSteps::UNAVAILABLE,
        }
    }
}

/// What a hook asks to be ranked by, and what is to happen if it fails.
pub(crate) trait Ranked: Clone {
    /// Higher runs first.
    fn priority(&self) -> i32;

    /// What happens if it fails.
    fn on_fault(&self) -> wit::FaultPolicy;
}

/// Classes of addressee or of sender, or steps of presence, combined.
pub(crate) trait Classes: Copy {
    /// Whether that one is among them.
    fn have(self, one: Self) -> bool;
}

impl Classes for Recipients {
    fn have(self, one: Self) -> bool {
        self.contains(one)
    }
}

impl Classes for Senders {
    fn have(self, one: Self) -> bool {
        self.contains(one)
    }
}

impl Classes for PresenceSteps {
    fn have(self, one: Self) -> bool {
        self.contains(one)
    }
}

/// Which stanzas a hook judges, by their kind, type and payload, and by the class of whoever is at the other end (of
/// presence to all, by what it does).
#[derive(Clone, Debug)]
pub(crate) struct StanzaFilter<C> {
    kinds: wit::StanzaKinds,
    types: Vec<String>,
    payload: Option<Qname>,
    classes: C,
    priority: i32,
    on_fault: wit::FaultPolicy,
}

impl<C: Classes> Ranked for StanzaFilter<C> {
    fn priority(&self) -> i32 {
        self.priority
    }

    fn on_fault(&self) -> wit::FaultPolicy {
        self.on_fault
    }
}

impl<C: Classes> StanzaFilter<C> {
    pub(crate) fn matches(&self, stanza: &Stanza, class: C) -> bool {
        self.kinds.contains(kind_flag(stanza.kind()))
            && self.classes.have(class)
            && (self.types.is_empty() || self.types.iter().any(|kind| kind == subtype(stanza)))
            && self.payload.as_ref().is_none_or(|payload| {
                stanza
                    .element()
                    .child(&payload.local, &payload.namespace)
                    .is_some()
            })
    }
}

impl From<wit::InboundFilter> for StanzaFilter<Recipients> {
    fn from(filter: wit::InboundFilter) -> Self {
        Self {
            kinds: filter.kinds,
            types: filter.types,
            payload: filter.payload.map(Qname::from),
            classes: filter.recipients,
            priority: filter.priority,
            on_fault: filter.on_fault,
        }
    }
}

impl From<wit::DeliverFilter> for StanzaFilter<Senders> {
    fn from(filter: wit::DeliverFilter) -> Self {
        Self {
            kinds: filter.kinds,
            types: filter.types,
            payload: filter.payload.map(Qname::from),
            classes: filter.senders,
            priority: filter.priority,
            on_fault: filter.on_fault,
        }
    }
}

impl From<wit::OfflineFilter> for StanzaFilter<Senders> {
    fn from(filter: wit::OfflineFilter) -> Self {
        Self {
            kinds: wit::StanzaKinds::MESSAGE,
            types: filter.types,
            payload: filter.payload.map(Qname::from),
            classes: filter.senders,
            priority: filter.priority,
            on_fault: filter.on_fault,
        }
    }
}

impl From<wit::PresenceFilter> for StanzaFilter<PresenceSteps> {
    fn from(filter: wit::PresenceFilter) -> Self {
        Self {
            kinds: wit::StanzaKinds::PRESENCE,
            types: Vec::new(),
            payload: filter.payload.map(Qname::from),
            classes: filter.steps,
            priority: filter.priority,
            on_fault: filter.on_fault,
        }
    }
}

impl StanzaFilter<PresenceSteps> {
    /// Whether the plugin wants to hear of sessions that are gone.
    pub(crate) fn hears_of_ends(&self) -> bool {
        self.classes.contains(PresenceSteps::ENDED)
    }
}

/// What a user does with a roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosterAct {
    /// A client is shown it.
    Show,
    /// A client adds or changes a contact of that class.
    Update(Sender),
    /// A client removes a contact of that class.
    Remove(Sender),
    /// The user sends a subscription stanza to a contact of that class.
    Outbound(Sender, SubscriptionAction),
    /// A contact of that class sends the user a subscription stanza.
    Inbound(Sender, SubscriptionAction),
}

/// What a roster hook is asked about.
#[derive(Clone, Debug)]
pub(crate) struct RosterFilter(wit::RosterFilter);

impl RosterFilter {
    pub(crate) fn matches(&self, act: RosterAct) -> bool {
        let wants = |point| self.0.points.contains(point);
        let about = |class: Sender| self.0.contacts.contains(class.flag());
        let action = |action| self.0.actions.contains(contacts::action_flag(action));
        match act {
            RosterAct::Show => wants(wit::RosterHookPoints::SHOW),
            RosterAct::Update(class) => wants(wit::RosterHookPoints::UPDATE) && about(class),
            RosterAct::Remove(class) => wants(wit::RosterHookPoints::REMOVE) && about(class),
            RosterAct::Outbound(class, said) => {
                wants(wit::RosterHookPoints::OUTBOUND) && about(class) && action(said)
            }
            RosterAct::Inbound(class, said) => {
                wants(wit::RosterHookPoints::INBOUND) && about(class) && action(said)
            }
        }
    }
}

impl Ranked for RosterFilter {
    fn priority(&self) -> i32 {
        self.0.priority
    }

    fn on_fault(&self) -> wit::FaultPolicy {
        self.0.on_fault
    }
}

impl From<wit::RosterFilter> for RosterFilter {
    fn from(filter: wit::RosterFilter) -> Self {
        Self(filter)
    }
}

/// The type of a stanza, with the standard's default filled in.
pub(crate) fn subtype(stanza: &Stanza) -> &str {
    stanza.typed().name()
}

const fn kind_flag(kind: Kind) -> wit::StanzaKinds {
    match kind {
        Kind::Message => wit::StanzaKinds::MESSAGE,
        Kind::Presence => wit::StanzaKinds::PRESENCE,
        Kind::Iq => wit::StanzaKinds::IQ,
    }
}

/// Which iq requests a handler serves.
#[derive(Clone, Debug)]
pub(crate) struct IqFilter {
    pub(crate) payload: Qname,
    node: Option<String>,
    types: wit::RequestTypes,
    recipients: Recipients,
}

impl IqFilter {
    /// Whether the request with this payload is served.
    pub(crate) fn serves(
        &self,
        payload: ElementRef<'_>,
        is_set: bool,
        recipient: Recipient,
    ) -> bool {
        let wanted = if is_set {
            wit::RequestTypes::SET
        } else {
            wit::RequestTypes::GET
        };
        self.payload.matches(payload)
            && self.types.contains(wanted)
            && self.recipients.contains(recipient.flag())
            && (self.node.is_none() || self.node.as_deref() == payload.attr("node"))
    }

    /// Whether it is about one node.
    pub(crate) const fn is_specific(&self) -> bool {
        self.node.is_some()
    }

    /// Whether the two could both serve some request.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.payload == other.payload
            && self.node == other.node
            && self.types & other.types != wit::RequestTypes::empty()
            && self.recipients & other.recipients != Recipients::empty()
    }
}

impl From<wit::IqFilter> for IqFilter {
    fn from(filter: wit::IqFilter) -> Self {
        Self {
            payload: filter.payload.into(),
            node: filter.node,
            types: filter.types,
            recipients: filter.recipients,
        }
    }
}

/// Which events of other plugins a plugin hears of.
#[derive(Clone, Debug)]
pub(crate) struct EventFilter {
    source: Option<String>,
    name: String,
}

impl EventFilter {
    pub(crate) fn matches(&self, source: &str, name: &str) -> bool {
        self.name == name && self.source.as_deref().is_none_or(|wanted| wanted == source)
    }
}

impl From<wit::EventFilter> for EventFilter {
    fn from(filter: wit::EventFilter) -> Self {
        Self {
            source: filter.source,
            name: filter.name,
        }
    }
}
