//! A user with a client that manages its stream: it sends again what was not acknowledged, and comes back whatever happens.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout, timeout_at},
};
use waxwing_tests::{Client, Element, Login, client::ns};

use super::{
    USERS,
    contacts::Roster,
    ledger::{Crowd, Ledger, Message, Receipt},
};

const SM: &str = "urn:xmpp:sm:3";
/// Between two messages of a user: all of them together send about 500 in a second.
const PAUSE: Duration = Duration::from_millis(16);
/// Time without news after which nothing more comes.
const QUIET: Duration = Duration::from_secs(2);
/// Time for the server to be there again.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the users do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Talking,
    Finishing,
}

/// Something that was sent and is not acknowledged.
#[derive(Debug)]
struct Pending {
    stanza: String,
    /// Where it is a message.
    message: Option<Message>,
    /// Whether it is sent again after a break.
    lasts: bool,
}

impl Pending {
    fn passing(stanza: &str) -> Self {
        Self {
            stanza: stanza.to_owned(),
            message: None,
            lasts: false,
        }
    }

    fn word(kind: &str, to: &str) -> Self {
        Self {
            stanza: format!("<presence to='{to}' type='{kind}'/>"),
            message: None,
            lasts: true,
        }
    }

    fn chat(message: Message) -> Self {
        let (to, id) = (name(message.to), message.id());
        Self {
            stanza: format!(
                "<message to='{to}@localhost' type='chat' id='{id}'><body>{id}</body></message>"
            ),
            message: Some(message),
            lasts: true,
        }
    }
}

pub(super) struct User {
    pub(super) index: usize,
    visits: bool,
    pub(super) ledger: Ledger,
    crowd: Arc<Crowd>,
    address: watch::Receiver<Option<SocketAddr>>,
    phase: watch::Receiver<Phase>,
    /// The number of the last message to each.
    numbers: [u32; USERS],
    pending: VecDeque<Pending>,
    /// How many stanzas were acknowledged of this session.
    acked: u32,
    /// How many came.
    received: u32,
    /// By which the session can be resumed.
    id: Option<String>,
    steps: u64,
}

pub(super) fn name(index: usize) -> String {
    format!("user{index}")
}

/// A random number below a limit.
pub(super) fn random(limit: u64) -> Result<u64> {
    Ok(getrandom::u64().map_err(|error| anyhow::anyhow!("{error}"))? % limit)
}

/// Why a connection is over.
enum Over {
    Lost,
    Left,
    Done,
}

impl User {
    pub(super) fn new(
        index: usize,
        visits: bool,
        crowd: Arc<Crowd>,
        address: watch::Receiver<Option<SocketAddr>>,
        phase: watch::Receiver<Phase>,
    ) -> Result<Self> {
        Ok(Self {
            index,
            visits,
            ledger: Ledger::default(),
            crowd,
            address,
            phase,
            numbers: [0; USERS],
            pending: VecDeque::new(),
            acked: 0,
            received: 0,
            id: None,
            steps: random(1_000)?,
        })
    }

    /// Until all is said, acknowledged and received.
    pub(super) async fn run(mut self) -> Result<Self> {
        loop {
            let address = timeout(PATIENCE, self.address.wait_for(Option::is_some)).await;
            let address = (*address.context("the server does not come back")??).context("none")?;
            // A connection that breaks off while it is made is made again.
            let over = match self.connect(address).await {
                Ok(client) => self.talk(client).await?,
                Err(error) if self.address.borrow().is_some() && !is_lost(&error) => {
                    return Err(error.context(format!("user {}", self.index)));
                }
                Err(_) => Over::Lost,
            };
            match over {
                Over::Done => return Ok(self),
                Over::Left => sleep(Duration::from_millis(200 + random(400)?)).await,
                Over::Lost => {
                    self.crowd.note(Some(self.index));
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    async fn connect(&mut self, address: SocketAddr) -> Result<Client> {
        let login = Login::new(&name(self.index)).resource("r");
        let mut client = Client::connect(address).await?;
        client.open_secure(&login.domain, login.starttls).await?;
        let outcome = client.authenticate(&login).await?;
        outcome.map_err(anyhow::Error::msg)?;
        client.open(&login.domain).await?;
        if let Some(id) = self.id.clone() {
            let ask = format!("<resume xmlns='{SM}' previd='{id}' h='{}'/>", self.received);
            client.send(&ask).await?;
            let answer = client.element().await?;
            let handled = answer.attr("h").map(str::parse).transpose()?;
            if let Some(handled) = handled.filter(|handled| *handled >= self.acked) {
                // After a restart the server may remember a little less than it had said.
                self.settle(handled)?;
            }
            if answer.is("resumed", SM) {
                ensure!(handled == Some(self.acked), "{answer}");
                self.ledger.resumed += 1;
                self.repeat(&mut client).await?;
                return Ok(client);
            }
            ensure!(answer.is("failed", SM), "{answer}");
            self.ledger.refused += 1;
            self.id = None;
        }
        client.bind(login.resource.as_deref()).await?;
        client
            .send(&format!("<enable xmlns='{SM}' resume='true'/>"))
            .await?;
        let enabled = client.element().await?;
        ensure!(enabled.is("enabled", SM), "{enabled}");
        self.id = enabled.attr("id").map(str::to_owned);
        (self.acked, self.received) = (0, 0);
        self.repeat(&mut client).await?;
        Ok(client)
    }

    /// Is available, and sends again what was not acknowledged and lasts, in the order in which it was said.
    async fn repeat(&mut self, client: &mut Client) -> Result<()> {
        self.pending.retain(|one| one.lasts);
        self.pending.push_front(Pending::passing("<presence/>"));
        for pending in &self.pending {
            self.ledger.again.extend(pending.message);
            client.send(&pending.stanza).await?;
        }
        Ok(())
    }

    async fn say(&mut self, client: &mut Client, pending: Pending) -> Result<()> {
        let sent = client.send(&pending.stanza).await;
        self.pending.push_back(pending);
        sent
    }

    async fn talk(&mut self, mut client: Client) -> Result<Over> {
        let stay = Instant::now() + Duration::from_millis(300 + random(800)?);
        // Networks fail too.
        let fail = Instant::now() + Duration::from_millis(200 + random(3_000)?);
        let mut next = Instant::now();
        let mut news = Instant::now();
        loop {
            let finishing = *self.phase.borrow() == Phase::Finishing;
            let settled = finishing && self.pending.is_empty();
            if !self.crowd.is_settled(self.index, settled) {
                news = Instant::now();
            }
            if settled && news.elapsed() > QUIET {
                return self.finish(client).await;
            }
            if self.visits && !finishing && Instant::now() > stay {
                let farewell = format!("<a xmlns='{SM}' h='{}'/>", self.received);
                self.ack_all();
                self.crowd.note(Some(self.index));
                self.id = None;
                if client.send(&farewell).await.is_ok() {
                    // What comes in between is not acknowledged, and comes again.
                    drop(client.close().await);
                }
                return Ok(Over::Left);
            }
            if !finishing && Instant::now() > fail {
                return Ok(Over::Lost);
            }
            let done = match timeout_at(next, client.element()).await {
                Ok(Ok(element)) => {
                    // Presence goes on to the end.
                    if element.attr("type").is_some() {
                        news = Instant::now();
                    }
                    self.hear(&mut client, &element).await
                }
                Ok(Err(error)) => Err(error),
                Err(_) => {
                    next = Instant::now() + PAUSE;
                    self.step(&mut client, finishing).await
                }
            };
            match done {
                Err(error) if is_lost(&error) => return Ok(Over::Lost),
                done => done.with_context(|| format!("user {}", self.index))?,
            }
        }
    }

    /// Says something.
    async fn step(&mut self, client: &mut Client, finishing: bool) -> Result<()> {
        self.steps += 1;
        if self.steps.is_multiple_of(8) {
            client.send(&format!("<r xmlns='{SM}'/>")).await?;
        }
        if finishing {
            return Ok(());
        }
        if self.steps.is_multiple_of(15) {
            let change = self.ledger.changes.next()?;
            return self.say(client, Pending::passing(&change)).await;
        }
        let to = usize::try_from(random(USERS as u64)?)?;
        if to == self.index {
            return Ok(());
        }
        if self.steps.is_multiple_of(10) {
            let kind = ["subscribe", "subscribe", "unsubscribe", "unsubscribed"];
            let kind = kind[usize::try_from(random(4)?)?];
            let to = format!("{}@localhost", name(to));
            return self.say(client, Pending::word(kind, &to)).await;
        }
        self.numbers[to] += 1;
        let message = Message {
            from: self.index,
            to,
            number: self.numbers[to],
        };
        self.ledger.sent += 1;
        self.say(client, Pending::chat(message)).await
    }

    async fn hear(&mut self, client: &mut Client, element: &Element) -> Result<()> {
        if element.is("r", SM) {
            client
                .send(&format!("<a xmlns='{SM}' h='{}'/>", self.received))
                .await?;
            self.ack_all();
        } else if element.is("a", SM) {
            self.settle(element.attr("h").context("no h")?.parse()?)?;
        } else if element.ns == ns::CLIENT {
            self.received = self.received.wrapping_add(1);
            let message = element.attr("id").and_then(Message::parse);
            if let Some(message) = message.filter(|_| element.name == "message") {
                ensure!(element.attr("type") == Some("chat"), "{element}");
                self.ledger.received.push(Receipt {
                    message,
                    at: std::time::Instant::now(),
                    acked: None,
                });
            }
            if element.name == "iq" && matches!(element.attr("type"), Some("result" | "error")) {
                self.ledger.changes.confirm(element)?;
            }
            if element.name == "presence" {
                self.hear_presence(client, element).await?;
            }
        }
        Ok(())
    }

    async fn hear_presence(&mut self, client: &mut Client, presence: &Element) -> Result<()> {
        if let Some(who) = presence.child_text("status") {
            self.ledger.seen.insert(who.parse()?);
        }
        if presence.attr("type") == Some("subscribe") {
            let from = presence.attr("from").unwrap_or_default();
            self.say(client, Pending::word("subscribed", from)).await?;
        }
        Ok(())
    }

    /// All that was received is acknowledged.
    fn ack_all(&mut self) {
        let now = std::time::Instant::now();
        for receipt in self.ledger.received.iter_mut().rev() {
            if receipt.acked.is_some() {
                break;
            }
            receipt.acked = Some(now);
        }
    }

    /// The server has handled so many.
    fn settle(&mut self, handled: u32) -> Result<()> {
        let count = handled.wrapping_sub(self.acked) as usize;
        ensure!(
            count <= self.pending.len(),
            "{handled} after {}",
            self.acked
        );
        self.acked = handled;
        for pending in self.pending.drain(..count) {
            self.ledger.acked.extend(pending.message);
        }
        Ok(())
    }

    /// Looks at the roster, shows a last presence and whose it sees, and leaves.
    async fn finish(&mut self, mut client: Client) -> Result<Over> {
        let get = "<query xmlns='jabber:iq:roster'/>";
        let answer = self.ask(&mut client, "", get).await?;
        self.ledger.roster = Roster::parse(&answer)?;
        let last = format!("<presence><status>{}</status></presence>", self.index);
        self.say(&mut client, Pending::passing(&last)).await?;
        // Once the first is answered presence is passed on, once the second is, what others passed on has come.
        let ping = "<ping xmlns='urn:xmpp:ping'/>";
        self.ask(&mut client, "to='localhost'", ping).await?;
        self.crowd.meet().await;
        self.ask(&mut client, "to='localhost'", ping).await?;
        Ok(Over::Done)
    }

    /// Asks, and hears what comes until it is answered.
    async fn ask(&mut self, client: &mut Client, to: &str, payload: &str) -> Result<Element> {
        let iq = format!("<iq type='get' id='asked' {to}>{payload}</iq>");
        self.say(client, Pending::passing(&iq)).await?;
        loop {
            let element = client.element().await?;
            self.hear(client, &element).await?;
            if element.attr("id") == Some("asked") {
                return Ok(element);
            }
        }
    }
}

/// Whether it says no more than that the connection broke off.
fn is_lost(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}");
    [
        "cannot send",
        "stream ended",
        "refused",
        "no stream header",
        "handshake",
        "reset",
        "eof",
        "cannot receive",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}
