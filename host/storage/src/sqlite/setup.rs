//! Opening: the file, its pragmas, its schema.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{StorageError, error::without_login};

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for another process, such as a backup, that holds the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a read waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
/// Pages of the log of writes after which they go into the database proper: 32 MiB. A page that many commits changed is
/// then written there once.
const CHECKPOINT_PAGES: &str = "8000";
/// KiB of the writer's page cache, negative as SQLite wants it. A group that outgrows it would be written twice.
const WRITER_CACHE: &str = "-32768";
/// Statements kept ready by each connection. Those of many rows come in nine sizes each.
const PREPARED: usize = 128;
/// Rows that SQLite may be ahead of a reader. A plugin's may be 1 MiB each.
const ROWS_AHEAD: usize = 16;

/// Whether a copy into the database was begun and not finished.
const UNFINISHED: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'unfinished_copy')";

/// SQLite's code of a file that is no database, and of one that is damaged.
const NOT_A_DATABASE: &str = "26";
const CORRUPT: &str = "11";

/// The file that `url`, as `sqlite:FILE` or `sqlite://FILE`, names.
pub(crate) fn path(url: &str, data_dir: &Path) -> Result<PathBuf, StorageError> {
    let unsupported = || StorageError::Unsupported {
        url: without_login(url),
    };
    let file = url.strip_prefix("sqlite:").ok_or_else(unsupported)?;
    let file = file.strip_prefix("//").unwrap_or(file);
    // `:memory:` would be a database of its own for each connection; parameters would undo the durability set below.
    if file.is_empty() || file.starts_with(':') || file.contains('?') {
        return Err(unsupported());
    }
    Ok(data_dir.join(file))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(PREPARED)
        .row_buffer_size(ROWS_AHEAD)
        .disable_statement_logging()
}

/// A connection for the writer, with the schema up to date.
pub(crate) async fn writer_connection(path: &Path) -> Result<SqliteConnection, StorageError> {
    let mut connection = migrated(path, &MIGRATIONS).await?;
    let unfinished = sqlx::query_scalar(UNFINISHED).fetch_one(&mut connection);
    if unfinished.await? {
        let database = name(path);
        return Err(StorageError::Incomplete { database });
    }
    Ok(connection)
}

/// A connection for the writer, with the schema as `migrations` leave it.
pub(super) async fn migrated(
    path: &Path,
    migrations: &Migrator,
) -> Result<SqliteConnection, StorageError> {
    make_private(path).map_err(|source| open_error(path, source))?;
    let mut connection = options(path)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("cache_size", WRITER_CACHE)
        .connect()
        .await
        .map_err(|error| opening(path, error))?;
    migrations
        .run(&mut connection)
        .await
        .map_err(|error| migrating(path, error))?;
    Ok(connection)
}

/// Connections for reading, made when first needed. They are kept for good, and none is tested before use: there is no
/// network that could have lost it, and the test doubles the cost of a read.
pub(super) fn reader_pool(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options(path).pragma("query_only", "on"))
}

/// Makes the database file, if absent, readable by its owner alone; SQLite gives its other files the same mode.
/// What is no plain file is refused: opening a pipe would wait for whoever reads it.
fn make_private(path: &Path) -> io::Result<()> {
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        let reason = "it is not a plain file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map(drop)
}

pub(crate) fn open_error(path: &Path, source: impl Into<crate::error::Cause>) -> StorageError {
    StorageError::Open {
        database: name(path),
        reason: source.into(),
    }
}

/// What a database is called.
pub(crate) fn name(path: &Path) -> String {
    path.display().to_string()
}

fn opening(path: &Path, error: sqlx::Error) -> StorageError {
    if is_damage(&error) {
        return StorageError::NotADatabase {
            database: name(path),
        };
    }
    open_error(path, error)
}

fn is_damage(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == NOT_A_DATABASE || code == CORRUPT)
}

fn migrating(path: &Path, error: MigrateError) -> StorageError {
    let database = name(path);
    match error {
        MigrateError::VersionMissing(found) => {
            let known = MIGRATIONS.iter().map(|migration| migration.version).max();
            StorageError::NewerSchema {
                database,
                found,
                known: known.unwrap_or(0),
            }
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)
            if is_damage(&error) =>
        {
            StorageError::NotADatabase { database }
        }
        other => StorageError::Migration {
            database,
            reason: Box::new(other),
        },
    }
}
