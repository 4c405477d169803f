//! What a server must refuse to read (RFC 6120 sections 11.1, 11.3, 11.6 and 13.12), however far the peer has come. Each input ends its
//! stream with an error that names what is wrong; others notice nothing, and the process is left as it was.

mod bystander;
mod corpus;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use waxwing_tests::client::ns;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Event, Login, Server};

use crate::behaviours::authenticated;

use bystander::Bystander;
use corpus::{Hostile, all, beginnings, characters, forbidden, syntax};

/// How often the same inputs are sent to see what memory the server needs for them, before it is seen what it keeps of them.
const PASSES: usize = 10;
/// Peers that send at the same moment.
const AT_ONCE: usize = 8;
/// KiB by which the least memory of so many passes varies.
const NOISE: u64 = 2 * 1024;

/// How far a peer has come when it sends the input.
#[derive(Clone, Copy, Debug)]
enum Stage {
    BeforeTls,
    InTls,
    /// RFC 6120 section 4.3.3: the stream was restarted, and no resource is bound.
    Authenticated,
    Bound,
}

async fn reach(server: &Server, stage: Stage) -> Result<Client> {
    let login = Login::new("juliet");
    let mut client = server.connect().await?;
    match stage {
        Stage::BeforeTls => {
            client.open(&login.domain).await?;
        }
        Stage::InTls => {
            client.open_secure(&login.domain, login.starttls).await?;
        }
        Stage::Authenticated => return Ok(authenticated(server, &login.user).await?.0),
        Stage::Bound => {
            client.log_in(&login).await?;
        }
    }
    Ok(client)
}

/// Checks the answer, and leaves. An end without words counts only where more was sent than a server has to read.
async fn judge(client: &mut Client, hostile: &Hostile) -> Result<()> {
    let answer = client.last_words().await;
    let condition = match answer {
        Ok(condition) => condition,
        Err(_)
            if hostile.bytes.len() > 100_000 && !client.transcript().contains("<stream:error") =>
        {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    ensure!(
        hostile.conditions.contains(&condition.as_str()),
        "answered by {condition}, not one of {:?}",
        hostile.conditions
    );
    // The server may have gone already.
    let _ = client.shut_down().await;
    let after = client.until_end().await?;
    ensure!(after.is_empty(), "after the end came {after:?}");
    Ok(())
}

/// A server with an account. What it frees goes back to the system at once, so that what is left is what it keeps.
async fn server_without_slack() -> Result<Server> {
    let settings = Settings::new().variable("MIMALLOC_PURGE_DELAY", "0");
    let server = settings.start().await?;
    server.account("juliet").await?;
    Ok(server)
}

/// Sends all inputs as `attempt` does, again and again, beside a session that must not notice.
async fn bombard(
    inputs: &[Hostile],
    attempt: impl AsyncFn(&Server, &Hostile) -> Result<()>,
) -> Result<()> {
    let server = server_without_slack().await?;
    let bystander = Bystander::new(&server).await?;
    let pass = async || {
        let attempts = inputs.iter().map(|hostile| async {
            let attempted = attempt(&server, hostile).await;
            attempted.context(hostile.what)
        });
        let attempts = stream::iter(attempts).buffer_unordered(AT_ONCE);
        attempts.try_collect::<()>().await
    };
    leaves_no_memory_behind(&server, pass).await?;
    bystander.has_noticed_nothing().await?;
    judge_server(server).await
}

/// After many passes the server is as large as after the first.
async fn leaves_no_memory_behind(
    server: &Server,
    pass: impl AsyncFn() -> Result<()>,
) -> Result<()> {
    let least = async || {
        let mut least = u64::MAX;
        for _ in 0..PASSES {
            pass().await?;
            least = least.min(server.resident_kib()?);
        }
        anyhow::Ok(least)
    };
    let before = least().await?;
    least().await?;
    let after = least().await?;
    ensure!(
        after < before + before / 20 + NOISE,
        "grew from {before} to {after} KiB"
    );
    Ok(())
}

/// The process is as it was: alive and quiet.
async fn judge_server(server: Server) -> Result<()> {
    let (client, _) = server.log_in(&Login::new("juliet")).await?;
    client.close().await?;
    let log = server.log();
    ensure!(
        !log.contains(" ERROR "),
        "a client's mistake is no error of the server: {log}"
    );
    server.stop().await
}

async fn every_input_ends_its_stream(stage: Stage) -> Result<()> {
    let attempt = async |server: &Server, hostile: &Hostile| {
        let mut client = reach(server, stage).await?;
        client.send_if_open(&hostile.bytes).await;
        judge(&mut client, hostile).await
    };
    bombard(&all(), attempt).await
}

// seeds: N8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hostile_input_before_tls_ends_its_stream_and_nothing_else() -> Result<()> {
    every_input_ends_its_stream(Stage::BeforeTls).await
}

// seeds: N8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hostile_input_in_tls_ends_its_stream_and_nothing_else() -> Result<()> {
    every_input_ends_its_stream(Stage::InTls).await
}

// seeds: N8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hostile_input_before_binding_ends_its_stream_and_nothing_else() -> Result<()> {
    every_input_ends_its_stream(Stage::Authenticated).await
}

// seeds: N8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hostile_input_of_a_session_ends_its_stream_and_nothing_else() -> Result<()> {
    every_input_ends_its_stream(Stage::Bound).await
}

// seeds: N8
/// The same inputs a byte at a time: what is refused does not depend on how the network cuts it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_inputs_are_refused_byte_by_byte_too() -> Result<()> {
    let inputs: Vec<Hostile> = [forbidden(), characters(), syntax()]
        .into_iter()
        .flatten()
        .collect();
    let attempt = async |server: &Server, hostile: &Hostile| {
        let mut client = reach(server, Stage::BeforeTls).await?;
        for byte in &hostile.bytes {
            client.send_if_open(&[*byte]).await;
        }
        judge(&mut client, hostile).await
    };
    bombard(&inputs, attempt).await
}

/// What may not stand at the beginning of a stream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hostile_beginning_of_a_stream_is_refused() -> Result<()> {
    let attempt = async |server: &Server, hostile: &Hostile| {
        let mut client = server.connect().await?;
        client.send_if_open(&hostile.bytes).await;
        judge(&mut client, hostile).await?;
        let said = client.transcript();
        ensure!(
            said.is_empty() || said.contains("<stream:stream"),
            "the header comes before the error: {said}"
        );
        Ok(())
    };
    bombard(&beginnings(), attempt).await
}

// seeds: N8
/// RFC 6120 section 13.12: there is a limit, it is at least 10,000 bytes, and what is under it passes.
#[tokio::test]
async fn a_stanza_may_be_large_but_not_too_large() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let large = "x".repeat(200_000);
    romeo
        .send(&format!(
            "<message to='{juliet_jid}' type='chat'><body>{large}</body></message>"
        ))
        .await?;
    assert_eq!(juliet.message().await?.1.len(), large.len());
    let too_large = "x".repeat(300_000);
    romeo
        .send_if_open(
            format!("<message to='{juliet_jid}' type='chat'><body>{too_large}</body></message>")
                .as_bytes(),
        )
        .await;
    assert_eq!(romeo.stream_error().await?, "policy-violation");
    assert!(juliet.is_silent().await);
    server.stop().await
}

/// Before authentication the limit is far lower: 10,000 bytes.
#[tokio::test]
async fn an_unauthenticated_peer_has_a_small_limit() -> Result<()> {
    let server = Server::new().await?;
    let mut client = server.connect().await?;
    client.open("localhost").await?;
    client
        .send_if_open(
            format!(
                "<iq type='set' id='1'><q xmlns='urn:x'>{}</q></iq>",
                "x".repeat(20_000)
            )
            .as_bytes(),
        )
        .await;
    assert_eq!(client.stream_error().await?, "policy-violation");
    server.stop().await
}

/// Prosody, CVE-2026-43506: connections that never authenticate leave nothing behind.
#[tokio::test]
async fn unauthenticated_connections_leave_no_memory_behind() -> Result<()> {
    let server = server_without_slack().await?;
    let pass = async || {
        let mut clients = Vec::new();
        for _ in 0..100 {
            let mut client = server.connect().await?;
            client.open("localhost").await?;
            client
                .send(&format!("<message><body>{}", "x".repeat(8_000)))
                .await?;
            clients.push(client);
        }
        anyhow::Ok(())
    };
    leaves_no_memory_behind(&server, pass).await?;
    judge_server(server).await
}

/// A connection cut in the middle of a stanza ends that session, and delivers nothing.
#[tokio::test]
async fn half_a_stanza_is_no_stanza() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let (mut romeo, _) = server.session("romeo").await?;
    romeo
        .send(&format!(
            "<message to='{juliet_jid}' type='chat'><body>half"
        ))
        .await?;
    romeo.shut_down().await?;
    romeo.until_end().await?;
    assert!(juliet.is_silent().await);
    server.stop().await
}

/// XEP-0138 led to several holes; it is not there, and asking for it changes nothing.
#[tokio::test]
async fn compression_is_refused() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    client.send("<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>").await?;
    match client.event().await? {
        Event::Element(answer) => assert!(
            answer.name == "failure" || answer.is("error", ns::STREAMS),
            "{answer}"
        ),
        other => anyhow::bail!("{other:?}"),
    }
    server.stop().await
}
