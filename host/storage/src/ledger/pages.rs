//! Pages of keys and of log entries, whatever they are read from.

use crate::{List, MAX_KEY, PAGE_BYTES, Page};

/// A page that is being read.
pub(crate) struct Filling<T> {
    page: Page<T>,
    limit: usize,
    bytes: usize,
}

impl<T> Filling<T> {
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            page: Page {
                items: Vec::new(),
                more: false,
            },
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            bytes: 0,
        }
    }

    /// Takes an item with `size` octets of values in. False: the page was full, and there is at least this item more.
    pub(crate) fn take(&mut self, item: T, size: usize) -> bool {
        if self.page.items.len() >= self.limit || self.bytes >= PAGE_BYTES {
            self.page.more = true;
            return false;
        }
        self.bytes = self.bytes.saturating_add(size);
        self.page.items.push(item);
        true
    }

    pub(crate) fn page(self) -> Page<T> {
        self.page
    }
}

/// Where a listing begins: the prefix itself, or what follows the key to begin after; no key contains NUL.
pub(crate) fn first(list: &List) -> String {
    let after = list
        .after
        .as_ref()
        .map(|after| format!("{}\0", after.as_str()));
    after.unwrap_or_default().max(list.prefix.clone())
}

/// The first text after all that begin with `prefix`. The engines order by octets, which in UTF-8 is by characters.
pub(crate) fn end(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // The range leaves out what is no character.
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return end;
        }
    }
    // Longer than any key of the last character.
    char::MAX.to_string().repeat(MAX_KEY)
}
