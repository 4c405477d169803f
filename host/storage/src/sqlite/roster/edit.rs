//! Changing what an account has about a contact, within the writer's transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sqlx::SqliteConnection;

use super::{
    super::writer::Statement,
    ENTRY,
    rows::{Counters, EntryRow, groups_column, subscription_column},
};
use crate::{Edit, Edited, RosterEntry, RosterItem, RosterLimits};

/// Removals of items that are remembered, of each account the newest.
pub(super) const REMEMBERED: u32 = 128;

const SET_ITEM: &str = "INSERT INTO roster_item
         (account, contact, version, name, groups, subscription, pending_out, approved)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account, contact) DO UPDATE SET
         version = excluded.version, name = excluded.name, groups = excluded.groups,
         subscription = excluded.subscription, pending_out = excluded.pending_out,
         approved = excluded.approved";
const IS_BACK: &str = "DELETE FROM roster_removal WHERE account = ? AND contact = ?";
const REMOVE_ITEM: &str = "DELETE FROM roster_item WHERE account = ? AND contact = ?";
const REMEMBER: &str = "INSERT INTO roster_removal (account, contact, version) VALUES (?, ?, ?)";
/// Raises what is forgotten to the newest removal beyond so many.
pub(super) const FORGET: &str = "UPDATE roster SET forgotten = old.version FROM (
         SELECT version FROM roster_removal WHERE account = ?1
         ORDER BY version DESC LIMIT 1 OFFSET ?2
     ) old WHERE account = ?1";
const CLEAN_UP: &str = "DELETE FROM roster_removal WHERE account = ?1
     AND version <= (SELECT forgotten FROM roster WHERE account = ?1)";
const SET_REQUEST: &str = "INSERT INTO roster_request (account, contact, stanza) VALUES (?, ?, ?)
     ON CONFLICT (account, contact) DO UPDATE SET stanza = excluded.stanza";
const REMOVE_REQUEST: &str = "DELETE FROM roster_request WHERE account = ? AND contact = ?";
const COUNT: &str = "UPDATE roster SET version = ?, items = ?, requests = ? WHERE account = ?";

pub(super) struct EditEntry {
    pub(super) account: i64,
    pub(super) contact: String,
    pub(super) limits: RosterLimits,
    pub(super) edit: Edit,
}

impl Statement for EditEntry {
    type Output = Edited;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Edited, sqlx::Error> {
        let Some(row) = self.read(connection).await? else {
            return Ok(Edited::NoAccount);
        };
        let counters = row.counters;
        let before = row.entry()?;
        let Some(after) = self.decide(&before)? else {
            return Ok(Edited::Unchanged(before));
        };
        let Some(counters) = counters.after(&before, &after, self.limits) else {
            return Ok(Edited::Full);
        };
        self.write(connection, &before, &after, counters).await?;
        Ok(Edited::Done {
            before,
            after,
            version: counters.version.unsigned_abs(),
        })
    }
}

impl EditEntry {
    async fn read(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<EntryRow>, sqlx::Error> {
        let query = sqlx::query_as(ENTRY).bind(self.account);
        query.bind(&self.contact).fetch_optional(connection).await
    }

    /// What is to be there instead; `None`: nothing else. An edit that panics fails alone: the writer is everybody's.
    fn decide(&self, before: &RosterEntry) -> Result<Option<RosterEntry>, sqlx::Error> {
        let after = catch_unwind(AssertUnwindSafe(|| (self.edit)(before)));
        let mut after =
            after.map_err(|_| sqlx::Error::Protocol("an edit of a roster panicked".to_owned()))?;
        let item = after.as_mut().and_then(|after| after.item.as_mut());
        if let Some(item) = item {
            item.contact.clone_from(&self.contact);
        }
        Ok(after.filter(|after| after != before))
    }

    async fn write(
        &self,
        connection: &mut SqliteConnection,
        before: &RosterEntry,
        after: &RosterEntry,
        counters: Counters,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query(COUNT).bind(counters.version);
        let query = query.bind(counters.items).bind(counters.requests);
        query.bind(self.account).execute(&mut *connection).await?;
        if after.item != before.item {
            match &after.item {
                Some(item) => self.set_item(connection, item, counters.version).await?,
                None => self.remove_item(connection, counters.version).await?,
            }
        }
        if after.item.is_some() && before.item.is_none() {
            self.at_contact(connection, IS_BACK).await?;
        }
        if after.request != before.request {
            self.set_request(connection, after.request.as_deref())
                .await?;
        }
        Ok(())
    }

    async fn set_item(
        &self,
        connection: &mut SqliteConnection,
        item: &RosterItem,
        version: i64,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query(SET_ITEM).bind(self.account);
        let query = query.bind(&self.contact).bind(version);
        let query = query.bind(&item.name).bind(groups_column(&item.groups)?);
        let query = query.bind(subscription_column(item.subscription));
        let query = query.bind(item.pending_out).bind(item.approved);
        query.execute(connection).await.map(drop)
    }

    async fn remove_item(
        &self,
        connection: &mut SqliteConnection,
        version: i64,
    ) -> Result<(), sqlx::Error> {
        self.at_contact(connection, REMOVE_ITEM).await?;
        let query = sqlx::query(REMEMBER).bind(self.account);
        let query = query.bind(&self.contact).bind(version);
        query.execute(&mut *connection).await?;
        let query = sqlx::query(FORGET).bind(self.account).bind(REMEMBERED);
        query.execute(&mut *connection).await?;
        let query = sqlx::query(CLEAN_UP).bind(self.account);
        query.execute(connection).await.map(drop)
    }

    async fn set_request(
        &self,
        connection: &mut SqliteConnection,
        stanza: Option<&[u8]>,
    ) -> Result<(), sqlx::Error> {
        let Some(stanza) = stanza else {
            return self.at_contact(connection, REMOVE_REQUEST).await;
        };
        let query = sqlx::query(SET_REQUEST).bind(self.account);
        let query = query.bind(&self.contact).bind(stanza);
        query.execute(connection).await.map(drop)
    }

    async fn at_contact(
        &self,
        connection: &mut SqliteConnection,
        statement: &'static str,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query(statement).bind(self.account);
        let query = query.bind(&self.contact);
        query.execute(connection).await.map(drop)
    }
}

impl Counters {
    /// As the change leaves them; `None`: a limit would be exceeded.
    fn after(
        self,
        before: &RosterEntry,
        after: &RosterEntry,
        limits: RosterLimits,
    ) -> Option<Self> {
        let changed = i64::from(after.item != before.item);
        let items = (before.item.is_some(), after.item.is_some());
        let requests = (before.request.is_some(), after.request.is_some());
        Some(Self {
            version: self.version.checked_add(changed)?,
            items: count(self.items, items, limits.items)?,
            requests: count(self.requests, requests, limits.requests)?,
        })
    }
}

/// A counter, of which one thing `was` there and then `is`.
fn count(counter: i64, (was, is): (bool, bool), limit: u64) -> Option<i64> {
    match (was, is) {
        (false, true) => {
            let counter = counter.checked_add(1)?;
            (counter.unsigned_abs() <= limit).then_some(counter)
        }
        (true, false) => counter.checked_sub(1),
        _ => Some(counter),
    }
}
