//! Reading single keys, through the cache.

use std::iter;

use sqlx::SqlitePool;

use super::{
    super::Sqlite,
    cache::{Address, Found, Ticket},
    rows::{chunks, statement},
};
use crate::{Key, Namespace, Scope, StorageError, Usage, Value};

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
