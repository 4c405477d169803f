//! Between what is stored of a contact and what the protocol knows of it.

use waxwing_storage::{RosterEntry, RosterItem, Subscription};
use waxwing_xmpp::{
    jid::{self, BareJid},
    roster::Item,
    subscription::State,
};

/// The address of a stored contact; `None` if it is none, which only a damaged database has.
pub(super) fn contact(stored: &str) -> Option<BareJid> {
    let contact = jid::parse_bare(stored);
    contact
        .inspect_err(|error| tracing::error!(%error, "a roster has a contact that is no address"))
        .ok()
}

pub(super) fn state(entry: &RosterEntry) -> State {
    let state = entry.item.as_ref().map(state_of_item);
    State {
        pending_in: entry.request.is_some(),
        ..state.unwrap_or_default()
    }
}

fn state_of_item(item: &RosterItem) -> State {
    State {
        to: matches!(item.subscription, Subscription::To | Subscription::Both),
        from: matches!(item.subscription, Subscription::From | Subscription::Both),
        pending_out: item.pending_out,
        pending_in: false,
        approved: item.approved,
    }
}

fn subscription(state: State) -> Subscription {
    match (state.to, state.from) {
        (false, false) => Subscription::None,
        (true, false) => Subscription::To,
        (false, true) => Subscription::From,
        (true, true) => Subscription::Both,
    }
}

/// The entry in another state. An item is made where the state needs one, and none is taken away: that is for the user to do.
/// `request` is what the contact asked with, where that is new.
pub(super) fn with_state(
    entry: &RosterEntry,
    contact: &str,
    state: State,
    request: Option<&[u8]>,
) -> RosterEntry {
    let in_item = State {
        pending_in: false,
        ..state
    };
    let mut item = entry.item.clone();
    if item.is_none() && !in_item.is_none() {
        item = Some(new_item(contact));
    }
    if let Some(item) = &mut item {
        item.subscription = subscription(state);
        item.pending_out = state.pending_out;
        item.approved = state.approved;
    }
    let request = match (&entry.request, request) {
        _ if !state.pending_in => None,
        (Some(old), _) => Some(old.clone()),
        (None, new) => new.map(<[u8]>::to_vec),
    };
    RosterEntry { item, request }
}

/// An item about somebody with whom there is nothing yet.
pub(super) fn new_item(contact: &str) -> RosterItem {
    RosterItem {
        contact: contact.to_owned(),
        name: None,
        groups: Vec::new(),
        subscription: Subscription::None,
        pending_out: false,
        approved: false,
    }
}

/// The item as the user sees it; `None` for one whose contact is no address.
pub(super) fn item(stored: RosterItem) -> Option<Item> {
    Some(Item {
        contact: contact(&stored.contact)?,
        state: state_of_item(&stored),
        name: stored.name,
        groups: stored.groups,
    })
}

/// What an account has about a contact.
pub(super) fn entry(about: &BareJid, stored: &RosterEntry) -> waxwing_plugins::RosterEntry {
    let item = stored.item.as_ref().map(|item| Item {
        contact: about.clone(),
        state: state_of_item(item),
        name: item.name.clone(),
        groups: item.groups.clone(),
    });
    waxwing_plugins::RosterEntry {
        item,
        requested: stored.request.is_some(),
    }
}
