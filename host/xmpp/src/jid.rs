//! Addresses, prepared as RFC 6122 says (nodeprep, nameprep, resourceprep over Unicode 3.2), with the A-labels of domains made
//! U-labels as RFC 7622 §3.2.1 asks.
//!
//! The types are those of the crate `jid`, re-exported. Its own constructors (`Jid::new`, `str::parse`) are not for use
//! elsewhere: they mistake the offsets of `user@example.com./resource`, leave ideographic full stops in domains and accept
//! the few strings whose preparation is not stable. [`parse`] and the `prepare_*` functions here are the one way in, for
//! login, roster, access rules and storage keys alike.

mod memo;

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::sync::Arc;

pub use jid::{
    BareJid, DomainPart, DomainRef, FullJid, Jid, NodePart, NodeRef, ResourcePart, ResourceRef,
};

/// The longest localpart, domainpart or resourcepart after preparation, in bytes (RFC 6122 §2.1).
pub const MAX_PART: usize = 1023;

/// How an A-label begins (RFC 5890 §2.3.2.1).
const A_LABEL: &str = "xn--";

/// The longest text that is looked at, in bytes: four bytes for each byte that can remain.
const MAX_INPUT: usize = 4 * (3 * MAX_PART + 2);

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JidError {
    /// The localpart is empty, longer than [`MAX_PART`] or has characters that nodeprep forbids (RFC 6122 §2.3).
    #[error("the localpart of the address is not valid")]
    Localpart,
    /// The domainpart is empty, too long or no domain name or IP address (RFC 6122 §2.2).
    #[error("the domainpart of the address is not valid")]
    Domain,
    /// The resourcepart is empty, longer than [`MAX_PART`] or has characters that resourceprep forbids (RFC 6122 §2.4).
    #[error("the resourcepart of the address is not valid")]
    Resource,
    /// The whole is longer than any address can be.
    #[error("the address is too long")]
    TooLong,
    /// A bare JID is wanted and this one has a resourcepart.
    #[error("the address has a resourcepart where a bare one is wanted")]
    NotBare,
    /// A full JID is wanted and this one has no resourcepart.
    #[error("the address has no resourcepart where a full one is wanted")]
    NotFull,
}

/// Parses and prepares an address: `localpart@domainpart/resourcepart`, of which only the domainpart is needed.
///
/// The result is stable: parsing its text gives the same address again.
pub fn parse(text: &str) -> Result<Jid, JidError> {
    parse_shared(text).map(Arc::unwrap_or_clone)
}

/// As [`parse`], for an address that is kept or handed on: one that came just before is shared.
pub fn parse_shared(text: &str) -> Result<Arc<Jid>, JidError> {
    if let Some(jid) = memo::recall(text) {
        return Ok(jid);
    }
    if is_plain(text) {
        #[expect(
            clippy::disallowed_methods,
            reason = "no part is changed by its preparation, so the crate copies the text and cannot mistake an offset"
        )]
        let jid = Arc::new(Jid::new(text).map_err(|error| fault(&error))?);
        memo::remember(&jid);
        return Ok(jid);
    }
    if text.len() > MAX_INPUT {
        return Err(JidError::TooLong);
    }
    let (rest, resource) = match text.split_once('/') {
        Some((rest, resource)) => (rest, Some(resource)),
        None => (text, None),
    };
    let (local, domain) = match rest.split_once('@') {
        Some((local, domain)) => (Some(local), domain),
        None => (None, rest),
    };
    let local = local.map(localpart).transpose()?;
    let domain = domainpart(domain)?;
    let resource = resource.map(resourcepart).transpose()?;
    let jid = Jid::from_parts(local.as_deref(), &domain, resource.as_deref());
    Ok(Arc::new(jid))
}

/// As [`parse`], for an address without resourcepart.
pub fn parse_bare(text: &str) -> Result<BareJid, JidError> {
    BareJid::try_from(parse(text)?).map_err(|_| JidError::NotBare)
}

/// As [`parse`], for an address with resourcepart.
pub fn parse_full(text: &str) -> Result<FullJid, JidError> {
    FullJid::try_from(parse(text)?).map_err(|_| JidError::NotFull)
}

/// Prepares a localpart by nodeprep: lower case, no spaces, none of `"&'/:<>@`.
pub fn prepare_localpart(text: &str) -> Result<String, JidError> {
    localpart(text).map(NodePart::into_inner)
}

/// Prepares a domain: lower case, the root's trailing dot removed, ideographic full stops made dots, A-labels (`xn--…`) made
/// U-labels.
///
/// A domain that Unicode 3.2 cannot hold in U-labels (letters that are younger, right-to-left labels beside left-to-right
/// ones) keeps its A-labels, so that each domain has one prepared form. An A-label that encodes no valid U-label is refused.
pub fn prepare_domain(text: &str) -> Result<String, JidError> {
    domainpart(text).map(DomainPart::into_inner)
}

/// Prepares a resourcepart by resourceprep; its case is kept.
pub fn prepare_resource(text: &str) -> Result<String, JidError> {
    resourcepart(text).map(ResourcePart::into_inner)
}

/// The bare JID of an account, from parts in any form.
pub fn bare(local: &str, domain: &str) -> Result<BareJid, JidError> {
    Ok(BareJid::from_parts(
        Some(&*localpart(local)?),
        &domainpart(domain)?,
    ))
}

/// The full JID of an account's resource, given in any form.
pub fn with_resource(account: &BareJid, resource: &str) -> Result<FullJid, JidError> {
    Ok(account.with_resource(&resourcepart(resource)?))
}

fn localpart(text: &str) -> Result<NodePart, JidError> {
    let prepared = NodePart::new(limit(text)?)
        .map_err(|error| fault(&error))?
        .into_owned();
    match NodePart::new(prepared.as_str()) {
        Ok(again) if *again == *prepared => Ok(prepared),
        _ => Err(JidError::Localpart),
    }
}

fn domainpart(text: &str) -> Result<DomainPart, JidError> {
    let dotted = dots(limit(text)?);
    let dotted = dotted.strip_suffix('.').unwrap_or(&dotted);
    if dotted.ends_with('.') {
        // The crate would take one more off.
        return Err(JidError::Domain);
    }
    if let Some(address) = dotted
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
    {
        let address: Ipv6Addr = address.parse().map_err(|_| JidError::Domain)?;
        return Ok(DomainPart::new(&format!("[{address}]"))
            .map_err(|error| fault(&error))?
            .into_owned());
    }
    if dotted.is_ascii() && !has_a_label(dotted) {
        return plain_domain(dotted);
    }
    let labels: Result<Vec<String>, JidError> = dotted.split('.').map(u_label).collect();
    let domain = labels?.join(".");
    plain_domain(&domain).or_else(|fault| {
        let ascii = idna::domain_to_ascii(&domain).map_err(|_| fault)?;
        plain_domain(&ascii)
    })
}

/// Whether a domain may have an A-label (RFC 5890 §2.3.2.1).
fn has_a_label(domain: &str) -> bool {
    domain.split('.').any(|label| {
        label
            .get(..A_LABEL.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(A_LABEL))
    })
}

/// Prepares one label. An A-label is made a U-label where nameprep leaves that as it is.
fn u_label(label: &str) -> Result<String, JidError> {
    let prepared = stringprep::nameprep(label).map_err(|_| JidError::Domain)?;
    if !prepared.starts_with(A_LABEL) {
        return Ok(prepared.into_owned());
    }
    let (decoded, valid) = idna::domain_to_unicode(&prepared);
    if valid.is_err() || decoded.is_ascii() {
        return Err(JidError::Domain);
    }
    match stringprep::nameprep(&decoded) {
        Ok(again) if again == decoded => Ok(decoded),
        _ => Ok(prepared.into_owned()),
    }
}

/// Prepares a domain whose labels stay what they are.
fn plain_domain(domain: &str) -> Result<DomainPart, JidError> {
    let prepared = DomainPart::new(domain)
        .map_err(|error| fault(&error))?
        .into_owned();
    let stable = DomainPart::new(prepared.as_str()).is_ok_and(|again| *again == *prepared);
    if stable && prepared.len() <= MAX_PART && !prepared.as_str().contains(['@', '/', ' ']) {
        Ok(prepared)
    } else {
        Err(JidError::Domain)
    }
}

fn resourcepart(text: &str) -> Result<ResourcePart, JidError> {
    let prepared = ResourcePart::new(limit(text)?)
        .map_err(|error| fault(&error))?
        .into_owned();
    match ResourcePart::new(prepared.as_str()) {
        Ok(again) if *again == *prepared => Ok(prepared),
        _ => Err(JidError::Resource),
    }
}

fn limit(text: &str) -> Result<&str, JidError> {
    if text.len() > MAX_INPUT {
        Err(JidError::TooLong)
    } else {
        Ok(text)
    }
}

/// The full stops that separate labels (RFC 3490 §3.1), as dots.
fn dots(domain: &str) -> Cow<'_, str> {
    const OTHER: [char; 3] = ['\u{3002}', '\u{ff0e}', '\u{ff61}'];
    if domain.is_ascii() {
        Cow::Borrowed(domain)
    } else {
        Cow::Owned(domain.replace(OTHER, "."))
    }
}

/// Whether no part can be changed by its preparation but for the check of the domain's labels: most addresses on a wire.
fn is_plain(text: &str) -> bool {
    let (rest, resource) = match text.split_once('/') {
        Some((rest, resource)) => (rest, resource),
        None => (text, ""),
    };
    rest.bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'@'))
        && !rest.ends_with('.')
        && !rest.contains(A_LABEL)
        && resource.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn fault(error: &jid::Error) -> JidError {
    match error {
        jid::Error::NodeEmpty | jid::Error::NodeTooLong | jid::Error::NodePrep => {
            JidError::Localpart
        }
        jid::Error::ResourceEmpty | jid::Error::ResourceTooLong | jid::Error::ResourcePrep => {
            JidError::Resource
        }
        jid::Error::ResourceMissingInFullJid => JidError::NotFull,
        jid::Error::ResourceInBareJid => JidError::NotBare,
        jid::Error::TooManyAts | jid::Error::NamePrep | jid::Error::Idna => JidError::Domain,
    }
}

#[cfg(test)]
mod tests;
