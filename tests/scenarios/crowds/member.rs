//! What the clients of a crowd do.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use waxwing_tests::client::ns;
use waxwing_tests::{Client, Element, Login, Server};

use super::{login, user};

/// Of so many, one manages its stream, to resume it.
const MANAGED: usize = 4;
const SM: &str = "urn:xmpp:sm:3";
/// What each asks and says while its stream is managed: its roster, and its presence.
const HANDLED: &str = "2";
/// Accounts that each account sees, and that see it.
const CONTACTS: usize = 2;

/// One of the crowd: it has its roster, and is available.
pub(super) struct Member {
    client: Client,
    /// Under which its session can be resumed.
    id: Option<String>,
    /// How long it took until it was bound.
    pub(super) login: Duration,
}

impl Member {
    /// Comes, or comes back, as clients do.
    pub(super) async fn begin(server: &Server, index: usize, before: Option<Self>) -> Result<Self> {
        let begun = Instant::now();
        let id = before.and_then(|before| before.id);
        let (client, jid) = bound(server, &login(index), id).await?;
        let mut member = Self {
            client,
            id: None,
            login: begun.elapsed(),
        };
        if index.is_multiple_of(MANAGED) {
            member.manage().await?;
        }
        member.ask_for_roster().await?;
        member.client.be_present(&jid).await?;
        Ok(member)
    }

    async fn manage(&mut self) -> Result<()> {
        let enable = format!("<enable xmlns='{SM}' resume='true'/>");
        self.client.send(&enable).await?;
        let enabled = self
            .client
            .wait_for("that the stream is managed", |element| element.ns == SM)
            .await?;
        ensure!(enabled.name == "enabled", "{enabled}");
        self.id = Some(enabled.attr("id").context("no id")?.to_owned());
        Ok(())
    }

    async fn ask_for_roster(&mut self) -> Result<()> {
        let query = format!("<query xmlns='{}'/>", ns::ROSTER);
        let answer = self.client.iq("get", "", &query).await?;
        let roster = answer.child("query", ns::ROSTER).context("no roster")?;
        let both = |item: &&Element| item.attr("subscription") == Some("both");
        let contacts = roster.children.iter().filter(both).count();
        ensure!(contacts == CONTACTS, "{answer}");
        Ok(())
    }

    /// The server says that it stops, and ends the stream and TLS.
    pub(super) async fn is_told_of_the_end(&mut self) -> Result<()> {
        let elements = self.client.until_end().await?;
        let last = elements.last().context("nothing was said")?.to_string();
        ensure!(last.contains("system-shutdown"), "{last}");
        let said = self.client.transcript();
        ensure!(said.ends_with("</stream:stream>"), "{said}");
        ensure!(!self.client.was_cut_short(), "TLS was not ended");
        Ok(())
    }
}

/// A session. Who had one that could be resumed tries that first, and hears what was handled of it (XEP-0198 section 5).
async fn bound(server: &Server, login: &Login, id: Option<String>) -> Result<(Client, String)> {
    let mut client = server.connect().await?;
    client.open_secure(&login.domain, login.starttls).await?;
    let outcome = client.authenticate(login).await?;
    outcome.map_err(anyhow::Error::msg)?;
    client.open(&login.domain).await?;
    if let Some(id) = id {
        let resume = format!("<resume xmlns='{SM}' previd='{id}' h='0'/>");
        client.send(&resume).await?;
        let failed = client.element().await?;
        ensure!(failed.is("failed", SM), "{failed}");
        let condition = failed.child("item-not-found", ns::STANZA_ERRORS);
        ensure!(condition.is_some(), "{failed}");
        ensure!(failed.attr("h") == Some(HANDLED), "{failed}");
    }
    let jid = client.bind(login.resource.as_deref()).await?;
    Ok((client, jid))
}

/// Has each account see its two neighbours in a ring, and be seen by them.
pub(super) async fn befriend(server: &Server, accounts: usize) -> Result<()> {
    let log_in = (0..accounts).map(|account| async move {
        let (client, _) = server.log_in(&Login::new(&user(account))).await?;
        let neighbours = [account + 1, account + accounts - 1];
        let neighbours = neighbours.map(|neighbour| user(neighbour % accounts));
        anyhow::Ok((client, neighbours))
    });
    let mut owners = try_join_all(log_in).await?;
    // Whoever is approved beforehand needs no answer (RFC 6121 section 3.4).
    for kind in ["subscribed", "subscribe"] {
        for (client, neighbours) in &mut owners {
            for neighbour in neighbours {
                let presence = format!("<presence type='{kind}' to='{neighbour}@localhost'/>");
                client.send(&presence).await?;
            }
        }
        for (client, _) in &mut owners {
            client
                .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
                .await?;
        }
    }
    Ok(())
}
