//! Names and addresses as text.

/// The bare JID in a JID's text.
pub(crate) fn account_of(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(account, _)| account)
}

/// The domain in a JID's text.
pub(crate) fn domain_of(jid: &str) -> &str {
    let account = account_of(jid);
    account
        .split_once('@')
        .map_or(account, |(_, domain)| domain)
}

/// Whether a plugin may have the name: at most 64 lower-case letters, digits and hyphens, the first a letter. Such a
/// name is safe as a file name and as a TOML key.
pub fn is_plugin_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
