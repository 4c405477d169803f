//! Rosters, subscriptions, and the presence that follows them (RFC 6121 §2–§4).

mod ended;
mod offline;
mod presence;
mod pushes;
mod roster;
mod subscriptions;
pub(crate) mod table;

use anyhow::{Context, Result};
use waxwing_tests::{Client, Element, Login, Server};

pub(crate) const ROSTER: &str = "jabber:iq:roster";

/// A user online with the resource `r`: it has asked for its roster, and is available.
pub(crate) struct Online {
    pub(crate) client: Client,
}

impl Online {
    /// Of a new account.
    pub(crate) async fn new(server: &Server, user: &str) -> Result<Self> {
        server.account(user).await?;
        Self::again(server, user, "r").await
    }

    /// Of an account that is there, with that resource.
    pub(crate) async fn again(server: &Server, user: &str, resource: &str) -> Result<Self> {
        let mut online = Self::connected(server, user, resource).await?;
        online
            .client
            .iq("get", "", "<query xmlns='jabber:iq:roster'/>")
            .await?;
        online.client.send("<presence/>").await?;
        Ok(online)
    }

    /// A session that has done nothing yet.
    pub(crate) async fn connected(server: &Server, user: &str, resource: &str) -> Result<Self> {
        let (client, _) = server.log_in(&Login::new(user).resource(resource)).await?;
        Ok(Self { client })
    }

    /// Sends presence of a type to a user.
    pub(crate) async fn say(&mut self, kind: &str, to: &str) -> Result<()> {
        let to = at(to);
        self.client
            .send(&format!("<presence type='{kind}' to='{to}'/>"))
            .await
    }

    /// All that has come so far, each as one line: what the server was asked before this is done by then.
    pub(crate) async fn heard(&mut self) -> Result<Vec<String>> {
        let barrier =
            "<iq type='get' id='barrier' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
        self.client.send(barrier).await?;
        let mut heard = Vec::new();
        loop {
            let element = self.client.element().await?;
            if element.attr("id") == Some("barrier") {
                return Ok(heard);
            }
            heard.extend(line(&element));
        }
    }

    /// The same, without what a session says of itself and of its own account.
    pub(crate) async fn heard_of_others(&mut self, own: &str) -> Result<Vec<String>> {
        let own = format!(" {own}");
        let mut heard = self.heard().await?;
        heard.retain(|line| !line.starts_with("available") || !line.contains(&own));
        Ok(heard)
    }

    /// The roster, an item a line.
    pub(crate) async fn roster(&mut self) -> Result<Vec<String>> {
        let answer = self
            .client
            .iq("get", "", "<query xmlns='jabber:iq:roster'/>")
            .await?;
        let query = answer.child("query", ROSTER).context("no roster")?;
        Ok(query.children.iter().map(item).collect())
    }

    /// Sets or removes an item; gives the error, if it is one.
    pub(crate) async fn set(&mut self, item: &str) -> Result<Option<String>> {
        let query = format!("<query xmlns='{ROSTER}'>{item}</query>");
        let answer = self.client.iq("set", "", &query).await?;
        Ok(answer.stanza_error())
    }
}

fn at(user: &str) -> String {
    if user.contains('@') || user == "localhost" {
        user.to_owned()
    } else {
        format!("{user}@localhost")
    }
}

/// A stanza as one line: `subscribe romeo`, `available romeo/r`, `push romeo none ask`.
pub(crate) fn line(element: &Element) -> Option<String> {
    let short = |jid: Option<&str>| jid.unwrap_or_default().replace("@localhost", "");
    match element.name.as_str() {
        "presence" => {
            let kind = element.attr("type").unwrap_or("available");
            Some(format!("{kind} {}", short(element.attr("from"))))
        }
        "iq" if element.attr("type") == Some("set") => {
            let query = element.child("query", ROSTER)?;
            Some(format!("push {}", item(query.children.first()?)))
        }
        "message" => Some(format!("message {}", short(element.attr("from")))),
        _ => None,
    }
}

/// `juliet both`, with `ask`, `approved`, the name and the groups if there are any.
fn item(item: &Element) -> String {
    let mut parts = vec![
        item.attr("jid")
            .unwrap_or_default()
            .replace("@localhost", ""),
    ];
    parts.push(item.attr("subscription").unwrap_or("?").to_owned());
    parts.extend(item.attr("ask").map(|_| "ask".to_owned()));
    parts.extend(item.attr("approved").map(|_| "approved".to_owned()));
    parts.extend(item.attr("name").map(|name| format!("'{name}'")));
    let groups = item
        .children
        .iter()
        .map(|group| format!("[{}]", group.text));
    parts.extend(groups);
    parts.join(" ")
}

/// Two users who see each other.
pub(crate) async fn friends(server: &Server) -> Result<(Online, Online)> {
    let mut romeo = Online::new(server, "romeo").await?;
    let mut juliet = Online::new(server, "juliet").await?;
    befriend(&mut romeo, &mut juliet).await?;
    Ok((romeo, juliet))
}

async fn befriend(romeo: &mut Online, juliet: &mut Online) -> Result<()> {
    romeo.say("subscribe", "juliet").await?;
    romeo.heard().await?;
    juliet.say("subscribed", "romeo").await?;
    juliet.say("subscribe", "romeo").await?;
    juliet.heard().await?;
    romeo.say("subscribed", "juliet").await?;
    romeo.heard().await?;
    juliet.heard().await?;
    Ok(())
}
