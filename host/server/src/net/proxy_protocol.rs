//! The PROXY protocol, versions 1 and 2: in front of the stream a proxy says whose connection it passes on.
//! Specification: haproxy.org/download/2.8/doc/proxy-protocol.txt, whose sections are named here.
//!
//! Only connections from trusted proxies are read so, and all of them are: were the header optional, a client behind a proxy that
//! adds none could send one of its own (§2).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str,
};

use tokio::{io::AsyncReadExt, net::TcpStream};

/// The beginning of version 1 (§2.1).
const TEXT: &[u8] = b"PROXY ";
/// The longest header of version 1, in bytes with its line end (§2.1).
const MAX_TEXT: usize = 107;
/// The beginning of version 2 (§2.2).
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length.
const FIXED: usize = 16;
/// The longest header of version 2 that is taken, in bytes. The addresses of Unix sockets take 232; extensions (TLVs) the rest.
const MAX_BINARY: usize = 4_096;
/// What is looked at in one call.
const PIECE: usize = 128;

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// A client's, with this address.
    Client(SocketAddr),
    /// The proxy's own, such as a health check, or one of which it does not say whose it is: LOCAL, UNKNOWN, UNSPEC, or a Unix
    /// socket.
    Proxy,
}

/// A connection from a trusted proxy that does not begin with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// It begins with something else.
    #[error("no header of the PROXY protocol")]
    Missing,
    /// A header of version 1 that is none.
    #[error("a malformed header of the PROXY protocol, version 1")]
    Text,
    /// A header of version 2 with a version, a command, a family, or a length that is not specified.
    #[error("a malformed header of the PROXY protocol, version 2")]
    Binary,
    /// More bytes than are taken.
    #[error("a header of the PROXY protocol of more than {MAX_BINARY} bytes")]
    TooLong,
}

impl Header {
    /// The address that the connection counts for, if `proxy` sent the header. An address of loopback is believed only of a proxy on
    /// this machine, since others have a loopback of their own.
    pub(crate) fn client(self, proxy: SocketAddr) -> SocketAddr {
        let is_local = |address: SocketAddr| address.ip().to_canonical().is_loopback();
        match self {
            Self::Client(address) if !is_local(address) || is_local(proxy) => address,
            Self::Client(_) | Self::Proxy => proxy,
        }
    }
}

/// Reads the header in front of a stream, and nothing behind it. `None`: the connection ended before its first byte, as those of
/// health checks do. Takes as long as the proxy does: the caller bounds it.
pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Option<Header>> {
    let mut bytes = Vec::new();
    let mut piece = [0; PIECE];
    loop {
        let seen = stream.peek(&mut piece).await?;
        if seen == 0 && bytes.is_empty() {
            return Ok(None);
        }
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let before = bytes.len();
        bytes.extend(piece.iter().take(seen));
        let parsed =
            parse(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let of_header = parsed.map_or(seen, |(_, length)| length.saturating_sub(before));
        // They are there, since they were seen.
        let mut rest = (&mut *stream).take(u64::try_from(of_header).unwrap_or(0));
        let mut read = 0;
        while read < of_header {
            read = match rest.read(&mut piece).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => read.saturating_add(more),
            };
        }
        if let Some((header, _)) = parsed {
            return Ok(Some(header));
        }
    }
}

/// The header at the beginning of `bytes`, and its length. `None`: it is not whole yet.
fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    if begins(bytes, TEXT) {
        return text(bytes);
    }
    if begins(bytes, SIGNATURE) {
        return binary(bytes);
    }
    Err(Malformed::Missing)
}

/// Whether `bytes` begin with `signature`, as far as they go.
fn begins(bytes: &[u8], signature: &[u8]) -> bool {
    bytes.iter().zip(signature).all(|(one, other)| one == other)
}

/// Version 1 (§2.1): one line of text.
fn text(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let end = bytes.iter().take(MAX_TEXT).position(|byte| *byte == b'\n');
    let Some(end) = end else {
        return if bytes.len() < MAX_TEXT {
            Ok(None)
        } else {
            Err(Malformed::Text)
        };
    };
    let line = bytes
        .get(TEXT.len()..end)
        .and_then(|line| line.strip_suffix(b"\r"));
    let line = line.filter(|line| line.iter().all(|byte| matches!(byte, b' '..=b'~')));
    let line = line.and_then(|line| str::from_utf8(line).ok());
    let header = line.and_then(addresses).ok_or(Malformed::Text)?;
    Ok(Some((header, end.saturating_add(1))))
}

/// What follows `PROXY ` in its line.
fn addresses(line: &str) -> Option<Header> {
    let mut words = line.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        // Whatever follows is to be ignored.
        return Some(Header::Proxy);
    }
    let mut address = || -> Option<IpAddr> {
        let word = words.next()?;
        match family {
            "TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (source, _) = (address()?, address()?);
    let (source_port, _) = (port(words.next()?)?, port(words.next()?)?);
    let is_end = words.next().is_none();
    is_end.then_some(Header::Client(SocketAddr::new(source, source_port)))
}

/// Decimal, without leading zeros.
fn port(word: &str) -> Option<u16> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = word == "0" || !word.starts_with('0');
    (is_number && is_short).then(|| word.parse().ok())?
}

/// Version 2 (§2.2): in binary, with its length. What lies between the addresses and its end is for extensions, and skipped.
fn binary(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let rest = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    let [command, family, high, low, block @ ..] = rest else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let whole = FIXED.saturating_add(length);
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(Malformed::Binary),
    };
    // The bytes that addresses of that family take; the protocol is a stream's.
    let least = match family {
        _ if is_local => 0,
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        0x31 => 216,
        _ => return Err(Malformed::Binary),
    };
    if length < least {
        return Err(Malformed::Binary);
    }
    if whole > MAX_BINARY {
        return Err(Malformed::TooLong);
    }
    let Some(block) = block.get(..length) else {
        return Ok(None);
    };
    let source = match family {
        _ if is_local => None,
        0x11 => source::<4>(block),
        0x21 => source::<16>(block),
        _ => None,
    };
    Ok(Some((source.map_or(Header::Proxy, Header::Client), whole)))
}

/// The source in a block of addresses of so many bytes: source, destination, the source's port, the destination's.
fn source<const N: usize>(block: &[u8]) -> Option<SocketAddr>
where
    IpAddr: From<[u8; N]>,
{
    let (source, rest) = block.split_first_chunk::<N>()?;
    let (_, rest) = rest.split_first_chunk::<N>()?;
    let (port, _) = rest.split_first_chunk::<2>()?;
    Some(SocketAddr::new(
        IpAddr::from(*source),
        u16::from_be_bytes(*port),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    fn client(address: &str) -> Header {
        Header::Client(address.parse().unwrap())
    }

    fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(length);
        bytes.extend(block);
        bytes
    }

    /// Addresses as version 2 has them, from port 4660 to port 5222, and a TLV behind them.
    fn block(source: &[u8], destination: &[u8]) -> Vec<u8> {
        [
            source,
            destination,
            &[0x12, 0x34, 0x14, 0x66],
            b"\x04\x00\x01\x00",
        ]
        .concat()
    }

    fn examples() -> Vec<(Vec<u8>, Header)> {
        let text = |line: &str| format!("PROXY {line}\r\n").into_bytes();
        let v6: [u8; 16] = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets();
        vec![
            (
                text("TCP4 192.0.2.7 198.51.100.1 4660 5222"),
                client("192.0.2.7:4660"),
            ),
            (
                text("TCP4 255.255.255.255 255.255.255.255 65535 65535"),
                client("255.255.255.255:65535"),
            ),
            (
                text("TCP4 192.0.2.7 198.51.100.1 0 0"),
                client("192.0.2.7:0"),
            ),
            (
                text("TCP6 2001:db8::7 ::1 4660 5222"),
                client("[2001:db8::7]:4660"),
            ),
            (
                text(
                    "TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
                ),
                client("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
            ),
            (text("UNKNOWN"), Header::Proxy),
            (
                text(
                    "UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
                ),
                Header::Proxy,
            ),
            (
                v2(0x21, 0x11, &block(&[192, 0, 2, 7], &[10, 0, 0, 1])),
                client("192.0.2.7:4660"),
            ),
            (
                v2(0x21, 0x21, &block(&v6, &v6)),
                client("[2001:db8::7]:4660"),
            ),
            (v2(0x21, 0x00, b"\x04\x00\x00"), Header::Proxy),
            (v2(0x21, 0x31, &[b'/'; 216]), Header::Proxy),
            (
                v2(0x20, 0x11, &block(&[192, 0, 2, 7], &[10, 0, 0, 1])),
                Header::Proxy,
            ),
            (v2(0x20, 0xff, b""), Header::Proxy),
            (
                v2(0x21, 0x11, &[1; MAX_BINARY - FIXED]),
                client("1.1.1.1:257"),
            ),
        ]
    }

    #[test]
    fn reads_both_versions() {
        for (bytes, header) in examples() {
            assert_eq!(parse(&bytes), Ok(Some((header, bytes.len()))), "{bytes:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_header() {
        let v2 = |command, family, block: &[u8]| v2(command, family, block);
        let mut cases = vec![
            (b"<?xml version='1.0'?>".to_vec(), Malformed::Missing),
            (b"proxy TCP4".to_vec(), Malformed::Missing),
            (b"PROXYTCP4".to_vec(), Malformed::Missing),
            (vec![0x16, 3, 1], Malformed::Missing),
            (b"\r\n\r\n\0\r\nQUIX".to_vec(), Malformed::Missing),
            // Version 1 with a command of old, a family of datagrams, and too few addresses.
            (v2(0x11, 0x11, &[0; 12]), Malformed::Binary),
            (v2(0x22, 0x11, &[0; 12]), Malformed::Binary),
            (v2(0x21, 0x12, &[0; 12]), Malformed::Binary),
            (v2(0x21, 0x41, &[0; 12]), Malformed::Binary),
            (v2(0x21, 0x11, &[0; 11]), Malformed::Binary),
            (v2(0x21, 0x21, &[0; 35]), Malformed::Binary),
            (v2(0x21, 0x31, &[0; 215]), Malformed::Binary),
            (
                v2(0x21, 0x11, &[0; MAX_BINARY - FIXED + 1]),
                Malformed::TooLong,
            ),
            (
                v2(0x20, 0x00, &vec![0; usize::from(u16::MAX)]),
                Malformed::TooLong,
            ),
        ];
        for line in [
            "TCP4 192.0.2.7 198.51.100.1 4660 5222\n",
            "TCP4 192.0.2.7 198.51.100.1 4660\r\n",
            "TCP4 192.0.2.7 198.51.100.1 4660 5222 \r\n",
            "TCP4 192.0.2.7 198.51.100.1 4660 5222 1\r\n",
            "TCP4  192.0.2.7 198.51.100.1 4660 5222\r\n",
            "TCP4 192.0.2.07 198.51.100.1 4660 5222\r\n",
            "TCP4 192.0.2.7 198.51.100.1 04660 5222\r\n",
            "TCP4 192.0.2.7 198.51.100.1 +4660 5222\r\n",
            "TCP4 192.0.2.7 198.51.100.1 65536 5222\r\n",
            "TCP4 192.0.2.7 198.51.100.1 4660 -1\r\n",
            "TCP4 2001:db8::7 ::1 4660 5222\r\n",
            "TCP6 192.0.2.7 198.51.100.1 4660 5222\r\n",
            "TCP6 fe80::1%eth0 ::1 4660 5222\r\n",
            "UDP4 192.0.2.7 198.51.100.1 4660 5222\r\n",
            "TCP4\t192.0.2.7 198.51.100.1 4660 5222\r\n",
            "UNKNOWN\0\r\n",
            "UNKNOWNS\r\n",
            "\r\n",
        ] {
            cases.push((format!("PROXY {line}").into_bytes(), Malformed::Text));
        }
        let endless = format!("PROXY UNKNOWN {}", "x".repeat(MAX_TEXT));
        cases.push((endless.clone().into_bytes(), Malformed::Text));
        cases.push((format!("{endless}\r\n").into_bytes(), Malformed::Text));
        for (bytes, error) in cases {
            assert_eq!(
                parse(&bytes),
                Err(error),
                "{:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }

    /// A proxy on another machine has a loopback of its own: a client there is none of this machine.
    #[test]
    fn believes_in_loopback_of_a_proxy_on_this_machine_only() {
        let (here, there) = (
            "127.0.0.1:1".parse().unwrap(),
            "192.0.2.1:1".parse().unwrap(),
        );
        for local in ["127.0.0.1:5", "[::1]:5", "[::ffff:127.0.0.1]:5"] {
            assert_eq!(client(local).client(here), local.parse().unwrap());
            assert_eq!(client(local).client(there), there);
        }
        assert_eq!(
            client("203.0.113.9:5").client(here),
            "203.0.113.9:5".parse().unwrap()
        );
        assert_eq!(Header::Proxy.client(there), there);
    }

    proptest! {
        #[test]
        fn a_header_is_the_same_however_it_is_cut_and_whatever_follows(
            example in 0..examples().len(),
            cut in any::<prop::sample::Index>(),
            tail in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let (bytes, header) = examples().swap_remove(example);
            let part = &bytes[..cut.index(bytes.len())];
            prop_assert_eq!(parse(part), Ok(None));
            let whole = [&bytes[..], &tail].concat();
            prop_assert_eq!(parse(&whole), Ok(Some((header, bytes.len()))));
        }

        #[test]
        fn no_bytes_make_it_panic_or_take_more_than_there_is(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..256),
                prop::collection::vec(any::<u8>(), 0..256).prop_map(|tail| [TEXT, &tail].concat()),
                "PROXY (TCP4|TCP6|UNKNOWN)[ 0-9a-f:.]{0,110}\r?\n".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..256).prop_map(|tail| [SIGNATURE, &tail].concat()),
                (any::<u8>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..300))
                    .prop_map(|(command, family, block)| v2(0x20 | (command & 1), family & 0x33, &block)),
            ],
        ) {
            match parse(&bytes) {
                Ok(Some((_, length))) => prop_assert!(length <= bytes.len()),
                Ok(None) => prop_assert!(bytes.len() < MAX_BINARY),
                Err(_) => {}
            }
        }
    }

    /// What `read` makes of `pieces` sent one after the other, and what is left to be read behind the header.
    async fn read_from(pieces: &[&[u8]]) -> (io::Result<Option<Header>>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let send = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            for piece in pieces {
                // A peer that gave up closes.
                let _ = stream.write_all(piece).await;
                tokio::task::yield_now().await;
            }
        };
        let receive = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let header = read(&mut stream).await;
            let mut rest = Vec::new();
            if header.is_ok() {
                stream.read_to_end(&mut rest).await.unwrap();
            }
            (header, rest)
        };
        tokio::join!(send, receive).1
    }

    #[tokio::test]
    async fn leaves_what_follows_the_header() {
        for (bytes, wanted) in examples() {
            let whole = [&bytes[..], b"<stream>"].concat();
            let (header, rest) = read_from(&[&whole]).await;
            assert_eq!(
                (header.unwrap(), &rest[..]),
                (Some(wanted), &b"<stream>"[..])
            );
            let single: Vec<&[u8]> = whole
                .chunks(if whole.len() > 300 { 90 } else { 1 })
                .collect();
            let (header, rest) = read_from(&single).await;
            assert_eq!(
                (header.unwrap(), &rest[..]),
                (Some(wanted), &b"<stream>"[..])
            );
        }
    }

    #[tokio::test]
    async fn tells_a_connection_without_a_byte_from_one_with_half_a_header() {
        assert_eq!(read_from(&[]).await.0.unwrap(), None);
        let half = read_from(&[b"PROXY TCP4 192.0"]).await.0.unwrap_err();
        assert_eq!(half.kind(), io::ErrorKind::UnexpectedEof);
        let wrong = read_from(&[b"GET / HTTP/1.0\r\n\r\n"]).await.0.unwrap_err();
        assert_eq!(wrong.to_string(), "no header of the PROXY protocol");
    }
}
