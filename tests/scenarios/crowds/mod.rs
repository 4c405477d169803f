//! Many sessions at once: all are ended in good order, all come back, and those that are cut off leave nothing behind.

mod member;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use rustix::process::Signal;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Login, PATIENCE, Server};

use crate::limits::reached;
use crate::watching::{METRICS, scrape};

use member::{Member, befriend};

const SESSIONS: usize = 1_000;
/// Names another number of sessions that come back, on a server that is as fast as it is to be: it has to keep to the times below.
const OTHER: &str = "CROWD_SESSIONS";
/// All of these are back, and all but one in a hundred have logged in, within so long.
const ALL_BACK: Duration = Duration::from_secs(15);
const LOGIN: Duration = Duration::from_secs(10);
/// Sessions of an account. Each hears of all others of its own account and of two more.
const OF_AN_ACCOUNT: usize = 10;
/// From the signal to the end of the process.
const STOPPED: Duration = Duration::from_secs(5);
/// Clients that connect at the same moment, before all do.
const AT_ONCE: usize = 250;

fn user(account: usize) -> String {
    format!("user{account}")
}

fn login(index: usize) -> Login {
    Login::new(&user(index / OF_AN_ACCOUNT)).resource(&index.to_string())
}

async fn accounts(server: &Server, sessions: usize) -> Result<()> {
    for account in 0..sessions.div_ceil(OF_AN_ACCOUNT) {
        server.account(&user(account)).await?;
    }
    Ok(())
}

/// So many members, however busy the server is meanwhile: new ones, or those who were there before.
async fn crowd(
    server: &Server,
    at_once: usize,
    members: impl IntoIterator<Item = Option<Member>>,
) -> Result<Vec<Member>> {
    let members = members.into_iter().enumerate();
    stream::iter(members)
        .map(|(index, before)| Member::begin(server, index, before))
        .buffered(at_once)
        .try_collect()
        .await
}

/// Has the server stop. Each member is told so, its stream is closed, and TLS. Returns how long it took until the process was gone.
async fn stop(server: &mut Server, members: &mut [Member]) -> Result<Duration> {
    let told = Instant::now();
    server.signal(Signal::TERM)?;
    let gone = async {
        let status = server.wait().await?;
        ensure!(status.success(), "{status}");
        Ok(told.elapsed())
    };
    let told = members.iter_mut().map(Member::is_told_of_the_end);
    let (gone, _) = tokio::try_join!(gone, try_join_all(told))?;
    Ok(gone)
}

/// SIGTERM: each is told so, its stream and TLS are closed, and the server is gone within five seconds. When it is there again, all of them
/// come back at the same moment, each at its first attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_sessions_are_ended_and_come_back_at_once() -> Result<()> {
    let other = std::env::var(OTHER).ok();
    let other = other.map(|number| number.parse::<usize>()).transpose()?;
    let sessions = other.unwrap_or(SESSIONS);
    let mut server = Server::new().await?;
    accounts(&server, sessions).await?;
    befriend(&server, sessions.div_ceil(OF_AN_ACCOUNT)).await?;
    let mut members = crowd(&server, AT_ONCE, (0..sessions).map(|_| None)).await?;
    let before = server.resident_kib()?;
    let ended = stop(&mut server, &mut members).await?;
    ensure!(ended < STOPPED, "{ended:?}");

    server.start_again().await?;
    let started = Instant::now();
    let members = crowd(&server, sessions, members.into_iter().map(Some)).await?;
    let back = started.elapsed();
    assert_eq!(members.len(), sessions);
    let mut logins: Vec<_> = members.iter().map(|member| member.login).collect();
    logins.sort_unstable();
    let (median, most) = (logins[sessions / 2], logins[sessions * 99 / 100]);
    let after = server.resident_kib()?;
    println!(
        "{sessions} sessions: ended in {ended:?}, back in {back:?}, a login {median:?}, p99 {most:?}, {before} and {after} KiB"
    );
    ensure!(after < before * 2, "{after} KiB after {before} KiB");
    if other.is_some() {
        ensure!(back < ALL_BACK && most < LOGIN, "{back:?}, p99 {most:?}");
    }
    drop(members);
    server.stop().await
}

/// How connections are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// The peer says so (RST).
    Reset,
    /// Nothing comes any more, and what is sent is taken.
    Silence,
}

/// Who hears of the presence of all others, and counts it.
struct Watcher {
    client: Client,
    /// By the sender: how often it came, and how often it went.
    seen: BTreeMap<String, (u32, u32)>,
}

impl Watcher {
    async fn new(server: &Server) -> Result<Self> {
        server.account("watcher").await?;
        let login = Login {
            starttls: None,
            ..Login::new("watcher").resource("w")
        };
        let (mut client, jid) = server.log_in(&login).await?;
        client.be_present(&jid).await?;
        let seen = BTreeMap::new();
        Ok(Self { client, seen })
    }

    /// Reads until so many have come and gone.
    async fn watch(&mut self, came: usize, went: usize) -> Result<()> {
        // Here it is itself.
        self.client.send(" ").await?;
        let reading = async {
            loop {
                let counts = |of: fn(&(u32, u32)) -> u32| -> usize {
                    self.seen.values().filter(|seen| of(seen) > 0).count()
                };
                if counts(|seen| seen.0) >= came && counts(|seen| seen.1) >= went {
                    return anyhow::Ok(());
                }
                let Ok(element) = timeout(Duration::from_secs(1), self.client.element()).await
                else {
                    self.client.send(" ").await?;
                    continue;
                };
                let element = element?;
                let seen = self
                    .seen
                    .entry(element.attr("from").unwrap_or_default().to_owned());
                let (came, went) = seen.or_default();
                match element.attr("type") {
                    None => *came += 1,
                    Some("unavailable") => *went += 1,
                    Some("get") => {}
                    Some(_) => bail!("{element}"),
                }
            }
        };
        timeout(PATIENCE, reading)
            .await
            .context("not all of them")?
    }
}

/// Sessions on which nothing is read any more; each has told the watcher that it is there.
async fn lost_soon(server: &Server, watcher: &mut Watcher) -> Result<Vec<TcpStream>> {
    let mut connections: Vec<TcpStream> = Vec::new();
    while connections.len() < SESSIONS {
        let begun = connections.len();
        let batch = stream::iter(begun..begun + AT_ONCE / 5).map(|index| async move {
            let login = Login {
                starttls: None,
                ..login(index)
            };
            let (mut client, _) = server.log_in(&login).await?;
            client.send("<presence to='watcher@localhost/w'/>").await?;
            client.into_plain()
        });
        let batch = batch.buffer_unordered(AT_ONCE / 5).try_collect::<Vec<_>>();
        connections.extend(batch.await?);
        // Nobody is silent before the time.
        for connection in &mut connections {
            connection.write_all(b" ").await?;
        }
        watcher.watch(connections.len(), 0).await?;
    }
    Ok(connections)
}

/// Waits until only the watcher is left; says how many files are open then.
async fn all_gone(server: &Server) -> Result<usize> {
    let gone = async {
        loop {
            let scraped = scrape(server).await?;
            if scraped.contains("\nwaxwing_sessions 1\n")
                && scraped.contains("\nwaxwing_streams 1\n")
            {
                return anyhow::Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, gone).await.context("some are left")??;
    server.open_files()
}

// seeds: H15
/// Whether their peers are reset or merely silent, all sessions end, each is told of once, and what they held is
/// free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_are_lost_and_leave_nothing_behind() -> Result<()> {
    let config = format!("{METRICS}\n[limits]\nidle_probe_seconds = 6");
    let server = Settings::new().plain().config(&config).start().await?;
    accounts(&server, SESSIONS).await?;
    let mut watcher = Watcher::new(&server).await?;
    let before = all_gone(&server).await?;
    let mut resident = Vec::new();
    for loss in [Loss::Reset, Loss::Silence] {
        watcher.seen.clear();
        let connections = lost_soon(&server, &mut watcher).await?;
        let begun = Instant::now();
        let mut silent = Vec::new();
        for connection in connections {
            match loss {
                Loss::Reset => connection.set_zero_linger()?,
                Loss::Silence => silent.push(connection),
            }
        }
        watcher.watch(SESSIONS, SESSIONS).await?;
        println!("{loss:?}: all heard of after {:?}", begun.elapsed());
        let files = all_gone(&server).await?;
        // The database's own are opened when they are needed.
        ensure!(files < before + 20, "{files} files, {before} before");
        resident.push(server.resident_kib()?);
        let pong = watcher
            .client
            .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>");
        ensure!(pong.await?.attr("type") == Some("result"));
        let once = watcher.seen.values().filter(|seen| **seen == (1, 1));
        assert_eq!(once.count(), SESSIONS, "each came and went once");
    }
    assert_eq!(reached(&server, "idle-timeout").await?, SESSIONS as u64);
    println!("{resident:?} KiB");
    // 8.2 MiB were seen beside other tests, with dependencies that are not optimised.
    ensure!(resident[1] < resident[0] + 12 * 1024, "{resident:?} KiB");
    server.stop().await
}
