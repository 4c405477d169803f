//! What a server must refuse to read (RFC 6120 sections 11.1, 11.3, 11.6 and 13.12): before TLS, and from a logged-in
//! client. Each input ends its stream with an error that names what is wrong, and leaves the process as it was.

mod corpus;

use anyhow::{Context, Result, ensure};
use waxwing_tests::client::ns;
use waxwing_tests::{Client, Event, Login, Server};

use corpus::{Hostile, all, beginnings, characters, forbidden, syntax};

/// Sends the input and checks the answer. An end without words counts only where more was sent than a server has to read.
async fn judge(mut client: Client, hostile: &Hostile) -> Result<()> {
    client.send_if_open(&hostile.bytes).await;
    let answer = client.stream_error().await;
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
    Ok(())
}

/// The process is as it was before the inputs: alive, quiet, and of about the same size.
async fn judge_server(server: Server, resident_before: u64) -> Result<()> {
    let (client, _) = server.log_in(&Login::new("juliet")).await?;
    client.close().await?;
    let resident = server.resident_kib()?;
    ensure!(
        resident.saturating_sub(resident_before) < 64 * 1024,
        "grew from {resident_before} to {resident} KiB"
    );
    let log = server.log();
    ensure!(
        !log.contains(" ERROR "),
        "a client's mistake is no error of the server: {log}"
    );
    server.stop().await
}

/// A server with one account that has served a session, and its memory.
async fn warm_server() -> Result<(Server, u64)> {
    let server = Server::new().await?;
    let (client, _) = server.session("juliet").await?;
    client.close().await?;
    let resident = server.resident_kib()?;
    Ok((server, resident))
}

/// Also row N8 of the checklist.
#[tokio::test]
async fn every_hostile_input_before_tls_ends_its_stream_and_nothing_else() -> Result<()> {
    let (server, resident) = warm_server().await?;
    for hostile in all() {
        let mut client = server.connect().await?;
        client.open("localhost").await?;
        judge(client, &hostile)
            .await
            .with_context(|| format!("{} before TLS", hostile.what))?;
    }
    judge_server(server, resident).await
}

/// Also row N8 of the checklist.
#[tokio::test]
async fn every_hostile_input_of_a_logged_in_client_ends_its_stream_and_nothing_else() -> Result<()>
{
    let (server, resident) = warm_server().await?;
    for hostile in all() {
        let (client, _) = server.log_in(&Login::new("juliet")).await?;
        judge(client, &hostile)
            .await
            .with_context(|| format!("{} of a logged-in client", hostile.what))?;
    }
    judge_server(server, resident).await
}

/// The same inputs a byte at a time: what is refused does not depend on how the network cuts it.
#[tokio::test]
async fn hostile_inputs_are_refused_byte_by_byte_too() -> Result<()> {
    let (server, resident) = warm_server().await?;
    for hostile in [forbidden(), characters(), syntax()].into_iter().flatten() {
        let mut client = server.connect().await?;
        client.open("localhost").await?;
        for byte in &hostile.bytes {
            client.send_if_open(&[*byte]).await;
        }
        let condition = client.stream_error().await.with_context(|| hostile.what)?;
        assert!(
            hostile.conditions.contains(&condition.as_str()),
            "{}: {condition}",
            hostile.what
        );
    }
    judge_server(server, resident).await
}

/// What may not stand at the beginning of a stream.
#[tokio::test]
async fn every_hostile_beginning_of_a_stream_is_refused() -> Result<()> {
    let (server, resident) = warm_server().await?;
    for hostile in beginnings() {
        let mut client = server.connect().await?;
        client.send_if_open(&hostile.bytes).await;
        let condition = match client.stream_error().await {
            Ok(condition) => condition,
            Err(_) if hostile.bytes.len() > 100_000 => continue,
            Err(error) => return Err(error.context(hostile.what)),
        };
        assert!(
            hostile.conditions.contains(&condition.as_str()),
            "{}: {condition}",
            hostile.what
        );
        assert!(
            client.transcript().contains("<stream:stream"),
            "{}: the header comes before the error",
            hostile.what
        );
    }
    judge_server(server, resident).await
}

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
    let (server, _) = warm_server().await?;
    let round = async || {
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
    round().await?;
    let resident = server.resident_kib()?;
    for _ in 0..5 {
        round().await?;
    }
    judge_server(server, resident).await
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
