//! PostgreSQL as one end of a copy.

use std::str;

use sqlx::{
    AssertSqlSafe, Executor, PgConnection, Postgres, QueryBuilder, Row, query_builder::Separated,
};

use super::catalogue::{Cell, Kind, Table};
use crate::{
    StorageError,
    postgres::{Address, claim},
};

pub(super) struct End {
    address: Address,
    connection: PgConnection,
}

impl End {
    pub(super) async fn open(url: &str) -> Result<Self, StorageError> {
        let address = Address::parse(url)?;
        let connection = claim(&address, "waxwing copy").await?;
        Ok(Self {
            address,
            connection,
        })
    }

    pub(super) fn name(&self) -> &str {
        self.address.name()
    }

    pub(super) async fn hold_still(&mut self) -> Result<(), sqlx::Error> {
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
    }

    pub(super) async fn mark(&mut self) -> Result<(), sqlx::Error> {
        self.execute("CREATE TABLE unfinished_copy (since bigint)")
            .await
    }

    pub(super) async fn unmark(&mut self) -> Result<(), sqlx::Error> {
        self.execute("DROP TABLE unfinished_copy").await
    }

    async fn execute(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let raw = sqlx::raw_sql(statement);
        self.connection.execute(raw).await.map(drop)
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
        let mut query = QueryBuilder::<Postgres>::new(select);
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
                        Kind::Number => row.try_get::<Option<i64>, _>(number)?.map(Cell::Number),
                        Kind::Flag => row
                            .try_get::<Option<bool>, _>(number)?
                            .map(|flag| Cell::Number(flag.into())),
                        Kind::Text => row
                            .try_get::<Option<String>, _>(number)?
                            .map(|text| Cell::Octets(text.into_bytes())),
                        Kind::Name | Kind::Octets => {
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
        let mut query = QueryBuilder::<Postgres>::new(insert);
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
        // Before its first number a sequence tells that one, as not given yet.
        let sql =
            format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {table}_id_seq");
        let query = sqlx::query_scalar(AssertSqlSafe(sql));
        query.fetch_one(&mut self.connection).await
    }

    pub(super) async fn set_sequence(&mut self, table: &str, last: i64) -> Result<(), sqlx::Error> {
        if last == 0 {
            return Ok(());
        }
        let query = sqlx::query("SELECT setval(pg_get_serial_sequence($1, 'id'), $2)");
        let query = query.bind(table).bind(last);
        query.execute(&mut self.connection).await.map(drop)
    }
}

fn bind(
    cells: &mut Separated<'_, Postgres, &str>,
    kind: Kind,
    cell: &Cell,
) -> Result<(), sqlx::Error> {
    match (cell, kind) {
        // The only column that may be empty holds octets.
        (Cell::Null, _) => cells.push_bind(None::<Vec<u8>>),
        (Cell::Number(number), Kind::Flag) => cells.push_bind(*number != 0),
        (Cell::Number(number), _) => cells.push_bind(*number),
        (Cell::Octets(octets), Kind::Text) => {
            let text = str::from_utf8(octets).map_err(|error| sqlx::Error::Encode(error.into()))?;
            cells.push_bind(text.to_owned())
        }
        (Cell::Octets(octets), _) => cells.push_bind(octets.clone()),
    };
    Ok(())
}
