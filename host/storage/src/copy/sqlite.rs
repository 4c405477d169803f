//! SQLite as one end of a copy.

use std::{path::Path, str};

use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite, SqliteConnection, query_builder::Separated};

use super::catalogue::{Cell, Kind, Table};
use crate::{
    StorageError,
    sqlite::{self, setup},
};

pub(super) struct End {
    name: String,
    connection: SqliteConnection,
}

impl End {
    pub(super) async fn open(
        url: &str,
        data_dir: &Path,
        is_source: bool,
    ) -> Result<Self, StorageError> {
        let path = sqlite::path(url, data_dir)?;
        if is_source {
            // To open it would make it.
            std::fs::metadata(&path).map_err(|source| setup::open_error(&path, source))?;
        }
        Ok(Self {
            name: setup::name(&path),
            connection: setup::writer_connection(&path).await?,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn hold_still(&mut self) -> Result<(), sqlx::Error> {
        self.execute("BEGIN IMMEDIATE").await
    }

    pub(super) async fn mark(&mut self) -> Result<(), sqlx::Error> {
        self.execute("CREATE TABLE unfinished_copy (since INTEGER)")
            .await
    }

    pub(super) async fn unmark(&mut self) -> Result<(), sqlx::Error> {
        self.execute("DROP TABLE unfinished_copy").await
    }

    async fn execute(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let query = sqlx::query(statement);
        query.execute(&mut self.connection).await.map(drop)
    }

    pub(super) async fn count(&mut self, table: &Table) -> Result<i64, sqlx::Error> {
        let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {}", table.name));
        let query = sqlx::query_scalar(sql);
        query.fetch_one(&mut self.connection).await
    }

    pub(super) async fn clear(&mut self, table: &Table) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(format!("DELETE FROM {}", table.name));
        let query = sqlx::query(sql);
        query.execute(&mut self.connection).await.map(drop)
    }

    pub(super) async fn read(
        &mut self,
        table: &Table,
        after: Option<&[Cell]>,
        limit: usize,
    ) -> Result<Vec<Vec<Cell>>, sqlx::Error> {
        let select = format!("SELECT {} FROM {}", table.list(), table.name);
        let mut query = QueryBuilder::<Sqlite>::new(select);
        if let Some(after) = after {
            query.push(format!(" WHERE ({}) > (", table.key_list()));
            let mut cells = query.separated(", ");
            for ((_, kind), cell) in table.key_columns().into_iter().zip(after) {
                bind(&mut cells, kind, cell)?;
            }
            query.push(")");
        }
        query.push(format!(" ORDER BY {} LIMIT {limit}", table.key_list()));
        let rows = query.build().fetch_all(&mut self.connection).await?;
        let cells = rows.iter().map(|row| {
            let columns = table.columns.iter().enumerate();
            columns
                .map(|(number, (_, kind))| {
                    Ok(match kind {
                        Kind::Number | Kind::Flag => {
                            row.try_get::<Option<i64>, _>(number)?.map(Cell::Number)
                        }
                        Kind::Text | Kind::Name => row
                            .try_get::<Option<String>, _>(number)?
                            .map(|text| Cell::Octets(text.into_bytes())),
                        Kind::Octets => {
                            row.try_get::<Option<Vec<u8>>, _>(number)?.map(Cell::Octets)
                        }
                    }
                    .unwrap_or(Cell::Null))
                })
                .collect()
        });
        cells.collect()
    }

    pub(super) async fn write(
        &mut self,
        table: &Table,
        rows: &[Vec<Cell>],
    ) -> Result<(), sqlx::Error> {
        let insert = format!("INSERT INTO {} ({}) VALUES ", table.name, table.list());
        let mut query = QueryBuilder::<Sqlite>::new(insert);
        for (number, row) in rows.iter().enumerate() {
            query.push(if number == 0 { "(" } else { ", (" });
            let mut cells = query.separated(", ");
            for ((_, kind), cell) in table.columns.iter().zip(row) {
                bind(&mut cells, *kind, cell)?;
            }
            query.push(")");
        }
        let query = query.build().persistent(false);
        query.execute(&mut self.connection).await.map(drop)
    }

    pub(super) async fn sequence(&mut self, table: &str) -> Result<i64, sqlx::Error> {
        let sql = format!(
            "SELECT MAX((SELECT COALESCE(MAX(id), 0) FROM {table}),
                 (SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = ?))"
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql));
        query.bind(table).fetch_one(&mut self.connection).await
    }

    pub(super) async fn set_sequence(&mut self, table: &str, last: i64) -> Result<(), sqlx::Error> {
        // Its ids only order requests: SQLite counts on from the greatest that is there.
        if table == "roster_request" {
            return Ok(());
        }
        let query = sqlx::query("DELETE FROM sqlite_sequence WHERE name = ?");
        query.bind(table).execute(&mut self.connection).await?;
        let query = sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)");
        let query = query.bind(table).bind(last);
        query.execute(&mut self.connection).await.map(drop)
    }
}

fn bind(
    cells: &mut Separated<'_, Sqlite, &str>,
    kind: Kind,
    cell: &Cell,
) -> Result<(), sqlx::Error> {
    match (cell, kind) {
        (Cell::Null, _) => cells.push_bind(None::<i64>),
        (Cell::Number(number), _) => cells.push_bind(*number),
        (Cell::Octets(octets), Kind::Octets) => cells.push_bind(octets.clone()),
        (Cell::Octets(octets), _) => {
            let text = str::from_utf8(octets).map_err(|error| sqlx::Error::Encode(error.into()))?;
            cells.push_bind(text.to_owned())
        }
    };
    Ok(())
}
