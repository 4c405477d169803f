//! Spools in PostgreSQL. Each statement keeps the counters of the spools that it changes.

use async_trait::async_trait;
use sqlx::PgConnection;

use super::{Postgres, readers::Read};
use crate::{
    AccountId, MAX_SPOOL_PAGE, SPOOL_PAGE_BYTES, Spool, SpoolLimits, SpoolOutcome, Spooled,
    StorageError, commit::Statement,
};

/// Stanzas that one statement expires: other writes get between the statements.
const EXPIRED_AT_ONCE: u64 = 1000;

const ADD: &str = "WITH room AS (
         UPDATE spool SET stanzas = stanzas + 1, bytes = bytes + OCTET_LENGTH($3)
         WHERE account = $1 AND stanzas < $4 AND bytes <= $5 RETURNING account
     ) INSERT INTO spooled (account, at, stanza) SELECT account, $2, $3 FROM room RETURNING id";
/// What would make a page too large stays on the server, but for the first.
const READ: &str = "SELECT id, at, stanza FROM (
         SELECT id, at, stanza, ROW_NUMBER() OVER upwards AS n, SUM(OCTET_LENGTH(stanza)) OVER upwards AS octets
         FROM spooled WHERE account = $1 AND id > $2
         WINDOW upwards AS (ORDER BY id ROWS UNBOUNDED PRECEDING) ORDER BY id LIMIT $3
     ) page WHERE n = 1 OR octets <= $4 ORDER BY id";
const REPLACE: &str = "WITH old AS (
         SELECT OCTET_LENGTH(stanza) AS octets FROM spooled WHERE id = $2 AND account = $1
     ), counted AS (
         UPDATE spool SET bytes = bytes + OCTET_LENGTH($3) - old.octets FROM old WHERE account = $1
     ) UPDATE spooled SET stanza = $3 WHERE id = $2 AND account = $1";
const REMOVE: &str = "WITH gone AS (
         DELETE FROM spooled WHERE id = ANY($1) AND account = $2 RETURNING OCTET_LENGTH(stanza) AS octets
     ), sums AS (
         SELECT COUNT(*) AS stanzas, COALESCE(SUM(octets), 0)::bigint AS bytes FROM gone
     ), counted AS (
         UPDATE spool SET stanzas = spool.stanzas - sums.stanzas, bytes = spool.bytes - sums.bytes
         FROM sums WHERE account = $2 AND sums.stanzas > 0
     ) SELECT stanzas FROM sums";
const USAGE: &str = "SELECT stanzas, bytes FROM spool WHERE account = $1";
const EXPIRE: &str = "WITH gone AS (
         DELETE FROM spooled WHERE id IN (SELECT id FROM spooled WHERE at < $1 ORDER BY at LIMIT $2)
         RETURNING account, OCTET_LENGTH(stanza) AS octets
     ), counted AS (
         UPDATE spool SET stanzas = spool.stanzas - sums.stanzas, bytes = spool.bytes - sums.bytes FROM (
             SELECT account, COUNT(*) AS stanzas, SUM(octets)::bigint AS bytes FROM gone GROUP BY account
         ) sums WHERE spool.account = sums.account
     ) SELECT COUNT(*) FROM gone";

#[async_trait]
impl Spool for Postgres {
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
        let page = ReadPage {
            account,
            after,
            limit: limit.min(MAX_SPOOL_PAGE),
        };
        self.readers.read(page).await
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
        let ids = ids.iter().copied().map(column).collect();
        self.writer.write(Remove { account, ids }).await
    }

    async fn usage(&self, account: AccountId) -> Result<(u64, u64), StorageError> {
        self.readers.read(ReadUsage(account)).await
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

    async fn insert(&self, connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
        let Some(room) = self.room() else {
            return Ok(None);
        };
        let query = sqlx::query_scalar(ADD).bind(self.account.0).bind(self.at);
        let query = query.bind(&*self.stanza);
        let query = query.bind(column(self.limits.stanzas)).bind(room);
        query.fetch_optional(connection).await
    }
}

impl Statement<PgConnection> for Add {
    type Output = SpoolOutcome;

    async fn run(&self, connection: &mut PgConnection) -> Result<SpoolOutcome, sqlx::Error> {
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

struct ReadPage {
    account: AccountId,
    after: u64,
    limit: u32,
}

impl Read for ReadPage {
    type Output = Vec<Spooled>;

    async fn run(&self, connection: &mut PgConnection) -> Result<Vec<Spooled>, sqlx::Error> {
        let query = sqlx::query_as::<_, (i64, i64, Vec<u8>)>(READ);
        let query = query.bind(self.account.0).bind(column(self.after));
        let query = query.bind(i64::from(self.limit));
        let octets = i64::try_from(SPOOL_PAGE_BYTES).unwrap_or(i64::MAX);
        let rows = query.bind(octets).fetch_all(connection).await?;
        let spooled = rows.into_iter().map(|(id, at, stanza)| Spooled {
            id: id.unsigned_abs(),
            at,
            stanza,
        });
        Ok(spooled.collect())
    }
}

struct ReadUsage(AccountId);

impl Read for ReadUsage {
    type Output = (u64, u64);

    async fn run(&self, connection: &mut PgConnection) -> Result<(u64, u64), sqlx::Error> {
        let query = sqlx::query_as::<_, (i64, i64)>(USAGE).bind(self.0.0);
        let usage = query.fetch_optional(connection).await?;
        let (stanzas, bytes) = usage.unwrap_or_default();
        Ok((stanzas.unsigned_abs(), bytes.unsigned_abs()))
    }
}

struct Replace {
    account: AccountId,
    id: u64,
    stanza: Vec<u8>,
}

impl Statement<PgConnection> for Replace {
    type Output = bool;

    async fn run(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let query = sqlx::query(REPLACE).bind(self.account.0);
        let query = query.bind(column(self.id)).bind(&*self.stanza);
        Ok(query.execute(connection).await?.rows_affected() > 0)
    }

    fn octets(&self) -> usize {
        self.stanza.len()
    }
}

struct Remove {
    account: AccountId,
    ids: Vec<i64>,
}

impl Statement<PgConnection> for Remove {
    type Output = u64;

    async fn run(&self, connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
        let query = sqlx::query_scalar::<_, i64>(REMOVE).bind(&self.ids);
        let removed = query.bind(self.account.0).fetch_one(connection).await?;
        Ok(removed.unsigned_abs())
    }
}

struct Expire {
    before: i64,
}

impl Statement<PgConnection> for Expire {
    type Output = u64;

    async fn run(&self, connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
        let query = sqlx::query_scalar::<_, i64>(EXPIRE).bind(self.before);
        let query = query.bind(column(EXPIRED_AT_ONCE));
        Ok(query.fetch_one(connection).await?.unsigned_abs())
    }
}

/// As PostgreSQL has it. What is greater than its greatest number is greater than anything it counts.
fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
