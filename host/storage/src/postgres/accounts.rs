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
            "SELECT * FROM account WHERE domain = $1 AND localpart = $2",
        );
        let query = query.bind(&self.domain).bind(&self.localpart);
        let row = query.fetch_optional(connection).await?;
        row.map(AccountRow::account).transpose()
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
            sha1,
            sha256,
        } = &self.0;
        // A name that is taken is an answer, not an error: the rest of the group goes on.
        let query = sqlx::query_scalar(
            "INSERT INTO account (localpart, domain,
                 sha1_salt, sha1_iterations, sha1_stored_key, sha1_server_key,
                 sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, EXTRACT(EPOCH FROM now())::bigint)
             ON CONFLICT (domain, localpart) DO NOTHING RETURNING id",
        );
        let query = query.bind(localpart).bind(domain);
        let query = query.bind(&sha1.salt).bind(i64::from(sha1.iterations));
        let query = query.bind(&sha1.stored_key).bind(&sha1.server_key);
        let query = query.bind(&sha256.salt).bind(i64::from(sha256.iterations));
        let query = query.bind(&sha256.stored_key).bind(&sha256.server_key);
        let id = query.fetch_optional(connection).await?;
        Ok(id.map_or(Creation::Taken, |id| Creation::Created(AccountId(id))))
    }
}

struct CreateExternal {
    localpart: String,
    domain: String,
}

impl Statement<PgConnection> for CreateExternal {
    type Output = Creation;

    async fn run(&self, connection: &mut PgConnection) -> Result<Creation, sqlx::Error> {
        let query = sqlx::query_scalar(
            "INSERT INTO account (localpart, domain,
                 sha1_salt, sha1_iterations, sha1_stored_key, sha1_server_key,
                 sha256_salt, sha256_iterations, sha256_stored_key, sha256_server_key, created_at, external)
             VALUES ($1, $2, '', 0, '', '', '', 0, '', '', EXTRACT(EPOCH FROM now())::bigint, true)
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

impl Statement<PgConnection> for SetKeys {
    type Output = bool;

    async fn run(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let Self { id, sha1, sha256 } = self;
        let query = sqlx::query(
            "UPDATE account SET
                 sha1_salt = $1, sha1_iterations = $2, sha1_stored_key = $3, sha1_server_key = $4,
                 sha256_salt = $5, sha256_iterations = $6, sha256_stored_key = $7, sha256_server_key = $8,
                 external = false
             WHERE id = $9",
        );
        let query = query.bind(&sha1.salt).bind(i64::from(sha1.iterations));
        let query = query.bind(&sha1.stored_key).bind(&sha1.server_key);
        let query = query.bind(&sha256.salt).bind(i64::from(sha256.iterations));
        let query = query.bind(&sha256.stored_key).bind(&sha256.server_key);
        Ok(query.bind(id.0).execute(connection).await?.rows_affected() == 1)
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

#[derive(FromRow)]
struct AccountRow {
    id: i64,
    localpart: String,
    domain: String,
    sha1_salt: Vec<u8>,
    sha1_iterations: i64,
    sha1_stored_key: Vec<u8>,
    sha1_server_key: Vec<u8>,
    sha256_salt: Vec<u8>,
    sha256_iterations: i64,
    sha256_stored_key: Vec<u8>,
    sha256_server_key: Vec<u8>,
    disabled: bool,
    created_at: i64,
    external: bool,
}

impl AccountRow {
    fn account(self) -> Result<Account, sqlx::Error> {
        let keys = AccountKeys {
            sha1: ScramKeys {
                salt: self.sha1_salt,
                iterations: iterations(self.sha1_iterations)?,
                stored_key: self.sha1_stored_key,
                server_key: self.sha1_server_key,
            },
            sha256: ScramKeys {
                salt: self.sha256_salt,
                iterations: iterations(self.sha256_iterations)?,
                stored_key: self.sha256_stored_key,
                server_key: self.sha256_server_key,
            },
        };
        Ok(Account {
            id: AccountId(self.id),
            localpart: self.localpart,
            domain: self.domain,
            keys: (!self.external).then_some(keys),
            disabled: self.disabled,
            created_at: self.created_at,
        })
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
