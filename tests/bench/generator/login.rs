//! From a connection to a bound session, by as little work as it takes: what the server says is searched, not parsed.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;
use waxwing_tests::PATIENCE;
use waxwing_tests::client::login::{auth, bind_request, password_of, response};
use waxwing_tests::client::sasl::{decode, encode};
use waxwing_tests::client::{header, ns};

use super::link::Buffer;
use super::{Keyring, Link, shared_buffer};

/// Logins at the same time while a load is set up.
const AT_ONCE: usize = 32;

/// How sessions reach the server.
#[derive(Clone)]
pub(crate) enum Transport {
    Plain,
    /// STARTTLS, TLS 1.3, every time a full handshake
    Tls(Arc<ClientConfig>),
    /// A relay that only copies bytes: whatever user with an even number sends goes to the next one.
    Relay,
}

/// What a client says once it is bound: it fetches the roster, so that it is told of changes, and is there.
pub(crate) const ARRIVE: &str =
    "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>";

/// Where sessions are made.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// The server's process.
    pub(crate) pid: u32,
    pub(crate) transport: Transport,
    pub(crate) keyring: Keyring,
    pub(crate) buffer: Buffer,
}

/// A bound session that has read all that was sent to it.
pub(crate) struct Session {
    pub(crate) link: Link,
    pub(crate) jid: String,
}

/// The name of a user of the load.
pub(crate) fn user(number: u32) -> String {
    format!("u{number}")
}

/// The bare JID of a user of the load.
pub(crate) fn jid_of(number: u32) -> String {
    format!("{}@localhost", user(number))
}

impl Target {
    pub(crate) fn new(
        address: SocketAddr,
        pid: u32,
        transport: Transport,
        keyring: &Keyring,
    ) -> Self {
        Self {
            address,
            pid,
            transport,
            keyring: keyring.clone(),
            buffer: shared_buffer(),
        }
    }

    pub(crate) fn is_relay(&self) -> bool {
        matches!(self.transport, Transport::Relay)
    }

    /// Logs users in, many at a time; the sessions are in the order of the users.
    pub(crate) async fn sessions(
        &self,
        users: impl IntoIterator<Item = u32>,
    ) -> Result<Vec<Session>> {
        let mut users = users.into_iter().enumerate();
        let target = Rc::new(self.clone());
        let (mut tasks, mut sessions) = (JoinSet::new(), Vec::new());
        loop {
            while tasks.len() < AT_ONCE
                && let Some((place, number)) = users.next()
            {
                let target = Rc::clone(&target);
                tasks.spawn_local(async move { Ok((place, target.session(number, "r").await?)) });
            }
            let Some(session) = tasks.join_next().await else {
                break;
            };
            let session: Result<(usize, Session)> = session?;
            sessions.push(session?);
        }
        sessions.sort_by_key(|(place, _)| *place);
        Ok(sessions.into_iter().map(|(_, session)| session).collect())
    }

    /// Logs one user in.
    pub(crate) async fn session(&self, number: u32, resource: &str) -> Result<Session> {
        let login = async {
            let link = Link::connect(self.address, number).await?;
            let mut talk = Talk::new(link, &self.buffer);
            match &self.transport {
                Transport::Relay => talk.join_relay(number).await,
                Transport::Plain => talk.log_in(number, resource, &self.keyring).await,
                Transport::Tls(config) => {
                    talk = talk.secure(config).await?;
                    talk.log_in(number, resource, &self.keyring).await
                }
            }
        };
        timeout(PATIENCE, login)
            .await
            .with_context(|| format!("user {number} waits for ever"))?
            .with_context(|| format!("logging in user {number}"))
    }
}

/// A negotiation.
struct Talk {
    link: Link,
    received: Vec<u8>,
    buffer: Buffer,
}

impl Talk {
    fn new(link: Link, buffer: &Buffer) -> Self {
        Self {
            link,
            received: Vec::new(),
            buffer: Rc::clone(buffer),
        }
    }

    /// Sends, then reads until `mark` came; returns what came up to it.
    async fn ask(&mut self, text: &str, mark: &str) -> Result<String> {
        self.link.send(text.as_bytes()).await?;
        loop {
            if let Some(at) = memmem::find(&self.received, mark.as_bytes()) {
                let answer = self.received.drain(..at + mark.len()).collect();
                return String::from_utf8(answer).context("the answer is not UTF-8");
            }
            if let Some(at) = memmem::find(&self.received, b"</failure>") {
                bail!(
                    "refused: {}",
                    String::from_utf8_lossy(self.received.get(..at).unwrap_or_default())
                );
            }
            let received = &mut self.received;
            let look = |bytes: &[u8]| received.extend_from_slice(bytes);
            let more = self.link.read(&self.buffer, look).await;
            more.with_context(|| {
                let received = String::from_utf8_lossy(&self.received);
                format!("waiting for {mark} in answer to {text}, after {received}")
            })?;
        }
    }

    async fn open(&mut self) -> Result<String> {
        self.ask(&header("localhost"), "</stream:features>").await
    }

    async fn secure(mut self, config: &Arc<ClientConfig>) -> Result<Self> {
        let features = self.open().await?;
        ensure!(
            features.contains("<starttls"),
            "STARTTLS is not offered: {features}"
        );
        let start = format!("<starttls xmlns='{}'/>", ns::TLS);
        self.ask(&start, "<proceed").await?;
        // Nothing but the rest of the tag comes before the handshake.
        while !self.received.contains(&b'>') {
            let received = &mut self.received;
            self.link
                .read(&self.buffer, |bytes| received.extend_from_slice(bytes))
                .await?;
        }
        let link = self.link.secure(config).await?;
        Ok(Self::new(link, &self.buffer))
    }

    async fn log_in(mut self, number: u32, resource: &str, keyring: &Keyring) -> Result<Session> {
        let user = user(number);
        let features = self.open().await?;
        ensure!(
            features.contains(">SCRAM-SHA-1<"),
            "SCRAM-SHA-1 is not offered: {features}"
        );
        let mut random = [0; 18];
        getrandom::fill(&mut random).context("no random bytes")?;
        let bare = format!("n={user},r={}", encode(random));
        let first = auth("SCRAM-SHA-1", &encode(format!("n,,{bare}")));
        let challenge = self.ask(&first, "</challenge>").await?;
        let challenge = String::from_utf8(decode(text_of(&challenge, "</challenge>")?)?)?;
        let last = keyring.answer(&password_of(&user), &bare, &challenge)?;
        self.ask(&response(&encode(last)), "</success>").await?;
        self.open().await?;
        let bind = format!(
            "<iq type='set' id='bind'>{}</iq>",
            bind_request(Some(resource))
        );
        let bound = self.ask(&bind, "</iq>").await?;
        let jid = bound
            .split_once("</jid>")
            .map(|(before, _)| format!("{before}</jid>"));
        let jid = text_of(
            &jid.with_context(|| format!("no JID in {bound}"))?,
            "</jid>",
        )?
        .to_owned();
        Ok(Session {
            link: self.link,
            jid,
        })
    }

    async fn join_relay(mut self, number: u32) -> Result<Session> {
        self.ask(&format!("{number}\n"), "\n").await?;
        Ok(Session {
            link: self.link,
            jid: format!("{}/r", jid_of(number)),
        })
    }
}

/// The text before the tag that ends an element.
fn text_of<'a>(xml: &'a str, end: &str) -> Result<&'a str> {
    let before = xml.strip_suffix(end).context("the element has no end")?;
    let (_, text) = before
        .rsplit_once('>')
        .context("the element has no start")?;
    Ok(text)
}

impl Session {
    /// Sends `text`, then a request that the server answers when it is done with what came before, and reads until then.
    pub(crate) async fn do_first(&mut self, text: &str, buffer: &Buffer) -> Result<()> {
        let ping = format!(
            "{text}<iq type='get' id='done-first' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
        );
        self.ask(&ping, "done-first", buffer).await.map(drop)
    }

    /// Sends `text` and reads until `mark` came, and whatever came with it.
    pub(crate) async fn ask(&mut self, text: &str, mark: &str, buffer: &Buffer) -> Result<String> {
        self.link.send(text.as_bytes()).await?;
        let mut received = Vec::new();
        while memmem::find(&received, mark.as_bytes()).is_none() {
            self.link
                .read(buffer, |bytes| received.extend_from_slice(bytes))
                .await?;
        }
        String::from_utf8(received).context("the answer is not UTF-8")
    }
}
