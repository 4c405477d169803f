//! The names and values of plugins' data, checked once.

use std::{fmt, ops::Deref, sync::Arc};

use bytes::Bytes;

use super::Invalid;
use crate::AccountId;

/// The longest [`Namespace`], in octets.
pub const MAX_NAMESPACE: usize = 128;
/// The longest [`Key`], in octets of UTF-8.
pub const MAX_KEY: usize = 512;
/// The longest [`Value`], in octets.
pub const MAX_VALUE: usize = 1 << 20;

/// A plugin's part of the database, by the plugin's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// Takes 1 to [`MAX_NAMESPACE`] octets without NUL.
    pub fn new(name: &str) -> Result<Self, Invalid> {
        check(name, MAX_NAMESPACE).ok_or(Invalid::Namespace)?;
        Ok(Self(name.into()))
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

/// The name of a value or of a log. The two do not meet: a key and a log of one name are different things. Any text is a
/// name like any other, whatever it would mean to a file system or to SQL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// Takes 1 to [`MAX_KEY`] octets of UTF-8 without NUL, at which SQLite's own tools would cut it.
    pub fn new(key: &str) -> Result<Self, Invalid> {
        check(key, MAX_KEY).ok_or(Invalid::Key { length: key.len() })?;
        Ok(Self(key.into()))
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

fn check(name: &str, most: usize) -> Option<()> {
    let fits = (1..=most).contains(&name.len()) && !name.contains('\0');
    fits.then_some(())
}

/// What a key or a log entry holds: up to [`MAX_VALUE`] octets. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Value(Bytes);

impl Value {
    /// Takes up to [`MAX_VALUE`] octets.
    pub fn new(value: impl Into<Bytes>) -> Result<Self, Invalid> {
        let value = value.into();
        if value.len() > MAX_VALUE {
            return Err(Invalid::Value {
                length: value.len(),
            });
        }
        Ok(Self(value))
    }

    /// The octets, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// From the database, where it was checked on the way in.
    pub(crate) fn stored(value: Vec<u8>) -> Self {
        Self(value.into())
    }
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// What users keep does not belong in a log.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} octets)", self.len())
    }
}

/// Whom data are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Nobody: they are the plugin's own.
    Plugin,
    /// An account: they go when it is removed.
    Account(AccountId),
}

impl Scope {
    /// As in the column `account`. No account has an id below 1, and one that pretends to must not reach the plugin's own.
    pub(crate) fn column(self) -> i64 {
        match self {
            Self::Plugin => 0,
            Self::Account(AccountId(id)) if id > 0 => id,
            Self::Account(_) => -1,
        }
    }
}
