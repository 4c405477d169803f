//! The writer's connection: made again when it is lost, and alone while it lives.
//!
//! It holds a lock of the database's that goes with its session. A connection that replaces a lost one has the lock only when
//! the server has ended the lost one's session, so that nothing which was begun there is done later.

use std::{
    hash::{BuildHasher, RandomState},
    mem,
    sync::Arc,
    time::Duration,
};

use sqlx::{Connection as _, Executor, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use super::setup::{self, Address};
use crate::{
    StorageError,
    commit::{Begun, Connection, Health},
};

/// The number of the lock, `waxwing` in octets.
const LOCK: i64 = 0x77_61_78_77_69_6e_67;
/// How long the lock is waited for.
const LOCKING: Duration = Duration::from_secs(5);
/// How often it is asked for meanwhile.
const ASKING: Duration = Duration::from_millis(200);
/// How long a transaction's beginning or undoing may take.
const ANSWER: Duration = Duration::from_secs(10);

/// How long saying goodbye may take: nothing depends on it.
const PARTING: Duration = Duration::from_secs(1);

/// What may make commits less than durable is set right; what makes them more so stays.
const TAKE_LOCK: &str = "SELECT pg_try_advisory_lock($1), set_config('synchronous_commit',
         CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)";
/// Ends the session of a connection that this process has lost, as far as it may.
const END_FORMER: &str = "SELECT COUNT(pg_terminate_backend(l.pid)) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()
       AND l.classid::bigint = $1 >> 32 AND l.objid::bigint = $1 & 4294967295 AND l.objsubid = 1
       AND a.application_name = $2 AND l.pid <> pg_backend_pid()";
const SCHEMA: &str = "SELECT MAX(version) FROM _sqlx_migrations";
const UNFINISHED: &str = "SELECT to_regclass('unfinished_copy') IS NOT NULL";
const ENCODING: &str = "SELECT current_setting('server_encoding')";

/// The writer's connection.
pub(super) struct Link {
    address: Address,
    health: Arc<Health>,
    /// Tells this process's sessions from those of others.
    application: String,
    connection: Option<PgConnection>,
    begun: Begun,
}

impl Link {
    /// Connects, takes the lock, and brings the schema up to date.
    pub(super) async fn open(address: Address, health: Arc<Health>) -> Result<Self, StorageError> {
        let application = format!("waxwing {:016x}", RandomState::new().hash_one(0));
        let connection = claim(&address, &application).await?;
        Ok(Self {
            address,
            health,
            application,
            connection: Some(connection),
            begun: Begun::Known,
        })
    }

    async fn reconnect(&self) -> Result<PgConnection, sqlx::Error> {
        let mut connection = self.address.connect(&self.application).await?;
        if !lock(&mut connection, &self.application).await? {
            return Err(gone("another waxwing uses the database now"));
        }
        let schema: Option<i64> = sqlx::query_scalar(SCHEMA)
            .fetch_one(&mut connection)
            .await?;
        if schema != Some(setup::newest()) {
            return Err(gone("the database has another schema now"));
        }
        Ok(connection)
    }
}

/// A connection with the lock, the schema up to date.
pub(crate) async fn claim(
    address: &Address,
    application: &str,
) -> Result<PgConnection, StorageError> {
    let failed = |error: sqlx::Error| address.unreachable(&error);
    let database = || address.name().to_owned();
    let mut connection = address.connect(application).await.map_err(failed)?;
    let found = sqlx::query_scalar(ENCODING).fetch_one(&mut connection);
    let found: String = found.await.map_err(failed)?;
    if found != "UTF8" {
        let database = database();
        return Err(StorageError::Encoding { database, found });
    }
    if !lock(&mut connection, application).await.map_err(failed)? {
        return Err(StorageError::InUse {
            database: database(),
        });
    }
    setup::migrate(&mut connection, address).await?;
    let unfinished = sqlx::query_scalar(UNFINISHED).fetch_one(&mut connection);
    if unfinished.await.map_err(failed)? {
        return Err(StorageError::Incomplete {
            database: database(),
        });
    }
    Ok(connection)
}

/// Takes the lock, waiting for whoever is just letting go of it. False: somebody keeps it.
async fn lock(connection: &mut PgConnection, application: &str) -> Result<bool, sqlx::Error> {
    let asked = Instant::now();
    loop {
        let query = sqlx::query_as::<_, (bool, String)>(TAKE_LOCK).bind(LOCK);
        if query.fetch_one(&mut *connection).await?.0 {
            return Ok(true);
        }
        if asked.elapsed() >= LOCKING {
            return Ok(false);
        }
        let query = sqlx::query_scalar::<_, i64>(END_FORMER).bind(LOCK);
        query.bind(application).fetch_one(&mut *connection).await?;
        sleep(ASKING).await;
    }
}

impl Connection for Link {
    type Raw = PgConnection;

    const SILENCE: Option<Duration> = Some(ANSWER);

    async fn begin(&mut self) -> Result<Begun, sqlx::Error> {
        if self.connection.is_none() {
            let connection = self.reconnect().await;
            let connection =
                connection.inspect_err(|error| self.health.is_silent(&error.to_string()))?;
            self.health.answered();
            self.connection = Some(connection);
            self.begun = Begun::Anew;
        }
        self.execute("BEGIN").await?;
        Ok(mem::replace(&mut self.begun, Begun::Known))
    }

    fn raw(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.connection
            .as_mut()
            .ok_or_else(|| gone("no connection"))
    }

    async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.execute("COMMIT").await
    }

    async fn rollback(&mut self, error: &sqlx::Error) {
        if Self::is_lost(error) || self.execute("ROLLBACK").await.is_err() {
            self.connection = None;
        }
    }

    async fn close(self) -> Result<(), sqlx::Error> {
        let Some(connection) = self.connection else {
            return Ok(());
        };
        match timeout(PARTING, connection.close()).await {
            Ok(closed) => closed,
            Err(_) => Err(gone("no answer")),
        }
    }

    fn is_lost(error: &sqlx::Error) -> bool {
        setup::is_lost(error)
    }
}

impl Link {
    async fn execute(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let connection = self.raw()?;
        match timeout(ANSWER, connection.execute(sqlx::raw_sql(statement))).await {
            Ok(result) => result.map(drop),
            Err(_) => Err(gone("no answer")),
        }
    }
}

/// An error by which the connection counts as lost.
fn gone(reason: &'static str) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::other(reason))
}
