//! Pairs of users, a sender and a receiver, with a number of messages on the way in each pair.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use super::Tasks;
use crate::generator::{Reader, Received, Session, Tally, Target};
use crate::metric::Values;

/// What ends every message.
pub(super) const MARK: &str = "</message>";
/// With stream management a sender asks for an acknowledgement after so many messages.
const ASK_EACH: usize = 10;
const ASK: &[u8] = b"<r xmlns='urn:xmpp:sm:3'/>";

/// How pairs talk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chat {
    pub(crate) pairs: u32,
    /// Users who are there beside them and say nothing.
    pub(crate) others: u32,
    /// Messages on the way in each pair.
    pub(crate) window: usize,
    /// Octets of a message as it is sent.
    pub(crate) bytes: u32,
    /// With stream management (XEP-0198) on both sides.
    pub(crate) managed: bool,
}

impl Chat {
    /// All users who are there.
    pub(super) fn sessions(self) -> u32 {
        self.pairs * 2 + self.others
    }
}

/// Measures while all pairs talk.
pub(super) async fn run(chat: Chat, target: &Target, span: Duration) -> Result<Values> {
    let silent = target.sessions(chat.pairs * 2..chat.sessions()).await?;
    let tally = Tally::new();
    let mut tasks = Tasks::new();
    for pair in pairs(chat, target).await? {
        let tally = Rc::clone(&tally);
        tasks.add(async move { pair.talk(&tally, chat.window).await.map(drop) });
    }
    let values = tasks.during(tally.measure(target.pid, span)).await;
    drop(silent);
    values
}

/// The rate that pairs reach, and the pairs when nothing is on the way any more.
pub(super) async fn rate(chat: Chat, target: &Target, span: Duration) -> Result<(f64, Vec<Pair>)> {
    let tally = Tally::new();
    let mut tasks = JoinSet::new();
    for pair in pairs(chat, target).await? {
        let tally = Rc::clone(&tally);
        tasks.spawn_local(async move { pair.talk(&tally, chat.window).await });
    }
    let values = tally.measure(target.pid, span).await?;
    tally.stop();
    let mut pairs = Vec::new();
    while let Some(pair) = tasks.join_next().await {
        pairs.push(pair??);
    }
    let rate = values.get(&crate::metric::Metric::Rate).copied();
    Ok((rate.context("no rate was measured")?, pairs))
}

/// A sender and a receiver who are logged in.
pub(super) struct Pair {
    pub(super) from: Reader,
    pub(super) to: Reader,
    pub(super) message: Vec<u8>,
    managed: bool,
    /// Sent and not received yet.
    away: VecDeque<Instant>,
    sent: usize,
    received: u64,
}

async fn pairs(chat: Chat, target: &Target) -> Result<Vec<Pair>> {
    let mut sessions = target.sessions(0..chat.pairs * 2).await?.into_iter();
    let mut pairs = Vec::new();
    while let (Some(from), Some(to)) = (sessions.next(), sessions.next()) {
        pairs.push(Pair::new(from, to, chat, target).await?);
    }
    Ok(pairs)
}

impl Pair {
    async fn new(mut from: Session, mut to: Session, chat: Chat, target: &Target) -> Result<Self> {
        if chat.managed {
            for session in [&mut from, &mut to] {
                let enable = "<enable xmlns='urn:xmpp:sm:3'/>";
                session.ask(enable, "<enabled", &target.buffer).await?;
            }
        }
        let message = message(&to.jid, chat.bytes)?;
        Ok(Self {
            from: Reader::new(from.link, MARK, &target.buffer),
            to: Reader::new(to.link, MARK, &target.buffer).with_requests(),
            message,
            managed: chat.managed,
            away: VecDeque::new(),
            sent: 0,
            received: 0,
        })
    }

    /// Keeps `window` messages on the way until it is told to stop.
    async fn talk(mut self, tally: &Tally, window: usize) -> Result<Self> {
        let mut credit = window;
        loop {
            if !tally.is_stopped() {
                for _ in 0..credit {
                    self.send().await?;
                }
            }
            if self.away.is_empty() {
                return Ok(self);
            }
            let received = self.receive().await?;
            credit = usize::try_from(received.units)?;
            ensure!(credit <= self.away.len(), "more arrived than was sent");
            let now = Instant::now();
            for sent in self.away.drain(..credit) {
                tally.took(now.duration_since(sent));
            }
            tally.add(received.units);
        }
    }

    /// Sends one message by itself, as clients do.
    async fn send(&mut self) -> Result<()> {
        self.sent += 1;
        self.away.push_back(Instant::now());
        if self.managed && self.sent.is_multiple_of(ASK_EACH) {
            let asking = [self.message.as_slice(), ASK].concat();
            return self.from.link.send(&asking).await;
        }
        self.from.link.send(&self.message).await
    }

    /// Reads once at the receiver, and whatever the sender gets meanwhile.
    async fn receive(&mut self) -> Result<Received> {
        if !self.managed {
            return self.to.next().await;
        }
        let received = loop {
            tokio::select! {
                biased;
                received = self.to.next() => break received?,
                acknowledged = self.from.next() => drop(acknowledged?),
            }
        };
        self.received += received.units;
        if received.requests > 0 {
            let answer = format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", self.received);
            self.to.link.send(answer.as_bytes()).await?;
        }
        Ok(received)
    }
}

/// A chat message of the wanted size.
pub(super) fn message(to: &str, bytes: u32) -> Result<Vec<u8>> {
    let head = format!("<message to='{to}' type='chat' id='m'><body>");
    let tail = "</body></message>";
    let filler = usize::try_from(bytes)?
        .checked_sub(head.len() + tail.len())
        .context("too few bytes for a message")?;
    // Words, so that a filter has something to look at.
    let body: String = "the quick brown fox jumps over the lazy dog "
        .chars()
        .cycle()
        .take(filler)
        .collect();
    Ok(format!("{head}{body}{tail}").into_bytes())
}
