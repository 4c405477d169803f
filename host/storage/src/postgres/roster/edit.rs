//! Changing what an account has about a contact, within the writer's transaction.

use sqlx::PgConnection;

use super::{ENTRY, rows::EntryRow};
use crate::{
    Edit, Edited, RosterEntry, RosterItem, RosterLimits,
    commit::Statement,
    roster::{Counters, REMEMBERED, decide, groups_column, is_told},
};

/// Each statement counts too, so that few questions and answers go between the machines.
const SET_ITEM: &str = "WITH counted AS (
         UPDATE roster SET version = $3, items = $9, requests = $10 WHERE account = $1
     ), back AS (
         DELETE FROM roster_removal WHERE account = $1 AND contact = $2
     ) INSERT INTO roster_item
         (account, contact, version, name, groups, subscription, pending_out, approved)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account, contact) DO UPDATE SET
         version = excluded.version, name = excluded.name, groups = excluded.groups,
         subscription = excluded.subscription, pending_out = excluded.pending_out,
         approved = excluded.approved";
/// It is remembered that it was there.
const REMOVE_ITEM: &str = "WITH counted AS (
         UPDATE roster SET version = $3, items = $4, requests = $5 WHERE account = $1
     ), gone AS (
         DELETE FROM roster_item WHERE account = $1 AND contact = $2
     ) INSERT INTO roster_removal (account, contact, version) VALUES ($1, $2, $3)";
/// Forgets removals beyond so many, and raises what is forgotten to the newest of them.
const FORGET: &str = "WITH old AS (
         SELECT version FROM roster_removal WHERE account = $1 ORDER BY version DESC LIMIT 1 OFFSET $2
     ), raised AS (
         UPDATE roster SET forgotten = old.version FROM old WHERE account = $1
     ) DELETE FROM roster_removal USING old WHERE account = $1 AND roster_removal.version <= old.version";
const SET_REQUEST: &str = "WITH counted AS (
         UPDATE roster SET version = $4, items = $5, requests = $6 WHERE account = $1
     ) INSERT INTO roster_request (account, contact, stanza) VALUES ($1, $2, $3)
     ON CONFLICT (account, contact) DO UPDATE SET stanza = excluded.stanza";
const REMOVE_REQUEST: &str = "WITH counted AS (
         UPDATE roster SET version = $3, items = $4, requests = $5 WHERE account = $1
     ) DELETE FROM roster_request WHERE account = $1 AND contact = $2";

pub(super) struct EditEntry {
    pub(super) account: i64,
    pub(super) contact: String,
    pub(super) limits: RosterLimits,
    pub(super) edit: Edit,
}

impl Statement<PgConnection> for EditEntry {
    type Output = Edited;

    async fn run(&self, connection: &mut PgConnection) -> Result<Edited, sqlx::Error> {
        let query = sqlx::query_as::<_, EntryRow>(ENTRY).bind(self.account);
        let query = query.bind(self.contact.as_bytes());
        let Some(row) = query.fetch_optional(&mut *connection).await? else {
            return Ok(Edited::NoAccount);
        };
        let counters = row.counters;
        let before = row.entry()?;
        let Some(after) = decide(&self.edit, &self.contact, &before)? else {
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
    async fn write(
        &self,
        connection: &mut PgConnection,
        before: &RosterEntry,
        after: &RosterEntry,
        counters: Counters,
    ) -> Result<(), sqlx::Error> {
        if is_told(before, after) {
            match &after.item {
                Some(item) => self.set_item(connection, item, counters).await?,
                None => self.remove_item(connection, counters).await?,
            }
        }
        if after.request != before.request {
            self.set_request(connection, after.request.as_deref(), counters)
                .await?;
        }
        Ok(())
    }

    async fn set_item(
        &self,
        connection: &mut PgConnection,
        item: &RosterItem,
        counters: Counters,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query(SET_ITEM).bind(self.account);
        let query = query.bind(self.contact.as_bytes()).bind(counters.version);
        let query = query.bind(item.name.as_deref().map(str::as_bytes));
        let query = query.bind(groups_column(&item.groups)?);
        let query = query.bind(item.subscription.column());
        let query = query.bind(item.pending_out).bind(item.approved);
        let query = query.bind(counters.items).bind(counters.requests);
        query.execute(connection).await.map(drop)
    }

    async fn remove_item(
        &self,
        connection: &mut PgConnection,
        counters: Counters,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query(REMOVE_ITEM).bind(self.account);
        let query = query.bind(self.contact.as_bytes()).bind(counters.version);
        let query = query.bind(counters.items).bind(counters.requests);
        query.execute(&mut *connection).await?;
        let query = sqlx::query(FORGET).bind(self.account);
        let query = query.bind(i64::from(REMEMBERED));
        query.execute(connection).await.map(drop)
    }

    async fn set_request(
        &self,
        connection: &mut PgConnection,
        stanza: Option<&[u8]>,
        counters: Counters,
    ) -> Result<(), sqlx::Error> {
        let contact = self.contact.as_bytes();
        let query = match stanza {
            Some(stanza) => {
                let query = sqlx::query(SET_REQUEST).bind(self.account);
                query.bind(contact).bind(stanza)
            }
            None => sqlx::query(REMOVE_REQUEST).bind(self.account).bind(contact),
        };
        let query = query.bind(counters.version).bind(counters.items);
        let query = query.bind(counters.requests);
        query.execute(connection).await.map(drop)
    }
}
