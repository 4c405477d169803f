//! Reading single keys from the database.

use std::iter;

use sqlx::SqlitePool;

use super::sql::{chunks, statement};
use crate::{Key, Namespace, Scope, StorageError, Usage, Value};

pub(super) async fn value(
    readers: &SqlitePool,
    namespace: &Namespace,
    scope: Scope,
    key: &Key,
) -> Result<Option<Value>, StorageError> {
    let query = sqlx::query_scalar(
        "SELECT value FROM plugin_value WHERE account = ?
         AND namespace = (SELECT id FROM plugin_namespace WHERE name = ?) AND key = ?",
    );
    let query = query.bind(scope.column()).bind(namespace.shared());
    let query = query.bind(key.shared());
    let value: Option<Vec<u8>> = query.fetch_optional(readers).await?;
    Ok(value.map(Value::stored))
}

pub(super) async fn values(
    readers: &SqlitePool,
    namespace: &Namespace,
    scope: Scope,
    keys: &[Key],
) -> Result<Vec<Option<Value>>, StorageError> {
    let mut values = Vec::with_capacity(keys.len());
    for keys in chunks(keys) {
        values.extend(chunk(readers, namespace, scope, keys).await?);
    }
    Ok(values)
}

async fn chunk(
    readers: &SqlitePool,
    namespace: &Namespace,
    scope: Scope,
    keys: &[Key],
) -> Result<Vec<Option<Value>>, StorageError> {
    let sql = statement(
        "WITH wanted (i, key) AS (VALUES ",
        "(?,?)",
        keys.len(),
        ") SELECT i, value FROM wanted CROSS JOIN plugin_value USING (key) WHERE account = ?
           AND namespace = (SELECT id FROM plugin_namespace WHERE name = ?)",
    );
    let mut query = sqlx::query_as::<_, (i64, Vec<u8>)>(sql);
    for (index, key) in iter::zip(0_i64.., keys) {
        query = query.bind(index).bind(key.shared());
    }
    let query = query.bind(scope.column()).bind(namespace.shared());
    let mut found: Vec<Option<Value>> = vec![None; keys.len()];
    for (index, value) in query.fetch_all(readers).await? {
        let place = usize::try_from(index)
            .ok()
            .and_then(|index| found.get_mut(index));
        if let Some(place) = place {
            *place = Some(Value::stored(value));
        }
    }
    Ok(found)
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
