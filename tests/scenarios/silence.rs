//! Clients of whom nothing is heard: a connection that hangs is found, and nobody who is there is taken for gone.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::timeout;
use waxwing_tests::client::{Event, ns};
use waxwing_tests::relay::Relay;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Element, Login, PATIENCE, Server};

use crate::limits::reached;
use crate::watching::{METRICS, scrape};

/// So long a client may be silent.
const SECONDS: u64 = 6;
const SM: &str = "urn:xmpp:sm:3";
const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";

/// Somebody whose connection is soon to hang, and a friend who has heard of her presence.
struct Pair {
    friend: Client,
    relay: Relay,
    hung: Client,
    /// Her account.
    account: String,
    /// By which her session can be resumed.
    id: Option<String>,
}

impl Pair {
    async fn new(server: &Server, name: &str, managed: bool) -> Result<Self> {
        let (mut friend, jid) = server.session(&format!("friend-of-{name}")).await?;
        friend.be_present(&jid).await?;
        server.account(name).await?;
        let relay = Relay::start(server.address("c2s")?).await?;
        let mut hung = Client::connect(relay.address).await?;
        let own = hung.log_in(&Login::new(name)).await?;
        let mut id = None;
        if managed {
            let enable = format!("<enable xmlns='{SM}' resume='true'/>");
            hung.send(&enable).await?;
            let enabled = hung.element().await?;
            id = enabled.attr("id").map(str::to_owned);
        }
        hung.be_present(&own).await?;
        hung.send(&format!("<presence to='{jid}'/>")).await?;
        let of_hers = |element: &Element| element.attr("from") == Some(&own);
        friend.wait_for("her presence", of_hers).await?;
        relay.hang();
        let account = format!("{name}@localhost");
        Ok(Self {
            friend,
            relay,
            hung,
            account,
            id,
        })
    }

    /// The friend says something to her.
    async fn say(&mut self, body: &str) -> Result<()> {
        let to = &self.account;
        let message = format!("<message to='{to}' type='chat'><body>{body}</body></message>");
        self.friend.send(&message).await
    }

    /// What the friend hears of her next, if anything comes within a second. The friend is there all the while, and never asked.
    async fn next(&mut self) -> Result<Option<Element>> {
        self.friend.send(" ").await?;
        let next = timeout(Duration::from_secs(1), self.friend.element()).await;
        next.ok().transpose()
    }
}

/// Without stream management the session is over: others hear so once, and what comes from then on waits in the spool.
async fn is_over(server: &Server) -> Result<()> {
    let mut pair = Pair::new(server, "juliet", false).await?;
    let begun = Instant::now();
    let heard = loop {
        ensure!(begun.elapsed() < PATIENCE, "nobody noticed");
        if let Some(heard) = pair.next().await? {
            break heard;
        }
    };
    ensure!(heard.attr("type") == Some("unavailable"), "{heard}");
    pair.say("later").await?;
    let (mut juliet, _) = server.log_in(&Login::new("juliet")).await?;
    juliet.send("<presence/>").await?;
    assert_eq!(juliet.message().await?.1, "later");
    let again = pair.next().await?;
    ensure!(again.is_none(), "{again:?}");
    ensure!(pair.hung.is_silent().await, "nothing came through");
    Ok(())
}

/// With it the session sleeps, nobody hears of it, and all that was on its way is there when its client comes back.
async fn sleeps(server: &Server) -> Result<()> {
    let mut pair = Pair::new(server, "nurse", true).await?;
    pair.say("one").await?;
    let begun = Instant::now();
    while !scrape(server)
        .await?
        .contains("\nwaxwing_hibernated_sessions 1\n")
    {
        ensure!(begun.elapsed() < PATIENCE, "nobody noticed");
        let heard = pair.next().await?;
        ensure!(heard.is_none(), "{heard:?}");
    }
    pair.say("two").await?;
    let login = Login::new("nurse");
    // The network is still there for others.
    let mut nurse = Client::connect(pair.relay.address).await?;
    nurse.open_secure("localhost", login.starttls).await?;
    let outcome = nurse.authenticate(&login).await?;
    outcome.map_err(anyhow::Error::msg)?;
    nurse.open("localhost").await?;
    // It has its own presence, and nothing that came later.
    let id = pair.id.take().context("no id")?;
    nurse
        .send(&format!("<resume xmlns='{SM}' previd='{id}' h='1'/>"))
        .await?;
    let resumed = nurse.element().await?;
    ensure!(resumed.is("resumed", SM), "{resumed}");
    for body in ["one", "two"] {
        assert_eq!(nurse.message().await?.1, body);
    }
    let heard = pair.next().await?;
    ensure!(heard.is_none(), "{heard:?}");
    Ok(())
}

/// How a client shows that it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// It answers the ping.
    Answer,
    /// It does not know pings.
    Refusal,
    /// It answers the question of stream management.
    Ack,
    /// It sends white space, and is never asked.
    Space,
}

/// What a client says to the server's question.
fn answer(sign: Sign, question: &Element, jid: &str) -> Result<String> {
    if question.is("r", SM) {
        return Ok(format!("<a xmlns='{SM}' h='0'/>"));
    }
    let is_ping =
        question.is("iq", ns::CLIENT) && question.child("ping", "urn:xmpp:ping").is_some();
    ensure!(is_ping, "{question}");
    ensure!(question.attr("to") == Some(jid), "{question}");
    ensure!(question.attr("from") == Some("localhost"), "{question}");
    let id = question.attr("id").context("no id")?;
    let (kind, payload) = if sign == Sign::Refusal {
        let error = format!("<service-unavailable xmlns='{}'/>", ns::STANZA_ERRORS);
        ("error", format!("<error type='cancel'>{error}</error>"))
    } else {
        ("result", String::new())
    };
    Ok(format!(
        "<iq type='{kind}' id='{id}' to='localhost'>{payload}</iq>"
    ))
}

/// Lives for more than twice the time, and shows itself only so. Says how often it was asked.
async fn lives(server: &Server, sign: Sign) -> Result<u32> {
    let user = format!("{sign:?}").to_lowercase();
    let (mut client, jid) = server.session(&user).await?;
    if sign == Sign::Ack {
        client.send(&format!("<enable xmlns='{SM}'/>")).await?;
        client.element().await?;
    }
    let end = Instant::now() + Duration::from_secs(2 * SECONDS + 1);
    let mut asked = 0;
    while Instant::now() < end {
        if sign == Sign::Space {
            client.send(" ").await?;
        }
        let Ok(event) = timeout(Duration::from_secs(1), client.event()).await else {
            continue;
        };
        let Event::Element(question) = event? else {
            bail!("the stream of {user} ended: {}", client.transcript());
        };
        asked += 1;
        client.send(&answer(sign, &question, &jid)?).await?;
    }
    let pong = client.iq("get", "localhost", PING).await?;
    ensure!(pong.attr("type") == Some("result"), "{pong}");
    Ok(asked)
}

/// A connection that hangs is found, and whoever sends anything is there: an answer, a refusal, an ack, a space. Answers go no further.
#[tokio::test]
async fn a_connection_that_hangs_is_found_and_nobody_else_is_lost() -> Result<()> {
    let config = format!("{METRICS}\n[limits]\nidle_probe_seconds = {SECONDS}");
    let server = Settings::new().config(&config).start().await?;
    let signs = [Sign::Answer, Sign::Refusal, Sign::Ack, Sign::Space];
    let living = signs.map(|sign| lives(&server, sign));
    let living = futures_util::future::try_join_all(living);
    let (asked, (), ()) = tokio::try_join!(living, is_over(&server), sleeps(&server))?;
    ensure!(asked[..3].iter().all(|&asked| asked >= 1), "{asked:?}");
    assert_eq!(asked[3], 0);
    assert_eq!(reached(&server, "idle-timeout").await?, 2);
    // One each, their own pings at the end.
    let routed = "\nwaxwing_stanzas_routed_total{kind=\"iq\"} 4\n";
    let scraped = scrape(&server).await?;
    ensure!(scraped.contains(routed), "{scraped}");
    server.stop().await
}

/// As it is where nobody sets anything, the question comes within 90 s. It can be switched off.
#[tokio::test]
async fn the_time_is_ninety_seconds_unless_it_is_set() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("waxwing.toml");
    for (toml, printed) in [("", "90"), ("[limits]\nidle_probe_seconds = 0", "0")] {
        std::fs::write(&file, toml)?;
        let path = file.display().to_string();
        let config =
            waxwing_tests::server::run(&["config", "print", "--config", &path], "").await?;
        let line = format!("\nidle_probe_seconds = {printed}\n");
        ensure!(config.stdout.contains(&line), "{config:?}");
    }
    Ok(())
}
