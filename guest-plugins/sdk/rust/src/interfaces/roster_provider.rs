//! Contacts: keeping rosters in the server's place, and what the standard says about states.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::{ErrorCondition, Manifest, Plugin, StanzaError};

pub use crate::bindings::lifecycle::waxwing::plugin::contacts::{
    Contact, Entry, Subscription, SubscriptionAction,
};
pub use crate::bindings::roster_provider::exports::waxwing::plugin::roster_provider::{
    Change, Failure as RosterFailure, Request, Roster, Session as RosterSession,
};

/// Provides rosters (interface `roster-provider`, granted as `roster-provider`). The default implementations make rosters that
/// clients can read and not change. The manifest offers it by [`Manifest::rosters`](crate::Manifest::rosters).
pub trait RosterProvider: Plugin {
    /// The roster of an account.
    fn contacts(&self, account: &str) -> Result<Roster, RosterFailure>;

    /// One contact of an account.
    fn contact(&self, account: &str, contact: &str) -> Result<Option<Contact>, RosterFailure> {
        let roster = self.contacts(account)?;
        Ok(roster.contacts.into_iter().find(|one| one.jid == contact))
    }

    /// A session was bound.
    fn bind(&self, _session: &RosterSession) {}

    /// A session has ended.
    fn unbind(&self, _session: &RosterSession) {}

    /// The user sets a contact's name and groups. By default nothing changes, and the user's sessions are pushed the contact.
    fn update(
        &self,
        account: &str,
        contact: &str,
        _name: Option<String>,
        _groups: Vec<String>,
    ) -> Result<Change, RosterFailure> {
        Ok(Change::nothing(self.contact(account, contact)?))
    }

    /// The user removes a contact. By default it stays.
    fn remove(&self, account: &str, contact: &str) -> Result<Change, RosterFailure> {
        Ok(Change::nothing(self.contact(account, contact)?))
    }

    /// The pending subscription requests, oldest first.
    fn pending(&self, _account: &str) -> Result<Vec<Request>, RosterFailure> {
        Ok(Vec::new())
    }

    /// The user sends a subscription stanza to a contact. By default nothing changes.
    fn outbound(
        &self,
        account: &str,
        contact: &str,
        _word: SubscriptionAction,
    ) -> Result<Change, RosterFailure> {
        Ok(Change::nothing(self.contact(account, contact)?))
    }

    /// A contact sends a subscription stanza to the user. By default nothing changes.
    fn inbound(
        &self,
        account: &str,
        contact: &str,
        _word: SubscriptionAction,
        _stanza: &str,
    ) -> Result<Change, RosterFailure> {
        Ok(Change::nothing(self.contact(account, contact)?))
    }
}

impl Change {
    /// Nothing changed, and this is what there is.
    pub fn nothing(contact: Option<Contact>) -> Self {
        let entry = Entry {
            contact,
            requested: false,
        };
        Self {
            before: entry.clone(),
            after: entry,
            version: None,
        }
    }
}

impl PartialEq for Contact {
    fn eq(&self, other: &Self) -> bool {
        self.jid == other.jid
            && self.name == other.name
            && self.groups == other.groups
            && self.subscription == other.subscription
            && self.asked == other.asked
            && self.approved == other.approved
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.contact == other.contact && self.requested == other.requested
    }
}

impl Contact {
    /// A contact without name, groups and subscription.
    pub fn new(jid: &str) -> Self {
        Self {
            jid: jid.to_owned(),
            name: None,
            groups: Vec::new(),
            subscription: Subscription::None,
            asked: false,
            approved: false,
        }
    }

    /// Each receives the other's presence.
    #[must_use]
    pub fn both(mut self) -> Self {
        self.subscription = Subscription::Both;
        self
    }

    /// Sets the name that the user gives it.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned()).filter(|name| !name.is_empty());
        self
    }

    /// Adds a group.
    #[must_use]
    pub fn group(mut self, group: &str) -> Self {
        self.groups.push(group.to_owned());
        self
    }
}

impl From<StanzaError> for RosterFailure {
    fn from(error: StanzaError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<ErrorCondition> for RosterFailure {
    fn from(condition: ErrorCondition) -> Self {
        StanzaError::new(condition).into()
    }
}

/// The subscription state between an account and a contact (RFC 6121 appendix A).
#[expect(
    clippy::struct_excessive_bools,
    reason = "the standard's own flags, of which nearly every combination is a state"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The account receives the contact's presence.
    pub to: bool,
    /// The contact receives the account's presence.
    pub from: bool,
    /// A request of the account is pending.
    pub asked: bool,
    /// A request of the contact is pending.
    pub requested: bool,
    /// The account has approved the contact's next request in advance.
    pub approved: bool,
}

impl State {
    /// The state that an entry is in.
    pub fn of(entry: &Entry) -> Self {
        let Some(contact) = &entry.contact else {
            return Self {
                requested: entry.requested,
                ..Self::default()
            };
        };
        let is =
            |either| contact.subscription == Subscription::Both || contact.subscription == either;
        Self {
            to: is(Subscription::To),
            from: is(Subscription::From),
            asked: contact.asked,
            requested: entry.requested,
            approved: contact.approved,
        }
    }

    /// The state after the account sent a subscription stanza to the contact (A.2).
    #[must_use]
    pub fn after_outbound(mut self, word: SubscriptionAction) -> Self {
        match word {
            SubscriptionAction::Subscribe => self.asked = !self.to,
            SubscriptionAction::Unsubscribe => (self.to, self.asked) = (false, false),
            SubscriptionAction::Subscribed if self.from => {}
            SubscriptionAction::Subscribed if self.requested => {
                (self.from, self.requested) = (true, false);
            }
            SubscriptionAction::Subscribed => self.approved = true,
            SubscriptionAction::Unsubscribed => {
                (self.from, self.requested, self.approved) = (false, false, false);
            }
        }
        self
    }

    /// The state after the contact sent a subscription stanza to the account (A.3).
    #[must_use]
    pub fn after_inbound(mut self, word: SubscriptionAction) -> Self {
        match word {
            SubscriptionAction::Subscribe if self.from => {}
            SubscriptionAction::Subscribe if self.approved => {
                (self.from, self.requested) = (true, false);
            }
            SubscriptionAction::Subscribe => self.requested = true,
            SubscriptionAction::Unsubscribe => (self.from, self.requested) = (false, false),
            SubscriptionAction::Subscribed if self.asked => (self.to, self.asked) = (true, false),
            SubscriptionAction::Subscribed => {}
            SubscriptionAction::Unsubscribed => (self.to, self.asked) = (false, false),
        }
        self
    }

    /// The entry in this state. A contact is made where the state needs one, and none is taken away: that is for the user to do.
    pub fn applied(self, entry: &Entry, jid: &str) -> Entry {
        let in_roster = self.to || self.from || self.asked || self.approved;
        let made = || in_roster.then(|| Contact::new(jid));
        let contact = entry.contact.clone().or_else(made);
        Entry {
            contact: contact.map(|contact| Contact {
                subscription: match (self.to, self.from) {
                    (false, false) => Subscription::None,
                    (true, false) => Subscription::To,
                    (false, true) => Subscription::From,
                    (true, true) => Subscription::Both,
                },
                asked: self.asked,
                approved: self.approved,
                ..contact
            }),
            requested: self.requested,
        }
    }
}

impl Manifest {
    /// Offers to provide rosters, with a priority: [`AuthOffer::PRIORITY`](crate::AuthOffer::PRIORITY) is the usual one.
    #[must_use]
    pub fn rosters(mut self, priority: i32) -> Self {
        self.0
            .subscriptions
            .push(wit::Subscription::RosterProvider(priority));
        self
    }
}

#[cfg(not(target_family = "wasm"))]
pub(crate) mod harness;

#[doc(hidden)]
#[macro_export]
macro_rules! __export_roster_provider {
    ($plugin:ty) => {
        const _: () = {
            use ::std::{option::Option, result::Result, string::String, vec::Vec};
            use $crate::bindings::roster_provider::exports::waxwing::plugin::roster_provider as wit;
            use $crate::RosterProvider;

            fn with<R>(f: impl FnOnce(&$plugin) -> R) -> R {
                PLUGIN.with(|slot| slot.lend(f))
            }

            impl wit::Guest for Component {
                fn bind(session: wit::Session) {
                    with(|plugin| RosterProvider::bind(plugin, &session));
                }
                fn unbind(session: wit::Session) {
                    with(|plugin| RosterProvider::unbind(plugin, &session));
                }
                fn get_contacts(account: String) -> Result<wit::Roster, wit::Failure> {
                    with(|plugin| RosterProvider::contacts(plugin, &account))
                }
                fn get_contact(account: String, contact: String) -> Result<Option<$crate::Contact>, wit::Failure> {
                    with(|plugin| RosterProvider::contact(plugin, &account, &contact))
                }
                fn update_contact(account: String, contact: String, name: Option<String>, groups: Vec<String>) -> Result<wit::Change, wit::Failure> {
                    with(|plugin| RosterProvider::update(plugin, &account, &contact, name, groups))
                }
                fn remove_contact(account: String, contact: String) -> Result<wit::Change, wit::Failure> {
                    with(|plugin| RosterProvider::remove(plugin, &account, &contact))
                }
                fn get_pending(account: String) -> Result<Vec<wit::Request>, wit::Failure> {
                    with(|plugin| RosterProvider::pending(plugin, &account))
                }
                fn outbound(account: String, contact: String, word: $crate::SubscriptionAction) -> Result<wit::Change, wit::Failure> {
                    with(|plugin| RosterProvider::outbound(plugin, &account, &contact, word))
                }
                fn inbound(account: String, contact: String, word: $crate::SubscriptionAction, stanza: String) -> Result<wit::Change, wit::Failure> {
                    with(|plugin| RosterProvider::inbound(plugin, &account, &contact, word, &stanza))
                }
            }
        };
        $crate::bindings::roster_provider::export_roster_provider!(Component with_types_in $crate::bindings::roster_provider);
    };
}
