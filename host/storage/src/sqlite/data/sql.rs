//! Statements of many rows: one row by itself costs ten times what it does among a hundred.

use std::iter;

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::lookups;
use crate::{
    Namespace, Value,
    ledger::{Append, Counters, DataSql, Facts, Row, Rows, Wanted},
};

/// Rows in one statement, at most. All others have a smaller power of two, so that few differ and all stay prepared.
const ROWS: usize = 256;

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

impl DataSql for SqliteConnection {
    async fn counters(&mut self, namespace: &Namespace) -> Result<Counters, sqlx::Error> {
        let query = sqlx::query_as(
            "INSERT INTO plugin_namespace (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name
             RETURNING id, last_sequence, bytes, keys, entries",
        );
        query.bind(namespace.shared()).fetch_one(self).await
    }

    async fn facts(&mut self, wanted: Wanted) -> Result<Facts, sqlx::Error> {
        lookups::facts(self, wanted).await
    }

    async fn write(&mut self, rows: Rows) -> Result<(), sqlx::Error> {
        for (log, before) in &rows.trims {
            trim(self, log, *before).await?;
        }
        for rows in chunks(&rows.deletes) {
            delete(self, rows).await?;
        }
        for rows in chunks(&rows.puts) {
            put(self, rows).await?;
        }
        for rows in chunks(&rows.appends) {
            append(self, rows).await?;
        }
        Ok(())
    }

    async fn set_counters(&mut self, counters: &[&Counters]) -> Result<(), sqlx::Error> {
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
            query.execute(&mut *self).await?;
        }
        Ok(())
    }
}
