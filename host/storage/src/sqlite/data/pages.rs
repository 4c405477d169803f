//! Reading pages, from the database: of keys, and of logs.

use futures_util::StreamExt;
use sqlx::SqlitePool;

use crate::{
    Key, List, Listed, LogEntry, LogRange, MAX_KEY, MAX_LIMIT, Namespace, PAGE_BYTES, Page, Scope,
    StorageError, Value,
};

pub(super) async fn list(
    readers: &SqlitePool,
    namespace: &Namespace,
    scope: Scope,
    list: &List,
) -> Result<Page<Listed>, StorageError> {
    let query = sqlx::query_as::<_, (String, Option<Vec<u8>>)>(
        "SELECT key, IIF(?, value, NULL) FROM plugin_value WHERE account = ?
         AND namespace = (SELECT id FROM plugin_namespace WHERE name = ?)
         AND key >= ? AND key < ? ORDER BY key LIMIT ?",
    );
    let limit = list.limit.min(MAX_LIMIT);
    let query = query.bind(list.values).bind(scope.column());
    let query = query.bind(namespace.shared()).bind(first(list));
    let query = query.bind(end(&list.prefix)).bind(limit.saturating_add(1));
    let mut page = Filling::new(limit);
    let mut rows = query.fetch(readers);
    while let Some(row) = rows.next().await {
        let (key, value) = row?;
        // What is stored was checked on the way in.
        let Ok(key) = Key::new(&key) else { continue };
        let value = value.map(Value::stored);
        let size = value.as_ref().map_or(0, |value| value.len());
        if !page.take(Listed { key, value }, size) {
            break;
        }
    }
    Ok(page.page)
}

pub(super) async fn range(
    readers: &SqlitePool,
    namespace: &Namespace,
    scope: Scope,
    log: &Key,
    range: LogRange,
) -> Result<Page<LogEntry>, StorageError> {
    let query = sqlx::query_as::<_, (i64, Vec<u8>)>(if range.reverse {
        "SELECT sequence, value FROM plugin_log WHERE account = ?
         AND namespace = (SELECT id FROM plugin_namespace WHERE name = ?) AND log = ?
         AND sequence > ? AND sequence < ? ORDER BY sequence DESC LIMIT ?"
    } else {
        "SELECT sequence, value FROM plugin_log WHERE account = ?
         AND namespace = (SELECT id FROM plugin_namespace WHERE name = ?) AND log = ?
         AND sequence > ? AND sequence < ? ORDER BY sequence LIMIT ?"
    });
    let bound = |sequence| i64::try_from(sequence).unwrap_or(i64::MAX);
    let limit = range.limit.min(MAX_LIMIT);
    let query = query.bind(scope.column()).bind(namespace.shared());
    let query = query.bind(log.shared()).bind(range.after.map_or(0, bound));
    let query = query.bind(range.before.map_or(i64::MAX, bound));
    let query = query.bind(limit.saturating_add(1));
    let mut page = Filling::new(limit);
    let mut rows = query.fetch(readers);
    while let Some(row) = rows.next().await {
        let (sequence, value) = row?;
        let size = value.len();
        let entry = LogEntry {
            sequence: sequence.unsigned_abs(),
            value: Value::stored(value),
        };
        if !page.take(entry, size) {
            break;
        }
    }
    Ok(page.page)
}

/// A page that is being read.
struct Filling<T> {
    page: Page<T>,
    limit: usize,
    bytes: usize,
}

impl<T> Filling<T> {
    fn new(limit: u32) -> Self {
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
    fn take(&mut self, item: T, size: usize) -> bool {
        if self.page.items.len() >= self.limit || self.bytes >= PAGE_BYTES {
            self.page.more = true;
            return false;
        }
        self.bytes = self.bytes.saturating_add(size);
        self.page.items.push(item);
        true
    }
}

/// The first key that a listing may hold: the prefix itself, or what follows the key to begin after. No key contains NUL.
fn first(list: &List) -> String {
    let after = list
        .after
        .as_ref()
        .map(|after| format!("{}\0", after.as_str()));
    after.unwrap_or_default().max(list.prefix.clone())
}

/// The first text after all that begin with `prefix`. SQLite and UTF-8 both order by octets, which is by characters.
fn end(prefix: &str) -> String {
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
