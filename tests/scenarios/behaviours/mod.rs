//! Behaviours that servers get wrong, one test for each, over TCP. The numbers are those of the project's catalogue; 22, 27 and 40
//! are about streams between servers and about WebSocket, which are not served.
//!
//! | | what | clause | where |
//! |---|---|---|---|
//! | 1 | a header comes before any error of the beginning | RFC 6120 §4.9.1.2 | [`streams`] |
//! | 2 | what the header says for an unknown host, and for none | §4.9.1.3 | [`streams`] |
//! | 3 | `to` answers `from`, and only that | §4.7.2 | [`streams`] |
//! | 4 | every stream has an id that nobody can guess | §4.3.3, §4.7.3 | [`streams`] |
//! | 5 | versions are numbers | §4.7.5 | [`streams`] |
//! | 6 | the language of the stream | §4.7.4, §8.1.5 | [`streams`] |
//! | 7 | wrong namespaces | §4.8.1, §4.8.3 | [`streams`] |
//! | 8 | prefixes | §4.8.5 | [`streams`] |
//! | 9 | unknown elements | §4.8.4 | [`streams`] |
//! | 10 | stanzas before their time | §4.3.5, §7.1 | [`logins`] |
//! | 11 | TLS first | §5.3.1, §6.3.4 | [`logins`] |
//! | 12 | nothing is remembered from before TLS | §5.4.3.3 | [`logins`] |
//! | 13 | initial responses, and a second `<auth/>` | §6.4.2 | [`logins`] |
//! | 14 | abort | §6.4.4 | [`logins`] |
//! | 15 | retries of authentication | §6.4.5 | [`logins`] |
//! | 16 | foreign authorization identities | §6.3.8 | [`logins`] |
//! | 17 | strict base64 | §13.9.1 | [`logins`] |
//! | 18 | when binding is offered | §7.3.2, §7.4 | [`logins`] |
//! | 19 | resources | §7.6, §7.7.2.2 | [`logins`] |
//! | 20 | retries of binding, and too many sessions | §7.6.2.1, §7.7.3 | [`logins`] |
//! | 21 | who a stanza is from | §8.1.2.1 | [`stanzas`] |
//! | 23 | requests | §8.2.3 | [`stanzas`] |
//! | 24 | errors | §8.3.1 | [`stanzas`] |
//! | 25 | order | §10.1 | [`stanzas`] |
//! | 26 | no address | §10.3 | [`stanzas`] |
//! | 28 | one answer for who is away and who is not there | §13.10.2 | [`stanzas`] |
//! | 29 | the end | §4.4 | [`streams`] |
//! | 30–39 | accounts, rosters, subscriptions, presence | RFC 6121 | [`users`], by dialogues |

mod logins;
mod stanzas;
mod streams;
mod users;

use anyhow::{Context, Result, bail, ensure};
use waxwing_tests::client::header;
use waxwing_tests::dialogue::{self, Outcome, Script, Target};
use waxwing_tests::tls::Version;
use waxwing_tests::{Client, Element, Event, Login, Server};

/// Runs those dialogues, by the beginnings of their names, against a server of their own.
async fn dialogues(wanted: &[&str]) -> Result<()> {
    let server = Target::settings().start().await?;
    let target = Target::started(&server)?;
    let scripts = Script::read_all(&dialogue::folder())?;
    for name in wanted {
        let script = scripts.iter().find(|script| script.name.starts_with(name));
        let script = script.with_context(|| format!("there is no dialogue {name}"))?;
        let outcome = dialogue::run(script, &target).await?;
        ensure!(matches!(outcome, Outcome::Passed), "{name}: {outcome:?}");
    }
    server.stop().await
}

/// A connection in TLS on which an account has authenticated, and its new stream is open; with the features offered.
pub(crate) async fn authenticated(server: &Server, user: &str) -> Result<(Client, Element)> {
    let mut client = server.connect().await?;
    client.open_secure("localhost", Some(Version::V13)).await?;
    client
        .authenticate(&Login::new(user))
        .await?
        .map_err(anyhow::Error::msg)?;
    let (_, features) = client.open("localhost").await?;
    Ok((client, features))
}

/// A connection in TLS, with the features offered.
async fn secure(server: &Server) -> Result<(Client, Element)> {
    let mut client = server.connect().await?;
    let features = client.open_secure("localhost", Some(Version::V13)).await?;
    Ok((client, features))
}

/// Sends a header on a new connection; returns the header that answers it, and the connection.
async fn opened(server: &Server, header: &str) -> Result<(Client, Element)> {
    let mut client = server.connect().await?;
    client.send(header).await?;
    match client.event().await? {
        Event::Open(opened) => Ok((client, opened)),
        other => bail!("{header}: first came {other:?}"),
    }
}

/// The usual header with something else in it.
fn header_with(old: &str, new: &str) -> String {
    let usual = header("localhost");
    assert!(usual.contains(old), "{usual} has no {old}");
    usual.replace(old, new)
}

/// Sends a ping and returns what came before its answer: by then the server has dealt with all that was sent before.
async fn settled(client: &mut Client) -> Result<Vec<Element>> {
    let ping = "<iq type='get' id='settled' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
    client.send(ping).await?;
    let mut before = Vec::new();
    loop {
        let element = client.element().await?;
        if element.attr("id") == Some("settled") {
            return Ok(before);
        }
        before.push(element);
    }
}
