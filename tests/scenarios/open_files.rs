//! A server that may have few files open, and many who connect to it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Login, PATIENCE, Server, environment, process};

use crate::watching::METRICS;

/// Files that the server may have open.
const FILES: u32 = 256;
const CONNECTIONS: usize = 1_000;
/// How long it is watched.
const WATCHED: Duration = Duration::from_secs(2);

fn login(user: &str) -> Login {
    Login {
        starttls: None,
        ..Login::new(user)
    }
}

/// Connections that say nothing. The kernel takes them, whether the server does or not.
async fn flood(address: SocketAddr) -> Result<Vec<TcpStream>> {
    let mut flood = Vec::new();
    for _ in 0..CONNECTIONS {
        flood.push(timeout(PATIENCE, TcpStream::connect(address)).await??);
    }
    Ok(flood)
}

/// Waits until the server takes no more.
async fn is_full(server: &Server) -> Result<usize> {
    let mut before = 0;
    let full = async {
        loop {
            let files = server.open_files()?;
            if files == before && files > 100 {
                return anyhow::Ok(files);
            }
            before = files;
            sleep(Duration::from_millis(300)).await;
        }
    };
    timeout(PATIENCE, full).await.context("it is never full")?
}

/// Nothing turns in circles, who is there is served, and the database, plugins and the operator have the files that they need.
#[tokio::test]
async fn a_server_without_files_left_serves_on_and_recovers() -> Result<()> {
    let settings = Settings::new().plain().config(METRICS).open_files(FILES);
    let server = settings.start().await?;
    for user in ["romeo", "juliet"] {
        server.account(user).await?;
    }
    let (mut romeo, _) = server.log_in(&login("romeo")).await?;
    let idle = server.open_files()?;
    let flood = flood(server.address("c2s")?).await?;
    let full = is_full(&server).await?;
    println!("{idle} files at first, {full} of {FILES} when it is full");
    ensure!(full < usize::try_from(FILES)?, "no file is left: {full}");

    let worked = process::cpu_micros(server.pid()?)?;
    sleep(WATCHED).await;
    let worked = process::cpu_micros(server.pid()?)? - worked;
    println!("{worked} µs of work in {WATCHED:?}");
    ensure!(u128::from(worked) < WATCHED.as_micros() / 5, "{worked} µs");

    romeo
        .send("<message to='juliet@localhost' type='chat'><body>kept</body></message>")
        .await?;
    let set = "<query xmlns='jabber:iq:roster'><item jid='juliet@localhost'/></query>";
    let answer = romeo.iq("set", "", set).await?;
    ensure!(answer.attr("type") == Some("result"), "{answer}");
    server.account("nurse").await?;
    let component = environment::guest("examples/word-filter.wasm")?;
    let component = component.display().to_string();
    let install = ["plugin", "install", &component, "--grant", "inbound"];
    let installed = server.cli(&install).await?;
    ensure!(installed.code == Some(0), "{installed:?}");
    ensure!(
        !server.log().contains("Too many open files"),
        "{}",
        server.log()
    );

    drop(flood);
    let freed = Instant::now();
    let mut juliet = Client::connect(server.address("c2s")?).await?;
    juliet.log_in(&login("juliet")).await?;
    println!("back after {:?}", freed.elapsed());
    juliet.send("<presence/>").await?;
    assert_eq!(juliet.message().await?.1, "kept");
    ensure!(
        freed.elapsed() < Duration::from_secs(5),
        "{:?}",
        freed.elapsed()
    );
    server.stop().await
}
