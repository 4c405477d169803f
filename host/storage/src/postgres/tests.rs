//! What every engine promises, and what is PostgreSQL's own matter.

use std::{sync::Arc, thread, time::Duration};

use rustix::process::Signal;
use sqlx::{Connection as _, PgConnection, migrate::Migrator};
use tokio::time::{Instant, timeout};
use waxwing_test_cluster::Cluster;

use super::{Address, Postgres, setup};
use crate::{
    AccountId, Accounts, PluginData, Storage, StorageError,
    conformance::{
        Database, Store,
        accounts::{create, find, keys_of_an_older_schema},
        data::{OWN, get, put, usage},
    },
};

/// What every engine promises.
mod promises {
    crate::conformance::every_promise!(crate::postgres::tests::fresh);
}

/// A database of its own.
async fn fresh() -> Database {
    let url = Cluster::shared().database().unwrap();
    Database::new(move || {
        let url = url.clone();
        Box::pin(async move { open(&url).await as Store })
    })
    .await
}

async fn try_open(url: &str) -> Result<Postgres, StorageError> {
    Postgres::open(Address::parse(url)?).await
}

async fn open(url: &str) -> Arc<Postgres> {
    Arc::new(try_open(url).await.unwrap())
}

async fn refusal(url: &str) -> String {
    let error = try_open(url).await.err().unwrap().to_string();
    for secret in Cluster::secrets() {
        assert!(!error.contains(secret), "{error}");
    }
    error
}

/// As errors call it.
fn name(url: &str) -> String {
    let (_, rest) = url.split_once('@').unwrap();
    format!("postgres://…@{}", rest.split('?').next().unwrap())
}

#[tokio::test]
async fn refuses_a_newer_schema_and_leaves_it_alone() {
    let cluster = Cluster::shared();
    let url = cluster.database().unwrap();
    open(&url).await.close().await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99, 'newer', true, '', 0)";
    cluster.query(&url, newer).unwrap();
    let wanted = format!(
        "the database {} has schema 99, but this version knows schemas up to 2; run the newer version",
        name(&url)
    );
    assert_eq!(refusal(&url).await, wanted);
}

/// Keys that lay in two groups of columns become a row a hash; an external account has none before and after.
#[tokio::test]
async fn keeps_the_keys_of_a_database_of_schema_1() {
    let cluster = Cluster::shared();
    let url = cluster.database().unwrap();
    let older = setup::MIGRATIONS.iter();
    let older = older.filter(|migration| migration.version <= 1).cloned();
    let older = Migrator::with_migrations(older.collect());
    let mut connection = PgConnection::connect(&url).await.unwrap();
    older.run(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let accounts = r"INSERT INTO account VALUES
        (7, 'alice', 'localhost', '\x01', 4096, '\x02', '\x03', '\x04', 10000, '\x05', '\x06', true, 9, false),
        (8, 'bob', 'localhost', '', 0, '', '', '', 0, '', '', false, 9, true)";
    cluster.query(&url, accounts).unwrap();

    let storage = open(&url).await;
    let alice = find(&*storage, "alice").await.unwrap();
    assert_eq!(
        (alice.id, alice.disabled, alice.created_at),
        (AccountId(7), true, 9)
    );
    assert_eq!(alice.keys, Some(keys_of_an_older_schema()));
    assert_eq!(find(&*storage, "bob").await.unwrap().keys, None);
    assert!(storage.remove(AccountId(7)).await.unwrap());
    let left = cluster
        .query(&url, "SELECT COUNT(*) FROM scram_key")
        .unwrap();
    assert_eq!(left.trim(), "0");
}

#[tokio::test]
async fn a_database_belongs_to_one_server() {
    let url = Cluster::shared().database().unwrap();
    let first = open(&url).await;
    let wanted = format!(
        "the database {} is in use by another waxwing; a database belongs to one server",
        name(&url)
    );
    assert_eq!(refusal(&url).await, wanted);
    first.close().await;
    open(&url).await;
}

/// Of several that start at once on an empty database one makes the schema, and the others wait for it to be done.
#[tokio::test]
async fn several_that_start_at_once_make_one_schema() {
    let url = Cluster::shared().database().unwrap();
    let starting = (0..4).map(|_| async {
        let storage = try_open(&url).await?;
        create_any(&storage).await;
        storage.close().await;
        Ok::<_, StorageError>(())
    });
    for started in futures_util::future::join_all(starting).await {
        started.unwrap();
    }
    let storage = open(&url).await;
    assert_eq!(storage.accounts().list(None).await.unwrap().len(), 4);
}

async fn create_any(storage: &Postgres) {
    let number = storage.accounts().list(None).await.unwrap().len();
    create(storage, &format!("user{number}")).await;
}

/// A certificate for `localhost`, and its key.
fn certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let signed = params.self_signed(&key).unwrap();
    (signed.pem(), key.serialize_pem())
}

#[tokio::test]
async fn is_reached_over_tls_by_a_certificate_that_is_trusted() {
    let cluster = Cluster::start().unwrap();
    cluster.database().unwrap();
    let (pem, key) = certificate();
    let port = cluster.serve_tcp(Some((&pem, &key))).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let trusted = file("trusted.pem", &pem);
    let other = file("other.pem", &certificate().0);
    let url = |host: &str, tls: &str| cluster.url_by("test0", &format!("{host}&port={port}&{tls}"));

    let whole = format!("sslmode=verify-full&sslrootcert={trusted}");
    for (host, tls) in [
        ("localhost", "sslmode=require"),
        ("localhost", whole.as_str()),
        (
            "127.0.0.1",
            &format!("sslmode=verify-ca&sslrootcert={trusted}"),
        ),
    ] {
        let storage = try_open(&url(host, tls)).await.unwrap();
        assert_eq!(
            sessions_with_tls(&cluster, &url("localhost", "sslmode=require")),
            "t",
            "{tls}"
        );
        create_any(&storage).await;
        storage.close().await;
    }

    let unknown =
        "; `sslrootcert=FILE` in the url names certificates to trust besides the system's";
    for (host, tls, why) in [
        ("localhost", "sslmode=verify-full", unknown),
        (
            "localhost",
            &format!("sslmode=verify-full&sslrootcert={other}"),
            unknown,
        ),
        ("127.0.0.1", &whole, "not valid for name"),
        (
            "localhost",
            "sslmode=verify-full&sslrootcert=/nowhere.pem",
            "No such file or directory (os error 2); are the files that the url names there, and readable?",
        ),
    ] {
        let error = refusal(&url(host, tls)).await;
        assert!(
            error.starts_with("cannot reach the database postgres://…@localhost/test0: "),
            "{error}"
        );
        assert!(error.contains(why), "{tls}: {error}");
    }
}

/// Whether all sessions of ours in the database are encrypted.
fn sessions_with_tls(cluster: &Cluster, url: &str) -> String {
    let sql = "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
         WHERE a.application_name LIKE 'waxwing %'";
    cluster.query(url, sql).unwrap()
}

#[tokio::test]
async fn says_that_the_server_has_no_tls() {
    let cluster = Cluster::start().unwrap();
    cluster.database().unwrap();
    let port = cluster.serve_tcp(None).unwrap();
    let url = |tls: &str| cluster.url_by("test0", &format!("localhost&port={port}&sslmode={tls}"));
    for mode in ["require", "verify-full"] {
        let error = refusal(&url(mode)).await;
        assert!(error.ends_with("server does not support TLS"), "{error}");
    }
    // Unless it is asked for it is not needed.
    try_open(&url("prefer")).await.unwrap().close().await;
}

#[tokio::test]
async fn says_that_there_is_no_server_and_never_the_password() {
    let cluster = Cluster::shared();
    let nowhere = cluster.url_by("test", "/nowhere");
    let wanted = "cannot reach the database postgres://…@localhost/test: ";
    let error = refusal(&nowhere).await;
    assert!(error.starts_with(wanted), "{error}");
    let url = cluster.database().unwrap();
    let wrong = url.replace("never", "always");
    let error = refusal(&wrong).await;
    assert!(error.contains("password authentication failed"), "{error}");
    assert!(!error.contains("always"), "{error}");
}

#[tokio::test]
async fn refuses_a_database_that_is_not_in_utf8() {
    let cluster = Cluster::shared();
    let url = cluster.database().unwrap();
    let make = "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
    cluster.query(&url, make).unwrap();
    let (before, after) = url.split_once("/test").unwrap();
    let (_, parameters) = after.split_once('?').unwrap();
    let latin = format!("{before}/latin?{parameters}");
    let error = refusal(&latin).await;
    assert!(error.contains("has the encoding LATIN1"), "{error}");
}

#[test]
fn outlives_the_runtime_that_opened_it_and_serves_others() {
    let url = Cluster::shared().database().unwrap();
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let storage = runtime().block_on(open(&url));
    thread::scope(|scope| {
        for thread in 0..4 {
            let storage = &storage;
            scope.spawn(move || {
                runtime().block_on(async {
                    for n in 0..10 {
                        let name = format!("user{thread}-{n}");
                        create(storage, &name).await;
                        assert!(find(storage, &name).await.is_some());
                    }
                });
            });
        }
    });
    runtime().block_on(storage.close());
}

#[tokio::test]
async fn fails_every_call_once_it_is_closed() {
    let url = Cluster::shared().database().unwrap();
    let storage = open(&url).await;
    let alice = create(&storage, "alice").await;
    storage.close().await;
    storage.close().await;
    assert!(matches!(
        storage.find("alice", "localhost").await,
        Err(StorageError::Closed)
    ));
    assert!(matches!(
        storage.remove(alice).await,
        Err(StorageError::Closed)
    ));
}

/// The server was gone for a moment, with all its sessions. Calls that find that out lose nothing and do not fail.
#[tokio::test]
async fn goes_on_with_a_server_that_was_gone() {
    let cluster = Cluster::start().unwrap();
    let url = cluster.database().unwrap();
    let storage = open(&url).await;
    create(&storage, "alice").await;
    storage.commit(put(OWN, "a", "1")).await.unwrap();
    cluster.stop().unwrap();
    cluster.start_again().unwrap();
    let (_, alice, put) = tokio::join!(
        create(&storage, "bob"),
        find(&storage, "alice"),
        storage.commit(put(OWN, "b", "1")),
    );
    assert!(alice.is_some());
    put.unwrap();
    assert_eq!(usage(&storage).await, (4, 2, 0));
    assert_eq!(get(&storage, OWN, "a").await.unwrap(), "1");
}

/// How a call fails that the server never answers.
fn is_late<T>(result: &Result<T, StorageError>) -> bool {
    matches!(result, Err(StorageError::Late))
}

/// Nobody waits for more than five seconds, then for less, and when the server answers again all is as before. What it was told
/// before it fell silent may be done then, and is seen to be.
#[tokio::test]
async fn gives_up_on_a_silent_server_and_comes_back() {
    let cluster = Cluster::start().unwrap();
    let url = cluster.database().unwrap();
    let storage = open(&url).await;
    let alice = create(&storage, "alice").await;
    storage.commit(put(OWN, "a", "1")).await.unwrap();
    cluster.signal(Signal::STOP).unwrap();
    let begun = Instant::now();
    let (found, disabled, put) = tokio::join!(
        storage.find("alice", "localhost"),
        storage.set_disabled(alice, true),
        storage.commit(put(OWN, "a", "2")),
    );
    assert!(is_late(&found) && is_late(&disabled) && put.is_err());
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(4900), "{waited:?}");
    let mut second = Duration::MAX;
    // What it answered while it fell silent may count as an answer within five seconds, once.
    for _ in 0..2 {
        let begun = Instant::now();
        assert!(is_late(&storage.find("alice", "localhost").await));
        second = second.min(begun.elapsed());
    }
    assert!(second < Duration::from_secs(4), "{second:?}");
    cluster.signal(Signal::CONT).unwrap();
    let back = timeout(Duration::from_secs(30), async {
        while storage.find("alice", "localhost").await.is_err() {}
        while storage.set_disabled(alice, false).await.is_err() {}
    });
    back.await.expect("not back");
    assert!(!find(&storage, "alice").await.unwrap().disabled);
    let content = get(&storage, OWN, "a").await.unwrap();
    let stored = cluster
        .query(&url, "SELECT encode(value, 'escape') FROM plugin_value")
        .unwrap();
    assert_eq!(content, stored, "what is remembered is not what is there");
    assert_eq!(usage(&storage).await, (2, 1, 0));
}

/// The session that was lost lives on at the server, with the lock. It is ended before the writer goes on.
#[tokio::test]
async fn a_connection_that_is_cut_leaves_no_session_behind() {
    let cluster = Cluster::start().unwrap();
    let url = cluster.database().unwrap();
    let storage = open(&url).await;
    create(&storage, "alice").await;
    let cut = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'waxwing%'";
    let ended: u32 = cluster.query(&url, cut).unwrap().parse().unwrap();
    assert!(ended >= 1, "{ended} sessions");
    create(&storage, "bob").await;
    let locks = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory'";
    assert_eq!(cluster.query(&url, locks).unwrap(), "1");
    assert_eq!(storage.accounts().list(None).await.unwrap().len(), 2);
}
