//! What the server does while what it stands on fails: sessions stay, what does not need the failed part goes on, what needs it
//! ends in time with an error that invites to try again, nothing is acknowledged that is not kept, and all is as before soon
//! after the fault is over, without anybody's doing.
//!
//! A fault lasts for `FAULT_SECONDS`, 5 without it. They take turns: each measures how long things take.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that panics has failed"
)]

mod crowd;
mod delay;
mod disk;
mod postgres;
mod traffic;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep},
};
use waxwing_tests::{Client, Element, Login, Server, client::ns, server::Settings};

use traffic::Traffic;

const SM: &str = "urn:xmpp:sm:3";

/// How long the server may take to be as before.
const RECOVERY: Duration = Duration::from_secs(5);
/// The longest that anybody waits for what cannot be done: five seconds for the database, and what else there is to do.
const WAIT: Duration = Duration::from_secs(8);
/// How much memory the server may take on, in KiB.
const GROWTH: u64 = 50 << 10;

/// The turn of one fault.
async fn turn() -> MutexGuard<'static, ()> {
    static TURNS: Mutex<()> = Mutex::const_new(());
    TURNS.lock().await
}

fn lasting() -> Duration {
    let seconds = std::env::var("FAULT_SECONDS").ok();
    Duration::from_secs(
        seconds
            .and_then(|seconds| seconds.parse().ok())
            .unwrap_or(5),
    )
}

fn plain(user: &str) -> Login {
    Login {
        starttls: None,
        ..Login::new(user)
    }
}

/// Users of a server that something happens to.
struct Stage {
    server: Server,
    /// Sends and receives all the while.
    traffic: Traffic,
    /// Wants what needs the database.
    romeo: Client,
    /// Has acknowledged what it sends, by a stream that is managed.
    paris: Client,
    /// How many stanzas that was, and which were acknowledged and not sent back.
    managed: u32,
    kept: Vec<u32>,
    /// Messages to the nurse, who is not there: how many there were, and which the server took back.
    sent: u32,
    refused: Vec<u32>,
    resident: u64,
    /// The longest that a change may wait.
    bound: Duration,
}

impl Stage {
    async fn new(settings: Settings) -> Result<Self> {
        let server = settings.plain().start().await?;
        for user in ["romeo", "nurse", "tybalt", "paris", "benvolio"] {
            server.account(user).await?;
        }
        let (romeo, _) = server.log_in(&plain("romeo")).await?;
        let (mut paris, _) = server.log_in(&plain("paris")).await?;
        paris.send("<enable xmlns='urn:xmpp:sm:3'/>").await?;
        ensure!(paris.element().await?.is("enabled", SM));
        let traffic = Traffic::start(&server).await?;
        let resident = server.resident_kib()?;
        let mut stage = Self {
            server,
            traffic,
            romeo,
            paris,
            managed: 0,
            kept: Vec::new(),
            sent: 0,
            refused: Vec::new(),
            resident,
            bound: WAIT,
        };
        ensure!(stage.set_item("before").await? == "result", "roster");
        stage.tell_nurse().await?;
        ensure!(stage.answers().await? && stage.refused.is_empty(), "spool");
        Ok(stage)
    }

    /// Adds a contact: `result`, or the error.
    async fn set_item(&mut self, name: &str) -> Result<String> {
        let set = format!("<query xmlns='jabber:iq:roster'><item jid='{name}@localhost'/></query>");
        let asked = Instant::now();
        let answer = self.romeo.iq("set", "", &set).await?;
        let waited = asked.elapsed();
        ensure!(waited < self.bound, "an answer after {waited:?}");
        Ok(answer.stanza_error().unwrap_or_else(|| "result".to_owned()))
    }

    async fn get_roster(&mut self) -> Result<Element> {
        let get = "<query xmlns='jabber:iq:roster'/>";
        self.romeo.iq("get", "", get).await
    }

    /// Sends a message to somebody who is not there.
    async fn tell_nurse(&mut self) -> Result<()> {
        let id = self.sent;
        self.sent += 1;
        let message = format!(
            "<message to='nurse@localhost' type='chat' id='{id}'><body>{id}</body></message>"
        );
        self.romeo.send(&message).await
    }

    /// Whether the server answers what needs no database, having taken note of the messages that it took back.
    async fn answers(&mut self) -> Result<bool> {
        let ping = "<iq type='get' id='last' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
        let asked = Instant::now();
        self.romeo.send(ping).await?;
        loop {
            let element = self.romeo.element().await?;
            if element.attr("id") == Some("last") {
                return Ok(asked.elapsed() < WAIT);
            }
            if element.is("message", ns::CLIENT) {
                let error = element.stanza_error().context("a message came back")?;
                ensure!(error.starts_with("wait/"), "{error}");
                let id = element.attr("id").context("no id")?.parse()?;
                self.refused.push(id);
            }
        }
    }

    /// Lives on while something is broken that has to do with all changes: none is acknowledged, all are refused in time, and
    /// online sessions do not notice.
    async fn endure_without_writes(&mut self) -> Result<()> {
        let end = Instant::now() + lasting();
        let mut refused = 0;
        while Instant::now() < end || refused == 0 {
            self.tell_nurse().await?;
            let error = self.set_item("during").await?;
            ensure!(error == "wait/internal-server-error", "{error}");
            refused += 1;
            sleep(Duration::from_millis(50)).await;
        }
        self.tell_benvolio().await?;
        self.check_growth()
    }

    /// Sends a message to somebody who is not there, and waits until it is acknowledged or sent back. A false acknowledgement shows in the
    /// end, where the message is missing.
    async fn tell_benvolio(&mut self) -> Result<()> {
        self.managed += 1;
        let id = self.managed;
        let message = format!(
            "<message to='benvolio@localhost' type='chat' id='{id}'><body>{id}</body></message>"
        );
        self.paris.send(&message).await?;
        self.paris.send("<r xmlns='urn:xmpp:sm:3'/>").await?;
        loop {
            let element = self.paris.element().await?;
            if element.is("message", ns::CLIENT) {
                let error = element.stanza_error().context("a message came back")?;
                ensure!(error.starts_with("wait/"), "{error}");
                // It may be acknowledged before it is there: whoever sent it hears of it either way.
                let refused: u32 = element.attr("id").context("no id")?.parse()?;
                self.kept.retain(|kept| *kept != refused);
                if refused == id {
                    return Ok(());
                }
                continue;
            }
            if element.is("r", SM) {
                continue;
            }
            ensure!(element.is("a", SM), "{element}");
            // A smaller count is that of what came before.
            let handled: u32 = element.attr("h").context("no h")?.parse()?;
            if handled >= id {
                self.kept.push(id);
                return Ok(());
            }
        }
    }

    /// Whoever was told messages has all that were acknowledged.
    async fn check_acknowledged(&self) -> Result<()> {
        let (mut benvolio, _) = self.server.log_in(&plain("benvolio")).await?;
        benvolio.send("<presence/>").await?;
        let mut got: Vec<u32> = Vec::new();
        while got.last() != Some(&self.managed) {
            got.push(benvolio.message().await?.1.parse()?);
        }
        ensure!(
            self.kept.iter().all(|id| got.contains(id)),
            "acknowledged were {:?}, and kept {got:?}",
            self.kept
        );
        Ok(())
    }

    fn check_growth(&self) -> Result<()> {
        let resident = self.server.resident_kib()?;
        let growth = resident.saturating_sub(self.resident);
        ensure!(growth <= GROWTH, "{growth} KiB more than before");
        Ok(())
    }

    /// All is as before within five seconds of now; then nothing that was taken is lost.
    async fn recover(mut self) -> Result<Server> {
        let over = Instant::now();
        while self.set_item("after").await? != "result" {
            ensure!(
                over.elapsed() < RECOVERY,
                "not back after {:?}",
                over.elapsed()
            );
            sleep(Duration::from_millis(50)).await;
        }
        ensure!(over.elapsed() < RECOVERY, "back after {:?}", over.elapsed());
        self.server.log_in(&plain("tybalt")).await?;
        self.tell_benvolio().await?;
        ensure!(
            self.kept.last() == Some(&self.managed),
            "a message is not kept"
        );
        self.check_acknowledged().await?;
        let roster = self.get_roster().await?;
        let items = roster.children.iter().flat_map(|query| &query.children);
        let items: Vec<_> = items.filter_map(|item| item.attr("jid")).collect();
        ensure!(
            items.contains(&"before@localhost") && items.contains(&"after@localhost"),
            "{items:?}"
        );
        ensure!(self.answers().await?, "no answer in time");
        self.tell_nurse().await?;
        ensure!(self.answers().await?, "no answer in time");
        self.check_messages().await?;
        self.traffic.finish().await?;
        Ok(self.server)
    }

    /// The nurse has every message that was not refused, in order. One that was may be there, since nobody could know.
    async fn check_messages(&self) -> Result<()> {
        let (mut nurse, _) = self.server.log_in(&plain("nurse")).await?;
        nurse.send("<presence/>").await?;
        let mut got: Vec<u32> = Vec::new();
        while got.last() != Some(&(self.sent - 1)) {
            let (_, body) = nurse.message().await?;
            got.push(body.parse()?);
        }
        ensure!(
            got.is_sorted_by(|one, next| one < next),
            "out of order: {got:?}"
        );
        for id in 0..self.sent {
            let kept = got.contains(&id) || self.refused.contains(&id);
            ensure!(
                kept,
                "message {id} is lost; refused were {:?}",
                self.refused
            );
        }
        Ok(())
    }
}
