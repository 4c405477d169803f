//! The database through its public face, and its writer with statements made to fail.

mod support;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sqlx::{SqliteConnection, migrate::Migrator};
use tempfile::TempDir;

use super::{Sqlite, setup};
use crate::{
    AccountId, Accounts, Creation, NewAccount, ScramKeys, Storage, StorageError,
    commit::Statement,
    conformance::{
        Database, Store,
        accounts::{account, find, keys, keys_of_an_older_schema},
        roster, since, spool,
    },
};

pub(super) use crate::conformance::accounts::create;
pub(super) use support::{in_a_group_that_fails, plan, rows_of_accounts};

/// What every engine promises.
mod promises {
    crate::conformance::every_promise!(crate::sqlite::tests::fresh);
}

/// A database in a folder of its own.
async fn fresh() -> Database {
    let folder = Arc::new(TempDir::new().unwrap());
    Database::new(move || {
        let folder = Arc::clone(&folder);
        Box::pin(async move { open(folder.path()).await as Store })
    })
    .await
}

pub(super) async fn open(folder: &Path) -> Arc<Sqlite> {
    let path = setup::path("sqlite:test.db", folder).unwrap();
    Arc::new(Sqlite::open(path).await.unwrap())
}

#[tokio::test]
async fn keeps_what_it_answered_for_when_it_is_not_closed() {
    let folder = TempDir::new().unwrap();
    let id = create(&open(folder.path()).await.clone(), "alice").await;
    let storage = open(folder.path()).await;
    assert_eq!(find(&storage, "alice").await.unwrap().id, id);
}

#[tokio::test]
async fn flushes_each_commit_to_the_disk() {
    let folder = TempDir::new().unwrap();
    let path = setup::path("sqlite:test.db", folder.path()).unwrap();
    let mut connection = setup::writer_connection(&path).await.unwrap();
    for (pragma, wanted) in [
        ("SELECT journal_mode FROM pragma_journal_mode", "wal"),
        (
            "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous",
            "2",
        ),
        (
            "SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys",
            "1",
        ),
    ] {
        let found: String = sqlx::query_scalar(pragma)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(found, wanted, "{pragma}");
    }
}

#[test]
fn outlives_the_runtime_that_opened_it_and_serves_others() {
    let folder = TempDir::new().unwrap();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let storage = runtime().block_on(open(folder.path()));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let storage = Arc::clone(&storage);
            std::thread::spawn(move || {
                runtime().block_on(async {
                    for n in 0..20 {
                        let name = format!("user{thread}-{n}");
                        create(&storage, &name).await;
                        assert!(find(&storage, &name).await.is_some());
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    runtime().block_on(async {
        assert_eq!(storage.list(None).await.unwrap().len(), 80);
        storage.close().await;
    });
}

#[tokio::test]
async fn commits_what_is_queued_before_it_closes() {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    let queued = Arc::new(AtomicUsize::new(0));
    let mut creating = tokio::task::JoinSet::new();
    for n in 0..300 {
        let (storage, queued) = (Arc::clone(&storage), Arc::clone(&queued));
        creating.spawn(async move {
            // The queue has room for all, so a statement is in it once its future was polled.
            let name = format!("user{n}");
            tokio::join!(biased; create(&storage, &name), async {
                queued.fetch_add(1, Ordering::Relaxed);
            })
        });
    }
    while queued.load(Ordering::Relaxed) < 300 {
        tokio::task::yield_now().await;
    }
    storage.close().await;
    assert_eq!(creating.join_all().await.len(), 300);
    assert!(matches!(
        storage.create(account("late")).await,
        Err(StorageError::Closed)
    ));
    assert!(matches!(
        storage.find("user1", "localhost").await,
        Err(StorageError::Closed)
    ));
    storage.close().await;
    assert!(
        !folder.path().join("test.db-wal").exists(),
        "the log is left behind"
    );
    assert_eq!(
        open(folder.path()).await.list(None).await.unwrap().len(),
        300
    );
}

/// A statement that fails as a mistake of ours would.
struct Broken;

impl Statement<SqliteConnection> for Broken {
    type Output = ();

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO nowhere VALUES (1)")
            .execute(connection)
            .await
            .map(drop)
    }
}

#[tokio::test]
async fn spares_the_neighbours_of_a_statement_that_fails() {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    let broken = storage.writer.write(Broken);
    let (first, broken, second) = tokio::join!(
        storage.create(account("alice")),
        broken,
        storage.create(account("bob"))
    );
    assert!(matches!(first.unwrap(), Creation::Created(_)));
    assert!(matches!(broken, Err(StorageError::Failed(_))));
    assert!(matches!(second.unwrap(), Creation::Created(_)));
    assert_eq!(storage.list(None).await.unwrap().len(), 2);
}

/// Rolls the transaction back under the writer, as SQLite does on some failures of the disk, or sets the database's limit.
pub(super) struct Pragma(pub(super) &'static str);

impl Statement<SqliteConnection> for Pragma {
    type Output = ();

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query(self.0).execute(connection).await.map(drop)
    }
}

#[tokio::test]
async fn goes_on_after_sqlite_rolled_back_by_itself() {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    assert!(storage.writer.write(Pragma("ROLLBACK")).await.is_err());
    create(&storage, "alice").await;
}

#[tokio::test]
async fn refuses_writes_to_a_full_disk_and_recovers() {
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    create(&storage, "alice").await;
    storage
        .writer
        .write(Pragma("PRAGMA max_page_count = 1"))
        .await
        .unwrap();
    let big = NewAccount {
        keys: [(
            "SHA-1".to_owned(),
            ScramKeys {
                salt: vec![0; 100_000],
                ..keys(1)
            },
        )]
        .into(),
        ..account("bob")
    };
    assert!(matches!(
        storage.create(big).await,
        Err(StorageError::Failed(_))
    ));
    assert!(find(&storage, "alice").await.is_some());
    storage
        .writer
        .write(Pragma("PRAGMA max_page_count = 100000"))
        .await
        .unwrap();
    create(&storage, "bob").await;
}

/// Accounts from before there were rosters and spools have both, empty; their ids go on from where they were.
#[tokio::test]
async fn brings_a_database_of_schema_3_up_to_date() {
    let folder = TempDir::new().unwrap();
    let path = setup::path("sqlite:test.db", folder.path()).unwrap();
    let older = setup::MIGRATIONS.iter();
    let older = older.filter(|migration| migration.version <= 3).cloned();
    let older = Migrator::with_migrations(older.collect());
    let mut connection = setup::migrated(&path, &older).await.unwrap();
    for account in [
        "INSERT INTO account SELECT 7, 'alice', 'localhost', x'', 0, x'', x'', x'', 0, x'', x'', 0, 0, 1",
        "INSERT INTO account SELECT 9, 'bob', 'localhost', x'', 0, x'', x'', x'', 0, x'', x'', 0, 0, 1",
        "DELETE FROM account WHERE id = 9",
    ] {
        sqlx::query(account).execute(&mut connection).await.unwrap();
    }
    drop(connection);

    let storage = open(folder.path()).await;
    let alice = find(&storage, "alice").await.unwrap().id;
    assert_eq!(alice, AccountId(7));
    let before = roster::load(&*storage, alice).await;
    assert_eq!(before.items, []);
    assert_eq!(
        roster::add(&*storage, alice, "bob@x").await,
        before.version + 1
    );
    let since = since::since(&*storage, alice, before.version).await;
    assert_eq!(since.unwrap().1.len(), 1);
    spool::add(&*storage, alice, b"a").await;
    assert_eq!(spool::read(&*storage, alice).await.len(), 1);
    let bob = create(&storage, "bob").await;
    assert!(bob > AccountId(9), "the id of a removed account recurs");
    assert!(roster::load(&*storage, bob).await.version > before.version);
}

/// Keys that lay in two groups of columns become a row a hash; an external account has none before and after.
#[tokio::test]
async fn keeps_the_keys_of_a_database_of_schema_5() {
    let folder = TempDir::new().unwrap();
    let path = setup::path("sqlite:test.db", folder.path()).unwrap();
    let older = setup::MIGRATIONS.iter();
    let older = older.filter(|migration| migration.version <= 5).cloned();
    let older = Migrator::with_migrations(older.collect());
    let mut connection = setup::migrated(&path, &older).await.unwrap();
    for account in [
        "INSERT INTO account SELECT 7, 'alice', 'localhost', x'01', 4096, x'02', x'03', x'04', 10000, x'05', x'06', 1, 9, 0",
        "INSERT INTO account SELECT 8, 'bob', 'localhost', x'', 0, x'', x'', x'', 0, x'', x'', 0, 9, 1",
    ] {
        sqlx::query(account).execute(&mut connection).await.unwrap();
    }
    drop(connection);

    let storage = open(folder.path()).await;
    let alice = find(&storage, "alice").await.unwrap();
    assert_eq!(
        (alice.id, alice.disabled, alice.created_at),
        (AccountId(7), true, 9)
    );
    assert_eq!(alice.keys, Some(keys_of_an_older_schema()));
    assert_eq!(find(&storage, "bob").await.unwrap().keys, None);
    assert!(storage.remove(AccountId(7)).await.unwrap());
    let left = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM scram_key");
    assert_eq!(left.fetch_one(&storage.readers).await.unwrap(), 0);
}

#[tokio::test]
async fn refuses_a_newer_schema_and_leaves_it_alone() {
    let folder = TempDir::new().unwrap();
    let path = setup::path("sqlite:test.db", folder.path()).unwrap();
    let mut connection = setup::writer_connection(&path).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations VALUES (99, 'newer', 0, 1, x'00', 0)";
    sqlx::query(newer).execute(&mut connection).await.unwrap();
    let error = Sqlite::open(path.clone()).await.err().unwrap().to_string();
    let wanted = format!(
        "the database {} has schema 99, but this version knows schemas up to 6; run the newer version",
        path.display()
    );
    assert_eq!(error, wanted);
}

#[tokio::test]
async fn names_the_file_that_is_not_a_database() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("test.db");
    std::fs::write(&path, [7; 8192]).unwrap();
    let error = Sqlite::open(path.clone()).await.err().unwrap().to_string();
    let wanted = format!(
        "{} is damaged or not a database; restore it from a backup",
        path.display()
    );
    assert_eq!(error, wanted);
}

#[tokio::test]
async fn names_the_file_that_cannot_be_made() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("absent/test.db");
    let error = Sqlite::open(path.clone()).await.err().unwrap().to_string();
    let wanted = format!(
        "cannot open the database {}: No such file or directory",
        path.display()
    );
    assert!(error.starts_with(&wanted), "{error}");
}

#[tokio::test]
async fn keeps_the_database_from_other_users() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let storage = open(folder.path()).await;
    create(&storage, "alice").await;
    for file in ["test.db", "test.db-wal"] {
        let mode = std::fs::metadata(folder.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn serves_sqlite_files_only() {
    let data = Path::new("/data");
    for (url, wanted) in [
        ("sqlite:a.db", "/data/a.db"),
        ("sqlite://a.db", "/data/a.db"),
        ("sqlite:/b/a.db", "/b/a.db"),
        ("sqlite:///b/a.db", "/b/a.db"),
    ] {
        assert_eq!(setup::path(url, data).unwrap(), Path::new(wanted), "{url}");
    }
    for url in [
        "sqlite:",
        "sqlite::memory:",
        "sqlite:a.db?mode=rwc",
        "mysql://a",
        "a.db",
        "",
    ] {
        assert!(
            matches!(
                setup::path(url, data),
                Err(StorageError::Unsupported { .. })
            ),
            "{url}"
        );
    }
    assert_eq!(
        setup::path("postgres://me:secret@db/x", data)
            .unwrap_err()
            .to_string(),
        "storage url `postgres://…@db/x` is not served by this version; use `sqlite:FILE` or `postgres://USER@HOST/DATABASE`"
    );
}
