//! What is asked of a namespace, and what comes back: pages.

use super::{Key, Value};

/// The most items in a page. More are not an error: a page holds this many.
pub const MAX_LIMIT: u32 = 1000;
/// A page ends with the item that brings its values to this many octets.
pub const PAGE_BYTES: usize = 1 << 20;

/// Which keys to list.
#[derive(Debug, Clone)]
pub struct List {
    /// What they begin with. Empty: all.
    pub prefix: String,
    /// The key after which to begin, such as the last of the page before. It need not be there.
    pub after: Option<Key>,
    /// How many at most, up to [`MAX_LIMIT`].
    pub limit: u32,
    /// Whether their values are wanted too.
    pub values: bool,
}

impl Default for List {
    /// All keys, without values, from the first.
    fn default() -> Self {
        Self {
            prefix: String::new(),
            after: None,
            limit: MAX_LIMIT,
            values: false,
        }
    }
}

/// A key in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: Key,
    /// Its value, if that was asked for.
    pub value: Option<Value>,
}

/// Which entries of a log to read.
#[derive(Debug, Clone, Copy)]
pub struct LogRange {
    /// Only those with greater sequence numbers.
    pub after: Option<u64>,
    /// Only those with smaller ones.
    pub before: Option<u64>,
    /// How many at most, up to [`MAX_LIMIT`].
    pub limit: u32,
    /// True: from the newest down. The page is in that order too.
    pub reverse: bool,
}

impl Default for LogRange {
    /// From the oldest up.
    fn default() -> Self {
        Self {
            after: None,
            before: None,
            limit: MAX_LIMIT,
            reverse: false,
        }
    }
}

/// An entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Greater than that of the entry before.
    pub sequence: u64,
    /// What was appended.
    pub value: Value,
}

/// Some of what was asked for, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Up to the limit, or fewer if they are large ([`PAGE_BYTES`]); at least one if there is any.
    pub items: Vec<T>,
    /// True: there are more; ask again from the last item on.
    pub more: bool,
}
