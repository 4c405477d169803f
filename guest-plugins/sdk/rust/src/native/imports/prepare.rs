//! Preparation of addresses and passwords (interface `prepare`).

use crate::jid;

/// The longest part after preparation, in bytes.
const MAX_PART: usize = 1_023;

/// Prepares an address; none if it is none.
pub fn address(text: &str) -> Option<String> {
    let mut prepared = domainpart(jid::domain(text))?;
    if let Some(local) = jid::local(text) {
        prepared = [&localpart(local)?, "@", &prepared].concat();
    }
    if let Some(resource) = jid::resource(text) {
        prepared = [&prepared, "/", &resourcepart(resource)?].concat();
    }
    Some(prepared)
}

/// Prepares a user name by nodeprep; none if it cannot be one.
pub fn localpart(text: &str) -> Option<String> {
    sized(stringprep::nodeprep(text).ok()?.into_owned())
}

/// Prepares a domain; none if it cannot be one.
pub fn domainpart(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let prepared = stringprep::nameprep(text).ok()?.into_owned();
    sized(prepared).filter(|domain| jid::is_valid(domain))
}

/// Prepares a resource by resourceprep; none if it cannot be one.
pub fn resourcepart(text: &str) -> Option<String> {
    sized(stringprep::resourceprep(text).ok()?.into_owned())
}

/// Prepares a password by SASLprep; none if it cannot be one.
pub fn password(text: &str) -> Option<String> {
    sized(stringprep::saslprep(text).ok()?.into_owned())
}

fn sized(prepared: String) -> Option<String> {
    (1..=MAX_PART).contains(&prepared.len()).then_some(prepared)
}
