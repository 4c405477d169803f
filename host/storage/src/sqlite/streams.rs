//! Resumable streams in SQLite.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::Sqlite;
use crate::{AccountId, StorageError, StreamNote, Streams, commit::Statement};

const NOTE: &str = "INSERT INTO stream (id, account, handled, at)
     SELECT ?1, id, ?3, ?4 FROM account WHERE id = ?2
     ON CONFLICT (id) DO UPDATE SET handled = excluded.handled, at = excluded.at
     WHERE account = excluded.account";
const HANDLED: &str = "SELECT handled FROM stream WHERE id = ? AND account = ?";
const FORGET: &str = "DELETE FROM stream WHERE id = ?";
const KEEP_LATEST: &str = "DELETE FROM stream WHERE account = ?1 AND id NOT IN
     (SELECT id FROM stream WHERE account = ?1 ORDER BY at DESC, id LIMIT ?2)";
const EXPIRE: &str = "DELETE FROM stream WHERE at < ?";

#[async_trait]
impl Streams for Sqlite {
    async fn note(&self, notes: Vec<StreamNote>) -> Result<(), StorageError> {
        self.writer.write(Note(notes)).await
    }

    async fn handled(&self, account: AccountId, id: &str) -> Result<Option<u32>, StorageError> {
        let query = sqlx::query_scalar::<_, i64>(HANDLED)
            .bind(id)
            .bind(account.0);
        let handled = query.fetch_optional(&self.readers).await?;
        Ok(handled.and_then(|handled| u32::try_from(handled).ok()))
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

impl Statement<SqliteConnection> for Note {
    type Output = ();

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        for note in &self.0 {
            let query = sqlx::query(NOTE).bind(&note.id).bind(note.account.0);
            let query = query.bind(i64::from(note.handled)).bind(note.at);
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }
}

struct Forget(Vec<String>);

impl Statement<SqliteConnection> for Forget {
    type Output = ();

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        for id in &self.0 {
            sqlx::query(FORGET)
                .bind(id)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }
}

struct KeepLatest(AccountId, u32);

impl Statement<SqliteConnection> for KeepLatest {
    type Output = ();

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let query = sqlx::query(KEEP_LATEST).bind(self.0.0).bind(self.1);
        query.execute(connection).await.map(drop)
    }
}

struct Expire(i64);

impl Statement<SqliteConnection> for Expire {
    type Output = u64;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
        let expired = sqlx::query(EXPIRE).bind(self.0).execute(connection).await?;
        Ok(expired.rows_affected())
    }
}
