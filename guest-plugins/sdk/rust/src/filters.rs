//! What a plugin wants to be called for, to be put into its manifest.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::bindings::lifecycle::waxwing::plugin::types::{Recipients, Senders};
use crate::{FaultPolicy, Name, SubscriptionAction};

/// What filters of hooks have in common: what they may be narrowed to, their order, and what becomes of a fault.
macro_rules! narrowed {
    ($filter:ident, $fail_open:literal $(, $narrowing:ident)*) => {
        impl $filter {
            $(narrowed!($narrowing);)*

            /// Higher runs first.
            #[must_use]
            pub fn priority(mut self, priority: i32) -> Self {
                self.0.priority = priority;
                self
            }

            #[doc = $fail_open]
            #[must_use]
            pub fn fail_open(mut self) -> Self {
                self.0.on_fault = FaultPolicy::Open;
                self
            }
        }
    };
    (recipients) => {
        /// Only to addressees of these classes.
        #[must_use]
        pub fn only_to(mut self, recipients: Recipients) -> Self {
            self.0.recipients = recipients;
            self
        }
    };
    (senders) => {
        /// Only from senders of these classes.
        #[must_use]
        pub fn only_from(mut self, senders: Senders) -> Self {
            self.0.senders = senders;
            self
        }

        /// Only from others: not from the account's own sessions, nor from the server.
        #[must_use]
        pub fn from_others(self) -> Self {
            self.only_from(Senders::OTHER_ACCOUNT | Senders::REMOTE | Senders::COMPONENT)
        }
    };
    (types) => {
        /// Only of these types; `normal` and `available` stand for an absent attribute.
        #[must_use]
        pub fn of_types(mut self, types: &[&str]) -> Self {
            self.0.types = types.iter().map(|&kind| kind.to_owned()).collect();
            self
        }
    };
    (payload) => {
        /// Only with such a child.
        #[must_use]
        pub fn with_payload(mut self, namespace: &str, local: &str) -> Self {
            self.0.payload = Some(Name::new(namespace, local));
            self
        }
    };
}

/// Which stanzas an inbound hook judges: at first, all stanzas of the kind to anybody, failing closed.
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
    "When the hook fails the stanza goes on instead of being refused.",
    types,
    payload,
    recipients
);

/// Which stanzas a deliver hook judges: at first, all stanzas of the kind from anybody, failing closed.
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
    "When the hook fails the stanza goes on instead of being refused.",
    types,
    payload,
    senders
);

/// Which messages an offline hook judges: at first all from anybody, failing closed.
#[derive(Clone, Debug)]
pub struct OfflineFilter(pub(crate) wit::OfflineFilter);

impl OfflineFilter {
    /// All that are about to be kept.
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
    "When the hook fails the message is kept instead of being refused.",
    types,
    payload,
    senders
);

/// Which presence a presence hook judges: at first, all that clients say to all who may see them, failing closed.
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

    /// All that clients say.
    pub fn all() -> Self {
        Self::new(
            wit::PresenceSteps::INITIAL
                | wit::PresenceSteps::UPDATE
                | wit::PresenceSteps::UNAVAILABLE,
        )
    }

    /// What makes sessions available resources.
    pub fn initial() -> Self {
        Self::new(wit::PresenceSteps::INITIAL)
    }

    /// What available resources go on to say of themselves.
    pub fn updates() -> Self {
        Self::new(wit::PresenceSteps::UPDATE)
    }

    /// What available resources say of themselves, the first word included.
    pub fn available() -> Self {
        Self::new(wit::PresenceSteps::INITIAL | wit::PresenceSteps::UPDATE)
    }

    /// What ends that.
    pub fn unavailable() -> Self {
        Self::new(wit::PresenceSteps::UNAVAILABLE)
    }

    /// Nothing that is said: only the ends of sessions.
    pub fn ends() -> Self {
        Self::new(wit::PresenceSteps::ENDED)
    }

    /// Also hears of available sessions that are gone without a word.
    #[must_use]
    pub fn and_ends(mut self) -> Self {
        self.0.steps |= wit::PresenceSteps::ENDED;
        self
    }
}

narrowed!(
    PresenceFilter,
    "When the hook fails the presence goes on instead of being refused.",
    payload
);

/// What a roster hook is asked about: at first, about contacts of all classes, failing closed.
#[derive(Clone, Debug)]
pub struct RosterFilter(pub(crate) wit::RosterFilter);

impl RosterFilter {
    fn new(points: wit::RosterHookPoints, words: wit::SubscriptionActions) -> Self {
        Self(wit::RosterFilter {
            points,
            actions: words,
            contacts: Senders::all(),
            priority: 0,
            on_fault: FaultPolicy::Closed,
        })
    }

    fn on(points: wit::RosterHookPoints) -> Self {
        Self::new(points, wit::SubscriptionActions::empty())
    }

    /// What clients are shown of rosters.
    pub fn shows() -> Self {
        Self::on(wit::RosterHookPoints::SHOW)
    }

    /// Clients that add or change contacts.
    pub fn updates() -> Self {
        Self::on(wit::RosterHookPoints::UPDATE)
    }

    /// Clients that remove contacts.
    pub fn removals() -> Self {
        Self::on(wit::RosterHookPoints::REMOVE)
    }

    /// These words, where users say them.
    pub fn outbound(words: &[SubscriptionAction]) -> Self {
        Self::new(wit::RosterHookPoints::OUTBOUND, flags(words))
    }

    /// These words, where users are told them.
    pub fn inbound(words: &[SubscriptionAction]) -> Self {
        Self::new(wit::RosterHookPoints::INBOUND, flags(words))
    }

    /// Only about contacts at domains that are not served here.
    #[must_use]
    pub fn with_strangers(mut self) -> Self {
        self.0.contacts = Senders::REMOTE | Senders::COMPONENT;
        self
    }
}

narrowed!(
    RosterFilter,
    "When the hook fails it is as if it had passed what it was asked about."
);

fn flags(words: &[SubscriptionAction]) -> wit::SubscriptionActions {
    let words = words.iter().copied().map(flag);
    words.fold(wit::SubscriptionActions::empty(), |all, one| all | one)
}

pub(crate) fn flag(word: SubscriptionAction) -> wit::SubscriptionActions {
    match word {
        SubscriptionAction::Subscribe => wit::SubscriptionActions::SUBSCRIBE,
        SubscriptionAction::Subscribed => wit::SubscriptionActions::SUBSCRIBED,
        SubscriptionAction::Unsubscribe => wit::SubscriptionActions::UNSUBSCRIBE,
        SubscriptionAction::Unsubscribed => wit::SubscriptionActions::UNSUBSCRIBED,
    }
}

/// Which iq requests a handler serves: at first, addressed to nobody; say to whom.
#[derive(Clone, Debug)]
pub struct IqFilter(pub(crate) wit::IqFilter);

impl IqFilter {
    fn new(namespace: &str, local: &str, types: wit::RequestTypes) -> Self {
        Self(wit::IqFilter {
            payload: Name::new(namespace, local),
            node: None,
            types,
            recipients: Recipients::empty(),
        })
    }

    /// Requests of type get with that payload.
    pub fn get(namespace: &str, local: &str) -> Self {
        Self::new(namespace, local, wit::RequestTypes::GET)
    }

    /// Requests of type set with that payload.
    pub fn set(namespace: &str, local: &str) -> Self {
        Self::new(namespace, local, wit::RequestTypes::SET)
    }

    /// Requests of both types with that payload.
    pub fn any(namespace: &str, local: &str) -> Self {
        Self::new(namespace, local, wit::RequestTypes::all())
    }

    /// Only those whose payload has this attribute `node`.
    #[must_use]
    pub fn node(mut self, node: &str) -> Self {
        self.0.node = Some(node.to_owned());
        self
    }

    /// Also those to the sender's own domain. For handlers that act on the sender's account.
    #[must_use]
    pub fn to_own_server(mut self) -> Self {
        self.0.recipients |= Recipients::OWN_SERVER;
        self
    }

    /// Also those to any domain served here. The sender may have its account at another: a handler that acts on the
    /// sender's account takes [`IqFilter::to_own_server`] instead.
    #[must_use]
    pub fn to_any_server(mut self) -> Self {
        self.0.recipients |= Recipients::OWN_SERVER | Recipients::OTHER_SERVER;
        self
    }

    /// Also those to the sender's own account.
    #[must_use]
    pub fn to_own_account(mut self) -> Self {
        self.0.recipients |= Recipients::OWN_ACCOUNT;
        self
    }

    /// Also those to other accounts' bare JIDs.
    #[must_use]
    pub fn to_other_accounts(mut self) -> Self {
        self.0.recipients |= Recipients::OTHER_ACCOUNT;
        self
    }
}
