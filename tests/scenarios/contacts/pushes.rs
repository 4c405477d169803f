//! In which order, and with which ids and versions, the sessions of an account are told of its roster (RFC 6121 §2.1.6, §2.6).

use std::collections::HashSet;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use waxwing_tests::Server;

use super::{Online, ROSTER, line};

const SESSIONS: usize = 6;
const ROUNDS: usize = 10;
/// Pushes that follow from a round of a session.
const PUSHES: usize = 5;

/// A push as a session hears it.
struct Push {
    id: String,
    version: String,
    line: String,
}

/// Waits for as many pushes.
async fn pushes(online: &mut Online, count: usize) -> Result<Vec<Push>> {
    let mut pushes = Vec::new();
    while pushes.len() < count {
        let element = online.client.element().await?;
        let Some(query) = element
            .child("query", ROSTER)
            .filter(|_| element.attr("type") == Some("set"))
        else {
            continue;
        };
        pushes.push(Push {
            id: element.attr("id").context("no id")?.to_owned(),
            version: query.attr("ver").context("no version")?.to_owned(),
            line: line(&element).context("no item")?,
        });
    }
    Ok(pushes)
}

/// Adds, names and removes contacts, and asks one for its presence.
async fn change(online: &mut Online, session: usize) -> Result<()> {
    for round in 0..ROUNDS {
        let (own, asked) = (format!("c{session}-{round}"), format!("a{session}-{round}"));
        for item in [
            format!("<item jid='{own}@localhost'/>"),
            format!("<item jid='nurse@localhost' name='{own}'/>"),
            format!("<item jid='{own}@localhost' name='Own'/>"),
            format!("<item jid='{own}@localhost' subscription='remove'/>"),
        ] {
            let set =
                format!("<iq type='set' id='{own}'><query xmlns='{ROSTER}'>{item}</query></iq>");
            online.client.send(&set).await?;
        }
        online.say("subscribe", &asked).await?;
    }
    Ok(())
}

/// The number that a version ends with, behind what is the same in all.
fn number(version: &str) -> Result<(&str, u64)> {
    let (roster, number) = version.rsplit_once('.').context("no number")?;
    Ok((roster, number.parse()?))
}

// seeds: H19
/// All of an account's sessions change its roster at once: all hear the same in the same order, each time under a newer version, and no
/// session hears an id twice.
#[tokio::test]
async fn sessions_hear_changes_in_one_order_under_rising_versions_and_ids_of_their_own()
-> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let sessions = (0..SESSIONS).map(async |number| {
        let mut online = Online::again(&server, "juliet", &format!("r{number}")).await?;
        online.heard().await?;
        anyhow::Ok(online)
    });
    let mut sessions = try_join_all(sessions).await?;
    let changing = sessions.iter_mut().enumerate();
    try_join_all(changing.map(async |(number, online)| change(online, number).await)).await?;
    let mut first: Option<Vec<(String, String)>> = None;
    for online in &mut sessions {
        let pushes = pushes(online, SESSIONS * ROUNDS * PUSHES).await?;
        let ids: HashSet<&str> = pushes.iter().map(|push| &*push.id).collect();
        ensure!(ids.len() == pushes.len(), "an id came twice");
        for pair in pushes.windows(2) {
            let (before, after) = (number(&pair[0].version)?, number(&pair[1].version)?);
            ensure!(
                before.0 == after.0 && before.1 < after.1,
                "{before:?} {after:?}"
            );
        }
        let heard: Vec<_> = pushes
            .into_iter()
            .map(|push| (push.version, push.line))
            .collect();
        ensure!(
            first.as_ref().is_none_or(|first| *first == heard),
            "another order"
        );
        first = Some(heard);
        ensure!(online.heard().await?.is_empty(), "more than was changed");
    }
    server.stop().await
}
