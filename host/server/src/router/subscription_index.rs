//! Who may see whom: the subscriptions of the accounts that are online, as their rosters have them. Kept here so that presence is
//! routed without a look at the database.
//!
//! Most of what sessions with rosters take is here, so an address is kept once, however many rosters have it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;
use waxwing_xmpp::{
    jid::{self, BareJid, Jid},
    subscription::State,
};

/// As many addresses are kept before it is looked which of them nobody has any more.
const FEW_NAMES: usize = 1024;

/// The subscriptions of one account, by contact.
#[derive(Debug, Clone, Default)]
pub(crate) struct AccountSubscriptions(Vec<Contact>);

#[derive(Debug, Clone)]
struct Contact {
    /// Bare.
    address: Arc<Jid>,
    /// It sees the account's presence: subscription `from` or `both`.
    from: bool,
    /// The account sees its presence: `to` or `both`.
    to: bool,
}

impl AccountSubscriptions {
    /// Of a roster.
    pub(crate) fn of(roster: impl IntoIterator<Item = (BareJid, State)>) -> Self {
        let contacts = roster.into_iter().map(|(contact, state)| Contact {
            address: Arc::new(Jid::from(contact)),
            from: state.from,
            to: state.to,
        });
        let mut contacts: Vec<_> = contacts.filter(Contact::is_any).collect();
        contacts.sort_unstable_by(|one, other| one.key().cmp(other.key()));
        Self(contacts)
    }

    /// Those who see the account's presence.
    pub(super) fn seen_by(&self) -> impl Iterator<Item = &Arc<Jid>> {
        let contacts = self.0.iter().filter(|contact| contact.from);
        contacts.map(|contact| &contact.address)
    }

    /// Those whose presence the account sees.
    pub(super) fn sees(&self) -> impl Iterator<Item = &Arc<Jid>> {
        let contacts = self.0.iter().filter(|contact| contact.to);
        contacts.map(|contact| &contact.address)
    }

    /// Whether the contact with this bare address sees the account's presence.
    pub(super) fn is_seen_by(&self, contact: &str) -> bool {
        self.find(contact).is_some_and(|contact| contact.from)
    }

    /// Whether the account sees the presence of the contact with this bare address.
    pub(super) fn shows(&self, contact: &str) -> bool {
        self.find(contact).is_some_and(|contact| contact.to)
    }

    fn find(&self, contact: &str) -> Option<&Contact> {
        self.0.get(self.place(contact).ok()?)
    }

    /// Where a contact is, or would be.
    fn place(&self, contact: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|one| one.key().cmp(contact))
    }

    fn set(&mut self, contact: Contact) {
        match (self.place(contact.key()), contact.is_any()) {
            (Ok(place), true) => {
                if let Some(old) = self.0.get_mut(place) {
                    *old = contact;
                }
            }
            (Ok(place), false) => drop(self.0.remove(place)),
            (Err(place), true) => self.0.insert(place, contact),
            (Err(_), false) => {}
        }
    }
}

impl Contact {
    fn key(&self) -> &str {
        self.address.as_str()
    }

    fn is_any(&self) -> bool {
        self.from || self.to
    }
}

/// The subscriptions of all accounts that have an available resource, by their bare JIDs.
#[derive(Debug, Default)]
pub(super) struct SubscriptionIndex(RwLock<All>);

#[derive(Debug, Default)]
struct All {
    by_account: HashMap<Box<str>, Arc<AccountSubscriptions>>,
    names: Names,
}

impl SubscriptionIndex {
    pub(super) fn of(&self, account: &str) -> Option<Arc<AccountSubscriptions>> {
        self.0.read().by_account.get(account).cloned()
    }

    pub(super) fn has(&self, account: &str) -> bool {
        self.0.read().by_account.contains_key(account)
    }

    /// The accounts whose subscriptions are kept.
    pub(super) fn accounts(&self) -> Vec<BareJid> {
        let all = self.0.read();
        let accounts = all.by_account.keys();
        accounts
            .filter_map(|account| jid::parse_bare(account).ok())
            .collect()
    }

    pub(super) fn put(&self, account: &str, mut view: AccountSubscriptions) {
        let mut all = self.0.write();
        for contact in &mut view.0 {
            all.names.share(&mut contact.address);
        }
        view.0.shrink_to_fit();
        all.by_account.insert(account.into(), Arc::new(view));
    }

    /// Notes what became of one contact, if the account's view is kept.
    pub(super) fn note(&self, account: &str, contact: &BareJid, state: State) {
        let all = &mut *self.0.write();
        if let Some(view) = all.by_account.get_mut(account) {
            let mut address = Arc::new(Jid::from(contact.clone()));
            all.names.share(&mut address);
            Arc::make_mut(view).set(Contact {
                address,
                from: state.from,
                to: state.to,
            });
        }
    }

    pub(super) fn remove(&self, account: &str) {
        self.0.write().by_account.remove(account);
    }
}

/// The addresses that accounts' subscriptions have in common.
#[derive(Debug, Default)]
struct Names {
    names: HashSet<Arc<Jid>>,
    /// When there are so many it is time to look for those that nobody has.
    full: usize,
}

impl Names {
    /// Makes an address the one that others have, if they have it.
    fn share(&mut self, address: &mut Arc<Jid>) {
        if let Some(shared) = self.names.get(address) {
            *address = Arc::clone(shared);
            return;
        }
        if self.names.len() >= self.full {
            self.names.retain(|name| Arc::strong_count(name) > 1);
            self.full = self.names.len().saturating_mul(2).max(FEW_NAMES);
            self.names.shrink_to(self.full);
        }
        self.names.insert(Arc::clone(address));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(address: &str) -> BareJid {
        jid::parse_bare(address).unwrap()
    }

    fn state(from: bool, to: bool) -> State {
        State {
            from,
            to,
            ..State::default()
        }
    }

    fn names<'a>(addresses: impl Iterator<Item = &'a Arc<Jid>>) -> Vec<&'a str> {
        addresses.map(|address| address.as_str()).collect()
    }

    #[test]
    fn tells_who_sees_whom() {
        let view = AccountSubscriptions::of([
            (bare("tybalt@capulet"), state(false, false)),
            (bare("romeo@montague"), state(true, true)),
            (bare("paris@verona"), state(true, false)),
            (bare("nurse@capulet"), state(false, true)),
        ]);
        assert_eq!(names(view.seen_by()), ["paris@verona", "romeo@montague"]);
        assert_eq!(names(view.sees()), ["nurse@capulet", "romeo@montague"]);
        assert!(view.is_seen_by("paris@verona") && !view.shows("paris@verona"));
        assert!(!view.is_seen_by("nurse@capulet") && view.shows("nurse@capulet"));
        assert!(!view.is_seen_by("tybalt@capulet") && !view.is_seen_by("nobody@verona"));
    }

    #[test]
    fn follows_what_becomes_of_a_contact() {
        let index = SubscriptionIndex::default();
        let romeo = bare("romeo@montague");
        index.note("juliet@capulet", &romeo, state(true, true));
        assert!(!index.has("juliet@capulet"));
        index.put("juliet@capulet", AccountSubscriptions::default());
        for (from, to) in [(true, false), (true, true), (false, true), (false, false)] {
            index.note("juliet@capulet", &romeo, state(from, to));
            let view = index.of("juliet@capulet").unwrap();
            assert_eq!(view.is_seen_by("romeo@montague"), from);
            assert_eq!(view.shows("romeo@montague"), to);
        }
        assert!(index.of("juliet@capulet").unwrap().0.is_empty());
    }

    #[test]
    fn keeps_an_address_once_and_no_longer_than_somebody_has_it() {
        let index = SubscriptionIndex::default();
        let roster = || [(bare("romeo@montague"), state(true, true))];
        index.put("juliet@capulet", AccountSubscriptions::of(roster()));
        index.put("rosaline@capulet", AccountSubscriptions::of(roster()));
        let [one, other] = ["juliet@capulet", "rosaline@capulet"].map(|of| index.of(of).unwrap());
        assert!(Arc::ptr_eq(&one.0[0].address, &other.0[0].address));
        for number in 0..10 * FEW_NAMES {
            let contact = bare(&format!("{number}@montague"));
            index.note("juliet@capulet", &contact, state(true, true));
            index.note("juliet@capulet", &contact, state(false, false));
        }
        let all = index.0.read();
        assert!(all.names.names.len() <= FEW_NAMES);
        assert!(all.names.names.contains(&*one.0[0].address));
    }
}
