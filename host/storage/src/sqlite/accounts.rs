//! Accounts in SQLite.

use async_trait::async_trait;
use sqlx::{FromRow, SqliteConnection};

use super::Sqlite;
use crate::{
    Account, AccountId, AccountKeys, AccountSummary, Accounts, Creation, NewAccount, ScramKeys,
    StorageError, commit::Statement, ledger::Cleared,
};

#[async_trait]
impl Accounts for Sqlite {
    async fn find(&self, localpart: &str, domain: &str) -> Result<Option<Account>, StorageError> {
        let rows: Vec<AccountRow> = sqlx::query_as(
            "SELECT account.id, localpart, domain, disabled, created_at,
                 hash, salt, iterations, stored_key, server_key
             FROM account LEFT JOIN scram_key ON scram_key.account = account.id
             WHERE domain = ? AND localpart = ?",
        )
        .bind(domain)
        .bind(localpart)
        .fetch_all(&self.readers)
        .await?;
        Ok(AccountRow::account(rows))
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
        let rows: Vec<SummaryRow> = sqlx::query_as(
            "SELECT id, localpart, domain, disabled, created_at FROM account
             WHERE ?1 IS NULL OR domain = ?1 ORDER BY domain, localpart",
        )
        .bind(domain)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(AccountSummary::from).collect())
    }
}

struct Create(NewAccount);

impl Statement<SqliteConnection> for Create {
    type Output = Creation;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Creation, sqlx::Error> {
        let NewAccount {
            localpart,
            domain,
            keys,
        } = &self.0;
        // A name that is taken is an answer, not an error: the rest of the group goes on.
        let query = sqlx::query_scalar(
            "INSERT INTO account (localpart, domain, created_at) VALUES (?, ?, unixepoch())
             ON CONFLICT (domain, localpart) DO NOTHING RETURNING id",
        );
        let query = query.bind(localpart).bind(domain);
        let Some(id) = query.fetch_optional(&mut *connection).await?.map(AccountId) else {
            return Ok(Creation::Taken);
        };
        add_keys(connection, id, keys).await?;
        Ok(Creation::Created(id))
    }
}

async fn add_keys(
    connection: &mut SqliteConnection,
    id: AccountId,
    keys: &AccountKeys,
) -> Result<(), sqlx::Error> {
    for (hash, keys) in keys {
        let query = sqlx::query(
            "INSERT INTO scram_key (account, hash, salt, iterations, stored_key, server_key)
             VALUES (?, ?, ?, ?, ?, ?)",
        );
        let query = query.bind(id.0).bind(hash);
        let query = query.bind(&keys.salt).bind(keys.iterations);
        let query = query.bind(&keys.stored_key).bind(&keys.server_key);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

struct SetKeys {
    id: AccountId,
    keys: AccountKeys,
}

impl Statement<SqliteConnection> for SetKeys {
    type Output = bool;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        let query = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM account WHERE id = ?)");
        let found: bool = query.bind(self.id.0).fetch_one(&mut *connection).await?;
        if found {
            let query = sqlx::query("DELETE FROM scram_key WHERE account = ?");
            query.bind(self.id.0).execute(&mut *connection).await?;
            add_keys(connection, self.id, &self.keys).await?;
        }
        Ok(found)
    }
}

struct Remove(AccountId);

impl Statement<SqliteConnection> for Remove {
    type Output = bool;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        let query = sqlx::query("DELETE FROM account WHERE id = ?").bind(self.0.0);
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

impl Statement<SqliteConnection> for SetDisabled {
    type Output = bool;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        let query = sqlx::query("UPDATE account SET disabled = ? WHERE id = ?");
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
    iterations: Option<u32>,
    stored_key: Option<Vec<u8>>,
    server_key: Option<Vec<u8>>,
}

impl AccountRow {
    /// The account of some rows, which differ in their keys alone.
    fn account(mut rows: Vec<Self>) -> Option<Account> {
        let keys: AccountKeys = rows.iter_mut().filter_map(Self::take_keys).collect();
        let row = rows.pop()?;
        Some(Account {
            id: AccountId(row.id),
            localpart: row.localpart,
            domain: row.domain,
            keys: (!keys.is_empty()).then_some(keys),
            disabled: row.disabled,
            created_at: row.created_at,
        })
    }

    fn take_keys(&mut self) -> Option<(String, ScramKeys)> {
        let keys = ScramKeys {
            salt: self.salt.take()?,
            iterations: self.iterations?,
            stored_key: self.stored_key.take()?,
            server_key: self.server_key.take()?,
        };
        Some((self.hash.take()?, keys))
    }
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
