//! The examples that decide logins, with an unmodified client: names of a web site, signed tokens, a web application.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use waxwing_tests::client::login::{auth, mechanisms, outcome};
use waxwing_tests::client::sasl::plain;
use waxwing_tests::server::Settings;
use waxwing_tests::tls::Version;
use waxwing_tests::{Server, environment, external};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What slixmpp says of an attempt to log in.
async fn slixmpp(server: &Server, jid: &str, password: &str) -> Result<String> {
    let address = server.address("c2s")?;
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let arguments = [host.as_str(), &port, jid, password];
    let printed = external::slixmpp("log_in.py", &arguments, &server.certificate()).await?;
    Ok(printed.trim().to_owned())
}

/// One attempt by PLAIN: nothing, or the condition of its failure.
async fn refused(server: &Server, user: &str, password: &str) -> Result<Option<String>> {
    let mut client = server.connect().await?;
    client.open_secure("localhost", Some(Version::V13)).await?;
    client
        .send(&auth("PLAIN", &plain("", user, password)))
        .await?;
    Ok(outcome(&client.element().await?)?.err())
}

async fn server(example: &str, table: &str) -> Result<Server> {
    let component = environment::guest(&format!("examples/{example}.wasm"))?;
    let config = format!("[plugin.{example}]\n{table}");
    Settings::new()
        .plugin(&component, example)
        .config(&config)
        .start()
        .await
}

// seeds: H7
#[tokio::test]
async fn a_user_of_the_site_logs_in_under_the_name_of_the_address() -> Result<()> {
    let table = "grants = [\"auth-provider\"]\nconfig.users = [\"jcapulet juliet r0m30\"]";
    let server = server("web-names", table).await?;
    let mut client = server.connect().await?;
    let features = client.open_secure("localhost", Some(Version::V13)).await?;
    assert_eq!(
        mechanisms(&features),
        ["PLAIN"],
        "without SCRAM keys nothing else is left"
    );
    let said = slixmpp(&server, "juliet@localhost/balcony", "r0m30").await?;
    assert_eq!(said, "bound juliet@localhost/balcony");
    let behind = server
        .cli(&["user", "external-id", "juliet@localhost"])
        .await?;
    assert_eq!(behind.stdout, "jcapulet\n", "{}", behind.stderr);
    let arguments = ["user", "find", "--external-id", "jcapulet", "localhost"];
    let of_site = server.cli(&arguments).await?;
    assert_eq!(of_site.stdout, "juliet@localhost\n", "{}", of_site.stderr);
    let arguments = ["user", "find", "--external-id", "juliet", "localhost"];
    let nobody = server.cli(&arguments).await?;
    assert_eq!(nobody.code, Some(1), "{}", nobody.stdout);
    assert_eq!(
        slixmpp(&server, "jcapulet@localhost", "r0m30").await?,
        "refused"
    );
    assert_eq!(
        refused(&server, "juliet", "wrong").await?.as_deref(),
        Some("not-authorized")
    );
    server.stop().await
}

fn token(secret: &str, account: &str, age: Duration, nonce: &str) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let issued = now.saturating_sub(age).as_millis();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(format!("{account}\n{issued}\n{nonce}").as_bytes());
    let digits: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("//jid/{issued}.{nonce}.{digits}"))
}

// seeds: A3
#[tokio::test]
async fn a_signed_token_works_once_for_its_address_for_thirty_seconds() -> Result<()> {
    let server = server(
        "token-auth",
        &format!("grants = [\"auth-provider\"]\nconfig.secret = \"{SECRET}\""),
    )
    .await?;
    let fresh = |nonce: &str| token(SECRET, "juliet@localhost", Duration::ZERO, nonce);
    let first = fresh("aaaaaaaaaaaaaaaa")?;
    assert_eq!(
        slixmpp(&server, "juliet@localhost/x", &first).await?,
        "bound juliet@localhost/x"
    );
    let wrong = Some("not-authorized");
    assert_eq!(
        refused(&server, "juliet", &first).await?.as_deref(),
        wrong,
        "used"
    );
    let second = fresh("bbbbbbbbbbbbbbbb")?;
    assert_eq!(
        refused(&server, "romeo", &second).await?.as_deref(),
        wrong,
        "somebody else's"
    );
    let mut tampered = second.clone();
    let last = tampered.pop().context("a token")?;
    tampered.push(if last == '0' { '1' } else { '0' });
    assert_eq!(
        refused(&server, "juliet", &tampered).await?.as_deref(),
        wrong,
        "tampered"
    );
    let old = token(
        SECRET,
        "juliet@localhost",
        Duration::from_secs(31),
        "cccccccccccccccc",
    )?;
    assert_eq!(
        refused(&server, "juliet", &old).await?.as_deref(),
        wrong,
        "expired"
    );
    let forged = token(
        "another secret, as long as it may be",
        "juliet@localhost",
        Duration::ZERO,
        "dddddddddddddddd",
    )?;
    assert_eq!(
        refused(&server, "juliet", &forged).await?.as_deref(),
        wrong,
        "forged"
    );
    // Of many who come with one token at once, one is let in.
    let race = (0..8).map(|_| refused(&server, "juliet", &second));
    let raced = futures_util::future::try_join_all(race).await?;
    assert_eq!(
        raced.iter().filter(|said| said.is_none()).count(),
        1,
        "{raced:?}"
    );
    server.stop().await
}

/// A web application that knows Juliet by her password and by her session, and breaks over Tybalt.
async fn application() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Ok(address)
}

async fn serve(stream: TcpStream) -> Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut length, mut cookie) = (String::new(), 0, String::new());
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let lower = line.trim().to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if let Some(value) = lower.strip_prefix("cookie:") {
                value.trim().clone_into(&mut cookie);
            }
            if lower.is_empty() {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let form = String::from_utf8(body)?;
        let known = form.contains("password=r0m30") || cookie == "session=abc";
        let (status, extra) = match () {
            () if form.contains("tybalt") => ("500 Oh", String::new()),
            // Whither a redirect leads is not asked.
            () if form.contains("mercutio") => {
                ("302 Found", "Location: http://127.0.0.1:1/\r\n".to_owned())
            }
            () if known && head.starts_with("POST /xmpp ") => ("200 OK", String::new()),
            () => ("401 Unauthorized", String::new()),
        };
        let answer = format!("HTTP/1.1 {status}\r\n{extra}Content-Length: 6\r\n\r\njuliet");
        stream.write_all(answer.as_bytes()).await?;
    }
}

// seeds: A4
/// A cookie comes in the password's place. What depends on the origin of a web
/// page belongs to the transports over HTTP.
#[tokio::test]
async fn a_web_application_judges_passwords_and_cookies() -> Result<()> {
    let address = application().await?;
    let table = format!(
        "grants = [\"auth-provider\", \"http-client\"]\nhttp_hosts = [\"http://{address}\"]\nconfig.url = \"http://{address}/xmpp\""
    );
    let server = server("web-auth", &table).await?;
    let said = slixmpp(&server, "juliet@localhost/x", "r0m30").await?;
    assert_eq!(said, "bound juliet@localhost/x");
    assert_eq!(
        refused(&server, "juliet", "//cookie/session=abc").await?,
        None
    );
    for (user, password, condition) in [
        ("juliet", "wrong", "not-authorized"),
        ("juliet", "//cookie/session=xyz", "not-authorized"),
        ("romeo", "//cookie/session=abc", "not-authorized"),
        ("juliet", "", "malformed-request"),
        ("tybalt", "r0m30", "temporary-auth-failure"),
        ("mercutio", "r0m30", "temporary-auth-failure"),
    ] {
        let said = refused(&server, user, password).await?;
        assert_eq!(said.as_deref(), Some(condition), "{user} {password}");
    }
    server.stop().await
}

/// What the operator did not list is not asked: neither another port, nor the same by a name.
#[tokio::test]
async fn a_web_application_that_is_not_listed_is_not_asked() -> Result<()> {
    let address = application().await?;
    let port = address.port();
    for (grants, hosts, url, why) in [
        (
            "\"auth-provider\", \"http-client\"",
            "",
            format!("http://{address}/xmpp"),
            "NotListed",
        ),
        (
            "\"auth-provider\", \"http-client\"",
            "\"127.0.0.1:443\"",
            format!("http://{address}/xmpp"),
            "NotListed",
        ),
        (
            "\"auth-provider\"",
            "ADDRESS",
            format!("http://{address}/xmpp"),
            "NotGranted",
        ),
        // A name that leads here, listed, and still not what leads here by its own name.
        (
            "\"auth-provider\", \"http-client\"",
            "NAME",
            format!("http://ip6-localhost:{port}/xmpp"),
            "LocalAddress",
        ),
    ] {
        let hosts = hosts
            .replace("ADDRESS", &format!("\"http://{address}\""))
            .replace("NAME", &format!("\"http://ip6-localhost:{port}\""));
        let table = format!("grants = [{grants}]\nhttp_hosts = [{hosts}]\nconfig.url = \"{url}\"");
        let server = server("web-auth", &table).await?;
        let said = refused(&server, "juliet", "r0m30").await?;
        assert_eq!(said.as_deref(), Some("temporary-auth-failure"), "{url}");
        let log = server.log();
        let unreachable = why == "LocalAddress" && log.contains("Unreachable");
        assert!(log.contains(why) || unreachable, "{why}: {log}");
        server.stop().await?;
    }
    Ok(())
}

/// A provider gets a new account's name prepared and a login's as typed; the import `prepare` brings both to one form. `Straße`
/// registered with the example and could not log in.
#[tokio::test]
async fn an_account_logs_in_under_the_name_that_it_registered() -> Result<()> {
    let server = server(
        "stored-accounts",
        "grants = [\"auth-provider\", \"storage\"]",
    )
    .await?;
    let mut client = server.connect().await?;
    client.open_secure("localhost", Some(Version::V13)).await?;
    let request = waxwing_tests::peers::register_request("Straße", "wherefore");
    let answer = client.iq("set", "localhost", &request).await?;
    assert_eq!(answer.attr("type"), Some("result"), "{answer}");
    for name in ["Straße", "strasse", "STRASSE"] {
        assert_eq!(refused(&server, name, "wherefore").await?, None, "{name}");
        let login = waxwing_tests::Login::new(name).password("wherefore");
        let (client, jid) = server.log_in(&login).await?;
        assert!(jid.starts_with("strasse@localhost/"), "{jid}");
        client.close().await?;
    }
    server.stop().await
}
