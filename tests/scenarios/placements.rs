//! Where a plugin's calls are made, by the placement in its manifest. The fixtures draw a name in `init` and say with each
//! answer which instance served, how often it has, and whether it was alone; each waits for the storage in its midst, so
//! that what may overlap does.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Login, Server, environment};

const ACCOUNTS: usize = 8;
/// Of each account; the kernel spreads them over the shards.
const SESSIONS: usize = 4;
/// Sent by each session at once.
const REQUESTS: usize = 6;

/// An answer.
#[derive(Debug)]
struct Served {
    account: usize,
    session: usize,
    instance: String,
    count: u32,
    alone: bool,
}

async fn server_with(fixture: &str) -> Result<Server> {
    let component = environment::guest(&format!("fixtures/{fixture}.wasm"))?;
    let grants = format!("[plugin.{fixture}]\ngrants = [\"iq-handler\", \"storage\"]");
    let settings = Settings::new().plugin(&component, fixture);
    settings.config(&grants).start().await
}

/// Many sessions ask all at once; all that they were answered.
async fn ask(server: &Server, fixture: &str) -> Result<Vec<Served>> {
    let mut sessions = Vec::new();
    for account in 0..ACCOUNTS {
        let user = format!("user{account}");
        server.account(&user).await?;
        for session in 0..SESSIONS {
            let login = Login::new(&user).resource(&format!("r{session}"));
            sessions.push((account, session, server.log_in(&login).await?.0));
        }
    }
    let asking = sessions.into_iter().map(|(account, session, client)| {
        ask_as(client, fixture, account, account * SESSIONS + session)
    });
    Ok(try_join_all(asking).await?.into_iter().flatten().collect())
}

async fn ask_as(
    mut client: Client,
    fixture: &str,
    account: usize,
    session: usize,
) -> Result<Vec<Served>> {
    let namespace = format!("urn:example:{fixture}");
    let requests: String = (0..REQUESTS)
        .map(|id| {
            format!("<iq type='get' id='q{id}' to='localhost'><query xmlns='{namespace}'/></iq>")
        })
        .collect();
    client.send(&requests).await?;
    let mut all = Vec::new();
    for id in 0..REQUESTS {
        let id = format!("q{id}");
        let answer = client
            .wait_for("the answer", |element| element.attr("id") == Some(&id))
            .await?;
        let served = answer
            .child("served", &namespace)
            .with_context(|| answer.to_string())?;
        all.push(Served {
            account,
            session,
            instance: served.attr("instance").unwrap_or_default().to_owned(),
            count: served.attr("count").context("no count")?.parse()?,
            alone: served.attr("alone") == Some("yes"),
        });
    }
    client.close().await?;
    Ok(all)
}

/// The counts of each instance.
fn counts(all: &[Served]) -> BTreeMap<&str, BTreeSet<u32>> {
    let mut counts = BTreeMap::<&str, BTreeSet<u32>>::new();
    for served in all {
        counts
            .entry(&served.instance)
            .or_default()
            .insert(served.count);
    }
    counts
}

/// Each instance has counted to as many as it answered: nobody else was in it, and none of it was lost.
fn ensure_complete(all: &[Served]) -> Result<()> {
    for (instance, counts) in counts(all) {
        let answered = all.iter().filter(|one| one.instance == instance).count();
        let counted: Vec<u32> = counts.into_iter().collect();
        let expected: Vec<u32> = (1..).take(answered).collect();
        ensure!(
            counted == expected,
            "{instance} answered {answered}: {counted:?}"
        );
    }
    ensure!(all.iter().all(|one| one.alone), "two calls in one instance");
    Ok(())
}

/// The instances that those met for whom `of` gives the same.
fn met(all: &[Served], of: impl Fn(&Served) -> usize) -> BTreeMap<usize, BTreeSet<&str>> {
    let mut met = BTreeMap::<usize, BTreeSet<&str>>::new();
    for served in all {
        met.entry(of(served)).or_default().insert(&served.instance);
    }
    met
}

/// Whatever thread its sessions are on, an account meets one instance, and not all accounts the same.
#[tokio::test]
async fn keyed_calls_of_an_account_meet_the_same_instance_on_every_thread() -> Result<()> {
    let server = server_with("placed-keyed").await?;
    let all = ask(&server, "placed-keyed").await?;
    assert_eq!(all.len(), ACCOUNTS * SESSIONS * REQUESTS);
    for (account, instances) in met(&all, |one| one.account) {
        assert_eq!(instances.len(), 1, "user{account}: {instances:?}");
    }
    assert!(counts(&all).len() > 1, "all in one: {all:?}");
    ensure_complete(&all)?;
    server.stop().await
}

/// A session is on one thread, and meets that thread's one instance, however many ask at once.
#[tokio::test]
async fn shared_calls_meet_one_instance_for_each_thread() -> Result<()> {
    let server = server_with("placed-per-shard").await?;
    let all = ask(&server, "placed-per-shard").await?;
    let shards = shards(&server)?;
    let instances = counts(&all).len();
    assert!(
        (1..=shards).contains(&instances),
        "{instances} instances on {shards} threads"
    );
    for (session, instances) in met(&all, |one| one.session) {
        assert_eq!(instances.len(), 1, "session {session}: {instances:?}");
    }
    ensure_complete(&all)?;
    server.stop().await
}

/// No call finds anything of another's.
#[tokio::test]
async fn isolated_calls_each_have_an_instance_of_their_own() -> Result<()> {
    let server = server_with("placed-isolated").await?;
    let all = ask(&server, "placed-isolated").await?;
    assert_eq!(counts(&all).len(), ACCOUNTS * SESSIONS * REQUESTS);
    assert!(all.iter().all(|one| one.count == 1 && one.alone), "{all:?}");
    server.stop().await
}

/// The server's threads for sessions.
fn shards(server: &Server) -> Result<usize> {
    let mut shards = 0;
    for task in std::fs::read_dir(format!("/proc/{}/task", server.pid()?))? {
        let name = std::fs::read_to_string(task?.path().join("comm")).unwrap_or_default();
        shards += usize::from(name.starts_with("shard"));
    }
    ensure!(shards > 0, "no thread is named for a shard");
    Ok(shards)
}
