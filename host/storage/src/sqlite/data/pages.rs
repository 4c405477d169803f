//! Reading pages, from the database: of keys, and of logs.

use futures_util::StreamExt;
use sqlx::SqlitePool;

use crate::{
    Key, List, Listed, LogEntry, LogRange, MAX_LIMIT, Namespace, Page, Scope, StorageError, Value,
    ledger::{Filling, end, first},
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
    Ok(page.page())
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
    Ok(page.page())
}
