//! Who may see whom: the subscriptions of the accounts that are online, as their rosters have them. Kept here so that presence is
//! routed without a look at the database.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;
use waxwing_xmpp::jid::{self, BareJid};

/// The subscriptions of one account.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// Those who see the account's presence: subscription `from` or `both`.
    pub(crate) seen_by: HashSet<BareJid>,
    /// Those whose presence the account sees: `to` or `both`.
    pub(crate) sees: HashSet<BareJid>,
}

/// The views of all accounts that have an available resource, by their bare JIDs.
#[derive(Debug, Default)]
pub(super) struct Views(RwLock<HashMap<Box<str>, Arc<View>>>);

impl Views {
    pub(super) fn of(&self, account: &str) -> Option<Arc<View>> {
        self.0.read().get(account).cloned()
    }

    pub(super) fn has(&self, account: &str) -> bool {
        self.0.read().contains_key(account)
    }

    /// The accounts whose views are kept.
    pub(super) fn accounts(&self) -> Vec<BareJid> {
        let views = self.0.read();
        let accounts = views.keys();
        accounts
            .filter_map(|account| jid::parse_bare(account).ok())
            .collect()
    }

    pub(super) fn put(&self, account: &str, view: View) {
        self.0.write().insert(account.into(), Arc::new(view));
    }

    /// Notes what became of one contact, if the account's view is kept.
    pub(super) fn note(&self, account: &str, contact: &BareJid, seen_by: bool, sees: bool) {
        if let Some(view) = self.0.write().get_mut(account) {
            let view = Arc::make_mut(view);
            set(&mut view.seen_by, contact, seen_by);
            set(&mut view.sees, contact, sees);
        }
    }

    pub(super) fn remove(&self, account: &str) {
        self.0.write().remove(account);
    }
}

fn set(contacts: &mut HashSet<BareJid>, contact: &BareJid, is_in: bool) {
    if is_in {
        contacts.insert(contact.clone());
    } else {
        contacts.remove(contact);
    }
}
