//! Spools in SQLite. Triggers keep each spool's counters (migration 4), so that an add is one statement.

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use futures_util::StreamExt;
use sqlx::SqliteConnection;

use super::Sqlite;
use crate::{
    AccountId, MAX_SPOOL_PAGE, SPOOL_PAGE_BYTES, Spool, SpoolLimits, SpoolOutcome, Spooled,
    StorageError, commit::Statement,
};

/// Stanzas that one statement expires: other writes get between the statements.
const EXPIRED_AT_ONCE: u64 = 1000;

const ADD: &str = "INSERT INTO spooled (account, at, stanza) SELECT account, ?2, ?3 FROM spool
     WHERE account = ?1 AND stanzas < ?4 AND bytes <= ?5 RETURNING id";
const READ: &str =
    "SELECT id, at, stanza FROM spooled WHERE account = ? AND id > ? ORDER BY id LIMIT ?";
/// No trigger counts this.
const COUNT_REPLACED: &str =
    "UPDATE spool SET bytes = bytes + OCTET_LENGTH(?3) - OCTET_LENGTH(old.stanza)
     FROM (SELECT stanza FROM spooled WHERE id = ?2 AND +account = ?1) old WHERE account = ?1";
const REPLACE: &str = "UPDATE spooled SET stanza = ?3 WHERE id = ?2 AND +account = ?1";
/// By id: the plus keeps SQLite from going through the account's whole spool instead.
const REMOVE: &str =
    "DELETE FROM spooled WHERE id IN (SELECT value FROM json_each(?)) AND +account = ?";
const USAGE: &str = "SELECT stanzas, bytes FROM spool WHERE account = ?";
const EXPIRE: &str =
    "DELETE FROM spooled WHERE id IN (SELECT id FROM spooled WHERE at < ? ORDER BY at LIMIT ?)";

#[async_trait]
impl Spool for Sqlite {
    async fn add(
        &self,
        account: AccountId,
        at: i64,
        stanza: Vec<u8>,
        limits: SpoolLimits,
    ) -> Result<SpoolOutcome, StorageError> {
        let add = Add {
            account,
            at,
            stanza,
            limits,
        };
        self.writer.write(add).await
    }

    async fn read(
        &self,
        account: AccountId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Spooled>, StorageError> {
        let query = sqlx::query_as::<_, (i64, i64, Vec<u8>)>(READ);
        let query = query.bind(account.0).bind(column(after));
        let mut rows = query.bind(limit.min(MAX_SPOOL_PAGE)).fetch(&self.readers);
        let mut page = Vec::new();
        let mut bytes = 0_usize;
        while let Some(row) = rows.next().await {
            let (id, at, stanza) = row?;
            bytes = bytes.saturating_add(stanza.len());
            if bytes > SPOOL_PAGE_BYTES && !page.is_empty() {
                break;
            }
            let id = id.unsigned_abs();
            page.push(Spooled { id, at, stanza });
        }
        Ok(page)
    }

    async fn replace(
        &self,
        account: AccountId,
        id: u64,
        stanza: Vec<u8>,
    ) -> Result<bool, StorageError> {
        let replace = Replace {
            account,
            id,
            stanza,
        };
        self.writer.write(replace).await
    }

    async fn remove(&self, account: AccountId, ids: &[u64]) -> Result<u64, StorageError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let ids = ids.iter().map(|id| column(*id).to_string());
        let ids = format!("[{}]", ids.collect::<Vec<_>>().join(","));
        self.writer.write(Remove { account, ids }).await
    }

    async fn usage(&self, account: AccountId) -> Result<(u64, u64), StorageError> {
        let query = sqlx::query_as::<_, (i64, i64)>(USAGE).bind(account.0);
        let (stanzas, bytes) = query
            .fetch_optional(&self.readers)
            .await?
            .unwrap_or_default();
        Ok((stanzas.unsigned_abs(), bytes.unsigned_abs()))
    }

    async fn expire(&self, before: i64) -> Result<u64, StorageError> {
        let mut removed = 0_u64;
        loop {
            let some = self.writer.write(Expire { before }).await?;
            removed = removed.saturating_add(some);
            if some < EXPIRED_AT_ONCE {
                return Ok(removed);
            }
        }
    }
}

struct Add {
    account: AccountId,
    at: i64,
    stanza: Vec<u8>,
    limits: SpoolLimits,
}

impl Add {
    /// The most octets that may be there before; `None`: the stanza is too large for an empty spool.
    fn room(&self) -> Option<i64> {
        let size = u64::try_from(self.stanza.len()).ok()?;
        self.limits.bytes.checked_sub(size).map(column)
    }

    async fn insert(&self, connection: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
        let Some(room) = self.room() else {
            return Ok(None);
        };
        let query = sqlx::query_scalar(ADD).bind(self.account.0).bind(self.at);
        let query = query.bind(&*self.stanza);
        let query = query.bind(column(self.limits.stanzas)).bind(room);
        query.fetch_optional(connection).await
    }
}

impl Statement<SqliteConnection> for Add {
    type Output = SpoolOutcome;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<SpoolOutcome, sqlx::Error> {
        if let Some(id) = self.insert(&mut *connection).await? {
            return Ok(SpoolOutcome::Kept(id.unsigned_abs()));
        }
        let query = sqlx::query(USAGE).bind(self.account.0);
        let spool = query.fetch_optional(connection).await?;
        Ok(spool.map_or(SpoolOutcome::NoAccount, |_| SpoolOutcome::Full))
    }

    fn octets(&self) -> usize {
        self.stanza.len()
    }
}

struct Replace {
    account: AccountId,
    id: u64,
    stanza: Vec<u8>,
}

impl Statement<SqliteConnection> for Replace {
    type Output = bool;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        let mut replaced = false;
        for statement in [COUNT_REPLACED, REPLACE] {
            let query = sqlx::query(statement).bind(self.account.0);
            let query = query.bind(column(self.id)).bind(&*self.stanza);
            replaced = query.execute(&mut *connection).await?.rows_affected() > 0;
        }
        Ok(replaced)
    }

    fn octets(&self) -> usize {
        self.stanza.len()
    }
}

struct Remove {
    account: AccountId,
    /// A JSON array.
    ids: String,
}

impl Statement<SqliteConnection> for Remove {
    type Output = u64;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
        let query = sqlx::query(REMOVE).bind(&self.ids).bind(self.account.0);
        Ok(query.execute(connection).await?.rows_affected())
    }
}

struct Expire {
    before: i64,
}

impl Statement<SqliteConnection> for Expire {
    type Output = u64;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
        let query = sqlx::query(EXPIRE).bind(self.before);
        let query = query.bind(column(EXPIRED_AT_ONCE));
        Ok(query.execute(connection).await?.rows_affected())
    }
}

/// As SQLite has it. What is greater than its greatest number is greater than anything it counts.
fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
