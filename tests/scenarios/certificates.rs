//! Certificates: one for each domain, changed while the server runs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use waxwing_tests::client::sasl::{Binding, Mechanism};
use waxwing_tests::server::Settings;
use waxwing_tests::tls::{self, Version};
use waxwing_tests::{Client, Login, Server};

/// A name that makes the client send none in its ClientHello.
const NO_SNI: &str = "127.0.0.1";

/// A certificate for a domain in a folder, and its key.
fn certificate(folder: &Path, domain: &str) -> Result<(PathBuf, PathBuf)> {
    let files = (
        folder.join(format!("{domain}.pem")),
        folder.join(format!("{domain}.key")),
    );
    tls::write_certificate(domain, &files.0, &files.1)?;
    Ok(files)
}

/// `[[host]]` with a certificate of its own.
fn host(domain: &str, (certificate, key): &(PathBuf, PathBuf)) -> String {
    let (certificate, key) = (certificate.display(), key.display());
    format!(
        "[[host]]\ndomain = '{domain}'\n[host.tls]\ncertificate = '{certificate}'\nprivate_key = '{key}'\n"
    )
}

/// The certificate shown to a client that opens a stream to `to` and names `sni` in its handshake.
async fn shown(server: &Server, to: &str, sni: &str) -> Result<Vec<u8>> {
    let mut client = server.connect().await?;
    client.open(to).await?;
    client.starttls(sni, Version::V13).await?;
    Ok(client.bindings().context("no TLS")?.end_point.clone())
}

/// The same with TLS from the first byte, to a listener of that kind.
async fn shown_at_once(server: &Server, kind: &str, sni: &str) -> Result<Vec<u8>> {
    let mut client = Client::connect(server.address(kind)?).await?;
    client.handshake(sni, Version::V13).await?;
    Ok(client.bindings().context("no TLS")?.end_point.clone())
}

/// By the name in the handshake, and without one by the domain to which the stream was opened.
#[tokio::test]
async fn each_domain_shows_its_own_certificate() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (a, b) = (
        certificate(folder.path(), "a.example")?,
        certificate(folder.path(), "xn--bcher-kva.example")?,
    );
    let hosts = host("a.example", &a)
        + &host("bücher.example", &b)
        + "[[host]]\ndomain = \"shares.example\"\n";
    let server = Settings::new().config(&hosts).start().await?;
    let default = tls::fingerprint(&server.certificate())?;
    let (a, b) = (tls::fingerprint(&a.0)?, tls::fingerprint(&b.0)?);
    for (to, sni, wanted) in [
        ("localhost", "localhost", &default),
        ("localhost", NO_SNI, &default),
        ("a.example", "a.example", &a),
        ("a.example", "A.Example", &a),
        ("a.example", NO_SNI, &a),
        ("a.example", "xmpp.provider.example", &a),
        ("localhost", "a.example", &a),
        ("bücher.example", "xn--bcher-kva.example", &b),
        ("bücher.example", NO_SNI, &b),
        ("shares.example", "shares.example", &default),
    ] {
        assert_eq!(&shown(&server, to, sni).await?, wanted, "{to} {sni}");
    }
    for kind in ["c2s-tls", "c2s"] {
        assert_eq!(shown_at_once(&server, kind, "a.example").await?, a);
        assert_eq!(shown_at_once(&server, kind, NO_SNI).await?, default);
    }
    // A domain that shares a certificate which is not for it is served all the same, and the operator told.
    ensure!(
        server.log().contains("is not for shares.example"),
        "{}",
        server.log()
    );
    server.stop().await
}

/// Channel binding is of the certificate that was shown, whichever that is.
#[tokio::test]
async fn logins_are_bound_to_the_certificate_that_was_shown() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let a = certificate(folder.path(), "a.example")?;
    let server = Settings::new()
        .config(&host("a.example", &a))
        .start()
        .await?;
    for domain in ["localhost", "a.example"] {
        server.account_at("juliet", domain).await?;
        for version in [Version::V12, Version::V13] {
            for sni in ["localhost", "a.example", NO_SNI] {
                let mut client = server.connect().await?;
                client.open(domain).await?;
                client.starttls(sni, version).await?;
                let login = Login {
                    domain: domain.to_owned(),
                    starttls: None,
                    ..Login::new("juliet").by(Mechanism::ScramSha256(Binding::EndPoint))
                };
                client
                    .log_in(&login)
                    .await
                    .with_context(|| format!("{domain} {sni} {version:?}"))?;
            }
        }
    }
    server.stop().await
}

// seeds: T1
/// New connections see the new certificate; sessions go on with the one that they were shown. One that cannot be used
/// replaces nothing, and those of other domains are replaced all the same.
#[tokio::test]
async fn a_certificate_is_renewed_by_sighup_while_sessions_go_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let a = certificate(folder.path(), "a.example")?;
    let server = Settings::new()
        .config(&host("a.example", &a))
        .start()
        .await?;
    let old = tls::fingerprint(&server.certificate())?;
    let old_a = tls::fingerprint(&a.0)?;
    let (mut juliet, _) = server.session("juliet").await?;

    let key = server.certificate().with_file_name("key.pem");
    tls::write_certificate("localhost", &server.certificate(), &key)?;
    std::fs::write(&a.1, "no key")?;
    assert_eq!(
        shown(&server, "localhost", NO_SNI).await?,
        old,
        "before SIGHUP"
    );
    server.signal(Signal::HUP)?;
    server
        .wait_for_log("the certificate is not replaced")
        .await?;
    ensure!(
        server
            .log()
            .contains("a.example.key holds no usable private key")
    );
    let new = tls::fingerprint(&server.certificate())?;
    ensure!(new != old);
    loop {
        let now = shown(&server, "localhost", NO_SNI).await?;
        if now == new {
            break;
        }
        assert_eq!(now, old);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(shown(&server, "a.example", NO_SNI).await?, old_a);
    juliet
        .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    let login = Login::new("juliet").by(Mechanism::ScramSha256(Binding::EndPoint));
    server.log_in(&login).await?;

    certificate(folder.path(), "a.example")?;
    server.signal(Signal::HUP)?;
    server.wait_for_log("certificate reloaded").await?;
    assert_eq!(
        shown(&server, "a.example", NO_SNI).await?,
        tls::fingerprint(&a.0)?
    );
    juliet
        .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    server.stop().await
}

/// The configuration of a server without `[tls]`.
fn without_certificate(config: &str) -> Result<String> {
    let (before, rest) = config.split_once("[tls]").context("no [tls]")?;
    let rest = rest.split_once("[plugin").context("no [plugin")?.1;
    Ok(format!("{before}[plugin{rest}"))
}

/// The domains of the file are served after a restart: until then the certificate stays one for those that are served, and
/// the log names what waits.
#[tokio::test]
async fn another_domain_in_the_file_makes_no_other_certificate() -> Result<()> {
    let mut server = Server::new().await?;
    let config = without_certificate(&std::fs::read_to_string(server.config_file())?)?;
    std::fs::write(server.config_file(), &config)?;
    server.kill().await?;
    server.start_again().await?;
    let made = shown(&server, "localhost", "localhost").await?;

    let changed = config.replace("domain = \"localhost\"", "domain = \"other.example\"")
        + "[limits]\nroster_items = 7\n[storage]\nurl = \"postgres://waxwing:secret@db.example/waxwing\"\n";
    let changed = changed.replacen(
        "[[listen]]",
        "[[listen]]\ntrusted_proxies = [\"192.0.2.1\"]",
        1,
    );
    std::fs::write(server.config_file(), &changed)?;
    server.signal(Signal::HUP)?;
    server.wait_for_log("take effect after a restart").await?;
    server.wait_for_log("certificate reloaded").await?;
    let log = server.log();
    for key in [
        "limits.roster_items",
        "listen",
        "storage.url",
        "host.domain",
    ] {
        ensure!(log.contains(key), "{key} is not named: {log}");
    }
    ensure!(!log.contains("secret@"), "values are not logged: {log}");
    assert_eq!(shown(&server, "localhost", "localhost").await?, made);
    let (client, _) = server.session("juliet").await?;
    client.close().await?;

    // Put back, there is nothing that waits.
    std::fs::write(server.config_file(), &config)?;
    let before = server.log().matches("certificate reloaded").count();
    server.signal(Signal::HUP)?;
    waxwing_tests::server::wait_until(|| {
        server.log().matches("certificate reloaded").count() > before
    })
    .await?;
    assert_eq!(
        server.log().matches("take effect after a restart").count(),
        1
    );
    server.stop().await
}

/// A file that cannot be used stops the start with one line that names it.
#[tokio::test]
async fn a_certificate_of_a_domain_that_cannot_be_used_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let a = certificate(folder.path(), "a.example")?;
    let b = certificate(folder.path(), "b.example")?;
    let nowhere = folder.path().join("nowhere.pem");
    for (files, wanted) in [
        (
            (a.0.clone(), b.1),
            "b.example.key does not belong to the certificate",
        ),
        (
            (nowhere, a.1),
            "nowhere.pem: No such file or directory (os error 2)",
        ),
    ] {
        let file = folder.path().join("waxwing.toml");
        let data = folder.path().join("data");
        let config = format!("data_dir = {data:?}\n[[listen]]\naddress = \"127.0.0.1:0\"\n");
        std::fs::write(&file, config + &host("a.example", &files))?;
        let arguments = ["run", "--config", &file.display().to_string()];
        let printed = waxwing_tests::server::run(&arguments, "").await?;
        assert_eq!(printed.code, Some(1), "{printed:?}");
        let last = printed.stderr.lines().last().unwrap_or_default();
        ensure!(
            last.starts_with("waxwing: ") && last.contains(wanted),
            "{printed:?}"
        );
        ensure!(last.matches("os error").count() <= 1, "{last}");
    }
    Ok(())
}

/// Some clients open the port for STARTTLS with a ClientHello (slixmpp 1.17.0 when it is given an address).
#[tokio::test]
async fn a_client_that_begins_with_tls_is_served_on_the_port_for_starttls() -> Result<()> {
    for policy in ["required", "optional"] {
        let server = Settings::new().tls(policy).start().await?;
        server.account("juliet").await?;
        let mut client = server.connect().await?;
        client.handshake("localhost", Version::V13).await?;
        let login = Login {
            starttls: None,
            ..Login::new("juliet").by(Mechanism::ScramSha256(Binding::Exporter))
        };
        client.log_in(&login).await?;
        client.close().await?;
        // The others go on with STARTTLS.
        server.log_in(&Login::new("juliet")).await?;
        server.stop().await?;
    }
    let server = Settings::new().plain().start().await?;
    let mut client = server.connect().await?;
    client.send_bytes(&[22, 3, 1, 0, 5, 1, 0, 0, 1, 0]).await?;
    let said = String::from_utf8_lossy(&client.raw(4_096).await?).into_owned();
    ensure!(said.contains("<stream:error>"), "{said}");
    server.stop().await
}
