//! Reading: single keys through the cache, pages from the database.

use std::iter;

use futures_util::StreamExt;
use sqlx::SqlitePool;

use super::{
    super::Sqlite,
    cache::{Address, Found, Ticket},
    rows::{chunks, statement},
};
use crate::{
    Key, List, Listed, LogEntry, LogRange, MAX_KEY, MAX_LIMIT, Namespace, PAGE_BYTES, Page, Scope,
    StorageError, Usage, Value,
};

impl Sqlite {
    pub(super) async fn read_value(
        &self,
        namespace: &Namespace,
        scope: Scope,
        key: &Key,
    ) -> Result<Option<Value>, StorageError> {
        let address = address(namespace, scope, key);
        let ticket = match self.cache.find(&address) {
            Found::Known(value) => return Ok(value),
            Found::Unknown(ticket) => ticket,
        };
        let query = sqlx::query_scalar(
            "SELECT value FROM plugin_value WHERE account = ?
             AND namespace = (SELECT id FROM plugin_namespace WHERE name = ?) AND key = ?",
        );
        let query = query.bind(scope.column()).bind(namespace.shared());
        let query = query.bind(key.shared());
        let value: Option<Vec<u8>> = query.fetch_optional(&self.plugin_readers).await?;
        let value = value.map(Value::stored);
        self.cache.fill(address, value.clone(), ticket);
        Ok(value)
    }

    pub(super) async fn read_values(
        &self,
        namespace: &Namespace,
        scope: Scope,
        keys: &[Key],
    ) -> Result<Vec<Option<Value>>, StorageError> {
        let mut values = Vec::with_capacity(keys.len());
        let mut missed = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            values.push(match self.cache.find(&address(namespace, scope, key)) {
                Found::Known(value) => value,
                Found::Unknown(ticket) => {
                    missed.push(Missed { index, key, ticket });
                    None
                }
            });
        }
        for missed in chunks(&missed) {
            self.read_missed(namespace, scope, missed, &mut values)
                .await?;
        }
        Ok(values)
    }

    async fn read_missed(
        &self,
        namespace: &Namespace,
        scope: Scope,
        missed: &[Missed<'_>],
        values: &mut [Option<Value>],
    ) -> Result<(), StorageError> {
        let sql = statement(
            "WITH wanted (i, key) AS (VALUES ",
            "(?,?)",
            missed.len(),
            ") SELECT i, value FROM wanted CROSS JOIN plugin_value USING (key) WHERE account = ?
               AND namespace = (SELECT id FROM plugin_namespace WHERE name = ?)",
        );
        let mut query = sqlx::query_as::<_, (i64, Vec<u8>)>(sql);
        for (index, missed) in (0_i64..).zip(missed) {
            query = query.bind(index).bind(missed.key.shared());
        }
        let query = query.bind(scope.column()).bind(namespace.shared());
        let mut found: Vec<Option<Value>> = vec![None; missed.len()];
        for (index, value) in query.fetch_all(&self.plugin_readers).await? {
            let place = usize::try_from(index)
                .ok()
                .and_then(|index| found.get_mut(index));
            if let Some(place) = place {
                *place = Some(Value::stored(value));
            }
        }
        for (missed, value) in iter::zip(missed, found) {
            let address = address(namespace, scope, missed.key);
            self.cache.fill(address, value.clone(), missed.ticket);
            if let Some(place) = values.get_mut(missed.index) {
                *place = value;
            }
        }
        Ok(())
    }
}

/// A key that is not in the cache, and its place among those asked for.
struct Missed<'a> {
    index: usize,
    key: &'a Key,
    ticket: Ticket,
}

fn address(namespace: &Namespace, scope: Scope, key: &Key) -> Address {
    Address {
        namespace: namespace.clone(),
        account: scope.column(),
        key: key.clone(),
    }
}

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

pub(super) async fn usage(
    readers: &SqlitePool,
    namespace: &Namespace,
) -> Result<Usage, StorageError> {
    let query = sqlx::query_as::<_, (i64, i64, i64)>(
        "SELECT bytes, keys, entries FROM plugin_namespace WHERE name = ?",
    );
    let found = query.bind(namespace.shared()).fetch_optional(readers);
    let (bytes, keys, entries) = found.await?.unwrap_or_default();
    let count = |counter| u64::try_from(counter).unwrap_or(0);
    Ok(Usage {
        bytes: count(bytes),
        keys: count(keys),
        entries: count(entries),
    })
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
