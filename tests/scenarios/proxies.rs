//! Clients behind a proxy that speaks the PROXY protocol: limits and plugins see the client, and nobody else is believed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};
use waxwing_tests::client::sasl::{Binding, Mechanism};
use waxwing_tests::peers::{free_port, register_request, wait_for_port};
use waxwing_tests::server::Settings;
use waxwing_tests::tls::Version;
use waxwing_tests::{Client, Login, Server, environment};

use crate::limits::reached;
use crate::watching::METRICS;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 1 for a connection from that address.
fn v1(source: &str) -> Vec<u8> {
    let (family, destination) = if source.contains(':') {
        ("TCP6", "2001:db8::5222")
    } else {
        ("TCP4", "198.51.100.1")
    };
    format!("PROXY {family} {source} {destination} 40000 5222\r\n").into_bytes()
}

/// The same in version 2, with a TLV behind the addresses.
fn v2(source: &str) -> Result<Vec<u8>> {
    let (family, address) = match source.parse()? {
        std::net::IpAddr::V4(v4) => (0x11, v4.octets().to_vec()),
        std::net::IpAddr::V6(v6) => (0x21, v6.octets().to_vec()),
    };
    let ports = [0x9c, 0x40, 0x14, 0x66];
    let block = [&address[..], &address, &ports, b"\x04\x00\x02\x00\x00"].concat();
    Ok(binary(0x21, family, &block))
}

fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let [.., high, low] = block.len().to_be_bytes();
    [SIGNATURE, &[command, family, high, low], block].concat()
}

/// A server whose listeners trust a proxy on loopback.
async fn start(config: &str) -> Result<Server> {
    Settings::new()
        .trusted_proxies("127.0.0.1/32")
        .config(config)
        .start()
        .await
}

/// A connection on which that was sent.
async fn connect(address: SocketAddr, sent: &[u8]) -> Result<Client> {
    let mut client = Client::connect(address).await?;
    client.send_bytes(sent).await?;
    Ok(client)
}

/// Whether a connection that begins so is served: features come, instead of its end.
async fn is_served(address: SocketAddr, header: &[u8]) -> Result<Option<Client>> {
    let mut client = connect(address, header).await?;
    Ok(client.open("localhost").await.ok().map(|_| client))
}

/// A proxy's connections count for its clients, each for its own address, in either version, before STARTTLS and direct TLS.
#[tokio::test]
async fn connections_count_for_the_client_behind_the_proxy() -> Result<()> {
    let server = start(&format!("{METRICS}\n[limits]\nconnections_per_address = 2")).await?;
    let c2s = server.address("c2s")?;
    let _first = is_served(c2s, &v1("192.0.2.1"))
        .await?
        .context("the first")?;
    let _second = is_served(c2s, &v2("192.0.2.1")?)
        .await?
        .context("the second")?;
    ensure!(is_served(c2s, &v1("192.0.2.1")).await?.is_none());
    ensure!(is_served(c2s, &v2("192.0.2.1")?).await?.is_none());
    ensure!(reached(&server, "connections-per-address").await? == 2);
    let mut direct = connect(server.address("c2s-tls")?, &v1("192.0.2.1")).await?;
    ensure!(direct.handshake("localhost", Version::V13).await.is_err());
    let mut direct = connect(server.address("c2s-tls")?, &v2("192.0.2.2")?).await?;
    direct.handshake("localhost", Version::V13).await?;
    server.account("juliet").await?;
    let login = Login {
        starttls: None,
        ..Login::new("juliet").by(Mechanism::ScramSha256(Binding::Exporter))
    };
    direct.log_in(&login).await?;
    server.stop().await
}

/// By IPv6 a network of 64 bits is one address.
#[tokio::test]
async fn connections_from_one_network_of_64_bits_count_together() -> Result<()> {
    let server = start("[limits]\nconnections_per_address = 2").await?;
    let c2s = server.address("c2s")?;
    let _first = is_served(c2s, &v1("2001:db8::1"))
        .await?
        .context("the first")?;
    let second = is_served(c2s, &v2("2001:db8::ffff:0:0:1")?).await?;
    let _second = second.context("the second")?;
    ensure!(is_served(c2s, &v1("2001:db8::2")).await?.is_none());
    ensure!(is_served(c2s, &v1("2001:db8:0:1::1")).await?.is_some());
    server.stop().await
}

// seeds: R14
/// The plugin registration, which has the grant `address`, counts such a network as one address too.
#[tokio::test]
async fn registrations_from_one_network_of_64_bits_count_together() -> Result<()> {
    let server = Settings::new()
        .registration_untouched()
        .trusted_proxies("127.0.0.1")
        .config("[plugin.registration.config]\nopen = true\nrate_limit = { accounts = 1 }")
        .start()
        .await?;
    let register = async |source: &str, user: &str| -> Result<Option<String>> {
        let mut client = connect(server.address("c2s")?, &v1(source)).await?;
        client.open_secure("localhost", Some(Version::V13)).await?;
        let request = register_request(user, "a good password");
        let answer = client.iq("set", "localhost", &request).await?;
        Ok(answer.stanza_error())
    };
    assert_eq!(register("2001:db8::1", "one").await?, None);
    let refused = register("2001:db8::ffff:0:0:2", "two").await?;
    ensure!(refused.is_some_and(|error| error.contains("resource-constraint")));
    assert_eq!(register("2001:db8:0:1::1", "three").await?, None);
    assert_eq!(register("192.0.2.1", "four").await?, None);
    server.stop().await
}

/// Who is no trusted proxy cannot say who it is: the header is taken for the XML that it is not.
#[tokio::test]
async fn a_header_from_anybody_else_is_not_believed() -> Result<()> {
    for settings in [
        Settings::new(),
        Settings::new().trusted_proxies("192.0.2.0/24"),
    ] {
        let server = settings.start().await?;
        for header in [v1("203.0.113.1"), v2("203.0.113.1")?] {
            let mut client = connect(server.address("c2s")?, &header).await?;
            let said = String::from_utf8_lossy(&client.raw(4_096).await?).into_owned();
            ensure!(said.contains("<stream:error>"), "{said}");
        }
        // Nor is one asked for.
        server.session("juliet").await?;
        server.stop().await?;
    }
    Ok(())
}

/// The header is not optional from a trusted proxy, or a client behind one that sends none could send its own.
#[tokio::test]
async fn a_proxy_that_sends_no_header_is_closed() -> Result<()> {
    let server = start("").await?;
    let c2s = server.address("c2s")?;
    let mut long = binary(0x21, 0x11, &[0; 12]);
    long[14] = 0xff;
    for sent in [
        &b"<?xml version='1.0'?><stream:stream"[..],
        b"PROXY TCP4 192.0.2.1 198.51.100.1 40000 5222\n<stream:stream>",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 40000\r\n",
        b"\x16\x03\x01\x00\x00",
        &binary(0x2f, 0x11, &[0; 12]),
        &binary(0x21, 0x11, &[0; 4]),
        &long,
    ] {
        let mut client = connect(c2s, sent).await?;
        assert_eq!(
            client.raw(1).await?,
            b"",
            "{}",
            String::from_utf8_lossy(sent)
        );
    }
    server
        .wait_for_log("it must send the PROXY protocol")
        .await?;
    // A header that does not end is waited for, but not for long.
    let begun = Instant::now();
    let mut client = connect(c2s, b"PROXY TCP4 192.0.2.1").await?;
    assert_eq!(client.raw(1).await?, b"");
    ensure!(
        begun.elapsed() > Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    server.stop().await
}

/// Health checks say nothing, or that they are the proxy's own; neither is worth a warning.
#[tokio::test]
async fn health_checks_are_quiet_and_a_proxy_may_speak_for_itself() -> Result<()> {
    let server = start("").await?;
    let c2s = server.address("c2s")?;
    for check in [&b""[..], &binary(0x20, 0, b""), b"PROXY UNKNOWN\r\n"] {
        drop(connect(c2s, check).await?);
    }
    for own in [
        &binary(0x20, 0, b"")[..],
        &binary(0x21, 0, b""),
        b"PROXY UNKNOWN\r\n",
    ] {
        ensure!(is_served(c2s, own).await?.is_some());
    }
    let log = server.log();
    ensure!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    server.stop().await
}

/// `HAProxy`, with a front for each version in which it passes connections on. It takes the address of a client from a header
/// itself, so that tests need no network of their own.
async fn haproxy(folder: &Path, c2s: SocketAddr) -> Result<(Child, SocketAddr, SocketAddr)> {
    let (one, two) = (free_port()?, free_port()?);
    let file = folder.join("haproxy.cfg");
    let section = |port: u16, sends: &str| {
        format!(
            "listen {sends}\n  bind 127.0.0.1:{port} accept-proxy\n  server waxwing {c2s} {sends} check inter 100ms\n"
        )
    };
    let config = format!(
        "defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 60s\n  timeout server 60s\n{}{}",
        section(one, "send-proxy"),
        section(two, "send-proxy-v2")
    );
    std::fs::write(&file, config)?;
    let child = Command::new(environment::haproxy()?)
        .arg("-db")
        .arg("-f")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start HAProxy")?;
    let (one, two) = (
        SocketAddr::from(([127, 0, 0, 1], one)),
        SocketAddr::from(([127, 0, 0, 1], two)),
    );
    wait_for_port(one).await?;
    wait_for_port(two).await?;
    Ok((child, one, two))
}

#[tokio::test]
async fn haproxy_passes_clients_on_in_both_versions() -> Result<()> {
    let server = start("[limits]\nconnections_per_address = 1").await?;
    let folder = tempfile::tempdir()?;
    let (_haproxy, one, two) = haproxy(folder.path(), server.address("c2s")?).await?;
    server.account("juliet").await?;
    let login = Login::new("juliet").by(Mechanism::ScramSha256(Binding::Exporter));
    for (number, front) in [one, two].into_iter().enumerate() {
        let source = format!("2001:db8:0:{number}::1");
        let mut juliet = connect(front, &v1(&source)).await?;
        juliet.log_in(&login).await?;
        ensure!(is_served(front, &v1(&source)).await?.is_none());
        let other = format!("192.0.2.{number}");
        ensure!(is_served(front, &v1(&other)).await?.is_some());
    }
    let log = server.log();
    ensure!(!log.contains("WARN"), "its checks are quiet: {log}");
    server.stop().await
}
