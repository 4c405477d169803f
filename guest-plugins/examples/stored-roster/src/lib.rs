//! A whole roster in the plugin's own storage: contacts with names and groups, subscriptions by the tables of RFC 6121,
//! approval beforehand, requests that wait, versions. What the server's own rosters do, as a plugin: to begin from for one that
//! keeps them elsewhere.
use storage::{Owner, StorageError};
use waxwing_plugin::prelude::*;

mod record;

use record::Record;

/// Before the contact's address in a key, and the key of the roster's version.
const CONTACT: &str = "contact/";
const VERSION: &str = "version";

/// Keys read at a time.
const PAGE: u32 = 500;

/// The longest address that fits into a key. The standard allows more; nobody has one.
const MAX_ADDRESS: usize = 500;

struct Stored {
    /// Contacts and requests that an account may have.
    most: usize,
}

impl Plugin for Stored {
    fn manifest() -> Manifest {
        manifest!("keeps rosters in its own storage")
            .ask("storage")
            .setting(Setting::integer("contacts", "most contacts of an account").default("1000"))
            .rosters(AuthOffer::PRIORITY)
    }

    fn init(_: Scope) -> Result<Self, String> {
        let most = config::integer("contacts").and_then(|most| usize::try_from(most).ok());
        Ok(Self {
            most: most.ok_or("contacts is no number of contacts")?,
        })
    }
}

/// Where an account's things are.
fn of(account: &str) -> Owner {
    Owner::Account(account.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it on")]
fn failed(error: StorageError) -> RosterFailure {
    match error {
        StorageError::NoSuchAccount => RosterFailure::NoRoster,
        StorageError::Full => RosterFailure::Full,
        StorageError::Invalid(_) => ErrorCondition::NotAcceptable.into(),
        StorageError::NotGranted | StorageError::Unavailable => RosterFailure::Unavailable,
    }
}

/// All that an account has about anybody.
fn all(account: &str) -> Result<Vec<Record>, RosterFailure> {
    let mut records = Vec::new();
    let mut last: Option<String> = None;
    loop {
        let page = storage::scan(&of(account), CONTACT, last.as_deref(), PAGE, true);
        let page = page.map_err(failed)?;
        for entry in &page.entries {
            let about = entry.key.strip_prefix(CONTACT).unwrap_or_default();
            let record = entry
                .value
                .as_deref()
                .and_then(|value| Record::read(about, value));
            records.extend(record);
        }
        last = page.entries.last().map(|entry| entry.key.clone());
        if !page.more {
            return Ok(records);
        }
    }
}

/// What an account has about somebody.
fn one(account: &str, contact: &str) -> Result<Record, RosterFailure> {
    if contact.len() > MAX_ADDRESS {
        return Err(ErrorCondition::NotAcceptable.into());
    }
    let value = storage::get(&of(account), &format!("{CONTACT}{contact}")).map_err(failed)?;
    let record = value.and_then(|value| Record::read(contact, &value));
    Ok(record.unwrap_or_default())
}

fn version(account: &str) -> Result<u64, RosterFailure> {
    let value = storage::get(&of(account), VERSION).map_err(failed)?;
    let number = value.and_then(|value| str::from_utf8(&value).ok()?.parse().ok());
    Ok(number.unwrap_or(0))
}

impl Stored {
    /// Makes `after` of what there is, and says what became of it.
    fn change(
        &self,
        account: &str,
        contact: &str,
        before: Record,
        after: Record,
    ) -> Result<Change, RosterFailure> {
        let mut version = version(account)?;
        let (was, is) = (&before.entry, &after.entry);
        if was != is {
            let owner = of(account);
            let key = format!("{CONTACT}{contact}");
            if is.contact.is_none() && !is.requested {
                storage::delete(&owner, &key).map_err(failed)?;
            } else {
                let is_new = was.contact.is_none() && !was.requested;
                if is_new && all(account)?.len() >= self.most {
                    return Err(RosterFailure::Full);
                }
                storage::put(&owner, &key, &after.write()).map_err(failed)?;
            }
            if was.contact != is.contact {
                version = version.saturating_add(1);
                let text = version.to_string();
                storage::put(&owner, VERSION, text.as_bytes()).map_err(failed)?;
            }
        }
        Ok(Change {
            before: before.entry,
            after: after.entry,
            version: Some(version.to_string()),
        })
    }
}

impl RosterProvider for Stored {
    fn contacts(&self, account: &str) -> Result<Roster, RosterFailure> {
        let records = all(account)?.into_iter();
        Ok(Roster {
            version: Some(version(account)?.to_string()),
            contacts: records.filter_map(|record| record.entry.contact).collect(),
        })
    }

    fn contact(&self, account: &str, contact: &str) -> Result<Option<Contact>, RosterFailure> {
        Ok(one(account, contact)?.entry.contact)
    }

    fn update(
        &self,
        account: &str,
        contact: &str,
        name: Option<String>,
        groups: Vec<String>,
    ) -> Result<Change, RosterFailure> {
        let before = one(account, contact)?;
        let mut after = before.clone();
        let there = after
            .entry
            .contact
            .get_or_insert_with(|| Contact::new(contact));
        (there.name, there.groups) = (name, groups);
        self.change(account, contact, before, after)
    }

    fn remove(&self, account: &str, contact: &str) -> Result<Change, RosterFailure> {
        let before = one(account, contact)?;
        let mut after = before.clone();
        after.entry.contact = None;
        self.change(account, contact, before, after)
    }

    fn pending(&self, account: &str) -> Result<Vec<Request>, RosterFailure> {
        let mut records = all(account)?;
        records.retain(|record| record.entry.requested);
        records.sort_by_key(|record| record.since);
        let requests = records.into_iter().map(|record| Request {
            jid: record.about,
            stanza: record.request,
        });
        Ok(requests.collect())
    }

    fn outbound(
        &self,
        account: &str,
        contact: &str,
        word: SubscriptionAction,
    ) -> Result<Change, RosterFailure> {
        let before = one(account, contact)?;
        let after = before.stepped(contact, State::of(&before.entry).after_outbound(word));
        self.change(account, contact, before, after)
    }

    fn inbound(
        &self,
        account: &str,
        contact: &str,
        word: SubscriptionAction,
        stanza: &str,
    ) -> Result<Change, RosterFailure> {
        let before = one(account, contact)?;
        let mut after = before.stepped(contact, State::of(&before.entry).after_inbound(word));
        if after.entry.requested && !before.entry.requested {
            stanza.clone_into(&mut after.request);
            after.since = clock::now();
        }
        self.change(account, contact, before, after)
    }
}

waxwing_plugin::plugin!(Stored: RosterProvider);

#[cfg(test)]
mod tests;
