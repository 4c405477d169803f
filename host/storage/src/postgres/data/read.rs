//! Reading plugins' data.
//!
//! A page ends at so many octets. What goes beyond is told by its key alone: the server reckons how far a page is filled,
//! so that no value is sent for nothing.

use sqlx::PgConnection;

use super::super::readers::Read;
use crate::{
    Key, List, Listed, LogEntry, LogRange, MAX_LIMIT, Namespace, PAGE_BYTES, Page, Scope, Usage,
    Value,
    ledger::{Filling, end, first},
};

/// The values of keys, in their order.
pub(super) struct ReadValues {
    namespace: Namespace,
    scope: Scope,
    keys: Vec<Key>,
}

impl ReadValues {
    pub(super) fn new(namespace: &Namespace, scope: Scope, keys: Vec<Key>) -> Self {
        Self {
            namespace: namespace.clone(),
            scope,
            keys,
        }
    }
}

const VALUES: &str = "SELECT i, value FROM unnest($1::bytea[]) WITH ORDINALITY AS wanted (key, i)
     JOIN plugin_value USING (key) WHERE account = $2
     AND namespace = (SELECT id FROM plugin_namespace WHERE name = $3)";

impl Read for ReadValues {
    type Output = Vec<Option<Value>>;

    async fn run(&self, connection: &mut PgConnection) -> Result<Self::Output, sqlx::Error> {
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|key| key.as_str().as_bytes())
            .collect();
        let query = sqlx::query_as::<_, (i64, Vec<u8>)>(VALUES).bind(keys);
        let query = query
            .bind(self.scope.column())
            .bind(self.namespace.as_str());
        let mut values = vec![None; self.keys.len()];
        for (number, value) in query.fetch_all(connection).await? {
            // Rows are numbered from 1.
            let index = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
            if let Some(place) = index.and_then(|index| values.get_mut(index)) {
                *place = Some(Value::stored(value));
            }
        }
        Ok(values)
    }
}

/// A page of keys.
pub(super) struct ReadKeys {
    namespace: Namespace,
    scope: Scope,
    first: String,
    end: String,
    limit: u32,
    values: bool,
}

impl ReadKeys {
    pub(super) fn new(namespace: &Namespace, scope: Scope, list: &List) -> Self {
        Self {
            namespace: namespace.clone(),
            scope,
            first: first(list),
            end: end(&list.prefix),
            limit: list.limit.min(MAX_LIMIT),
            values: list.values,
        }
    }
}

const KEYS: &str = "SELECT key, 0::bigint, NULL::bytea FROM plugin_value WHERE account = $1
     AND namespace = (SELECT id FROM plugin_namespace WHERE name = $2)
     AND key >= $3 AND key < $4 AND $6 > 0 ORDER BY key LIMIT $5";
const KEYS_AND_VALUES: &str = "SELECT key, size, CASE WHEN before < $6 THEN value END FROM (
         SELECT key, value, OCTET_LENGTH(value)::bigint AS size, COALESCE(SUM(OCTET_LENGTH(value)) OVER (
             ORDER BY key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
         ), 0)::bigint AS before
         FROM plugin_value WHERE account = $1
         AND namespace = (SELECT id FROM plugin_namespace WHERE name = $2)
         AND key >= $3 AND key < $4 ORDER BY key LIMIT $5
     ) page ORDER BY key";

impl Read for ReadKeys {
    type Output = Page<Listed>;

    async fn run(&self, connection: &mut PgConnection) -> Result<Page<Listed>, sqlx::Error> {
        let sql = if self.values { KEYS_AND_VALUES } else { KEYS };
        let query = sqlx::query_as::<_, (Vec<u8>, i64, Option<Vec<u8>>)>(sql);
        let query = query
            .bind(self.scope.column())
            .bind(self.namespace.as_str());
        let query = query.bind(self.first.as_bytes()).bind(self.end.as_bytes());
        let query = query.bind(i64::from(self.limit).saturating_add(1));
        let rows = query.bind(page_octets()).fetch_all(connection).await?;
        let mut page = Filling::new(self.limit);
        for (key, size, value) in rows {
            // What is stored was checked on the way in.
            let key = String::from_utf8(key)
                .ok()
                .and_then(|key| Key::new(&key).ok());
            let Some(key) = key else { continue };
            let value = value.map(Value::stored);
            if !page.take(Listed { key, value }, octets(size)) {
                break;
            }
        }
        Ok(page.page())
    }
}

/// A page of a log.
pub(super) struct ReadLog {
    namespace: Namespace,
    scope: Scope,
    log: Key,
    after: i64,
    before: i64,
    limit: u32,
    reverse: bool,
}

impl ReadLog {
    pub(super) fn new(namespace: &Namespace, scope: Scope, log: &Key, range: LogRange) -> Self {
        let bound = |sequence| i64::try_from(sequence).unwrap_or(i64::MAX);
        Self {
            namespace: namespace.clone(),
            scope,
            log: log.clone(),
            after: range.after.map_or(0, bound),
            before: range.before.map_or(i64::MAX, bound),
            limit: range.limit.min(MAX_LIMIT),
            reverse: range.reverse,
        }
    }
}

const UPWARDS: &str = "SELECT sequence, size, CASE WHEN before < $7 THEN value END FROM (
         SELECT sequence, value, OCTET_LENGTH(value)::bigint AS size, COALESCE(SUM(OCTET_LENGTH(value)) OVER (
             ORDER BY sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
         ), 0)::bigint AS before
         FROM plugin_log WHERE account = $1
         AND namespace = (SELECT id FROM plugin_namespace WHERE name = $2) AND log = $3
         AND sequence > $4 AND sequence < $5 ORDER BY sequence LIMIT $6
     ) page ORDER BY sequence";
const DOWNWARDS: &str = "SELECT sequence, size, CASE WHEN before < $7 THEN value END FROM (
         SELECT sequence, value, OCTET_LENGTH(value)::bigint AS size, COALESCE(SUM(OCTET_LENGTH(value)) OVER (
             ORDER BY sequence DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
         ), 0)::bigint AS before
         FROM plugin_log WHERE account = $1
         AND namespace = (SELECT id FROM plugin_namespace WHERE name = $2) AND log = $3
         AND sequence > $4 AND sequence < $5 ORDER BY sequence DESC LIMIT $6
     ) page ORDER BY sequence DESC";

impl Read for ReadLog {
    type Output = Page<LogEntry>;

    async fn run(&self, connection: &mut PgConnection) -> Result<Page<LogEntry>, sqlx::Error> {
        let sql = if self.reverse { DOWNWARDS } else { UPWARDS };
        let query = sqlx::query_as::<_, (i64, i64, Option<Vec<u8>>)>(sql);
        let query = query
            .bind(self.scope.column())
            .bind(self.namespace.as_str());
        let query = query.bind(self.log.as_str().as_bytes());
        let query = query.bind(self.after).bind(self.before);
        let query = query.bind(i64::from(self.limit).saturating_add(1));
        let rows = query.bind(page_octets()).fetch_all(connection).await?;
        let mut page = Filling::new(self.limit);
        for (sequence, size, value) in rows {
            let entry = LogEntry {
                sequence: sequence.unsigned_abs(),
                // Absent only beyond the page's end.
                value: Value::stored(value.unwrap_or_default()),
            };
            if !page.take(entry, octets(size)) {
                break;
            }
        }
        Ok(page.page())
    }
}

/// How much a namespace holds.
pub(super) struct ReadUsage(pub(super) Namespace);

impl Read for ReadUsage {
    type Output = Usage;

    async fn run(&self, connection: &mut PgConnection) -> Result<Usage, sqlx::Error> {
        let query = sqlx::query_as::<_, (i64, i64, i64)>(
            "SELECT bytes, keys, entries FROM plugin_namespace WHERE name = $1",
        );
        let found = query
            .bind(self.0.as_str())
            .fetch_optional(connection)
            .await?;
        let (bytes, keys, entries) = found.unwrap_or_default();
        let count = |counter| u64::try_from(counter).unwrap_or(0);
        Ok(Usage {
            bytes: count(bytes),
            keys: count(keys),
            entries: count(entries),
        })
    }
}

fn page_octets() -> i64 {
    i64::try_from(PAGE_BYTES).unwrap_or(i64::MAX)
}

fn octets(size: i64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
