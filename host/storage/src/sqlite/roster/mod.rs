//! Rosters in SQLite: reading here, writing in [`edit`], with [`rows`] between columns and what they mean.

mod edit;
mod rows;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

use super::Sqlite;
use crate::{
    AccountId, Edit, Edited, Holder, Roster, RosterChange, RosterEntry, RosterLimits, Rosters,
    StorageError, roster::changes_from,
};

use edit::EditEntry;
use rows::{EntryRow, HolderRow, VersionedRow, items_from};

/// One row, with all items as JSON: a roster of 500 in rows of its own takes sqlx ten times as long.
const LOAD: &str = "SELECT r.version, (
         SELECT json_group_array(json_array(
             contact, name, json(groups), subscription, pending_out, approved
         )) FROM roster_item WHERE account = r.account
     ) FROM roster r WHERE r.account = ?";

/// A row for each change, one without a contact if there are none, and no row if the version is not known. The conditions
/// are in each half, since SQLite would not move them there.
const SINCE: &str = "SELECT COALESCE(c.version, r.version) AS version, c.contact, c.name, c.groups, c.subscription, c.pending_out, c.approved
     FROM roster r LEFT JOIN (
         SELECT version, contact, name, groups, subscription, pending_out, approved
         FROM roster_item WHERE account = ?1 AND version > ?2
         UNION ALL
         SELECT version, contact, NULL, NULL, NULL, NULL, NULL
         FROM roster_removal WHERE account = ?1 AND version > ?2
     ) c WHERE r.account = ?1 AND ?2 BETWEEN r.forgotten AND r.version ORDER BY c.version LIMIT ?3";

/// A row if there is the account. The roster's counters are for [`edit`].
const ENTRY: &str = "SELECT r.version AS now, r.items, r.requests, q.stanza AS request,
         i.contact, i.name, i.groups, i.subscription, i.pending_out, i.approved
     FROM roster r
     LEFT JOIN roster_item i ON i.account = r.account AND i.contact = ?2
     LEFT JOIN roster_request q ON q.account = r.account AND q.contact = ?2
     WHERE r.account = ?1";

const REQUESTS: &str = "SELECT contact, stanza FROM roster_request WHERE account = ? ORDER BY id";

const HOLDERS: &str = "SELECT id, localpart, domain FROM account WHERE id IN (
         SELECT account FROM roster_item WHERE contact = ?1
         UNION SELECT account FROM roster_request WHERE contact = ?1
     ) ORDER BY id";

#[async_trait]
impl Rosters for Sqlite {
    async fn load(&self, account: AccountId) -> Result<Roster, StorageError> {
        let query = sqlx::query_as::<_, (i64, String)>(LOAD).bind(account.0);
        let Some((version, items)) = query.fetch_optional(&self.readers).await? else {
            return Ok(Roster::default());
        };
        Ok(Roster {
            version: version.unsigned_abs(),
            items: items_from(&items)?,
        })
    }

    async fn since(
        &self,
        account: AccountId,
        version: u64,
        limit: u32,
    ) -> Result<Option<Vec<(u64, RosterChange)>>, StorageError> {
        let Ok(version) = i64::try_from(version) else {
            return Ok(None);
        };
        let query = sqlx::query_as::<_, VersionedRow>(SINCE);
        let query = query.bind(account.0).bind(version);
        // One more than may be: whoever gets it knows that there are too many.
        let query = query.bind(i64::from(limit).saturating_add(1));
        let rows = query.fetch_all(&self.readers).await?;
        let changes = rows.into_iter().map(VersionedRow::change);
        Ok(changes_from(changes, limit)?)
    }

    async fn entry(&self, account: AccountId, contact: &str) -> Result<RosterEntry, StorageError> {
        let query = sqlx::query_as::<_, EntryRow>(ENTRY);
        let query = query.bind(account.0).bind(contact);
        let row = query.fetch_optional(&self.readers).await?;
        let entry = row.map(EntryRow::entry).transpose()?;
        Ok(entry.unwrap_or_default())
    }

    async fn requests(&self, account: AccountId) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        let query = sqlx::query_as(REQUESTS).bind(account.0);
        Ok(query.fetch_all(&self.readers).await?)
    }

    async fn edit(
        &self,
        account: AccountId,
        contact: &str,
        limits: RosterLimits,
        edit: Edit,
    ) -> Result<Edited, StorageError> {
        let edit = EditEntry {
            account: account.0,
            contact: contact.to_owned(),
            limits,
            edit,
        };
        self.writer.write(edit).await
    }

    async fn holders(&self, contact: &str) -> Result<Vec<Holder>, StorageError> {
        let query = sqlx::query_as::<_, HolderRow>(HOLDERS).bind(contact);
        let rows = query.fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(Holder::from).collect())
    }
}
