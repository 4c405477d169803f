//! The parts of JIDs (RFC 7622 §3.1). What the host gives is prepared: its parts compare byte by byte.

/// The most bytes of each part (RFC 7622 §3.2 to §3.4).
const MAX_PART: usize = 1_023;

/// The bare JID: without the resource.
///
/// ```
/// assert_eq!(waxwing_plugin::jid::bare("juliet@localhost/balcony"), "juliet@localhost");
/// ```
pub fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

/// The resource, if there is one.
pub fn resource(jid: &str) -> Option<&str> {
    jid.split_once('/').map(|(_, resource)| resource)
}

/// The local part: the user name, if there is one.
///
/// ```
/// assert_eq!(waxwing_plugin::jid::local("juliet@localhost/balcony"), Some("juliet"));
/// assert_eq!(waxwing_plugin::jid::local("localhost/a@b"), None);
/// ```
pub fn local(jid: &str) -> Option<&str> {
    bare(jid).split_once('@').map(|(local, _)| local)
}

/// The domain.
pub fn domain(jid: &str) -> &str {
    let bare = bare(jid);
    bare.split_once('@').map_or(bare, |(_, domain)| domain)
}

/// Whether a text from outside can be a JID: its parts are there, are not too long, and have none of the characters that
/// RFC 7622 rules out. Says nothing about preparation, which is the host's.
///
/// ```
/// use waxwing_plugin::jid;
///
/// assert!(jid::is_valid("juliet@capulet.example/balcony"));
/// assert!(!jid::is_valid("juliet@"));
/// assert!(!jid::is_valid("juliet capulet"));
/// ```
pub fn is_valid(jid: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.len() <= MAX_PART;
    is_part(domain(jid))
        && !domain(jid).contains(is_no_name)
        && local(jid).is_none_or(|local| {
            is_part(local) && !local.contains([':']) && !local.contains(is_no_name)
        })
        && resource(jid)
            .is_none_or(|resource| is_part(resource) && !resource.contains(char::is_control))
}

/// RFC 7622 §3.3.1, and what no domain has either; a colon is in addresses of IPv6.
fn is_no_name(c: char) -> bool {
    matches!(c, '"' | '&' | '\'' | '/' | '<' | '>' | '@') || c.is_whitespace() || c.is_control()
}
