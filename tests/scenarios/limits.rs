//! What one client, or one address, may have, and that others do not suffer from who wants more.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Login, Server};

use crate::watching::{METRICS, scrape};

async fn start(limits: &str) -> Result<Server> {
    let config = format!("{METRICS}\n[limits]\n{limits}");
    Settings::new().config(&config).start().await
}

/// How often a limit was reached.
pub(crate) async fn reached(server: &Server, limit: &str) -> Result<u64> {
    let scraped = scrape(server).await?;
    let begin = format!("waxwing_limits_reached_total{{limit=\"{limit}\"}} ");
    let mut lines = scraped.lines();
    let count = lines.find_map(|line| line.strip_prefix(&begin));
    Ok(count.context(scraped.clone())?.parse()?)
}

/// A client that is present, and the time of a round trip with itself.
async fn present(server: &Server, user: &str) -> Result<Client> {
    server.account(user).await?;
    let (mut client, jid) = server.log_in(&Login::new(user)).await?;
    client.be_present(&jid).await?;
    Ok(client)
}

async fn round_trip(client: &mut Client) -> Result<Duration> {
    let asked = Instant::now();
    client
        .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    Ok(asked.elapsed())
}

/// A session that sends more stanzas than it may is read from no faster; nothing is lost, and others notice nothing.
#[tokio::test]
async fn a_session_is_read_from_no_faster_than_it_may_send_stanzas() -> Result<()> {
    let server = start("stanzas_per_second = 100").await?;
    let mut juliet = present(&server, "juliet").await?;
    let mut romeo = present(&server, "romeo").await?;
    let mut paris = present(&server, "paris").await?;
    let started = Instant::now();
    let chat = "<message to='juliet@localhost' type='chat'><body>x</body></message>";
    romeo.send(&chat.repeat(700)).await?;
    let trip = round_trip(&mut paris).await?;
    for _ in 0..700 {
        juliet.message().await?;
    }
    // Two hundred at once, then a hundred a second; what was read at the same time as the last of these is not held back.
    let took = started.elapsed();
    ensure!(took > Duration::from_secs(2), "{took:?}");
    ensure!(trip < took / 2, "{trip:?} of {took:?}");
    ensure!(reached(&server, "session-rate").await? > 0);
    server.stop().await
}

/// The same for bytes, of which many may be in few stanzas.
#[tokio::test]
async fn a_session_is_read_from_no_faster_than_it_may_send_bytes() -> Result<()> {
    let server = start("bytes_per_second = 100000").await?;
    let mut juliet = present(&server, "juliet").await?;
    let mut romeo = present(&server, "romeo").await?;
    let started = Instant::now();
    let long = "x".repeat(100_000);
    let chat = format!("<message to='juliet@localhost' type='chat'><body>{long}</body></message>");
    let sending = async {
        for _ in 0..5 {
            romeo.send(&chat).await?;
        }
        anyhow::Ok(())
    };
    let receiving = async {
        for _ in 0..5 {
            juliet.message().await?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(sending, receiving)?;
    let took = started.elapsed();
    ensure!(took > Duration::from_millis(2_500), "{took:?}");
    server.stop().await
}

/// An address has so many connections. One more is closed without a word, and there is room again when one has gone.
#[tokio::test]
async fn an_address_has_so_many_connections() -> Result<()> {
    let server = start("connections_per_address = 3\nlimit_loopback = true").await?;
    let address = server.address("c2s")?;
    let mut connections = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(address).await?;
        client.open("localhost").await?;
        connections.push(client);
    }
    let mut refused = TcpStream::connect(address).await?;
    let mut nothing = Vec::new();
    // A reset is as good an end.
    let _ = refused.read_to_end(&mut nothing).await;
    ensure!(nothing.is_empty());
    ensure!(reached(&server, "connections-per-address").await? >= 1);
    connections.pop().context("none")?.close().await?;
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut client = Client::connect(address).await?;
        if client.open("localhost").await.is_ok() {
            break;
        }
        ensure!(Instant::now() < deadline, "there is room again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.stop().await
}

/// It opens so many in a second; those that it has go on.
#[tokio::test]
async fn an_address_opens_so_many_connections_in_a_second() -> Result<()> {
    let limits = "connections_per_second_per_address = 3\nlimit_loopback = true";
    let server = start(limits).await?;
    server.account("juliet").await?;
    let (mut juliet, _) = server.log_in(&Login::new("juliet")).await?;
    let address = server.address("c2s")?;
    let mut served = 0;
    for _ in 0..40 {
        let mut client = Client::connect(address).await?;
        served += u32::from(client.open("localhost").await.is_ok());
    }
    ensure!((5..40).contains(&served), "{served}");
    ensure!(reached(&server, "connection-rate-per-address").await? > 0);
    round_trip(&mut juliet).await?;
    server.stop().await
}

/// A reader that reads nothing costs a bounded amount of memory, and is cut off; those who send to it notice nothing.
#[tokio::test]
async fn a_reader_that_does_not_read_is_cut_off() -> Result<()> {
    let server = start("").await?;
    let juliet = present(&server, "juliet").await?;
    let mut romeo = present(&server, "romeo").await?;
    let mut paris = present(&server, "paris").await?;
    round_trip(&mut romeo).await?;
    let before = server.resident_kib()?;
    let line = "x".repeat(10_000);
    let chat =
        format!("<message to='juliet@localhost' type='headline'><body>{line}</body></message>");
    let mut slowest = Duration::ZERO;
    for number in 0..2_000 {
        romeo.send(&chat).await?;
        if number % 100 == 0 {
            slowest = slowest.max(round_trip(&mut paris).await?);
        }
    }
    round_trip(&mut romeo).await?;
    ensure!(slowest < Duration::from_secs(2), "{slowest:?}");
    let grown = server.resident_kib()?.saturating_sub(before);
    ensure!(grown < 12 * 1024, "{grown} KiB more for 20 MB sent");
    ensure!(reached(&server, "mailbox").await? == 1);
    drop(juliet);
    server.stop().await
}

/// A roster and a spool hold so much; what is more is refused, to whoever wanted it, and counted.
#[tokio::test]
async fn a_roster_and_a_spool_hold_so_much() -> Result<()> {
    let server = start("roster_items = 1\noffline_messages = 2\noffline_bytes = 2000").await?;
    server.account("nurse").await?;
    let mut juliet = present(&server, "juliet").await?;
    for (contact, error) in [("one", None), ("two", Some("wait/resource-constraint"))] {
        let item = format!("<item jid='{contact}@localhost'/>");
        let query = format!("<query xmlns='jabber:iq:roster'>{item}</query>");
        let answer = juliet.iq("set", "", &query).await?;
        ensure!(answer.stanza_error().as_deref() == error, "{answer}");
    }
    let long = "x".repeat(2_500);
    for (id, body) in [("a", "1"), ("b", long.as_str()), ("c", "2"), ("d", "3")] {
        let to = "to='nurse@localhost' type='chat'";
        let message = format!("<message {to} id='{id}'><body>{body}</body></message>");
        juliet.send(&message).await?;
    }
    for id in ["b", "d"] {
        let back = juliet.wait_for("an error", |one| one.name == "message");
        let back = back.await?;
        ensure!(back.attr("id") == Some(id), "{back}");
        let error = back.stanza_error().unwrap_or_default();
        ensure!(error == "cancel/service-unavailable", "{error}");
    }
    ensure!(reached(&server, "roster").await? == 1);
    ensure!(reached(&server, "offline-messages").await? == 2);
    let (mut nurse, _) = server.log_in(&Login::new("nurse")).await?;
    nurse.send("<presence/>").await?;
    for body in ["1", "2"] {
        ensure!(nurse.message().await?.1 == body);
    }
    server.stop().await
}

/// An account has so many sessions, and a session tells so many of itself; what is more is refused, and counted.
#[tokio::test]
async fn an_account_has_so_many_sessions_and_a_session_tells_so_many_of_itself() -> Result<()> {
    let server = start("sessions_per_account = 2\ndirected_presences = 2").await?;
    let mut juliet = present(&server, "juliet").await?;
    let (mut second, _) = server.log_in(&Login::new("juliet")).await?;
    let refused = server.log_in(&Login::new("juliet")).await;
    let refused = format!("{:#}", refused.err().context("bound all the same")?);
    ensure!(refused.contains("resource-constraint"), "{refused}");
    ensure!(reached(&server, "sessions-per-account").await? == 1);
    for (user, is_told) in [("a", true), ("b", true), ("a", true), ("c", false)] {
        let told = format!("<presence to='{user}@localhost' id='{user}'/>");
        juliet.send(&told).await?;
        if !is_told {
            let back = juliet.wait_for("an error", |one| one.attr("id") == Some(user));
            let error = back.await?.stanza_error();
            ensure!(
                error.as_deref() == Some("wait/resource-constraint"),
                "{error:?}"
            );
        }
    }
    ensure!(reached(&server, "directed-presences").await? == 1);
    round_trip(&mut second).await?;
    server.stop().await
}

/// As much as the operator says waits for a session: of a client that acknowledges nothing a half of it is sent, and the rest is all that
/// its mailbox takes.
#[tokio::test]
async fn so_much_waits_for_a_session() -> Result<()> {
    for (limit, body, fits) in [
        ("outbound_bytes = 65536", "x".repeat(1_000), 30),
        ("outbound_stanzas = 64", "x".to_owned(), 64),
    ] {
        let server = start(limit).await?;
        let mut juliet = present(&server, "juliet").await?;
        juliet.send("<enable xmlns='urn:xmpp:sm:3'/>").await?;
        ensure!(juliet.element().await?.name == "enabled");
        let mut romeo = present(&server, "romeo").await?;
        let headline =
            format!("<message to='juliet@localhost' type='headline'><body>{body}</body></message>");
        romeo.send(&headline.repeat(fits)).await?;
        round_trip(&mut romeo).await?;
        ensure!(reached(&server, "mailbox").await? == 0, "{limit}");
        romeo.send(&headline.repeat(fits * 3)).await?;
        round_trip(&mut romeo).await?;
        juliet.until_end().await?;
        ensure!(reached(&server, "mailbox").await? == 1, "{limit}");
        server.stop().await?;
    }
    Ok(())
}

/// With the least that may wait for a session more messages wait for an account than that: they are given as the client takes them, also where
/// it has to acknowledge them (XEP-0198), or where each is longer than half of it.
#[tokio::test]
async fn the_least_limits_lock_no_account_out() -> Result<()> {
    for (limit, body, count) in [
        ("outbound_stanzas = 64", "x".to_owned(), 250),
        ("outbound_bytes = 65536", "x".repeat(4_000), 100),
        ("outbound_bytes = 65536", "x".repeat(40_000), 10),
    ] {
        let server = start(limit).await?;
        server.account("juliet").await?;
        let mut romeo = present(&server, "romeo").await?;
        for managed in [false, true] {
            for number in 0..count {
                let message = format!(
                    "<message to='juliet@localhost' type='chat'><body>{number} {body}</body></message>"
                );
                romeo.send(&message).await?;
            }
            round_trip(&mut romeo).await?;
            let (mut juliet, _) = server.log_in(&Login::new("juliet")).await?;
            if managed {
                juliet.send("<enable xmlns='urn:xmpp:sm:3'/>").await?;
                ensure!(juliet.element().await?.name == "enabled");
            }
            juliet.send("<presence/>").await?;
            let (mut received, mut next) = (0, 0);
            while next < count {
                let element = juliet.element().await?;
                if element.name == "r" {
                    let ack = format!("<a xmlns='urn:xmpp:sm:3' h='{received}'/>");
                    juliet.send(&ack).await?;
                    continue;
                }
                received += 1;
                if let Some(said) = element.child_text("body") {
                    ensure!(said.starts_with(&format!("{next} ")), "{limit}: {said:.9}");
                    next += 1;
                }
            }
            if managed {
                // Before that it may be sent nothing more.
                let ack = format!("<a xmlns='urn:xmpp:sm:3' h='{received}'/>");
                juliet.send(&ack).await?;
            }
            round_trip(&mut juliet).await?;
            ensure!(reached(&server, "mailbox").await? == 0, "{limit}");
            juliet.close().await?;
        }
        server.stop().await?;
    }
    Ok(())
}

/// A request for presence waits whole for its answer, if it is not too long; of a longer one is kept who asks.
#[tokio::test]
async fn a_request_is_kept_whole_up_to_a_limit() -> Result<()> {
    let server = start("request_bytes = 2000").await?;
    server.account("juliet").await?;
    for (user, length) in [("romeo", 1_000), ("paris", 3_000)] {
        let mut asker = present(&server, user).await?;
        let text = "x".repeat(length);
        let asks = format!(
            "<presence to='juliet@localhost' type='subscribe'><status>{text}</status></presence>"
        );
        asker.send(&asks).await?;
        round_trip(&mut asker).await?;
    }
    let (mut juliet, _) = server.log_in(&Login::new("juliet")).await?;
    juliet.send("<presence/>").await?;
    let mut asked = Vec::new();
    while asked.len() < 2 {
        let request = juliet.wait_for("a request", |one| one.attr("type") == Some("subscribe"));
        let request = request.await?;
        let length = request.child_text("status").map(str::len);
        asked.push((request.attr("from").unwrap_or_default().to_owned(), length));
    }
    asked.sort();
    let (paris, romeo) = ("paris@localhost".to_owned(), "romeo@localhost".to_owned());
    assert_eq!(asked, [(paris, None), (romeo, Some(1_000))]);
    server.stop().await
}
