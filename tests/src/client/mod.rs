//! An XMPP client that sends exactly the bytes it is told to, and shows exactly what came.

pub mod login;
pub mod ns;
pub mod sasl;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::PATIENCE;
use crate::tls::{self, Bindings, Version};
use crate::xml::{Element, Incoming, Item};

/// What comes next on a stream.
#[derive(Clone, Debug)]
pub enum Event {
    /// A stream header.
    Open(Element),
    /// An element at the first level.
    Element(Element),
    /// `</stream:stream>`.
    Close,
    /// The socket was closed; nothing follows.
    End,
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Between the two, and after a handshake that failed.
    None,
}

/// A connection with all that was received on it.
pub struct Client {
    transport: Transport,
    incoming: Incoming,
    /// Received and not yet read by the parser.
    unread: Vec<u8>,
    /// Set aside while something else was waited for.
    aside: VecDeque<Element>,
    /// Everything received, for messages of failures.
    transcript: Vec<u8>,
    bindings: Option<Bindings>,
    /// The connection ended in the middle: without TLS's own end, or by a reset.
    cut_short: bool,
    /// The id of the next iq.
    next_id: u64,
}

impl Client {
    /// Connects by plain TCP.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let tcp = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        tcp.set_nodelay(true)?;
        Ok(Self::over(Transport::Plain(tcp)))
    }

    /// Connects by direct TLS (XEP-0368).
    pub async fn connect_tls(address: SocketAddr, domain: &str, version: Version) -> Result<Self> {
        let tcp = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        tcp.set_nodelay(true)?;
        let stream = timeout(PATIENCE, tls::connect(tcp, domain, version, true)).await??;
        let bindings = tls::bindings(&stream, version)?;
        let mut client = Self::over(Transport::Tls(Box::new(stream)));
        client.bindings = Some(bindings);
        Ok(client)
    }

    fn over(transport: Transport) -> Self {
        Self {
            transport,
            incoming: Incoming::new(),
            unread: Vec::new(),
            aside: VecDeque::new(),
            transcript: Vec::new(),
            bindings: None,
            cut_short: false,
            next_id: 0,
        }
    }

    /// The channel bindings of the TLS connection, if there is one.
    #[must_use]
    pub fn bindings(&self) -> Option<&Bindings> {
        self.bindings.as_ref()
    }

    /// Whether the connection ended without saying so: by a reset, or, with TLS, without `close_notify`.
    #[must_use]
    pub fn was_cut_short(&self) -> bool {
        self.cut_short
    }

    /// What was received so far, as text.
    #[must_use]
    pub fn transcript(&self) -> String {
        String::from_utf8_lossy(&self.transcript).into_owned()
    }

    /// Sends text as it is.
    pub async fn send(&mut self, text: &str) -> Result<()> {
        self.send_bytes(text.as_bytes()).await
    }

    /// Sends bytes as they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        timeout(PATIENCE, async {
            match &mut self.transport {
                Transport::Plain(tcp) => tcp.write_all(bytes).await,
                Transport::Tls(stream) => {
                    stream.write_all(bytes).await?;
                    stream.flush().await
                }
                Transport::None => Err(std::io::ErrorKind::NotConnected.into()),
            }
        })
        .await
        .context("the server does not read")?
        .context("cannot send")
    }

    /// Sends bytes to a server that may have closed the connection already.
    pub async fn send_if_open(&mut self, bytes: &[u8]) {
        // What is judged afterwards is what the server answered.
        let _ = self.send_bytes(bytes).await;
    }

    /// The next thing on the stream, elements set aside excluded.
    pub async fn event(&mut self) -> Result<Event> {
        timeout(PATIENCE, self.read_event())
            .await
            .with_context(|| format!("nothing came; so far: {}", self.tail()))?
    }

    async fn read_event(&mut self) -> Result<Event> {
        loop {
            let mut input = self.unread.as_slice();
            let item = self.incoming.next(&mut input);
            let consumed = self.unread.len().saturating_sub(input.len());
            self.unread.drain(..consumed);
            match item.with_context(|| format!("after: {}", self.tail()))? {
                Some(Item::Open(header)) => return Ok(Event::Open(header)),
                Some(Item::Element(element)) => return Ok(Event::Element(element)),
                Some(Item::Close) => return Ok(Event::Close),
                None => {}
            }
            if !self.fill().await? {
                return Ok(Event::End);
            }
        }
    }

    /// Reads once; false at the end. A reset counts as the end: what matters was read before.
    async fn fill(&mut self) -> Result<bool> {
        let mut buffer = vec![0; 16 * 1024];
        let read = match &mut self.transport {
            Transport::Plain(tcp) => tcp.read(&mut buffer).await,
            Transport::Tls(stream) => stream.read(&mut buffer).await,
            Transport::None => Ok(0),
        };
        let received = match read {
            Ok(count) => buffer.get(..count).unwrap_or_default(),
            Err(error) if is_end(&error) => {
                self.cut_short = true;
                &[]
            }
            Err(error) => return Err(error).context("cannot receive"),
        };
        self.unread.extend_from_slice(received);
        self.transcript.extend_from_slice(received);
        Ok(!received.is_empty())
    }

    /// The last of what was received.
    fn tail(&self) -> String {
        let from = self.transcript.len().saturating_sub(2000);
        String::from_utf8_lossy(self.transcript.get(from..).unwrap_or_default()).into_owned()
    }

    /// The next element that `wanted` accepts; others that come before it are kept for later calls.
    pub async fn wait_for(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&Element) -> bool,
    ) -> Result<Element> {
        if let Some(index) = self.aside.iter().position(&mut wanted) {
            return self
                .aside
                .remove(index)
                .context("an element set aside is gone");
        }
        loop {
            match self
                .event()
                .await
                .with_context(|| format!("waiting for {what}"))?
            {
                Event::Element(element) if wanted(&element) => return Ok(element),
                Event::Element(element) if element.is("error", ns::STREAMS) => {
                    bail!("waiting for {what}, the stream ended with {element}")
                }
                Event::Element(element) => self.aside.push_back(element),
                Event::Open(_) => bail!("waiting for {what}, a stream header came"),
                Event::Close | Event::End => bail!(
                    "waiting for {what}, the stream ended; received: {}",
                    self.tail()
                ),
            }
        }
    }

    /// The next element, whatever it is.
    pub async fn element(&mut self) -> Result<Element> {
        self.wait_for("an element", |_| true).await
    }

    /// The next message with a body, and the body.
    pub async fn message(&mut self) -> Result<(Element, String)> {
        let message = self
            .wait_for("a message", |element| {
                element.is("message", ns::CLIENT) && element.child_text("body").is_some()
            })
            .await?;
        let body = message.child_text("body").unwrap_or_default().to_owned();
        Ok((message, body))
    }

    /// Sends an iq and returns its answer. `to` may be empty.
    pub async fn iq(&mut self, kind: &str, to: &str, payload: &str) -> Result<Element> {
        self.next_id = self.next_id.saturating_add(1);
        let id = format!("iq-{}", self.next_id);
        let to = if to.is_empty() {
            String::new()
        } else {
            format!(" to='{}'", crate::xml::escape(to))
        };
        self.send(&format!("<iq type='{kind}' id='{id}'{to}>{payload}</iq>"))
            .await?;
        self.wait_for(&format!("the answer to {payload}"), |element| {
            element.is("iq", ns::CLIENT)
                && element.attr("id") == Some(&id)
                && matches!(element.attr("type"), Some("result" | "error"))
        })
        .await
    }

    /// Sends a stream header and returns the server's with the features that follow.
    pub async fn open(&mut self, domain: &str) -> Result<(Element, Element)> {
        self.incoming = Incoming::new();
        self.unread.clear();
        self.send(&header(domain)).await?;
        let Event::Open(opened) = self.event().await? else {
            bail!("no stream header came: {}", self.tail())
        };
        ensure!(
            opened.is("stream", ns::STREAMS),
            "a stream header in the wrong namespace: {opened}"
        );
        let features = self
            .wait_for("stream features", |element| {
                element.is("features", ns::STREAMS)
            })
            .await?;
        Ok((opened, features))
    }

    /// Forgets the stream as it was: a new header is expected.
    pub fn restart(&mut self) {
        self.incoming = Incoming::new();
        self.unread.clear();
    }

    /// As [`Client::restart`], but what was received already belongs to the new stream.
    pub fn restart_keeping_unread(&mut self) {
        self.incoming = Incoming::new();
    }

    /// Negotiates STARTTLS up to the handshake, which it makes; the caller opens the stream anew.
    pub async fn starttls(&mut self, domain: &str, version: Version) -> Result<()> {
        self.send(&format!("<starttls xmlns='{}'/>", ns::TLS))
            .await?;
        let proceed = self.element().await?;
        ensure!(
            proceed.is("proceed", ns::TLS),
            "STARTTLS was answered by {proceed}"
        );
        ensure!(
            self.unread.is_empty(),
            "the server sent more than <proceed/>"
        );
        self.handshake(domain, version).await
    }

    /// Makes the TLS handshake on the connection as it stands.
    pub async fn handshake(&mut self, domain: &str, version: Version) -> Result<()> {
        let Transport::Plain(tcp) = std::mem::replace(&mut self.transport, Transport::None) else {
            bail!("the connection is no plain TCP any more");
        };
        let stream = timeout(PATIENCE, tls::connect(tcp, domain, version, false)).await??;
        self.bindings = Some(tls::bindings(&stream, version)?);
        self.transport = Transport::Tls(Box::new(stream));
        self.restart();
        Ok(())
    }

    /// Expects a stream error, the end of the stream and of the connection; returns the error's condition.
    pub async fn stream_error(&mut self) -> Result<String> {
        let condition = self.last_words().await?;
        ensure!(
            matches!(self.event().await?, Event::End),
            "the connection stayed open after the error {condition}"
        );
        Ok(condition)
    }

    /// Expects a stream error and the end of the stream; returns the error's condition. The server still waits for our own end.
    pub async fn last_words(&mut self) -> Result<String> {
        let error = loop {
            match self.event().await.context("waiting for a stream error")? {
                Event::Element(element) if element.is("error", ns::STREAMS) => break element,
                Event::Close | Event::End => bail!(
                    "the stream ended without an error; received: {}",
                    self.tail()
                ),
                Event::Open(_) | Event::Element(_) => {}
            }
        };
        let condition = error
            .children
            .iter()
            .find(|child| child.ns == ns::STREAM_ERRORS && child.name != "text");
        let condition = condition
            .with_context(|| format!("a stream error without a condition: {error}"))?
            .name
            .clone();
        ensure!(
            matches!(self.event().await?, Event::Close),
            "no </stream:stream> after the error {error}"
        );
        Ok(condition)
    }

    /// Expects the connection to end; whatever comes before is returned.
    pub async fn until_end(&mut self) -> Result<Vec<Element>> {
        let mut elements: Vec<Element> = self.aside.drain(..).collect();
        loop {
            match self
                .event()
                .await
                .context("waiting for the connection to end")?
            {
                Event::Element(element) => elements.push(element),
                Event::End => return Ok(elements),
                Event::Open(_) | Event::Close => {}
            }
        }
    }

    /// Ends the stream, then the connection, as is the part of who ends it first (RFC 6120 §4.4); returns what came before.
    pub async fn close(mut self) -> Result<Vec<Element>> {
        self.send("</stream:stream>").await?;
        let mut elements: Vec<Element> = self.aside.drain(..).collect();
        loop {
            match self.event().await.context("closing the stream")? {
                Event::Element(element) => elements.push(element),
                Event::Close => self.shut_down().await?,
                Event::End => return Ok(elements),
                Event::Open(_) => {}
            }
        }
    }

    /// Gives up the connection for raw use: nothing may be left unread.
    pub fn into_plain(self) -> Result<TcpStream> {
        ensure!(
            self.unread.is_empty(),
            "received and not read: {}",
            String::from_utf8_lossy(&self.unread)
        );
        match self.transport {
            Transport::Plain(tcp) => Ok(tcp),
            Transport::Tls(_) | Transport::None => bail!("the connection is not plain TCP"),
        }
    }

    /// Reads as bytes until the peer closes or `limit` bytes came; for what is no XML.
    pub async fn raw(&mut self, limit: usize) -> Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.unread);
        timeout(PATIENCE, async {
            while bytes.len() < limit && self.fill().await? {
                bytes.append(&mut self.unread);
            }
            Ok(bytes)
        })
        .await
        .context("the connection stayed open")?
    }

    /// Whether the peer has neither closed the connection nor sent anything, looked at once without waiting.
    pub async fn is_silent(&mut self) -> bool {
        let mut byte = [0; 1];
        let mut buffer = tokio::io::ReadBuf::new(&mut byte);
        let silent = std::future::poll_fn(|context| {
            let polled = match &mut self.transport {
                Transport::Plain(tcp) => Pin::new(tcp).poll_read(context, &mut buffer),
                Transport::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, &mut buffer),
                Transport::None => Poll::Ready(Ok(())),
            };
            Poll::Ready(polled.is_pending())
        })
        .await;
        self.unread.extend_from_slice(buffer.filled());
        silent && self.unread.is_empty() && self.aside.is_empty()
    }

    /// Ends our half of the connection.
    pub async fn shut_down(&mut self) -> Result<()> {
        match &mut self.transport {
            Transport::Plain(tcp) => tcp.shutdown().await,
            Transport::Tls(stream) => Pin::new(stream.as_mut()).shutdown().await,
            Transport::None => Ok(()),
        }
        .context("cannot end the connection")
    }
}

/// Kinds of error by which the other side's end shows.
fn is_end(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof,
    };
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof
    )
}

/// A client's stream header.
#[must_use]
pub fn header(domain: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='{}' xmlns:stream='{}' to='{domain}' version='1.0' xml:lang='en'>",
        ns::CLIENT,
        ns::STREAMS
    )
}
