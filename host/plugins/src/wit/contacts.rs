//! Contacts between the interfaces' types and those of `waxwing-xmpp`.

use std::collections::HashSet;

use waxwing_xmpp::jid::{self, BareJid};
use waxwing_xmpp::roster::{Item, MAX_GROUPS, MAX_NAME};
use waxwing_xmpp::subscription::{State, SubscriptionAction};

use crate::fault::Fault;
use crate::wit::bindings::waxwing::plugin::contacts as wit;
use crate::wit::bindings::waxwing::plugin::manifest::SubscriptionActions;

/// A contact that a guest gives, checked.
pub(crate) fn item(contact: wit::Contact) -> Result<Item, Fault> {
    let about = address(&contact.jid)?;
    if !is_name(contact.name.as_deref()) || !are_groups(&contact.groups) {
        return Err(Fault::Answer(
            "a contact's name or groups are more than there may be".to_owned(),
        ));
    }
    let (to, from) = match contact.subscription {
        wit::Subscription::None => (false, false),
        wit::Subscription::To => (true, false),
        wit::Subscription::From => (false, true),
        wit::Subscription::Both => (true, true),
    };
    Ok(Item {
        contact: about,
        name: contact.name,
        groups: contact.groups,
        state: State {
            to,
            from,
            // Nobody asks for what it has.
            pending_out: contact.asked && !to,
            pending_in: false,
            approved: contact.approved,
        },
    })
}

/// A contact for a guest.
pub(crate) fn contact(item: &Item) -> wit::Contact {
    wit::Contact {
        jid: item.contact.to_string(),
        name: item.name.clone(),
        groups: item.groups.clone(),
        subscription: match (item.state.to, item.state.from) {
            (false, false) => wit::Subscription::None,
            (true, false) => wit::Subscription::To,
            (false, true) => wit::Subscription::From,
            (true, true) => wit::Subscription::Both,
        },
        asked: item.state.pending_out,
        approved: item.state.approved,
    }
}

/// A bare JID that a guest gives.
pub(crate) fn address(text: &str) -> Result<BareJid, Fault> {
    let address = jid::parse_bare(text);
    address.map_err(|_| Fault::Answer("a contact is no bare JID".to_owned()))
}

pub(crate) const fn action(action: SubscriptionAction) -> wit::SubscriptionAction {
    match action {
        SubscriptionAction::Subscribe => wit::SubscriptionAction::Subscribe,
        SubscriptionAction::Subscribed => wit::SubscriptionAction::Subscribed,
        SubscriptionAction::Unsubscribe => wit::SubscriptionAction::Unsubscribe,
        SubscriptionAction::Unsubscribed => wit::SubscriptionAction::Unsubscribed,
    }
}

/// The flag of an action among those that a manifest lists.
pub(crate) const fn action_flag(action: SubscriptionAction) -> SubscriptionActions {
    match action {
        SubscriptionAction::Subscribe => SubscriptionActions::SUBSCRIBE,
        SubscriptionAction::Subscribed => SubscriptionActions::SUBSCRIBED,
        SubscriptionAction::Unsubscribe => SubscriptionActions::UNSUBSCRIBE,
        SubscriptionAction::Unsubscribed => SubscriptionActions::UNSUBSCRIBED,
    }
}

/// Whether a contact may have that name, or none.
pub(crate) fn is_name(name: Option<&str>) -> bool {
    name.is_none_or(|name| (1..=MAX_NAME).contains(&name.len()))
}

/// Whether a contact may be in those groups.
pub(crate) fn are_groups(groups: &[String]) -> bool {
    let mut seen = HashSet::new();
    groups.len() <= MAX_GROUPS
        && groups
            .iter()
            .all(|group| is_name(Some(group)) && seen.insert(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> wit::Contact {
        wit::Contact {
            jid: "nurse@localhost".to_owned(),
            name: Some("Nurse".to_owned()),
            groups: vec!["Servants".to_owned()],
            subscription: wit::Subscription::From,
            asked: true,
            approved: false,
        }
    }

    type Breaking = fn(&mut wit::Contact);

    #[test]
    fn a_contact_comes_and_goes_as_it_is_and_no_other_passes() {
        let item = item(valid()).unwrap();
        assert!(item.state.from && item.state.pending_out && !item.state.to);
        assert_eq!(item.contact.as_str(), "nurse@localhost");
        assert!(contact(&item).asked);
        let breaking: [Breaking; 6] = [
            |contact| contact.jid = "nurse@localhost/x".to_owned(),
            |contact| contact.jid = "@".to_owned(),
            |contact| contact.name = Some(String::new()),
            |contact| contact.name = Some("x".repeat(MAX_NAME + 1)),
            |contact| contact.groups = vec!["a".to_owned(), "a".to_owned()],
            |contact| contact.groups = (0..=MAX_GROUPS).map(|group| group.to_string()).collect(),
        ];
        for (number, break_it) in breaking.into_iter().enumerate() {
            let mut broken = valid();
            break_it(&mut broken);
            assert!(super::item(broken).is_err(), "{number}");
        }
    }
}
