//! Questions about many rows at once, asked within the writer's transaction.

use std::collections::{HashMap, HashSet};

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::sql::{chunks, statement};
use crate::{
    Value,
    ledger::{Facts, Row, Trimmed, Wanted},
};

/// What there is of what is asked.
pub(super) async fn facts(
    connection: &mut SqliteConnection,
    wanted: Wanted,
) -> Result<Facts, sqlx::Error> {
    let mut facts = Facts::default();
    if wanted.accounts.iter().any(|account| *account != 0) {
        facts.accounts = accounts(connection, &wanted.accounts).await?;
    }
    if !wanted.values.is_empty() {
        let rows: Vec<_> = wanted.values.iter().cloned().collect();
        facts.values = values(connection, &rows).await?;
    }
    let rows = wanted.sizes.difference(&wanted.values).cloned();
    facts.sizes = sizes(connection, rows.collect()).await?;
    for (log, before) in wanted.trims {
        let trimmed = trimmed(connection, &log, before).await?;
        facts.trims.insert(log, trimmed);
    }
    Ok(facts)
}

/// What trimming would remove.
async fn trimmed(
    connection: &mut SqliteConnection,
    log: &Row,
    before: i64,
) -> Result<Trimmed, sqlx::Error> {
    let query = sqlx::query_as(
        "SELECT COUNT(*), COALESCE(SUM(OCTET_LENGTH(log) + OCTET_LENGTH(value)), 0) FROM plugin_log
         WHERE account = ? AND namespace = ? AND log = ? AND sequence < ?",
    );
    let query = query.bind(log.account).bind(log.namespace);
    let query = query.bind(log.name.shared()).bind(before);
    let (entries, bytes) = query.fetch_one(connection).await?;
    Ok(Trimmed {
        before,
        entries,
        bytes,
    })
}

/// Those of `accounts` that exist.
async fn accounts(
    connection: &mut SqliteConnection,
    accounts: &HashSet<i64>,
) -> Result<HashSet<i64>, sqlx::Error> {
    let accounts: Vec<_> = accounts.iter().map(i64::to_string).collect();
    let query = sqlx::query_scalar(
        "SELECT id FROM account WHERE id IN (SELECT value FROM json_each('[' || ? || ']'))",
    );
    let found: Vec<i64> = query.bind(accounts.join(",")).fetch_all(connection).await?;
    Ok(found.into_iter().collect())
}

/// The sizes of those of `rows` that exist.
async fn sizes(
    connection: &mut SqliteConnection,
    rows: Vec<Row>,
) -> Result<HashMap<Row, i64>, sqlx::Error> {
    let mut found = HashMap::new();
    for rows in chunks(&rows) {
        let sql = looking_up("OCTET_LENGTH(value)", rows.len());
        let mut query = sqlx::query_as::<_, (i64, i64)>(sql);
        for (index, row) in (0_i64..).zip(rows) {
            query = query.bind(index).bind(row.account);
            query = query.bind(row.namespace).bind(row.name.shared());
        }
        let sizes = query.fetch_all(&mut *connection).await?;
        found.extend(sizes.into_iter().filter_map(|(index, size)| {
            let row = rows.get(usize::try_from(index).ok()?)?;
            Some((row.clone(), size))
        }));
    }
    Ok(found)
}

/// The values of those of `rows` that exist.
async fn values(
    connection: &mut SqliteConnection,
    rows: &[Row],
) -> Result<HashMap<Row, Value>, sqlx::Error> {
    let mut found = HashMap::new();
    for rows in chunks(rows) {
        let sql = looking_up("value", rows.len());
        let mut query = sqlx::query_as::<_, (i64, Vec<u8>)>(sql);
        for (index, row) in (0_i64..).zip(rows) {
            query = query.bind(index).bind(row.account);
            query = query.bind(row.namespace).bind(row.name.shared());
        }
        let values = query.fetch_all(&mut *connection).await?;
        found.extend(values.into_iter().filter_map(|(index, value)| {
            let row = rows.get(usize::try_from(index).ok()?)?;
            Some((row.clone(), Value::stored(value)))
        }));
    }
    Ok(found)
}

fn looking_up(column: &str, rows: usize) -> AssertSqlSafe<String> {
    let end = [
        ") SELECT i, ",
        column,
        " FROM wanted CROSS JOIN plugin_value USING (account, namespace, key)",
    ];
    statement(
        "WITH wanted (i, account, namespace, key) AS (VALUES ",
        "(?,?,?,?)",
        rows,
        &end.concat(),
    )
}
