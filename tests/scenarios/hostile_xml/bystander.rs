//! A session that has nothing to do with it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use waxwing_tests::{Client, Server};

/// To whom hostile stanzas are addressed.
pub(super) const BYSTANDER: &str = "nurse@localhost";

/// How often it asks whether the server is there.
const EVERY: Duration = Duration::from_millis(5);
/// Within so long 99 of 100 questions are answered: a debug build beside two busy loops on two cores needs a tenth of it.
const ANSWERED: Duration = Duration::from_millis(500);

/// Asks the server again and again whether it is there, until it is told to end.
pub(super) struct Bystander {
    end: oneshot::Sender<()>,
    asking: JoinHandle<Result<Vec<Duration>>>,
}

impl Bystander {
    /// Of a new account, available.
    pub(super) async fn new(server: &Server) -> Result<Self> {
        let (mut client, jid) = server.session("nurse").await?;
        client.be_present(&jid).await?;
        let (end, ended) = oneshot::channel();
        let asking = tokio::spawn(ask(client, ended));
        Ok(Self { end, asking })
    }

    /// It was answered in time, and received nothing else.
    pub(super) async fn has_noticed_nothing(self) -> Result<()> {
        // Who has failed does not listen any more, and says why.
        let _ = self.end.send(());
        let mut took = self.asking.await?.context("the bystander")?;
        took.sort_unstable();
        let rare = took[took.len() * 99 / 100];
        ensure!(
            rare < ANSWERED,
            "p99 of {} round trips: {rare:?}",
            took.len()
        );
        Ok(())
    }
}

async fn ask(mut client: Client, mut ended: oneshot::Receiver<()>) -> Result<Vec<Duration>> {
    let ping = "<iq type='get' id='there' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut took = Vec::new();
    while ended.try_recv() == Err(TryRecvError::Empty) {
        ticks.tick().await;
        let asked = Instant::now();
        client.send(ping).await?;
        let answer = client.element().await?;
        took.push(asked.elapsed());
        ensure!(answer.attr("id") == Some("there"), "{answer}");
        ensure!(answer.attr("type") == Some("result"), "{answer}");
    }
    let rest = client.close().await?;
    ensure!(rest.is_empty(), "{rest:?}");
    Ok(took)
}
