//! A client's connection, in clear text or by TLS.

use std::{
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustls::{ServerConfig, server::Acceptor};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

/// A connection.
pub(crate) enum Transport {
    /// In clear text.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream<TcpStream>>),
    /// Lost in a handshake that failed.
    Lost,
}

impl Transport {
    /// Does the handshake of TLS as the server. `choose` is given the name in the client's ClientHello, and gives the settings
    /// to go on with. An error leaves the connection lost.
    pub(crate) async fn secure<C>(
        &mut self,
        choose: impl FnOnce(Option<&str>) -> (Arc<ServerConfig>, C),
    ) -> io::Result<C> {
        let Self::Plain(stream) = mem::replace(self, Self::Lost) else {
            return Err(lost());
        };
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let (config, chosen) = choose(hello.client_hello().server_name());
        let stream = hello.into_stream(config).await?;
        *self = Self::Tls(Box::new(stream));
        Ok(chosen)
    }

    /// Waits for the first byte of a connection in clear text, and leaves it to be read. `None`: the connection has ended.
    pub(crate) async fn first_byte(&self) -> io::Result<Option<u8>> {
        let Self::Plain(stream) = self else {
            return Err(lost());
        };
        let mut first = [0];
        let some = stream.peek(&mut first).await? > 0;
        let [first] = first;
        Ok(some.then_some(first))
    }

    /// The TLS stream, if there is one.
    pub(crate) fn tls(&self) -> Option<&TlsStream<TcpStream>> {
        match self {
            Self::Tls(stream) => Some(stream),
            Self::Plain(_) | Self::Lost => None,
        }
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Lost => Poll::Ready(Err(lost())),
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Lost => Poll::Ready(Err(lost())),
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            // A socket has nothing to flush.
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Lost => Poll::Ready(Err(lost())),
        }
    }

    /// Says that nothing more comes: by TLS's close_notify, and by the end of the TCP stream.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Lost => Poll::Ready(Ok(())),
        }
    }
}

fn lost() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
