//! `waxwing storage copy`: what the operator sees of it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use waxwing_test_cluster::Cluster;
use waxwing_tests::Server;

use crate::contacts::Online;

/// More than are copied at once.
const CONTACTS: u64 = 600;

/// How many rows the lines of progress have of each table: they count up to all.
fn copied(stderr: &str) -> Result<BTreeMap<&str, u64>> {
    let mut tables = BTreeMap::new();
    let mut last = ("", 0, 0);
    for line in stderr.lines() {
        let (table, progress) = line.split_once(": ").context("no table")?;
        let (done, of) = progress.split_once(" of ").context("no progress")?;
        let (done, of): (u64, u64) = (done.parse()?, of.parse()?);
        if last.0 == table {
            ensure!(last.1 < done && last.2 == of, "{line} after {last:?}");
        } else {
            ensure!(last.1 == last.2, "{line} after {last:?}");
        }
        last = (table, done, of);
        tables.insert(table, of);
    }
    ensure!(last.1 == last.2, "{last:?} in the end");
    Ok(tables)
}

/// How many rows of each table were compared.
fn compared<'a>(lines: impl Iterator<Item = &'a str>) -> Result<BTreeMap<&'a str, u64>> {
    let tables = lines.map(
        |line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [table, rows, "rows", "sha256", _] => Ok((table, rows.parse()?)),
            _ => bail!("{line:?} says nothing of a table"),
        },
    );
    tables.collect()
}

/// A server with two accounts, many contacts and a message that waits, stopped.
async fn filled() -> Result<Server> {
    let mut server = Server::new().await?;
    server.account("nurse").await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    for number in 0..CONTACTS {
        let set = format!(
            "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='c{number}@localhost'/></query></iq>"
        );
        juliet.client.send(&set).await?;
    }
    let message = "<message to='nurse@localhost' type='chat'><body>x</body></message>";
    juliet.client.send(message).await?;
    juliet.heard().await?;
    server.end().await?;
    Ok(server)
}

/// Table by table, how far it is and what was found to be the same; then it is used as the first one was, and not copied to again.
#[tokio::test]
async fn a_copy_tells_how_far_it_is_and_what_is_the_same() -> Result<()> {
    let server = filled().await?;
    let from = server.storage().unwrap_or("sqlite:waxwing.db");
    for to in ["sqlite:copy.db", &Cluster::shared().database()?] {
        let copy = ["storage", "copy", from, to];
        let printed = server.cli(&copy).await?;
        ensure!(printed.code == Some(0), "{printed:?}");
        let told = copied(&printed.stderr)?;
        for (table, rows) in [("account", 2), ("roster_item", CONTACTS), ("spooled", 1)] {
            ensure!(told.get(table) == Some(&rows), "{table}: {told:?}");
        }
        let mut lines = printed.stdout.lines();
        let last = lines.next_back().context("nothing is said")?;
        ensure!(
            last.starts_with("copied ") && last.ends_with("; they are the same"),
            "{last}"
        );
        let mut same = compared(lines)?;
        // Of an empty table there is nothing to tell before.
        same.retain(|_, rows| *rows > 0);
        ensure!(same == told, "{same:?} instead of {told:?}");

        let again = server.cli(&copy).await?;
        ensure!(
            again.code == Some(1) && again.stdout.is_empty(),
            "{again:?}"
        );
        let why = "is not empty; copy into a database that has never been used";
        ensure!(
            again.stderr.trim_end().ends_with(why) && again.stderr.lines().count() == 1,
            "{again:?}"
        );
        let set = format!("storage.url={}", serde_json::to_string(to)?);
        let users = server.cli(&["user", "list", "--set", &set]).await?;
        ensure!(users.stdout.contains("juliet@localhost"), "{users:?}");
    }
    Ok(())
}
