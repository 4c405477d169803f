//! Classes of addressee, as the host's router sees them.

use crate::bindings::lifecycle::waxwing::plugin::types::Recipients;
use crate::jid;

/// The class of an addressee, seen from the sender.
pub(crate) fn class(hosts: &[String], sender: Option<&str>, to: Option<&str>) -> Recipients {
    let Some(to) = to else {
        return Recipients::OWN_ACCOUNT;
    };
    if !hosts.iter().any(|host| host == jid::domain(to)) {
        return Recipients::REMOTE;
    }
    match (jid::local(to), jid::resource(to)) {
        (None, None) => Recipients::SERVER,
        (_, Some(_)) => Recipients::FULL,
        (Some(_), None) if sender.map(jid::bare) == Some(to) => Recipients::OWN_ACCOUNT,
        (Some(_), None) => Recipients::OTHER_ACCOUNT,
    }
}
