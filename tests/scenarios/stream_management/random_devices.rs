//! Devices of one account that come, go, hibernate, resume, make room for others and acknowledge, or do not, in an order that chance decides;
//! and a ledger that says after each step what every device must have received: each message once for each session that it was for, once
//! more elsewhere where a session ended without acknowledging it and nobody else had it, and in the end nothing missing.
//!
//! `DEVICES_SEED` repeats a run, and `DEVICES_STEPS` makes it longer; both are printed.

use std::{collections::VecDeque, fmt::Write as _, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep, timeout};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Element, Login, Server};

use super::{Lost, Managed, removals_are_done};
use crate::{
    limits::reached,
    watching::{METRICS, scrape},
};

/// Steps of a run that is part of every test run.
const STEPS: usize = 250;
/// A run ends after that, whatever its number of steps: other tests share the machine.
const LONGEST: Duration = Duration::from_secs(18);
/// Time for what must come.
const PATIENCE: Duration = Duration::from_secs(20);
/// Hibernated sessions that the account may have: one more ends the first, as the end of its time would.
const HIBERNATED: usize = 2;
/// The resources of the account's devices.
const DEVICES: [&str; 4] = ["phone", "desk", "tablet", "watch"];
/// After so many steps the server is killed and started again.
const KILL_EVERY: usize = 60;

/// Numbers that follow from a seed (SplitMix64, by Steele, Lea and Flood).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % limit as u64).unwrap_or_default()
    }
}

/// A message, as the ledger has it.
#[derive(Debug)]
struct Message {
    /// The device whose full JID it names.
    to: Option<usize>,
    /// Its sender hears when it is handled, and until then sends it again: a kill may lose no other message.
    lasts: bool,
    /// The devices whose sessions hold a copy.
    holders: Vec<usize>,
    /// A session acknowledged it, or it was written to one that acknowledges nothing.
    delivered: bool,
}

/// How a device is connected.
enum Link {
    Gone,
    Managed(Managed),
    Hibernated(Lost),
    Plain(Client),
}

struct Device {
    link: Link,
    /// Of its session, if that is available.
    priority: Option<i8>,
    /// Stanzas received and not acknowledged, by the number of the message if it is one.
    unacked: VecDeque<Option<usize>>,
    /// Messages that its session has yet to receive.
    expected: Vec<usize>,
}

struct World {
    server: Server,
    random: Random,
    /// A sender whose stream is managed, and how many stanzas it has sent.
    romeo: Managed,
    sent: u32,
    /// One whose stream is not.
    paris: Client,
    devices: [Device; DEVICES.len()],
    /// Those hibernated, the longest first.
    hibernated: Vec<usize>,
    ended: u64,
    messages: Vec<Message>,
    pings: usize,
    history: String,
}

#[tokio::test]
async fn each_message_comes_once_whatever_devices_do() -> Result<()> {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>());
    let seed = match number("DEVICES_SEED").transpose()? {
        Some(seed) => seed,
        None => getrandom::u64().map_err(|error| anyhow::anyhow!("{error}"))?,
    };
    let steps = match number("DEVICES_STEPS").transpose()? {
        Some(steps) => usize::try_from(steps)?,
        None => STEPS,
    };
    println!("DEVICES_SEED={seed} DEVICES_STEPS={steps}");
    let mut world = World::new(seed).await?;
    let begun = Instant::now();
    let mut step = 0;
    let mut outcome = Ok(());
    while outcome.is_ok() && step < steps && (steps > STEPS || begun.elapsed() < LONGEST) {
        step += 1;
        outcome = world.step(step).await;
    }
    if outcome.is_ok() {
        outcome = world.finish().await;
    }
    let (history, sent) = (&world.history, world.messages.len());
    outcome.with_context(|| format!("DEVICES_SEED={seed}, step {step}:\n{history}"))?;
    println!("{step} steps, {sent} messages in {:?}", begun.elapsed());
    world.server.stop().await
}

impl World {
    async fn new(seed: u64) -> Result<Self> {
        let config = format!("{METRICS}\n[limits]\nhibernated_sessions_per_account = {HIBERNATED}");
        let server = Settings::new().config(&config).start().await?;
        server.account("juliet").await?;
        server.account("paris").await?;
        let romeo = Managed::new(&server, "romeo").await?;
        let (paris, _) = server.log_in(&Login::new("paris")).await?;
        Ok(Self {
            server,
            random: Random(seed),
            romeo,
            sent: 1,
            paris,
            devices: std::array::from_fn(|_| Device {
                link: Link::Gone,
                priority: None,
                unacked: VecDeque::new(),
                expected: Vec::new(),
            }),
            hibernated: Vec::new(),
            ended: 0,
            messages: Vec::new(),
            pings: 0,
            history: String::new(),
        })
    }

    /// Does something, and looks that all have received what they must, and nothing else.
    async fn step(&mut self, step: usize) -> Result<()> {
        let one = self.random.below(DEVICES.len());
        let choice = self.random.below(20);
        self.history.clear_if_long();
        write!(self.history, "{step}: ")?;
        if step.is_multiple_of(KILL_EVERY) {
            self.kill().await?;
        } else {
            match (&self.devices[one].link, choice) {
                (_, 0..=7) => self.send().await?,
                (_, 8) => self.ask().await?,
                (Link::Gone, _) => self.log_in(one).await?,
                (Link::Hibernated(_), 9..=11) if !self.holds_its_own(one) => {
                    self.log_in(one).await?;
                }
                (Link::Hibernated(_), _) => self.resume(one).await?,
                (Link::Managed(_), 9..=11) => self.hibernate(one).await?,
                (Link::Managed(_), 12..=13) => self.acknowledge(one).await?,
                (_, 14) => self.close(one).await?,
                (_, 15) if matches!(self.devices[one].link, Link::Plain(_)) => {
                    self.close(one).await?;
                }
                _ => self.present(one).await?,
            }
        }
        self.settle().await
    }

    /// Whether a device holds a message to its full JID. Where such a session is replaced, the message is for the new session
    /// if that is bound before the old one gives it back, and for the account's other resources otherwise: both are right
    /// (RFC 6121 §8.5.3.2.1), so the ledger could not tell.
    fn holds_its_own(&self, one: usize) -> bool {
        let mut messages = self.messages.iter();
        messages.any(|message| {
            message.to == Some(one) && message.holders.contains(&one) && !message.delivered
        })
    }

    fn note(&mut self, what: &str) {
        // To a string: it cannot fail.
        let _ = writeln!(self.history, "{what}");
    }

    /// Sends up to three messages, to the account or to a device, and waits until they are routed.
    async fn send(&mut self) -> Result<()> {
        let by_romeo = self.random.below(2) == 0;
        for _ in 0..=self.random.below(3) {
            let to = (self.random.below(3) == 0).then(|| self.random.below(DEVICES.len()));
            let number = self.messages.len();
            let address = match to {
                Some(device) => format!("juliet@localhost/{}", DEVICES[device]),
                None => "juliet@localhost".to_owned(),
            };
            self.note(&format!("{number} to {address}, managed sender {by_romeo}"));
            self.messages.push(Message {
                to,
                lasts: by_romeo,
                holders: Vec::new(),
                delivered: false,
            });
            self.route(number);
            if by_romeo {
                self.romeo.chat(&address, &number.to_string()).await?;
                self.sent += 1;
            } else {
                let message =
                    format!("<message to='{address}' type='chat'><body>{number}</body></message>");
                self.paris.send(&message).await?;
            }
        }
        let ping = self.ping();
        if by_romeo {
            self.sent += 1;
            self.romeo.client.send(&ping).await?;
            while self.romeo.stanza().await?.name != "iq" {}
        } else {
            self.paris.send(&ping).await?;
            self.paris
                .wait_for("a pong", |one| one.name == "iq")
                .await?;
        }
        Ok(())
    }

    /// The managed sender asks what is handled: what nobody has acknowledged goes into the spool.
    async fn ask(&mut self) -> Result<()> {
        self.note("romeo asks");
        // Answers to pings are to be acknowledged too.
        self.romeo.acknowledge().await?;
        self.romeo.has_handled(self.sent).await
    }

    /// Begins a session of a device. One that it has and that is hibernated ends.
    async fn log_in(&mut self, one: usize) -> Result<()> {
        let is_managed = self.random.below(3) > 0;
        self.note(&format!("{} logs in, managed {is_managed}", DEVICES[one]));
        let old = std::mem::replace(&mut self.devices[one].link, Link::Gone);
        let login = Login::new("juliet").resource(DEVICES[one]);
        let (mut client, _) = self.server.log_in(&login).await?;
        let mut early = Vec::new();
        self.devices[one].link = if is_managed {
            let enable = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
            client.send(enable).await?;
            // What its old session gives up may come before stanzas are counted.
            let enabled = loop {
                let element = client.element().await?;
                match number_of(&element)? {
                    Some(number) => early.push(number),
                    None => break element,
                }
            };
            Link::Managed(Managed {
                client,
                user: "juliet".to_owned(),
                id: enabled.attr("id").context("no id")?.to_owned(),
                received: 0,
                aside: VecDeque::new(),
            })
        } else {
            Link::Plain(client)
        };
        if let Link::Hibernated(old) = old {
            // When that is answered the session is over.
            old.is_refused(&self.server).await?;
            self.hibernated.retain(|&other| other != one);
            self.end(one);
        }
        for number in early {
            self.came(one, number)?;
            self.take(one, number);
        }
        Ok(())
    }

    /// A device has received a message, which it must have been waiting for.
    fn came(&mut self, one: usize, number: usize) -> Result<()> {
        let expected = &mut self.devices[one].expected;
        let index = expected.iter().position(|&other| other == number);
        let index = index.with_context(|| {
            format!(
                "{} got {number}, which is not for it, or not again",
                DEVICES[one]
            )
        })?;
        expected.swap_remove(index);
        Ok(())
    }

    /// Is available with another priority, or unavailable.
    async fn present(&mut self, one: usize) -> Result<()> {
        let priority = [None, Some(-1), Some(0), Some(0), Some(5)][self.random.below(5)];
        let presence = match priority {
            Some(priority) => format!("<presence><priority>{priority}</priority></presence>"),
            None => "<presence type='unavailable'/>".to_owned(),
        };
        self.note(&format!("{} has priority {priority:?}", DEVICES[one]));
        match &mut self.devices[one].link {
            Link::Managed(managed) => managed.client.send(&presence).await?,
            Link::Plain(client) => client.send(&presence).await?,
            Link::Gone | Link::Hibernated(_) => {}
        }
        let took = self.devices[one].priority >= Some(0);
        self.devices[one].priority = priority;
        if priority >= Some(0) && !took {
            for number in 0..self.messages.len() {
                let message = &self.messages[number];
                if message.holders.is_empty() && !message.delivered {
                    self.hand(number, one);
                }
            }
        }
        Ok(())
    }

    async fn acknowledge(&mut self, one: usize) -> Result<()> {
        self.note(&format!("{} acknowledges", DEVICES[one]));
        if let Link::Managed(managed) = &mut self.devices[one].link {
            managed.acknowledge().await?;
            self.take_all(one);
        }
        Ok(())
    }

    /// Loses the connection, and perhaps the last that came by it.
    async fn hibernate(&mut self, one: usize) -> Result<()> {
        let device = &mut self.devices[one];
        let Link::Managed(mut managed) = std::mem::replace(&mut device.link, Link::Gone) else {
            return Ok(());
        };
        let lost = self.random.below(device.unacked.len().min(4) + 1);
        for _ in 0..lost {
            managed.received = managed.received.wrapping_sub(1);
            device.expected.extend(device.unacked.pop_back().flatten());
        }
        device.link = Link::Hibernated(managed.lose());
        self.note(&format!(
            "{} is away, and has lost {lost} stanzas",
            DEVICES[one]
        ));
        self.hibernated.push(one);
        if self.hibernated.len() <= HIBERNATED {
            let sign = format!("waxwing_hibernated_sessions {}\n", self.hibernated.len());
            return self
                .scraped(async |server| Ok(scrape(server).await?.contains(&sign)))
                .await;
        }
        self.ended += 1;
        let ended = self.ended;
        self.scraped(async |server| Ok(reached(server, "hibernated-sessions").await? == ended))
            .await?;
        let first = self.hibernated.remove(0);
        self.note(&format!("{} makes room", DEVICES[first]));
        let link = std::mem::replace(&mut self.devices[first].link, Link::Gone);
        if let Link::Hibernated(lost) = link {
            lost.is_refused(&self.server).await?;
        }
        self.end(first);
        Ok(())
    }

    async fn scraped(&self, is_so: impl AsyncFn(&Server) -> Result<bool>) -> Result<()> {
        let looking = async {
            while !is_so(&self.server).await? {
                sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        };
        timeout(PATIENCE, looking)
            .await
            .context("the server does not notice")?
    }

    async fn resume(&mut self, one: usize) -> Result<()> {
        self.note(&format!("{} comes back", DEVICES[one]));
        let link = std::mem::replace(&mut self.devices[one].link, Link::Gone);
        if let Link::Hibernated(lost) = link {
            let (managed, _) = lost.resume(&self.server).await?;
            self.devices[one].link = Link::Managed(managed);
            self.hibernated.retain(|&other| other != one);
            // By saying what it has received it has acknowledged that.
            self.take_all(one);
        }
        Ok(())
    }

    /// Ends the stream in good order.
    async fn close(&mut self, one: usize) -> Result<()> {
        self.note(&format!("{} closes its stream", DEVICES[one]));
        match std::mem::replace(&mut self.devices[one].link, Link::Gone) {
            Link::Managed(managed) => drop(managed.client.close().await?),
            Link::Plain(client) => drop(client.close().await?),
            Link::Gone | Link::Hibernated(_) => {}
        }
        self.end(one);
        Ok(())
    }

    /// Kills the server when all that was sent is handled; all sessions are gone with it.
    async fn kill(&mut self) -> Result<()> {
        self.settle().await?;
        for one in 0..DEVICES.len() {
            let mut unacked = self.devices[one].unacked.iter().flatten();
            if unacked.any(|&number| !self.messages[number].lasts) {
                self.acknowledge(one).await?;
            }
        }
        self.settle().await?;
        self.ask().await?;
        removals_are_done(&self.server, "juliet").await?;
        self.note("the server is killed");
        self.server.kill().await?;
        self.server.wait().await?;
        self.server.start_again().await?;
        for device in &mut self.devices {
            device.link = Link::Gone;
            device.priority = None;
            device.unacked.clear();
            device.expected.clear();
        }
        for message in &mut self.messages {
            message.holders.clear();
        }
        self.hibernated.clear();
        self.ended = 0;
        self.romeo = Managed::again(&self.server, "romeo", "r").await?;
        self.sent = 1;
        self.paris = self.server.log_in(&Login::new("paris")).await?.0;
        Ok(())
    }

    /// All devices come; what is left anywhere is received, and nothing else.
    async fn finish(&mut self) -> Result<()> {
        for (one, device) in DEVICES.iter().enumerate() {
            self.note(&format!("{device} comes in the end"));
            if matches!(self.devices[one].link, Link::Hibernated(_)) {
                self.resume(one).await?;
            }
            self.settle().await?;
            self.acknowledge(one).await?;
        }
        for one in 0..DEVICES.len() {
            if !matches!(self.devices[one].link, Link::Gone) {
                self.close(one).await?;
                self.settle().await?;
            }
        }
        let login = Login::new("juliet").resource(DEVICES[0]);
        self.devices[0].link = Link::Plain(self.server.log_in(&login).await?.0);
        while self.devices[0].priority < Some(0) {
            self.present(0).await?;
            self.settle().await?;
        }
        let missing = self.messages.iter().position(|message| !message.delivered);
        ensure!(missing.is_none(), "{missing:?} is lost");
        self.close(0).await?;
        let last = Managed::again(&self.server, "juliet", DEVICES[1]).await?;
        self.devices[1].link = Link::Managed(last);
        self.devices[1].priority = Some(0);
        self.settle().await
    }

    /// Waits until each connected device has received what it must. Anything else is an error.
    async fn settle(&mut self) -> Result<()> {
        for (one, device) in DEVICES.iter().enumerate() {
            let ping = self.ping();
            let id = format!("ping{}", self.pings);
            match &mut self.devices[one].link {
                Link::Managed(managed) => managed.client.send(&ping).await?,
                Link::Plain(client) => client.send(&ping).await?,
                Link::Gone | Link::Hibernated(_) => continue,
            }
            let receiving = self.receive(one, &id);
            let received = timeout(PATIENCE, receiving).await;
            let expected = &self.devices[one].expected;
            received.with_context(|| format!("{device} lacks {expected:?}"))??;
        }
        Ok(())
    }

    /// Receives at least until that is answered.
    async fn receive(&mut self, one: usize, id: &str) -> Result<()> {
        let mut is_answered = false;
        while !is_answered || !self.devices[one].expected.is_empty() {
            let device = &mut self.devices[one];
            let stanza = match &mut device.link {
                Link::Managed(managed) => managed.stanza().await?,
                Link::Plain(client) => client.element().await?,
                Link::Gone | Link::Hibernated(_) => return Ok(()),
            };
            is_answered |= stanza.attr("id") == Some(id);
            let number = number_of(&stanza)?;
            if let Some(number) = number {
                self.came(one, number)?;
            }
            let device = &mut self.devices[one];
            if matches!(device.link, Link::Managed(_)) {
                device.unacked.push_back(number);
            } else if let Some(number) = number {
                self.take(one, number);
            }
        }
        Ok(())
    }

    fn ping(&mut self) -> String {
        self.pings += 1;
        let id = self.pings;
        format!("<iq type='get' id='ping{id}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    }

    /// Gives a message to those who are to have it; nobody may be.
    fn route(&mut self, number: usize) {
        let is_there = |device: &Device| !matches!(device.link, Link::Gone);
        if let Some(one) = self.messages[number].to
            && is_there(&self.devices[one])
        {
            return self.hand(number, one);
        }
        let best = self
            .devices
            .iter()
            .filter_map(|device| device.priority)
            .max();
        for one in 0..DEVICES.len() {
            if best >= Some(0) && self.devices[one].priority == best {
                self.hand(number, one);
            }
        }
    }

    fn hand(&mut self, number: usize, one: usize) {
        self.messages[number].holders.push(one);
        self.devices[one].expected.push(number);
    }

    /// A device has a message for good.
    fn take(&mut self, one: usize, number: usize) {
        let message = &mut self.messages[number];
        message.delivered = true;
        message.holders.retain(|&other| other != one);
    }

    fn take_all(&mut self, one: usize) {
        for number in std::mem::take(&mut self.devices[one].unacked)
            .into_iter()
            .flatten()
        {
            self.take(one, number);
        }
    }

    /// A session is over: what it has not acknowledged goes elsewhere, unless somebody else has it.
    fn end(&mut self, one: usize) {
        let device = &mut self.devices[one];
        device.priority = None;
        device.unacked.clear();
        device.expected.clear();
        for number in 0..self.messages.len() {
            let message = &mut self.messages[number];
            let before = message.holders.len();
            message.holders.retain(|&other| other != one);
            if message.holders.len() < before && message.holders.is_empty() && !message.delivered {
                self.route(number);
            }
        }
    }
}

fn number_of(stanza: &Element) -> Result<Option<usize>> {
    if stanza.name != "message" {
        return Ok(None);
    }
    let body = stanza.child_text("body");
    let body = body.with_context(|| format!("no body: {stanza}"))?;
    Ok(Some(body.parse()?))
}

/// What happened lately.
trait Recent {
    fn clear_if_long(&mut self);
}

impl Recent for String {
    fn clear_if_long(&mut self) {
        const MOST: usize = 20_000;
        if self.len() > MOST {
            self.drain(..self.len() - MOST / 2);
        }
    }
}
