//! Statements of many rows: one row by itself costs ten times what it does among a hundred.

use std::{collections::HashMap, iter};

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::ledger::Counters;
use crate::{Key, Value, data::Place};

/// Rows in one statement, at most. All others have a smaller power of two, so that few differ and all stay prepared.
const ROWS: usize = 256;

/// Where a value or a log is. Ordered as the database's index is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Row {
    pub(super) account: i64,
    pub(super) namespace: i64,
    pub(super) name: Key,
}

impl Row {
    pub(super) fn new(place: &Place, namespace: i64) -> Self {
        Self {
            account: place.scope.column(),
            namespace,
            name: place.name.clone(),
        }
    }
}

/// A log entry to write.
pub(super) struct Append {
    pub(super) log: Row,
    pub(super) sequence: i64,
    pub(super) value: Value,
}

/// What a run of calls leaves to write.
pub(super) struct Rows {
    puts: Vec<(Row, Value)>,
    deletes: Vec<Row>,
    appends: Vec<Append>,
    trims: Vec<(Row, i64)>,
}

impl Rows {
    pub(super) fn new(
        values: HashMap<Row, Option<Value>>,
        appends: Vec<Append>,
        trims: Vec<(Row, i64)>,
    ) -> Self {
        let mut puts = Vec::new();
        let mut deletes = Vec::new();
        for (row, value) in values {
            match value {
                Some(value) => puts.push((row, value)),
                None => deletes.push(row),
            }
        }
        // Neighbours in the index are written one after the other.
        puts.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Self {
            puts,
            deletes,
            appends,
            trims,
        }
    }

    /// Trims come before appends: they spare them.
    pub(super) async fn write(self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        for (log, before) in &self.trims {
            trim(connection, log, *before).await?;
        }
        for rows in chunks(&self.deletes) {
            delete(connection, rows).await?;
        }
        for rows in chunks(&self.puts) {
            put(connection, rows).await?;
        }
        for rows in chunks(&self.appends) {
            append(connection, rows).await?;
        }
        Ok(())
    }
}

/// Cuts `rows` into pieces of powers of two.
pub(super) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    iter::from_fn(move || {
        let power = rows.len().checked_ilog2()?;
        let size = 1_usize.checked_shl(power)?.min(ROWS);
        let (chunk, rest) = rows.split_at_checked(size)?;
        rows = rest;
        Some(chunk)
    })
}

/// A statement with as many times `row`, separated by commas, between its beginning and end. All three are ours.
pub(super) fn statement(start: &str, row: &str, times: usize, end: &str) -> AssertSqlSafe<String> {
    let rows = iter::repeat_n(row, times).collect::<Vec<_>>().join(",");
    AssertSqlSafe([start, &rows, end].concat())
}

async fn put(connection: &mut SqliteConnection, rows: &[(Row, Value)]) -> Result<(), sqlx::Error> {
    let sql = statement(
        "INSERT INTO plugin_value (account, namespace, key, value) VALUES ",
        "(?,?,?,?)",
        rows.len(),
        " ON CONFLICT (account, namespace, key) DO UPDATE SET value = excluded.value",
    );
    let mut query = sqlx::query(sql);
    for (row, value) in rows {
        query = query.bind(row.account).bind(row.namespace);
        query = query.bind(row.name.shared()).bind(&**value);
    }
    query.execute(connection).await.map(drop)
}

async fn delete(connection: &mut SqliteConnection, rows: &[Row]) -> Result<(), sqlx::Error> {
    let sql = statement(
        "WITH wanted (account, namespace, key) AS (VALUES ",
        "(?,?,?)",
        rows.len(),
        ") DELETE FROM plugin_value WHERE id IN
             (SELECT id FROM wanted CROSS JOIN plugin_value USING (account, namespace, key))",
    );
    let mut query = sqlx::query(sql);
    for row in rows {
        query = query.bind(row.account).bind(row.namespace);
        query = query.bind(row.name.shared());
    }
    query.execute(connection).await.map(drop)
}

async fn append(connection: &mut SqliteConnection, rows: &[Append]) -> Result<(), sqlx::Error> {
    let sql = statement(
        "INSERT INTO plugin_log (account, namespace, log, sequence, value) VALUES ",
        "(?,?,?,?,?)",
        rows.len(),
        "",
    );
    let mut query = sqlx::query(sql);
    for row in rows {
        let Row {
            account,
            namespace,
            name,
        } = &row.log;
        query = query.bind(*account).bind(*namespace).bind(name.shared());
        query = query.bind(row.sequence).bind(&*row.value);
    }
    query.execute(connection).await.map(drop)
}

async fn trim(
    connection: &mut SqliteConnection,
    log: &Row,
    before: i64,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "DELETE FROM plugin_log WHERE account = ? AND namespace = ? AND log = ? AND sequence < ?",
    );
    let query = query.bind(log.account).bind(log.namespace);
    let query = query.bind(log.name.shared()).bind(before);
    query.execute(connection).await.map(drop)
}

/// Writes counters down.
pub(super) async fn set_counters(
    connection: &mut SqliteConnection,
    counters: &[&Counters],
) -> Result<(), sqlx::Error> {
    for rows in chunks(counters) {
        let sql = statement(
            "WITH new (id, last_sequence, bytes, keys, entries) AS (VALUES ",
            "(?,?,?,?,?)",
            rows.len(),
            ") UPDATE plugin_namespace SET (last_sequence, bytes, keys, entries) =
                 (new.last_sequence, new.bytes, new.keys, new.entries)
               FROM new WHERE plugin_namespace.id = new.id",
        );
        let mut query = sqlx::query(sql);
        for row in rows {
            query = query.bind(row.id).bind(row.last_sequence);
            query = query.bind(row.bytes).bind(row.keys).bind(row.entries);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
