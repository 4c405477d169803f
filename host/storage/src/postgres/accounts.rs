//! Accounts in PostgreSQL.

use async_trait::async_trait;
use sqlx::{FromRow, PgConnection};

use super::{Postgres, readers::Read};
use crate::{
    Account, AccountId, AccountKeys, AccountSummary, Accounts, Creation, NewAccount, ScramKeys,
    StorageError, commit::Statement, ledger::Cleared,
};

#[async_trait]
impl Accounts for Postgres {
    async fn find(&self, localpart: &str, domain: &str) -> Result<Option<Account>, StorageError> {
        let find = Find {
            localpart: localpart.to_owned(),
            domain: domain.to_owned(),
        };
        self.readers.read(find).await
    }

    async fn create(&self, account: NewAccount) -> Result<Creation, StorageError> {
        self.writer.write(Create(account)).await
    }

    async fn set_keys(&self, id: AccountId, keys: AccountKeys) -> Result<bool, StorageError> {
        self.writer.write(SetKeys { id, keys }).await
    }

    async fn remove(&self, id: AccountId) -> Result<bool, StorageError> {
        self.writer.write(Remove(id)).await
    }

    async fn set_disabled(&self, id: AccountId, disabled: bool) -> Result<bool, StorageError> {
        self.writer.write(SetDisabled { id, disabled }).await
    }

    async fn list(&self, domain: Option<&str>) -> Result<Vec<AccountSummary>, StorageError> {
        let list = ListAccounts(domain.map(str::to_owned));
        self.readers.read(list).await
    }
}

struct Find {
    localpart: String,
    domain: String,
}

impl Read for Find {
    type Output = Option<Account>;

    async fn run(&self, connection: &mut PgConnection) -> Result<Option<Account>, sqlx::Error> {
        // No text of PostgreSQL holds NUL, and no name that was prepared.
        if self.localpart.contains('\0') || self.domain.contains('\0') {
            return Ok(None);
        }
        let query = sqlx::query_as::<_, AccountRow>(
            "SELECT account.id, localpart, domain, disabled, created_at,
                 hash, salt, iterations, stored_key, server_key
             FROM account LEFT JOIN scram_key ON scram_key.account = account.id
             WHERE domain = $1 AND localpart = $2",
        );
        let query = query.bind(&self.domain).bind(&self.localpart);
        AccountRow::account(query.fetch_all(connection).await?)
    }
}

struct ListAccounts(Option<String>);

impl Read for ListAccounts {
    type Output = Vec<AccountSummary>;

    async fn run(&self, connection: &mut PgConnection) -> Result<Self::Output, sqlx::Error> {
        let query = sqlx::query_as::<_, SummaryRow>(
            "SELECT id, localpart, domain, disabled, created_at FROM account
             WHERE $1 IS NULL OR domain = $1 ORDER BY domain, localpart",
        );
        let rows = query.bind(&self.0).fetch_all(connection).await?;
        Ok(rows.into_iter().map(AccountSummary::from).collect())
    }
}

struct Create(NewAccount);

impl Statement<PgConnection> for Create {
    type Output = Creation;

    async fn run(&self, connection: &mut PgConnection) -> Result<Creation, sqlx::Error> {
        let NewAccount {
            localpart,
            domain,
            keys,
        } = &self.0;
        let columns = Columns::of(keys);
        // A name that is taken is an answer, not an error: the rest of the group goes on.
        let query = sqlx::query_scalar(
            "WITH made AS (
                 INSERT INTO account (localpart, domain, created_at)
                 VALUES ($1, $2, EXTRACT(EPOCH FROM now())::bigint)
                 ON CONFLICT (domain, localpart) DO NOTHING RETURNING id
             ), keyed AS (
                 INSERT INTO scram_key (account, hash, salt, iterations, stored_key, server_key)
                 SELECT made.id, given.* FROM made,
                     UNNEST($3::text[], $4::bytea[], $5::bigint[], $6::bytea[], $7::bytea[]) AS given
             )
             SELECT id FROM made",
        );
        let query = query.bind(localpart).bind(domain);
        let query = query
            .bind(columns.hashes)
            .bind(columns.salts)
            .bind(columns.iterations);
        let query = query.bind(columns.stored_keys).bind(columns.server_keys);
        let id = query.fetch_optional(connection).await?;
        Ok(id.map_or(Creation::Taken, |id| Creation::Created(AccountId(id))))
    }
}

/// Keys as PostgreSQL takes several rows: an array a column.
#[derive(Default)]
struct Columns<'a> {
    hashes: Vec<&'a str>,
    salts: Vec<&'a [u8]>,
    iterations: Vec<i64>,
    stored_keys: Vec<&'a [u8]>,
    server_keys: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn of(keys: &'a AccountKeys) -> Self {
        let mut columns = Self::default();
        for (hash, keys) in keys {
            columns.hashes.push(hash);
            columns.salts.push(&keys.salt);
            columns.iterations.push(i64::from(keys.iterations));
            columns.stored_keys.push(&keys.stored_key);
            columns.server_keys.push(&keys.server_key);
        }
        columns
    }
}

struct SetKeys {
    id: AccountId,
    keys: AccountKeys,
}

impl Statement<PgConnection> for SetKeys {
    type Output = bool;

    async fn run(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let columns = Columns::of(&self.keys);
        let query = sqlx::query_scalar::<_, i64>(
            "WITH found AS (
                 SELECT id FROM account WHERE id = $1 FOR UPDATE
             ), gone AS (
                 DELETE FROM scram_key WHERE account = $1 AND hash <> ALL ($2::text[])
             ), keyed AS (
                 INSERT INTO scram_key (account, hash, salt, iterations, stored_key, server_key)
                 SELECT found.id, given.* FROM found,
                     UNNEST($2::text[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bytea[]) AS given
                 ON CONFLICT (account, hash) DO UPDATE SET
                     salt = EXCLUDED.salt, iterations = EXCLUDED.iterations,
                     stored_key = EXCLUDED.stored_key, server_key = EXCLUDED.server_key
             )
             SELECT id FROM found",
        );
        let query = query.bind(self.id.0);
        let query = query
            .bind(columns.hashes)
            .bind(columns.salts)
            .bind(columns.iterations);
        let query = query.bind(columns.stored_keys).bind(columns.server_keys);
        Ok(query.fetch_optional(connection).await?.is_some())
    }
}

struct Remove(AccountId);

impl Statement<PgConnection> for Remove {
    type Output = bool;

    async fn run(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let query = sqlx::query("DELETE FROM account WHERE id = $1").bind(self.0.0);
        Ok(query.execute(connection).await?.rows_affected() == 1)
    }

    fn clears(&self) -> Option<Cleared> {
        Some(Cleared::Account(self.0.0))
    }
}

struct SetDisabled {
    id: AccountId,
    disabled: bool,
}

impl Statement<PgConnection> for SetDisabled {
    type Output = bool;

    async fn run(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let query = sqlx::query("UPDATE account SET disabled = $1 WHERE id = $2");
        let query = query.bind(self.disabled).bind(self.id.0);
        Ok(query.execute(connection).await?.rows_affected() == 1)
    }
}

/// An account beside one of its keys, or beside none.
#[derive(FromRow)]
struct AccountRow {
    id: i64,
    localpart: String,
    domain: String,
    disabled: bool,
    created_at: i64,
    hash: Option<String>,
    salt: Option<Vec<u8>>,
    iterations: Option<i64>,
    stored_key: Option<Vec<u8>>,
    server_key: Option<Vec<u8>>,
}

impl AccountRow {
    /// The account of some rows, which differ in their keys alone.
    fn account(mut rows: Vec<Self>) -> Result<Option<Account>, sqlx::Error> {
        let mut keys = AccountKeys::new();
        for row in &mut rows {
            keys.extend(row.take_keys()?);
        }
        Ok(rows.pop().map(|row| Account {
            id: AccountId(row.id),
            localpart: row.localpart,
            domain: row.domain,
            keys: (!keys.is_empty()).then_some(keys),
            disabled: row.disabled,
            created_at: row.created_at,
        }))
    }

    fn take_keys(&mut self) -> Result<Option<(String, ScramKeys)>, sqlx::Error> {
        let (Some(hash), Some(salt), Some(rounds), Some(stored_key), Some(server_key)) = (
            self.hash.take(),
            self.salt.take(),
            self.iterations,
            self.stored_key.take(),
            self.server_key.take(),
        ) else {
            return Ok(None);
        };
        let keys = ScramKeys {
            salt,
            iterations: iterations(rounds)?,
            stored_key,
            server_key,
        };
        Ok(Some((hash, keys)))
    }
}

fn iterations(column: i64) -> Result<u32, sqlx::Error> {
    u32::try_from(column).map_err(|error| sqlx::Error::Decode(error.into()))
}

#[derive(FromRow)]
struct SummaryRow {
    id: i64,
    localpart: String,
    domain: String,
    disabled: bool,
    created_at: i64,
}

impl From<SummaryRow> for AccountSummary {
    fn from(row: SummaryRow) -> Self {
        let SummaryRow {
            id,
            localpart,
            domain,
            disabled,
            created_at,
        } = row;
        Self {
            id: AccountId(id),
            localpart,
            domain,
            disabled,
            created_at,
        }
    }
}
