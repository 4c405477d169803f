//! Discovery of accounts, at their bare JIDs. Entities that may receive an account's presence get an answer. Others get the same
//! answer for every account and for a JID without account (XEP-0030 §8), so that no request reveals which accounts exist.

use waxwing_plugin::jid;
use waxwing_plugin::prelude::*;

use crate::{INFO, feature, identity, items_query, unknown};

/// The account's bare JID, where the request is addressed to an account.
pub fn addressed(request: &Stanza) -> Option<String> {
    let to = request.recipient().or_else(|| request.sender())?;
    jid::local(&to).map(|_| jid::bare(&to).to_owned())
}

/// The answer to disco#info: a registered account and its features.
pub fn info(account: &str, node: Option<&str>, request: &Stanza) -> Answer {
    if !may_see(account, request) {
        return Err(ErrorCondition::ServiceUnavailable.into());
    }
    if node.is_some() {
        return Err(unknown());
    }
    let registered = disco::Identity {
        category: "account".to_owned(),
        kind: "registered".to_owned(),
        label: None,
    };
    let features = disco::account_features(jid::domain(account));
    let query = Element::new("query", INFO).child(identity(&registered));
    Ok(Some(
        query.children(features.iter().map(|name| feature(name))),
    ))
}

/// The answer to disco#items: an account has none yet.
pub fn items(account: &str, node: Option<&str>, request: &Stanza) -> Answer {
    if node.is_some() && may_see(account, request) {
        return Err(unknown());
    }
    Ok(Some(items_query(node)))
}

/// Whether the sender is the account itself or may receive its presence. Without an answer from the roster, no.
fn may_see(account: &str, request: &Stanza) -> bool {
    let sender = request.sender().unwrap_or_default();
    jid::bare(&sender) == account || roster::shares_presence(account, &sender) == Ok(true)
}
