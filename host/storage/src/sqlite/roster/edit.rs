//! Changing what an account has about a contact, within the writer's transaction.

use sqlx::SqliteConnection;

use super::{ENTRY, rows::EntryRow};
use crate::{
    Edit, Edited, RosterEntry, RosterItem, RosterLimits,
    commit::Statement,
    roster::{Counters, REMEMBERED, decide, groups_column, is_told},
};

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

impl Statement<SqliteConnection> for EditEntry {
    type Output = Edited;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Edited, sqlx::Error> {
        let Some(row) = self.read(connection).await? else {
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
    async fn read(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<EntryRow>, sqlx::Error> {
        let query = sqlx::query_as(ENTRY).bind(self.account);
        query.bind(&self.contact).fetch_optional(connection).await
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
        if is_told(before, after) {
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
        let query = query.bind(item.subscription.column());
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
