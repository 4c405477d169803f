//! A connection, with TLS or without.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::Marks;

/// Source addresses that connections are spread over: the ports of one last for 28,000 connections, those that ended a
/// moment ago included.
const ADDRESSES: u32 = 64;
/// What is read at once.
const BUFFER: usize = 64 * 1024;

/// A connection.
pub(crate) enum Link {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Link {
    /// Connects by plain TCP, from one of several addresses by `number`.
    pub(crate) async fn connect(address: SocketAddr, number: u32) -> Result<Self> {
        let last = u8::try_from(number % ADDRESSES + 2).unwrap_or(1);
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)))?;
        let tcp = socket
            .connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        tcp.set_nodelay(true)?;
        Ok(Self::Plain(tcp))
    }

    /// The same connection inside TLS.
    pub(crate) async fn secure(self, config: &Arc<ClientConfig>) -> Result<Self> {
        let Self::Plain(tcp) = self else {
            bail!("the connection has TLS already");
        };
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(name, tcp)
            .await
            .context("the TLS handshake failed")?;
        Ok(Self::Tls(Box::new(stream)))
    }

    /// The socket of a connection without TLS.
    pub(crate) fn into_plain(self) -> Result<TcpStream> {
        match self {
            Self::Plain(tcp) => Ok(tcp),
            Self::Tls(_) => bail!("the connection has TLS"),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Plain(tcp) => tcp.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
        .context("cannot send")
    }

    fn poll_read(&mut self, task: &mut Task<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(task, buffer),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(task, buffer),
        }
    }

    /// Reads what is there into a buffer that all connections share, and has it looked at.
    pub(crate) async fn read<T>(
        &mut self,
        buffer: &Buffer,
        mut look: impl FnMut(&[u8]) -> T,
    ) -> Result<T> {
        poll_fn(|task| {
            let mut buffer = buffer.borrow_mut();
            let mut read = ReadBuf::new(&mut buffer);
            ready!(self.poll_read(task, &mut read)).context("cannot receive")?;
            if read.filled().is_empty() {
                return Poll::Ready(Err(anyhow::anyhow!("the server closed the connection")));
            }
            Poll::Ready(Ok(look(read.filled())))
        })
        .await
    }
}

/// A buffer that all connections read into, each while it is polled.
pub(crate) type Buffer = Rc<RefCell<Vec<u8>>>;

pub(crate) fn shared_buffer() -> Buffer {
    Rc::new(RefCell::new(vec![0; BUFFER]))
}

/// What was found in what was read at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    /// Units, by their mark.
    pub(crate) units: u64,
    /// Requests of stream management to say what was received.
    pub(crate) requests: u64,
}

/// The receiving end of a connection, which looks for the mark of a unit.
pub(crate) struct Reader {
    pub(crate) link: Link,
    units: Marks,
    requests: Option<Marks>,
    buffer: Buffer,
}

impl Reader {
    pub(crate) fn new(link: Link, mark: &str, buffer: &Buffer) -> Self {
        Self {
            link,
            units: Marks::new(mark),
            requests: None,
            buffer: Rc::clone(buffer),
        }
    }

    /// Looks for requests of stream management too.
    pub(crate) fn with_requests(mut self) -> Self {
        self.requests = Some(Marks::new("<r xmlns="));
        self
    }

    /// Reads once, whenever something comes. Nothing is lost when it is given up while it waits.
    pub(crate) async fn next(&mut self) -> Result<Received> {
        let (units, requests) = (&mut self.units, &mut self.requests);
        let look = |bytes: &[u8]| Received {
            units: units.count(bytes),
            requests: requests.as_mut().map_or(0, |marks| marks.count(bytes)),
        };
        self.link.read(&self.buffer, look).await
    }

    /// Reads until so many units came.
    pub(crate) async fn until(&mut self, wanted: u64) -> Result<u64> {
        let mut seen = 0;
        while seen < wanted {
            seen += self.next().await?.units;
        }
        Ok(seen)
    }
}
