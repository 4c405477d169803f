//! The system's clock is set while the server runs: what has to do with the passing of time goes by another one.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::sleep;
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Element, Login, environment};

use crate::limits::reached;
use crate::stream_management::Managed;
use crate::watching::METRICS;

const HOUR: i64 = 3_600;

/// What the server takes for the time of day. The time that passes is left alone, as it is where an operator sets a clock.
struct Clock {
    folder: TempDir,
    ahead: i64,
}

impl Clock {
    fn new() -> Result<Self> {
        let mut clock = Self {
            folder: tempfile::tempdir()?,
            ahead: 0,
        };
        clock.set(0)?;
        Ok(clock)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// Sets it so many seconds ahead of the true one.
    fn set(&mut self, ahead: i64) -> Result<()> {
        self.ahead = ahead;
        // It is read at any moment: never half of it.
        let new = self.folder.path().join("new");
        std::fs::write(&new, format!("{ahead:+}\n"))?;
        Ok(std::fs::rename(new, self.file())?)
    }

    fn settings(&self, settings: Settings) -> Result<Settings> {
        let path = |path: PathBuf| path.display().to_string();
        Ok(settings
            .variable("LD_PRELOAD", &path(environment::faketime()?))
            .variable("FAKETIME_TIMESTAMP_FILE", &path(self.file()))
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("DONT_FAKE_MONOTONIC", "1"))
    }

    fn now(&self) -> Result<i64> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        Ok(i64::try_from(now.as_secs())?.saturating_add(self.ahead))
    }
}

/// When a message came, as the server has it, in seconds.
fn stamp(message: &Element) -> Result<i64> {
    let delay = message
        .child("delay", "urn:xmpp:delay")
        .context("no delay")?;
    let stamp = delay.attr("stamp").context("no stamp")?;
    Ok(OffsetDateTime::parse(stamp, &Rfc3339)?.unix_timestamp())
}

/// A message to somebody who is not there; gives the time at which the server was given it.
async fn leave_word(from: &mut Client, clock: &Clock, body: &str) -> Result<i64> {
    let message =
        format!("<message to='nurse@localhost' type='chat'><body>{body}</body></message>");
    from.send(&message).await?;
    present(from).await?;
    clock.now()
}

/// Whether a session is there and served.
async fn present(client: &mut Client) -> Result<()> {
    let pong = client.iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>");
    ensure!(pong.await?.attr("type") == Some("result"));
    Ok(())
}

/// Nobody is taken for silent, nothing expires, sessions can be resumed, what waits keeps its order, and is stamped with the time of day
/// that it was.
#[tokio::test]
async fn the_clock_is_set_an_hour_ahead_and_a_day_back() -> Result<()> {
    let mut clock = Clock::new()?;
    let settings = Settings::new().config(METRICS);
    let server = clock.settings(settings)?.start().await?;
    server.account("nurse").await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    let mut sent = vec![("now", leave_word(&mut romeo, &clock, "now").await?)];
    for (body, ahead) in [("ahead", HOUR), ("back", -24 * HOUR), ("true", 0)] {
        let lost = juliet.lose();
        clock.set(ahead)?;
        // Whatever goes off by the clock has its chance.
        sleep(Duration::from_millis(600)).await;
        sent.push((body, leave_word(&mut romeo, &clock, body).await?));
        juliet = lost.resume(&server).await.context(body)?.0;
        let (mut newcomer, _) = server.log_in(&Login::new("romeo")).await?;
        present(&mut newcomer).await?;
    }
    assert_eq!(reached(&server, "idle-timeout").await?, 0);
    let (mut nurse, _) = server.log_in(&Login::new("nurse")).await?;
    nurse.send("<presence/>").await?;
    for (body, at) in sent {
        let (message, found) = nurse.message().await?;
        assert_eq!(found, body);
        let late = at - stamp(&message)?;
        ensure!(
            (0..60).contains(&late),
            "{body}: {message}, but it was {at}"
        );
    }
    server.stop().await
}
