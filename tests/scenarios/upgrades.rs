//! The schema of the database: a server that is killed while it brings an old one up to date leaves it as it was or as it is to be, and
//! an old server does not touch a newer one.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use waxwing_test_cluster::Cluster;
use waxwing_tests::server::Settings;
use waxwing_tests::{Login, PATIENCE, Server, environment};

/// Kills of each kind of database, at moments spread over the time that a start takes.
const KILLS: u32 = 8;

/// Makes the database one of schema 3, of many accounts, each of which the next step has something to do for.
const AGE: &str = "
database.execute('pragma journal_mode = delete')
names = sorted(database.execute('''select type, name from sqlite_schema where name not like 'sqlite_%' and (
    type = 'trigger' and tbl_name = 'account' and name != 'account_purges_plugin_data' or
    type = 'table' and name not in ('account', 'plugin_namespace', 'plugin_value', 'plugin_log', '_sqlx_migrations'))'''), reverse=True)
for hash in 'sha1', 'sha256':
    for column, kind in ('salt', 'blob'), ('iterations', 'integer'), ('stored_key', 'blob'), ('server_key', 'blob'):
        empty = 0 if kind == 'integer' else \"x''\"
        database.execute(f'alter table account add column {hash}_{column} {kind} not null default {empty}')
        database.execute(f\"update account set {hash}_{column} = (select {column} from scram_key where account = id and \"
            f\"lower(replace(hash, '-', '')) = '{hash}')\")
database.execute('alter table account add column external integer not null default 0')
for kind, name in names:
    database.execute(f'drop {kind} {name}')
database.execute('delete from _sqlx_migrations where version > 3')
database.execute('''with recursive number (n) as (select 1 union all select n + 1 from number where n < 100000)
    insert into account (localpart, domain, created_at) select 'user' || n, 'localhost', 0 from number''')
database.commit()
";

/// Says whether it is whole, and which of the steps it has.
const CHECK: &str = "
one = lambda sql: database.execute(sql).fetchone()[0]
version = one('select max(version) from _sqlx_migrations where success')
known = one(\"select count(*) from sqlite_schema where name in ('roster', 'spool', 'roster_item', 'spooled')\")
assert known == (4 if version >= 4 else 0), (version, known)
assert version < 4 or one('select count(*) from roster') == one('select count(*) from spool') == one('select count(*) from account')
print(one('pragma integrity_check'), version)
";

const NEWER: &str = "
database.execute(\"insert into _sqlx_migrations select 99, 'newer', installed_on, 1, x'00', 0 from _sqlx_migrations limit 1\")
database.commit()
";

/// Has Python, which has SQLite built in and is here for other tests, do something with a database.
async fn python(database: &Path, script: &str) -> Result<String> {
    let opening = "import sqlite3, sys\ndatabase = sqlite3.connect(sys.argv[1])";
    let done = Command::new(environment::clients()?.join("slixmpp/bin/python"))
        .args(["-c", &format!("{opening}{script}")])
        .arg(database)
        .output()
        .await?;
    ensure!(done.status.success(), "{done:?}");
    Ok(String::from_utf8(done.stdout)?.trim().to_owned())
}

/// A server that starts on the database at `url`.
fn begin(server: &Server, url: &str) -> Result<Child> {
    let mut command = environment::waxwing()?;
    command
        .args(["run", "--set", &format!("storage.url={url:?}"), "--config"])
        .arg(server.config_file())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command.spawn().context("cannot start the server")
}

async fn is_ready(child: &mut Child) -> Result<()> {
    let stdout = child.stdout.take().context("no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let line = timeout(PATIENCE, lines.next_line()).await??;
    ensure!(
        line.as_deref()
            .is_some_and(|line| line.starts_with("ready ")),
        "{line:?}"
    );
    Ok(())
}

/// How long it takes until a server is ready on such a database.
async fn whole_start(server: &Server, url: &str) -> Result<Duration> {
    let begun = Instant::now();
    let mut child = begin(server, url)?;
    is_ready(&mut child).await?;
    let took = begun.elapsed();
    child.kill().await?;
    Ok(took)
}

/// Starts a server and kills it when the so-manieth part of the time is over.
async fn killed_start(server: &Server, url: &str, whole: Duration, part: u32) -> Result<()> {
    let mut child = begin(server, url)?;
    sleep(whole * part / KILLS).await;
    Ok(child.kill().await?)
}

/// A server that does not know the database's schema says so, and ends.
async fn is_refused(server: &Server, url: &str) -> Result<()> {
    let storage = format!("storage.url={url:?}");
    let refused = server.cli(&["run", "--set", &storage]).await?;
    ensure!(refused.code == Some(1), "{refused:?}");
    let says = "has schema 99, but this version knows schemas up to";
    ensure!(refused.stderr.contains(says), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_kill_in_the_middle_of_an_upgrade_costs_nothing_on_sqlite() -> Result<()> {
    const URL: &str = "sqlite:waxwing.db";
    let mut server = Settings::new().storage(URL).start().await?;
    server.account("juliet").await?;
    server.kill().await?;
    let database = server.database();
    let old = database.with_extension("old");
    python(&database, AGE).await?;
    std::fs::copy(&database, &old)?;
    let age = || -> Result<()> {
        for name in ["waxwing.db-wal", "waxwing.db-shm"] {
            // Only where the server was killed.
            let _ = std::fs::remove_file(database.with_file_name(name));
        }
        std::fs::copy(&old, &database)?;
        Ok(())
    };
    let whole = whole_start(&server, URL).await?;
    let mut found = Vec::new();
    for part in 1..=KILLS {
        age()?;
        killed_start(&server, URL, whole, part).await?;
        found.push(python(&database, CHECK).await?);
    }
    println!("{whole:?} to be ready; after kills: {found:?}");
    ensure!(
        found.iter().all(|found| found.starts_with("ok ")),
        "{found:?}"
    );
    ensure!(found.iter().any(|found| found == "ok 3"), "{found:?}");
    server.start_again().await?;
    let (juliet, _) = server.log_in(&Login::new("juliet")).await?;
    juliet.close().await?;
    server.kill().await?;
    python(&database, NEWER).await?;
    is_refused(&server, URL).await?;
    server.wait().await.map(drop)
}

/// There is one step so far, from an empty database.
#[tokio::test]
async fn a_kill_in_the_middle_of_an_upgrade_costs_nothing_on_postgresql() -> Result<()> {
    let cluster = Cluster::shared();
    let mut server = Server::new().await?;
    server.kill().await?;
    let whole = whole_start(&server, &cluster.database()?).await?;
    let mut last = String::new();
    for part in 1..=KILLS {
        last = cluster.database()?;
        killed_start(&server, &last, whole, part).await?;
        whole_start(&server, &last).await?;
    }
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99, 'newer', true, '', 0)";
    cluster.query(&last, newer)?;
    is_refused(&server, &last).await?;
    server.wait().await.map(drop)
}
