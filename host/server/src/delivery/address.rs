//! The parts of an address, borrowed from its text.

use waxwing_xmpp::jid::Jid;

/// The bare JID and the resourcepart. No other part of an address has a slash (RFC 7622 §3.1).
pub(crate) fn split(address: &Jid) -> (&str, Option<&str>) {
    match address.as_str().split_once('/') {
        Some((account, resource)) => (account, Some(resource)),
        None => (address.as_str(), None),
    }
}

/// The bare JID of an address.
pub(crate) fn account_of(address: &Jid) -> &str {
    split(address).0
}
