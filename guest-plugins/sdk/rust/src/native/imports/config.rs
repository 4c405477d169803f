//! The plugin's configuration (interface `config`).

use crate::jid;
use crate::native::world::{self, Setting};

/// The value of a setting of kind boolean.
pub fn boolean(key: &str) -> Option<bool> {
    match setting(key)? {
        Setting::Boolean(value) => Some(value),
        _ => None,
    }
}

/// The value of a setting of kind integer.
pub fn integer(key: &str) -> Option<i64> {
    match setting(key)? {
        Setting::Integer(value) => Some(value),
        _ => None,
    }
}

/// The value of a setting of kind text.
pub fn text(key: &str) -> Option<String> {
    match setting(key)? {
        Setting::Text(value) => Some(value),
        _ => None,
    }
}

/// The value of a setting of kind texts.
pub fn texts(key: &str) -> Option<Vec<String>> {
    match setting(key)? {
        Setting::Texts(value) => Some(value),
        _ => None,
    }
}

/// Whether an address belongs to an administrator of a domain served here; a resource does not count.
pub fn is_admin(host: &str, address: &str) -> bool {
    let (host, account) = (host.to_lowercase(), jid::bare(address).to_lowercase());
    world::with(|world| world.admins.contains(&(host, account)))
}

fn setting(key: &str) -> Option<Setting> {
    world::with(|world| world.config.get(key).cloned())
}
