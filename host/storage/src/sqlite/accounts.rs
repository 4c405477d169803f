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
        let row: Option<AccountRow> =
            sqlx::query_as("SELECT * FROM account WHERE domain = ? AND localpart = ?")
                .bind(domain)
                .bind(localpart)
                .fetch_optional(&self.readers)
                .await?;
        Ok(row.map(Account::from))
    }

    async fn create(&self, account: NewAccount) -> Result<Creation, StorageError> {
        self.writer.write(Create(account)).await
    }

    async fn create_external(
        &self,
        localpart: &str,
        domain: &str,
    ) -> Result<Creation, StorageError> {
        let create = CreateExternal {
            localpart: localpart.to_owned(),
            domain: domain.to_owned(),
        };
        self.writer.write(create).await
    }

    async fn set_keys(
        &self,
        id: AccountId,
        sha1: ScramKeys,
        sha256: ScramKeys,
    ) -> Result<bool, StorageError> {
        self.writer.write(SetKeys { id, sha1, sha256 }).await
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
            sha1,
            sha256,
        } = &self.0;
        // A name that is taken is an answer, not an error: the rest of the group goes on.
        let query = sqlx::query_scalar(
            "INSERT INTO account (localpart, domain,
                 sha1_salt, sha1_iterations, sha1_stored_key, sha1_server_key,
                 sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, unixepoch())
             ON CONFLICT (domain, localpart) DO NOTHING RETURNING id",
        );
        let query = query.bind(localpart).bind(domain);
        let query = query.bind(&sha1.salt).bind(sha1.iterations);
        let query = query.bind(&sha1.stored_key).bind(&sha1.server_key);
        let query = query.bind(&sha256.salt).bind(sha256.iterations);
        let query = query.bind(&sha256.stored_key).bind(&sha256.server_key);
        let id = query.fetch_optional(connection).await?;
        Ok(id.map_or(Creation::Taken, |id| Creation::Created(AccountId(id))))
    }
}

struct CreateExternal {
    localpart: String,
    domain: String,
}

impl Statement<SqliteConnection> for CreateExternal {
    type Output = Creation;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Creation, sqlx::Error> {
        let query = sqlx::query_scalar(
            "INSERT INTO account (localpart, domain,
                 sha1_salt, sha1_iterations, sha1_stored_key, sha1_server_key,
                 sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key, created_at, external)
             VALUES (?, ?, x'', 0, x'', x'', x'', 0, x'', x'', unixepoch(), 1)
             ON CONFLICT (domain, localpart) DO NOTHING RETURNING id",
        );
        let query = query.bind(&self.localpart).bind(&self.domain);
        let id = query.fetch_optional(connection).await?;
        Ok(id.map_or(Creation::Taken, |id| Creation::Created(AccountId(id))))
    }
}

struct SetKeys {
    id: AccountId,
    sha1: ScramKeys,
    sha256: ScramKeys,
}

impl Statement<SqliteConnection> for SetKeys {
    type Output = bool;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        let Self { id, sha1, sha256 } = self;
        let query = sqlx::query(
            "UPDATE account SET
                 sha1_salt = ?, sha1_iterations = ?, sha1_stored_key = ?, sha1_server_key = ?,
                 sha256_salt = ?, sha256_iterations = ?, sha256_stored_key = ?, sha256_server_key = ?,
                 external = 0
             WHERE id = ?",
        );
        let query = query.bind(&sha1.salt).bind(sha1.iterations);
        let query = query.bind(&sha1.stored_key).bind(&sha1.server_key);
        let query = query.bind(&sha256.salt).bind(sha256.iterations);
        let query = query.bind(&sha256.stored_key).bind(&sha256.server_key);
        Ok(query.bind(id.0).execute(connection).await?.rows_affected() == 1)
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

#[derive(FromRow)]
struct AccountRow {
    id: i64,
    localpart: String,
    domain: String,
    sha1_salt: Vec<u8>,
    sha1_iterations: u32,
    sha1_stored_key: Vec<u8>,
    sha1_server_key: Vec<u8>,
    sha256_salt: Vec<u8>,
    sha256_iterations: u32,
    sha256_stored_key: Vec<u8>,
    sha256_server_key: Vec<u8>,
    disabled: bool,
    created_at: i64,
    external: bool,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self {
            id: AccountId(row.id),
            localpart: row.localpart,
            domain: row.domain,
            keys: (!row.external).then_some(AccountKeys {
                sha1: ScramKeys {
                    salt: row.sha1_salt,
                    iterations: row.sha1_iterations,
                    stored_key: row.sha1_stored_key,
                    server_key: row.sha1_server_key,
                },
                sha256: ScramKeys {
                    salt: row.sha256_salt,
                    iterations: row.sha256_iterations,
                    stored_key: row.sha256_stored_key,
                    server_key: row.sha256_server_key,
                },
            }),
            disabled: row.disabled,
            created_at: row.created_at,
        }
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
