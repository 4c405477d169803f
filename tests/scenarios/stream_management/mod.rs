//! Stream management (XEP-0198) and client state indication (XEP-0352).

mod acks;
mod client_state;
mod devices;
mod random_devices;
mod resumption;
mod survival;

use std::collections::VecDeque;

use anyhow::{Context, Result, bail, ensure};
use waxwing_tests::{Client, Element, Login, Server, client::ns};

const SM: &str = "urn:xmpp:sm:3";

/// A user online whose stream is managed. It counts what it is sent, and acknowledges only when it is told to.
pub(crate) struct Managed {
    client: Client,
    user: String,
    /// Under which its session can be resumed.
    id: String,
    /// Stanzas received.
    received: u32,
    /// Those that came before something else that was waited for.
    aside: VecDeque<Element>,
}

/// What a client remembers whose connection is lost.
pub(crate) struct Lost {
    user: String,
    id: String,
    received: u32,
}

impl Managed {
    /// Of a new account, available.
    pub(crate) async fn new(server: &Server, user: &str) -> Result<Self> {
        server.account(user).await?;
        Self::again(server, user, "r").await
    }

    /// Of an account that is there.
    async fn again(server: &Server, user: &str, resource: &str) -> Result<Self> {
        let mut managed = Self::connected(server, user, resource).await?;
        managed.client.send("<presence/>").await?;
        // Its own presence, and what else it is told, has come when that is dealt with.
        managed.has_handled(1).await?;
        let own = format!("{user}@localhost/{resource}");
        managed
            .aside
            .retain(|stanza| stanza.attr("from") != Some(&own));
        Ok(managed)
    }

    /// The same, not available.
    async fn connected(server: &Server, user: &str, resource: &str) -> Result<Self> {
        let login = Login::new(user).resource(resource);
        let (mut client, _) = server.log_in(&login).await?;
        client
            .send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
            .await?;
        let enabled = client.element().await?;
        ensure!(enabled.is("enabled", SM), "{enabled}");
        ensure!(enabled.attr("resume") == Some("true"), "{enabled}");
        Ok(Self {
            client,
            user: user.to_owned(),
            id: enabled.attr("id").context("no id")?.to_owned(),
            received: 0,
            aside: VecDeque::new(),
        })
    }

    /// The next stanza. Questions of the server's are not answered.
    async fn stanza(&mut self) -> Result<Element> {
        if let Some(stanza) = self.aside.pop_front() {
            return Ok(stanza);
        }
        loop {
            let element = self.client.element().await?;
            if element.ns == ns::CLIENT {
                self.received = self.received.wrapping_add(1);
                return Ok(element);
            }
            ensure!(element.is("r", SM), "{element}");
        }
    }

    /// The body of the next message.
    async fn body(&mut self) -> Result<String> {
        loop {
            let stanza = self.stanza().await?;
            if let Some(body) = stanza.child_text("body") {
                return Ok(body.to_owned());
            }
        }
    }

    /// The bodies of the next messages.
    async fn bodies(&mut self, count: usize) -> Result<Vec<String>> {
        let mut bodies = Vec::new();
        while bodies.len() < count {
            bodies.push(self.body().await?);
        }
        Ok(bodies)
    }

    /// Sends a chat message.
    async fn chat(&mut self, to: &str, body: &str) -> Result<()> {
        let to = if to.contains('@') {
            to.to_owned()
        } else {
            format!("{to}@localhost")
        };
        let message = format!("<message to='{to}' type='chat'><body>{body}</body></message>");
        self.client.send(&message).await
    }

    /// Acknowledges all that it received.
    async fn acknowledge(&mut self) -> Result<()> {
        let ack = format!("<a xmlns='{SM}' h='{}'/>", self.received);
        self.client.send(&ack).await
    }

    /// Asks what is handled, until that is so much.
    async fn has_handled(&mut self, wanted: u32) -> Result<()> {
        self.client.send("<r xmlns='urn:xmpp:sm:3'/>").await?;
        self.is_told(wanted).await
    }

    /// Waits until the server says that so much is handled: of what takes its time it tells later.
    async fn is_told(&mut self, wanted: u32) -> Result<()> {
        loop {
            let handled = self.ack().await?;
            ensure!(handled <= wanted, "{handled} instead of {wanted}");
            if handled == wanted {
                return Ok(());
            }
        }
    }

    /// The next ack of the server's. Stanzas that come before it are kept for later.
    async fn ack(&mut self) -> Result<u32> {
        loop {
            let element = self.client.element().await?;
            if element.is("a", SM) {
                return Ok(element.attr("h").context("no h")?.parse()?);
            }
            if element.ns == ns::CLIENT {
                self.received = self.received.wrapping_add(1);
                self.aside.push_back(element);
            }
        }
    }

    /// Loses its connection.
    pub(crate) fn lose(self) -> Lost {
        Lost {
            user: self.user,
            id: self.id,
            received: self.received,
        }
    }
}

/// Waits until what is delivered by now to an account is removed from its spool. A resumption that fails asks about that.
async fn removals_are_done(server: &Server, user: &str) -> Result<()> {
    let nothing = Lost {
        user: user.to_owned(),
        id: "nothing".to_owned(),
        received: 0,
    };
    ensure!(nothing.is_refused(server).await?.is_none());
    Ok(())
}

impl Lost {
    /// Authenticates, and asks to go on. Returns the server's answer too.
    async fn ask(&self, server: &Server) -> Result<(Client, Element)> {
        self.ask_as(server, &self.user).await
    }

    async fn ask_as(&self, server: &Server, user: &str) -> Result<(Client, Element)> {
        let login = Login::new(user);
        let mut client = server.connect().await?;
        client.open_secure(&login.domain, login.starttls).await?;
        let outcome = client.authenticate(&login).await?;
        outcome.map_err(anyhow::Error::msg)?;
        let (_, features) = client.open(&login.domain).await?;
        ensure!(features.child("sm", SM).is_some(), "{features}");
        let (id, received) = (&self.id, self.received);
        client
            .send(&format!(
                "<resume xmlns='{SM}' previd='{id}' h='{received}'/>"
            ))
            .await?;
        let answer = client.element().await?;
        Ok((client, answer))
    }

    /// Goes on, and says how many of its stanzas were handled.
    pub(crate) async fn resume(self, server: &Server) -> Result<(Managed, u32)> {
        let (client, answer) = self.ask(server).await?;
        if !answer.is("resumed", SM) {
            bail!("not resumed: {answer}");
        }
        ensure!(answer.attr("previd") == Some(&self.id), "{answer}");
        let handled = answer.attr("h").context("no h")?.parse()?;
        let managed = Managed {
            client,
            user: self.user,
            id: self.id,
            received: self.received,
            aside: VecDeque::new(),
        };
        Ok((managed, handled))
    }

    /// Is told that it cannot go on. Returns how many of its stanzas were handled, if the server knows.
    async fn is_refused(&self, server: &Server) -> Result<Option<u32>> {
        let (_, answer) = self.ask(server).await?;
        refusal(&answer)
    }
}

fn refusal(answer: &Element) -> Result<Option<u32>> {
    ensure!(answer.is("failed", SM), "{answer}");
    let condition = answer.child("item-not-found", ns::STANZA_ERRORS);
    ensure!(condition.is_some(), "{answer}");
    Ok(answer.attr("h").map(str::parse).transpose()?)
}
