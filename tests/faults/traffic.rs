//! Two users who are online and talk all the while: it needs no database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use waxwing_tests::{Client, Server};

use super::plain;

/// The 99th percentile that is asked for, and how much slower than before it may be where the machine is slower than that.
const BAR: Duration = Duration::from_millis(50);
const SLOWER: u32 = 3;
/// Messages before the fault, to see how fast the machine is.
const BEFORE: usize = 200;
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Traffic {
    bar: Duration,
    stop: Arc<AtomicBool>,
    running: JoinHandle<Result<Vec<Duration>>>,
}

impl Traffic {
    pub(crate) async fn start(server: &Server) -> Result<Self> {
        for user in ["mercutio", "juliet"] {
            server.account(user).await?;
        }
        let (mut from, _) = server.log_in(&plain("mercutio")).await?;
        let (mut to, jid) = server.log_in(&plain("juliet")).await?;
        let mut before = Vec::new();
        for _ in 0..BEFORE {
            before.push(pass(&mut from, &mut to, &jid).await?);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let running = tokio::spawn(async move {
            let mut times = Vec::new();
            while !told.load(Ordering::Relaxed) {
                times.push(pass(&mut from, &mut to, &jid).await?);
                sleep(PAUSE).await;
            }
            Ok(times)
        });
        Ok(Self {
            bar: BAR.max(percentile(&mut before) * SLOWER),
            stop,
            running,
        })
    }

    /// Nobody noticed anything.
    pub(crate) async fn finish(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let mut times = self.running.await?.context("the traffic ended")?;
        let slow = percentile(&mut times);
        ensure!(
            slow <= self.bar,
            "99th percentile {slow:?}, more than {:?}",
            self.bar
        );
        Ok(())
    }
}

/// A message from one to the other; how long it took.
async fn pass(from: &mut Client, to: &mut Client, jid: &str) -> Result<Duration> {
    let sent = Instant::now();
    let message = format!("<message to='{jid}' type='chat'><body>x</body></message>");
    from.send(&message).await?;
    to.message().await?;
    Ok(sent.elapsed())
}

fn percentile(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    let index = (times.len() * 99 / 100).min(times.len().saturating_sub(1));
    times.get(index).copied().unwrap_or_default()
}
