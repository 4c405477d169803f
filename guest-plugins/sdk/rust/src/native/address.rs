//! Classes of addressee and of sender, as the host's router sees them.

use crate::bindings::lifecycle::waxwing::plugin::types::{Recipients, Senders};
use crate::jid;
use crate::native::world::World;

/// The class of an addressee, seen from the sender.
pub(crate) fn class(hosts: &[String], sender: Option<&str>, to: Option<&str>) -> Recipients {
    let Some(to) = to else {
        return Recipients::OWN_ACCOUNT;
    };
    if !hosts.iter().any(|host| host == jid::domain(to)) {
        return Recipients::REMOTE;
    }
    match (jid::local(to), jid::resource(to)) {
        (None, None) if sender.is_some_and(|sender| jid::domain(sender) != to) => {
            Recipients::OTHER_SERVER
        }
        (None, None) => Recipients::OWN_SERVER,
        (_, Some(_)) => Recipients::FULL,
        (Some(_), None) if sender.map(jid::bare) == Some(to) => Recipients::OWN_ACCOUNT,
        (Some(_), None) => Recipients::OTHER_ACCOUNT,
    }
}

/// The class of a sender, seen from the account that receives.
pub(crate) fn sender(world: &World, account: &str, from: Option<&str>) -> Senders {
    let Some(from) = from else {
        return Senders::OWN_SERVER;
    };
    let domain = jid::domain(from);
    match jid::local(from) {
        _ if world.components.iter().any(|component| component == domain) => Senders::COMPONENT,
        _ if !world.serves(domain) => Senders::REMOTE,
        None if from != jid::domain(account) => Senders::OTHER_SERVER,
        None => Senders::OWN_SERVER,
        Some(_) if jid::bare(from) == account => Senders::OWN_ACCOUNT,
        Some(_) => Senders::OTHER_ACCOUNT,
    }
}
