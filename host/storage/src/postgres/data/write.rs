//! What the ledger asks and writes, each in one statement for all rows: they come as arrays, a column each.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;

use crate::{
    Namespace, Value,
    ledger::{Append, Counters, DataSql, Facts, Row, Rows, Trimmed, Wanted},
};

impl DataSql for PgConnection {
    async fn counters(&mut self, namespace: &Namespace) -> Result<Counters, sqlx::Error> {
        let query = sqlx::query_as(
            "INSERT INTO plugin_namespace (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name
             RETURNING id, last_sequence, bytes, keys, entries",
        );
        query.bind(namespace.as_str()).fetch_one(self).await
    }

    async fn facts(&mut self, wanted: Wanted) -> Result<Facts, sqlx::Error> {
        let mut facts = Facts::default();
        if wanted.accounts.iter().any(|account| *account != 0) {
            facts.accounts = accounts(self, &wanted.accounts).await?;
        }
        if !wanted.values.is_empty() || !wanted.sizes.is_empty() {
            look_up(self, &wanted, &mut facts).await?;
        }
        for (log, before) in wanted.trims {
            let trimmed = trimmed(self, &log, before).await?;
            facts.trims.insert(log, trimmed);
        }
        Ok(facts)
    }

    async fn write(&mut self, rows: Rows) -> Result<(), sqlx::Error> {
        for (log, before) in &rows.trims {
            trim(self, log, *before).await?;
        }
        if !rows.deletes.is_empty() {
            delete(self, &rows.deletes).await?;
        }
        if !rows.puts.is_empty() {
            put(self, &rows.puts).await?;
        }
        if !rows.appends.is_empty() {
            append(self, &rows.appends).await?;
        }
        Ok(())
    }

    async fn set_counters(&mut self, counters: &[&Counters]) -> Result<(), sqlx::Error> {
        let column = |of: fn(&Counters) -> i64| -> Vec<i64> {
            counters.iter().map(|counters| of(counters)).collect()
        };
        let query = sqlx::query(
            "UPDATE plugin_namespace n SET last_sequence = new.last_sequence,
                 bytes = new.bytes, keys = new.keys, entries = new.entries
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
                 AS new (id, last_sequence, bytes, keys, entries) WHERE n.id = new.id",
        );
        let query = query.bind(column(|row| row.id));
        let query = query.bind(column(|row| row.last_sequence));
        let query = query.bind(column(|row| row.bytes));
        let query = query.bind(column(|row| row.keys));
        let query = query.bind(column(|row| row.entries));
        query.execute(self).await.map(drop)
    }
}

/// Rows as columns.
#[derive(Default)]
struct Columns<'a> {
    accounts: Vec<i64>,
    namespaces: Vec<i64>,
    names: Vec<&'a [u8]>,
}

impl<'a> FromIterator<&'a Row> for Columns<'a> {
    fn from_iter<T: IntoIterator<Item = &'a Row>>(rows: T) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.accounts.push(row.account);
            columns.namespaces.push(row.namespace);
            columns.names.push(row.name.as_str().as_bytes());
        }
        columns
    }
}

/// Those of `accounts` that exist.
async fn accounts(
    connection: &mut PgConnection,
    accounts: &HashSet<i64>,
) -> Result<HashSet<i64>, sqlx::Error> {
    let accounts: Vec<_> = accounts.iter().copied().collect();
    let query = sqlx::query_scalar("SELECT id FROM account WHERE id = ANY($1)");
    let found: Vec<i64> = query.bind(accounts).fetch_all(connection).await?;
    Ok(found.into_iter().collect())
}

/// The sizes of the rows there are, and the values of those that are wanted whole.
async fn look_up(
    connection: &mut PgConnection,
    wanted: &Wanted,
    facts: &mut Facts,
) -> Result<(), sqlx::Error> {
    let sizes = wanted.sizes.difference(&wanted.values);
    let rows: Vec<&Row> = wanted.values.iter().chain(sizes).collect();
    let columns: Columns<'_> = rows.iter().copied().collect();
    let whole = i64::try_from(wanted.values.len()).unwrap_or(i64::MAX);
    let query = sqlx::query_as::<_, (i64, i64, Option<Vec<u8>>)>(
        "SELECT i, OCTET_LENGTH(value)::bigint, CASE WHEN i <= $4 THEN value END
         FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) WITH ORDINALITY
             AS wanted (account, namespace, key, i)
         JOIN plugin_value USING (account, namespace, key)",
    );
    let query = query.bind(columns.accounts).bind(columns.namespaces);
    let query = query.bind(columns.names).bind(whole);
    let found = query.fetch_all(connection).await?;
    let mut sizes = HashMap::new();
    let mut values = HashMap::new();
    for (number, size, value) in found {
        // Rows are numbered from 1.
        let index = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
        let Some(row) = index.and_then(|index| rows.get(index)) else {
            continue;
        };
        match value {
            Some(value) => drop(values.insert((*row).clone(), Value::stored(value))),
            None => drop(sizes.insert((*row).clone(), size)),
        }
    }
    (facts.sizes, facts.values) = (sizes, values);
    Ok(())
}

/// What trimming would remove.
async fn trimmed(
    connection: &mut PgConnection,
    log: &Row,
    before: i64,
) -> Result<Trimmed, sqlx::Error> {
    let query = sqlx::query_as(
        "SELECT COUNT(*), COALESCE(SUM(OCTET_LENGTH(log) + OCTET_LENGTH(value)), 0)::bigint FROM plugin_log
         WHERE account = $1 AND namespace = $2 AND log = $3 AND sequence < $4",
    );
    let query = query.bind(log.account).bind(log.namespace);
    let query = query.bind(log.name.as_str().as_bytes()).bind(before);
    let (entries, bytes) = query.fetch_one(connection).await?;
    Ok(Trimmed {
        before,
        entries,
        bytes,
    })
}

async fn put(connection: &mut PgConnection, rows: &[(Row, Value)]) -> Result<(), sqlx::Error> {
    let columns: Columns<'_> = rows.iter().map(|(row, _)| row).collect();
    let values: Vec<&[u8]> = rows.iter().map(|(_, value)| &**value).collect();
    let query = sqlx::query(
        "INSERT INTO plugin_value (account, namespace, key, value)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[])
         ON CONFLICT (account, namespace, key) DO UPDATE SET value = excluded.value",
    );
    let query = query.bind(columns.accounts).bind(columns.namespaces);
    let query = query.bind(columns.names).bind(values);
    query.execute(connection).await.map(drop)
}

async fn delete(connection: &mut PgConnection, rows: &[Row]) -> Result<(), sqlx::Error> {
    let columns: Columns<'_> = rows.iter().collect();
    let query = sqlx::query(
        "DELETE FROM plugin_value v
         USING unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS gone (account, namespace, key)
         WHERE v.account = gone.account AND v.namespace = gone.namespace AND v.key = gone.key",
    );
    let query = query.bind(columns.accounts).bind(columns.namespaces);
    query
        .bind(columns.names)
        .execute(connection)
        .await
        .map(drop)
}

async fn append(connection: &mut PgConnection, rows: &[Append]) -> Result<(), sqlx::Error> {
    let columns: Columns<'_> = rows.iter().map(|row| &row.log).collect();
    let sequences: Vec<i64> = rows.iter().map(|row| row.sequence).collect();
    let values: Vec<&[u8]> = rows.iter().map(|row| &*row.value).collect();
    let query = sqlx::query(
        "INSERT INTO plugin_log (account, namespace, log, sequence, value)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[])",
    );
    let query = query.bind(columns.accounts).bind(columns.namespaces);
    let query = query.bind(columns.names).bind(sequences).bind(values);
    query.execute(connection).await.map(drop)
}

async fn trim(connection: &mut PgConnection, log: &Row, before: i64) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "DELETE FROM plugin_log WHERE account = $1 AND namespace = $2 AND log = $3 AND sequence < $4",
    );
    let query = query.bind(log.account).bind(log.namespace);
    let query = query.bind(log.name.as_str().as_bytes()).bind(before);
    query.execute(connection).await.map(drop)
}
