//! What users make of their rosters, and what must be in them in the end.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use waxwing_tests::Element;

use super::user::{User, name, random};

const ROSTER: &str = "jabber:iq:roster";
/// Contacts who are nobody, of each user: few, so that each is changed often.
const CONTACTS: u64 = 6;
/// Of so many changes one is a removal.
const REMOVALS: u64 = 3;

/// An item of a roster.
#[derive(Debug)]
struct Item {
    name: Option<String>,
    subscription: String,
    asks: bool,
}

/// A roster by its addresses.
#[derive(Debug, Default)]
pub(super) struct Roster(HashMap<String, Item>);

impl Roster {
    pub(super) fn parse(answer: &Element) -> Result<Self> {
        let query = answer.child("query", ROSTER).context("no roster")?;
        let items = query.children.iter().map(|item| {
            let parsed = Item {
                name: item.attr("name").map(str::to_owned),
                subscription: item.attr("subscription").unwrap_or("none").to_owned(),
                asks: item.attr("ask").is_some(),
            };
            Some((item.attr("jid")?.to_owned(), parsed))
        });
        let items: Option<_> = items.collect();
        Ok(Self(items.context("an item without an address")?))
    }

    /// Whether the subscription to a user is one of these.
    fn has(&self, user: usize, subscriptions: [&str; 2]) -> bool {
        let item = self.of(user);
        item.is_some_and(|item| subscriptions.contains(&&*item.subscription))
    }

    fn of(&self, user: usize) -> Option<&Item> {
        self.0.get(&format!("{}@localhost", name(user)))
    }
}

/// A change of a contact: its name, or that it is removed.
#[derive(Debug)]
struct Change {
    name: Option<String>,
    confirmed: bool,
}

/// The changes of each contact, in order.
#[derive(Debug, Default)]
pub(super) struct Changes(HashMap<String, Vec<Change>>);

impl Changes {
    /// What asks for the next one.
    pub(super) fn next(&mut self) -> Result<String> {
        let contact = format!("contact{}@localhost", random(CONTACTS)?);
        let changes = self.0.entry(contact.clone()).or_default();
        let number = changes.len();
        let name = (random(REMOVALS)? != 0).then(|| format!("name{number}"));
        let what = match &name {
            Some(name) => format!("name='{name}'"),
            None => "subscription='remove'".to_owned(),
        };
        changes.push(Change {
            name,
            confirmed: false,
        });
        Ok(format!(
            "<iq type='set' id='{contact}/{number}'><query xmlns='{ROSTER}'><item jid='{contact}' {what}/></query></iq>"
        ))
    }

    /// Takes note of an answer. That what is to be removed is not there confirms it too.
    pub(super) fn confirm(&mut self, answer: &Element) -> Result<()> {
        let id = answer.attr("id").unwrap_or_default();
        let Some((contact, number)) = id.rsplit_once('/') else {
            return Ok(());
        };
        let number: usize = number.parse()?;
        let changes = self.0.get_mut(contact).context("nobody's contact")?;
        let change = changes.get_mut(number).context("nobody's change")?;
        let error = answer.stanza_error();
        let is_gone = change.name.is_none() && error.as_deref() == Some("cancel/item-not-found");
        ensure!(error.is_none() || is_gone, "{change:?}: {answer}");
        change.confirmed = true;
        Ok(())
    }

    pub(super) fn confirmed(&self) -> usize {
        let changes = self.0.values().flatten();
        changes.filter(|change| change.confirmed).count()
    }

    /// Each contact is as the last confirmed change left it, or one that was asked for after that.
    pub(super) fn check(&self, roster: &Roster) -> Result<()> {
        for (contact, changes) in &self.0 {
            let last = changes.iter().rposition(|change| change.confirmed);
            let possible = &changes[last.unwrap_or(0)..];
            let name = roster.0.get(contact).map(|item| item.name.clone());
            let is_there = |change: &Change| change.name == name.clone().flatten();
            let untouched = last.is_none() && name.is_none();
            ensure!(
                untouched || possible.iter().any(is_there),
                "{contact} is {name:?} after {possible:?}"
            );
        }
        Ok(())
    }
}

/// Looks whether of each two users both take the same for who sees whom, nobody waits for an answer, and presence went by that.
/// Returns how many see somebody.
pub(super) fn of_one_mind(users: &[User]) -> Result<usize> {
    let mut seen = 0;
    for (one, user) in users.iter().enumerate() {
        for (other, contact) in users.iter().enumerate() {
            let (mine, yours) = (&user.ledger.roster, &contact.ledger.roster);
            let both = || {
                format!(
                    "{one} of {other}: {:?}, {:?}",
                    mine.of(other),
                    yours.of(one)
                )
            };
            let sees = mine.has(other, ["to", "both"]);
            ensure!(sees == yours.has(one, ["from", "both"]), "{}", both());
            ensure!(mine.of(other).is_none_or(|item| !item.asks), "{}", both());
            let told = user.ledger.seen.contains(&other);
            ensure!(told == (sees || one == other), "{told}: {}", both());
            seen += usize::from(sees);
        }
    }
    Ok(seen)
}
