//! The background load: a hundred pairs of sessions; one of each sends a message a second, the other sends it back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use tokio::task::JoinHandle;
use waxwing_tests::client::sasl::Mechanism;
use waxwing_tests::{Client, Login, Server};

const PAIRS: usize = 100;
/// Each pair makes two messages in it: 200 messages a second of all.
const PERIOD: Duration = Duration::from_secs(1);
const ACCOUNT: &str = "background";

/// The load. Each pair ends with an error if a message is lost, doubled or changed, or a session ends.
pub(crate) struct Background {
    pairs: Vec<JoinHandle<Result<()>>>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    round_trips: AtomicU64,
    /// Of the row under way.
    times: Mutex<Vec<Duration>>,
}

/// What the load saw during a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    pub(crate) round_trips: usize,
    pub(crate) p99: Duration,
    pub(crate) longest: Duration,
}

impl Background {
    pub(crate) async fn start(server: &Server) -> Result<Self> {
        server.account(ACCOUNT).await?;
        let seen = Arc::new(Seen::default());
        let mut pairs = Vec::with_capacity(PAIRS);
        for chunk in 0..PAIRS.div_ceil(10) {
            let logins = (0..20).map(|number| log_in(server, chunk * 20 + number));
            let mut sessions = try_join_all(logins).await?.into_iter();
            while let (Some(one), Some(other)) = (sessions.next(), sessions.next()) {
                let phase = PERIOD.mul_f64(pairs.len() as f64 / PAIRS as f64);
                pairs.push(tokio::spawn(pair(one, other, phase, Arc::clone(&seen))));
            }
        }
        Ok(Self { pairs, seen })
    }

    /// Forgets what was seen before a row.
    pub(crate) fn begin_row(&self) {
        self.times().clear();
    }

    /// What was seen since. Waits until every pair has made a round trip since the row ended, so that what was on its way
    /// has arrived.
    pub(crate) async fn end_row(&self) -> Result<Latency> {
        let before = self.seen.round_trips.load(Ordering::Relaxed);
        let all = u64::try_from(2 * PAIRS)?;
        waxwing_tests::server::wait_until(|| {
            self.has_ended() || self.seen.round_trips.load(Ordering::Relaxed) >= before + all
        })
        .await
        .context("the background stands still")?;
        ensure!(
            !self.has_ended(),
            "a session of the background ended or lost a message"
        );
        let mut times = self.times().clone();
        times.sort();
        let at = |share: usize| {
            times
                .get(times.len() * share / 100)
                .or(times.last())
                .copied()
        };
        Ok(Latency {
            round_trips: times.len(),
            p99: at(99).context("no round trips")?,
            longest: at(100).context("no round trips")?,
        })
    }

    fn has_ended(&self) -> bool {
        self.pairs.iter().any(JoinHandle::is_finished)
    }

    fn times(&self) -> std::sync::MutexGuard<'_, Vec<Duration>> {
        self.seen
            .times
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the load; each pair says whether it lost anything.
    pub(crate) async fn stop(self) -> Result<()> {
        self.seen.stop.store(true, Ordering::Relaxed);
        for pair in self.pairs {
            pair.await??;
        }
        Ok(())
    }
}

async fn log_in(server: &Server, number: usize) -> Result<(Client, String)> {
    // The server hashes either way; PLAIN spares the tests half of it.
    let login = Login::new(ACCOUNT)
        .by(Mechanism::Plain)
        .resource(&format!("r{number}"));
    server.log_in(&login).await
}

async fn pair(
    (mut one, _): (Client, String),
    (mut other, other_jid): (Client, String),
    phase: Duration,
    seen: Arc<Seen>,
) -> Result<()> {
    let mut turn = tokio::time::interval_at(tokio::time::Instant::now() + phase, PERIOD);
    for count in 0_u64.. {
        turn.tick().await;
        if seen.stop.load(Ordering::Relaxed) {
            break;
        }
        let sent = Instant::now();
        let body = format!("{other_jid} {count}");
        send(&mut one, &other_jid, &body).await?;
        let (message, found) = other.message().await?;
        ensure!(found == body, "{other_jid} expected {body}: {message}");
        let back = message
            .attr("from")
            .context("a message without `from`")?
            .to_owned();
        send(&mut other, &back, &body).await?;
        let (message, found) = one.message().await?;
        ensure!(found == body, "{back} expected {body}: {message}");
        seen.times
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sent.elapsed());
        seen.round_trips.fetch_add(1, Ordering::Relaxed);
    }
    one.close().await?;
    other.close().await.map(drop)
}

async fn send(from: &mut Client, to: &str, body: &str) -> Result<()> {
    from.send(&format!(
        "<message to='{to}' type='chat'><body>{body}</body></message>"
    ))
    .await
}
