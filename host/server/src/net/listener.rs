//! Listening sockets: one for each shard on every address, among which the kernel spreads the connections.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;

use crate::config::{Kind, Listener};

/// Connections that the kernel keeps for us until they are accepted.
const BACKLOG: i32 = 1024;
/// Silence after which the kernel asks whether the peer is still there.
const PROBE_AFTER: Duration = Duration::from_secs(30);
/// Time between such questions.
const PROBE_EVERY: Duration = Duration::from_secs(15);
/// Time without an acknowledgement after which a peer is gone, be it asked or sent to. A dead peer is found within 90 s.
const GONE_AFTER: Duration = Duration::from_secs(75);

/// One address, bound once for each shard.
#[derive(Debug)]
pub(crate) struct Bound {
    /// What is spoken there, and how.
    pub(crate) listener: Listener,
    /// The address, with the port that was given for port 0.
    pub(crate) address: SocketAddr,
    /// As many sockets as shards; one that is not for clients.
    pub(crate) sockets: Vec<TcpListener>,
}

/// Binds all listeners, those of clients for so many shards. A default listener whose address the machine lacks is left out.
pub(crate) fn bind_all(listeners: &[Listener], shards: usize) -> anyhow::Result<Vec<Bound>> {
    let mut bound = Vec::new();
    for listener in listeners {
        // Figures are no matter of the shards.
        let sockets = if is_client(listener.kind) { shards } else { 1 };
        match bind(listener, sockets) {
            Ok(one) => bound.push(one),
            Err(error) if listener.if_available && is_lacking(&error) => {
                tracing::debug!(address = %listener.address, "address not available, listener left out");
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("cannot listen on {} {}", listener.kind, listener.address)
                });
            }
        }
    }
    Ok(bound)
}

/// True if client sessions are served on a listener of this kind.
pub(crate) const fn is_client(kind: Kind) -> bool {
    matches!(kind, Kind::C2s | Kind::C2sTls)
}

fn is_lacking(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
    ) || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn bind(listener: &Listener, shards: usize) -> io::Result<Bound> {
    // Sockets that share a port do so with those of another server of this user too. This one does not, and so finds it.
    let probe = socket(listener.address, false)?;
    drop(probe);
    let mut address = listener.address;
    let mut sockets = Vec::with_capacity(shards);
    for _ in 0..shards.max(1) {
        let socket = TcpListener::from(socket(address, true)?);
        address = socket.local_addr()?;
        sockets.push(socket);
    }
    Ok(Bound {
        listener: listener.clone(),
        address,
        sockets,
    })
}

fn socket(address: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Sets what an accepted connection needs: nothing is held back, and a dead peer is found.
pub(crate) fn prepare(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(PROBE_AFTER)
        .with_interval(PROBE_EVERY)
        .with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(GONE_AFTER))?;
    Ok(())
}

/// Raises the limit of open files as far as it goes, and returns it.
pub(crate) fn raise_file_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    usize::try_from(files.unwrap_or(u64::MAX)).unwrap_or(usize::MAX)
}

/// How many connections may be open where so many files may: beside those that are open now, some are kept for the database, for plugins
/// and for administration.
pub(crate) fn connection_limit(files: usize) -> usize {
    const KEPT: usize = 64;
    const LEAST: usize = 16;
    let open = std::fs::read_dir("/dev/fd").map_or(0, Iterator::count);
    files.saturating_sub(open.saturating_add(KEPT)).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::{bind, bind_all};
    use crate::config::{Kind, Listener, TlsPolicy};

    fn local() -> Listener {
        Listener {
            kind: Kind::C2s,
            address: "127.0.0.1:0".parse().unwrap(),
            tls: TlsPolicy::None,
            trusted_proxies: Vec::new(),
            if_available: false,
        }
    }

    #[test]
    fn gives_every_shard_a_socket_on_one_port() {
        let bound = bind(&local(), 3).unwrap();
        assert_ne!(bound.address.port(), 0);
        assert_eq!(bound.sockets.len(), 3);
        for socket in &bound.sockets {
            assert_eq!(socket.local_addr().unwrap(), bound.address);
        }
    }

    #[test]
    fn does_not_share_a_port_with_another_server() {
        let first = bind(&local(), 1).unwrap();
        let mut second = local();
        second.address = first.address;
        let error = bind_all(&[second], 1).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("cannot listen on c2s 127.0.0.1:")
        );
    }
}
