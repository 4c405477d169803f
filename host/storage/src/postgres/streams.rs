//! Resumable streams in PostgreSQL.

use async_trait::async_trait;
use sqlx::PgConnection;

use super::{Postgres, readers::Read};
use crate::{AccountId, StorageError, StreamNote, Streams, commit::Statement};

const NOTE: &str = "INSERT INTO stream (id, account, handled, at)
     SELECT new.id, account.id, new.handled, new.at
     FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) AS new (id, account, handled, at)
     JOIN account ON account.id = new.account
     ON CONFLICT (id) DO UPDATE SET handled = excluded.handled, at = excluded.at
     WHERE stream.account = excluded.account";
const HANDLED: &str = "SELECT handled FROM stream WHERE id = $1 AND account = $2";
const FORGET: &str = "DELETE FROM stream WHERE id = ANY($1)";
const KEEP_LATEST: &str = "DELETE FROM stream WHERE account = $1 AND id NOT IN
     (SELECT id FROM stream WHERE account = $1 ORDER BY at DESC, id LIMIT $2)";
const EXPIRE: &str = "DELETE FROM stream WHERE at < $1";

#[async_trait]
impl Streams for Postgres {
    async fn note(&self, notes: Vec<StreamNote>) -> Result<(), StorageError> {
        self.writer.write(Note(notes)).await
    }

    async fn handled(&self, account: AccountId, id: &str) -> Result<Option<u32>, StorageError> {
        let id = id.to_owned();
        self.readers.read(Handled { account, id }).await
    }

    async fn forget(&self, ids: Vec<String>) -> Result<(), StorageError> {
        self.writer.write(Forget(ids)).await
    }

    async fn keep_latest(&self, account: AccountId, most: u32) -> Result<(), StorageError> {
        self.writer.write(KeepLatest(account, most)).await
    }

    async fn expire(&self, before: i64) -> Result<u64, StorageError> {
        self.writer.write(Expire(before)).await
    }
}

struct Note(Vec<StreamNote>);

impl Statement<PgConnection> for Note {
    type Output = ();

    async fn run(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        // One statement may set a row once only: of two notes of a stream the last counts.
        let last = self.0.iter().map(|note| (&*note.id, note));
        let last: std::collections::BTreeMap<_, _> = last.collect();
        let column = |of: fn(&StreamNote) -> i64| last.values().map(|note| of(note)).collect();
        let ids: Vec<&str> = last.keys().copied().collect();
        let accounts: Vec<i64> = column(|note| note.account.0);
        let handled: Vec<i64> = column(|note| note.handled.into());
        let at: Vec<i64> = column(|note| note.at);
        let query = sqlx::query(NOTE).bind(ids).bind(accounts);
        let query = query.bind(handled).bind(at);
        query.execute(connection).await.map(drop)
    }
}

struct Handled {
    account: AccountId,
    id: String,
}

impl Read for Handled {
    type Output = Option<u32>;

    async fn run(&self, connection: &mut PgConnection) -> Result<Option<u32>, sqlx::Error> {
        // What a client says is its stream's id: no text of PostgreSQL holds NUL.
        if self.id.contains('\0') {
            return Ok(None);
        }
        let query = sqlx::query_scalar::<_, i64>(HANDLED).bind(&self.id);
        let handled = query
            .bind(self.account.0)
            .fetch_optional(connection)
            .await?;
        Ok(handled.and_then(|handled| u32::try_from(handled).ok()))
    }
}

struct Forget(Vec<String>);

impl Statement<PgConnection> for Forget {
    type Output = ();

    async fn run(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let query = sqlx::query(FORGET).bind(&self.0);
        query.execute(connection).await.map(drop)
    }
}

struct KeepLatest(AccountId, u32);

impl Statement<PgConnection> for KeepLatest {
    type Output = ();

    async fn run(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let query = sqlx::query(KEEP_LATEST).bind(self.0.0);
        let query = query.bind(i64::from(self.1));
        query.execute(connection).await.map(drop)
    }
}

struct Expire(i64);

impl Statement<PgConnection> for Expire {
    type Output = u64;

    async fn run(&self, connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
        let expired = sqlx::query(EXPIRE).bind(self.0).execute(connection).await?;
        Ok(expired.rows_affected())
    }
}
