//! Where the database is, how its connections are made, and its schema.

use std::{
    fmt,
    io::ErrorKind::{NotFound, PermissionDenied},
    str::FromStr,
    time::Duration,
};

use sqlx::{
    ConnectOptions, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::PgConnectOptions,
};
use tokio::time::timeout;

use crate::{StorageError, error::without_login};

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long making a connection may take. It is several questions and answers, each of which may be slow.
const CONNECTING: Duration = Duration::from_secs(15);
/// Statements kept ready by each connection.
const PREPARED: usize = 128;
/// How soon the server notices that this machine is gone, and lets go of the writer's lock: after 10 s, then three times 5 s.
/// And every statement goes by an index: a plan that was made while a table was small would read all of it for good.
const SESSION: [(&str, &str); 7] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// Whether a url names a PostgreSQL database.
pub(crate) fn is_ours(url: &str) -> bool {
    url.starts_with("postgres:") || url.starts_with("postgresql:")
}

/// Where a database is, and who asks.
#[derive(Clone)]
pub(crate) struct Address {
    options: PgConnectOptions,
    name: String,
    /// The url names files for TLS.
    has_files: bool,
}

/// Parameters that name files.
const FILES: [&str; 3] = ["sslrootcert=", "sslcert=", "sslkey="];

impl Address {
    /// From `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or what else libpq would take.
    pub(crate) fn parse(url: &str) -> Result<Self, StorageError> {
        let name = without_login(url);
        let unsupported = |_| StorageError::Unsupported { url: name.clone() };
        let options = PgConnectOptions::from_str(url).map_err(unsupported)?;
        let options = options
            .options(SESSION)
            .statement_cache_capacity(PREPARED)
            .disable_statement_logging();
        let has_files = FILES.iter().any(|parameter| url.contains(parameter));
        Ok(Self {
            options,
            name,
            has_files,
        })
    }

    /// What the database is called, without user and password.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A connection that says it is `application`'s.
    pub(super) async fn connect(&self, application: &str) -> Result<PgConnection, sqlx::Error> {
        let options = self.options.clone().application_name(application);
        match timeout(CONNECTING, options.connect()).await {
            Ok(connection) => connection,
            Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
        }
    }

    pub(super) fn unreachable(&self, error: &sqlx::Error) -> StorageError {
        StorageError::Unreachable {
            database: self.name.clone(),
            reason: self.reason(error),
        }
    }

    /// What is wrong, and what to do about it where the engine's words do not say so.
    fn reason(&self, error: &sqlx::Error) -> String {
        let reason = error.to_string();
        let mend = match error {
            // The latter by an authority of the same name.
            sqlx::Error::Io(_)
                if reason.contains("UnknownIssuer") || reason.contains("BadSignature") =>
            {
                "; `sslrootcert=FILE` in the url names certificates to trust besides the system's"
            }
            sqlx::Error::Io(error)
                if self.has_files && matches!(error.kind(), NotFound | PermissionDenied) =>
            {
                "; are the files that the url names there, and readable?"
            }
            _ => "",
        };
        reason + mend
    }
}

/// A password does not belong in a log.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Whether an error means that the connection is gone, rather than that a statement failed.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // Connection exceptions; the server stops, has crashed, or is not there yet; it ended this session.
            code.starts_with("08") || code.starts_with("57P") || code == "25P03"
        }),
        _ => false,
    }
}

/// Brings the schema up to date, each migration in a transaction of its own.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    address: &Address,
) -> Result<(), StorageError> {
    let migrated = MIGRATIONS.run(&mut *connection).await;
    migrated.map_err(|error| migrating(address, error))
}

fn migrating(address: &Address, error: MigrateError) -> StorageError {
    let database = address.name().to_owned();
    match error {
        MigrateError::VersionMissing(found) => StorageError::NewerSchema {
            database,
            found,
            known: newest(),
        },
        other => StorageError::Migration {
            database,
            reason: Box::new(other),
        },
    }
}

/// The newest schema that this version knows.
pub(super) fn newest() -> i64 {
    let versions = MIGRATIONS.iter().map(|migration| migration.version);
    versions.max().unwrap_or(0)
}
