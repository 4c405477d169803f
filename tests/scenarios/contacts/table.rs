//! The tables of RFC 6121 A.2 and A.3 over the wire, with either of those who keep rosters: the server itself, and the provider
//! `stored-roster`. Rows that no contact of this server can bring about, since its own side of it would be another, are held
//! to beside the code of both.

use anyhow::{Context, Result};
use waxwing_tests::server::Settings;
use waxwing_tests::{Server, environment};

use super::Online;

const TABLE: &str = include_str!("../../tables/subscriptions.txt");

/// Who keeps the rosters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keeper {
    Native,
    Stored,
}

impl Keeper {
    pub(crate) async fn server(self) -> Result<Server> {
        self.settings()?.start().await
    }

    pub(crate) fn settings(self) -> Result<Settings> {
        match self {
            Self::Native => Ok(Settings::new()),
            Self::Stored => {
                let component = environment::guest("examples/stored-roster.wasm")?;
                let settings = Settings::new().plugin(&component, "stored-roster");
                let grants = "[plugin.stored-roster]\ngrants = [\"roster-provider\", \"storage\"]";
                Ok(settings.config(grants))
            }
        }
    }
}

/// What stands between two accounts, seen from the first.
#[expect(clippy::struct_excessive_bools, reason = "the standard's own flags")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    to: bool,
    from: bool,
    out: bool,
    wanted: bool,
    approved: bool,
}

impl State {
    fn of(name: &str) -> Self {
        let mut state = Self::default();
        for part in name.split('+') {
            match part {
                "to" => state.to = true,
                "from" => state.from = true,
                "both" => (state.to, state.from) = (true, true),
                "out" => state.out = true,
                "in" => state.wanted = true,
                "approved" => state.approved = true,
                _ => {}
            }
        }
        state
    }

    /// The item as the client sees it; none where nothing is in the roster.
    fn item(self, was_there: bool) -> Option<String> {
        let subscription = match (self.to, self.from) {
            (false, false) => "none",
            (true, false) => "to",
            (false, true) => "from",
            (true, true) => "both",
        };
        let is_there = was_there || self.to || self.from || self.out || self.approved;
        let ask = if self.out { " ask" } else { "" };
        let approved = if self.approved { " approved" } else { "" };
        is_there.then(|| format!("romeo {subscription}{ask}{approved}"))
    }

    fn has_item(self) -> bool {
        self.item(false).is_some()
    }
}

struct Pair {
    romeo: Online,
    juliet: Online,
}

impl Pair {
    async fn settle(&mut self) -> Result<(Vec<String>, Vec<String>)> {
        // What the one says reaches the other before the answer to its own next request; what follows from that comes back.
        let mut romeo = self.romeo.heard_of_others("romeo").await?;
        let mut juliet = self.juliet.heard_of_others("juliet").await?;
        romeo.extend(self.romeo.heard_of_others("romeo").await?);
        juliet.extend(self.juliet.heard_of_others("juliet").await?);
        Ok((romeo, juliet))
    }

    async fn juliet_says(&mut self, word: &str) -> Result<()> {
        self.juliet.say(word, "romeo").await?;
        self.settle().await.map(drop)
    }

    async fn romeo_says(&mut self, word: &str) -> Result<()> {
        self.romeo.say(word, "juliet").await?;
        self.settle().await.map(drop)
    }

    /// Leaves nothing between the two.
    async fn forget(&mut self) -> Result<()> {
        for word in ["unsubscribe", "unsubscribed"] {
            self.juliet_says(word).await?;
            self.romeo_says(word).await?;
        }
        let remove = |user: &str| format!("<item jid='{user}@localhost' subscription='remove'/>");
        // An error: there was none.
        drop(self.juliet.set(&remove("romeo")).await?);
        drop(self.romeo.set(&remove("juliet")).await?);
        self.settle().await?;
        Ok(())
    }

    /// Brings the two to a state.
    async fn reach(&mut self, state: State) -> Result<()> {
        if state.approved {
            self.juliet_says("subscribed").await?;
        }
        if state.to || state.out {
            self.juliet_says("subscribe").await?;
        }
        if state.to {
            self.romeo_says("subscribed").await?;
        }
        if state.from || state.wanted {
            self.romeo_says("subscribe").await?;
        }
        if state.from && !state.approved {
            self.juliet_says("subscribed").await?;
        }
        Ok(())
    }

    /// Whether a request of Romeo's waits for Juliet: whoever becomes available is shown it.
    async fn waits(&mut self, server: &Server) -> Result<bool> {
        let mut other = Online::again(server, "juliet", "other").await?;
        let shown = other.heard().await?.contains(&"subscribe romeo".to_owned());
        other.client.close().await?;
        self.settle().await?;
        Ok(shown)
    }
}

/// Whether Romeo's own state lets his word through to Juliet: his is the mirror of hers.
fn can_be_said(word: &str, state: State) -> bool {
    match word {
        "subscribe" | "unsubscribe" => true,
        "subscribed" => state.out,
        _ => state.to || state.out,
    }
}

/// What both hear of a row, each in order: Romeo, then Juliet.
fn expected(
    direction: &str,
    word: &str,
    before: State,
    after: State,
    passed: bool,
) -> (Vec<String>, Vec<String>) {
    let (mut romeo, mut juliet) = (Vec::new(), Vec::new());
    let item_changed = before.item(before.has_item()) != after.item(before.has_item());
    let push = item_changed
        .then(|| after.item(before.has_item()))
        .flatten();
    let shown = match (before.from, after.from) {
        (false, true) => Some("available juliet/r"),
        (true, false) => Some("unavailable juliet/r"),
        _ => None,
    };
    if direction == "in" && passed {
        juliet.push(format!("{word} romeo"));
    }
    juliet.extend(push.map(|item| format!("push {item}")));
    if direction == "out" && passed && reaches(word, before) {
        romeo.push(format!("{word} juliet"));
    }
    // What ends is told before the word, what begins after it (RFC 6121 §3.1.5, §3.2.2).
    let place = if after.from { romeo.len() } else { 0 };
    if let Some(shown) = shown {
        romeo.insert(place, shown.to_owned());
    }
    (romeo, juliet)
}

/// Whether Romeo is told of a word that came through: by his own table, whose state mirrors Juliet's.
fn reaches(word: &str, before: State) -> bool {
    match word {
        "subscribe" => !before.out && !before.to,
        "unsubscribe" => before.to || before.out,
        _ => true,
    }
}

async fn row(server: &Server, pair: &mut Pair, row: &str) -> Result<bool> {
    let parts: Vec<&str> = row.split_whitespace().collect();
    let [direction, word, before, after, passed] = *parts.as_slice() else {
        anyhow::bail!("no row: {row}");
    };
    let (before, after) = (State::of(before), State::of(after));
    if direction == "in" && !can_be_said(word, before) {
        return Ok(false);
    }
    pair.forget()
        .await
        .with_context(|| format!("before {row}"))?;
    pair.reach(before).await?;
    let stored = pair.juliet.roster().await?;
    assert_eq!(stored, Vec::from_iter(before.item(false)), "{row}: before");

    match direction {
        "out" => pair.juliet.say(word, "romeo").await?,
        _ => pair.romeo.say(word, "juliet").await?,
    }
    let (romeo, juliet) = if direction == "out" {
        // Juliet's words have been dealt with when her next request is answered.
        let mut juliet = pair.juliet.heard_of_others("juliet").await?;
        let (romeo, more) = pair.settle().await?;
        juliet.extend(more);
        (romeo, juliet)
    } else {
        pair.settle().await?
    };
    let (to_romeo, to_juliet) = expected(direction, word, before, after, passed == "yes");
    // What becomes of Romeo's roster is another row's business.
    let about_juliet: Vec<String> = juliet
        .into_iter()
        .filter(|line| !line.contains("romeo/r"))
        .collect();
    assert_eq!(about_juliet, to_juliet, "{row}: Juliet hears");
    let presence = |line: &&String| !line.starts_with("push");
    let said: Vec<String> = romeo.iter().filter(presence).cloned().collect();
    if direction == "out" {
        assert_eq!(said, to_romeo, "{row}: Romeo hears");
    } else {
        for line in &to_romeo {
            assert!(said.contains(line), "{row}: Romeo hears {line}: {said:?}");
        }
        if word == "subscribe" && after.from {
            let granted = said.contains(&"subscribed juliet".to_owned());
            assert_eq!(granted, !before.from, "{row}: {said:?}");
        }
    }
    let stored = pair.juliet.roster().await?;
    let item = after.item(before.has_item());
    assert_eq!(stored, Vec::from_iter(item), "{row}: stored");
    assert_eq!(pair.waits(server).await?, after.wanted, "{row}: waits");
    Ok(true)
}

async fn all(keeper: Keeper) -> Result<()> {
    let server = keeper.server().await?;
    let mut pair = Pair {
        romeo: Online::new(&server, "romeo").await?,
        juliet: Online::new(&server, "juliet").await?,
    };
    let rows = TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut tried = 0;
    for line in rows {
        tried += usize::from(row(&server, &mut pair, line).await?);
    }
    assert!(tried >= 90, "{keeper:?}: {tried} rows");
    server.stop().await
}

// seeds: H9
#[tokio::test]
async fn every_word_does_what_the_tables_say_with_the_servers_own_rosters() -> Result<()> {
    all(Keeper::Native).await
}

// seeds: H1, H9
#[tokio::test]
async fn every_word_does_what_the_tables_say_with_a_plugins_rosters() -> Result<()> {
    all(Keeper::Stored).await
}
