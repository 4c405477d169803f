//! Rosters in PostgreSQL: reading here, writing in [`edit`], with [`rows`] between columns and what they mean.

mod edit;
mod rows;

use async_trait::async_trait;
use sqlx::PgConnection;

use super::{Postgres, readers::Read};
use crate::{
    AccountId, Edit, Edited, Holder, Roster, RosterChange, RosterEntry, RosterLimits, Rosters,
    StorageError, roster::changes_from,
};

use edit::EditEntry;
use rows::{EntryRow, HolderRow, VersionedRow, text};

/// A row for each item, one without a contact if there are none, and no row if there is no such account.
const LOAD: &str =
    "SELECT r.version, i.contact, i.name, i.groups, i.subscription, i.pending_out, i.approved
     FROM roster r LEFT JOIN roster_item i ON i.account = r.account
     WHERE r.account = $1 ORDER BY i.contact";

/// A row for each change, one without a contact if there are none, and no row if the version is not known.
const SINCE: &str = "SELECT COALESCE(c.version, r.version) AS version, c.contact, c.name, c.groups, c.subscription, c.pending_out, c.approved
     FROM roster r LEFT JOIN (
         SELECT account, version, contact, name, groups, subscription, pending_out, approved
         FROM roster_item WHERE account = $1 AND version > $2
         UNION ALL
         SELECT account, version, contact, NULL, NULL, NULL, NULL, NULL
         FROM roster_removal WHERE account = $1 AND version > $2
     ) c ON c.account = r.account
     WHERE r.account = $1 AND $2 BETWEEN r.forgotten AND r.version ORDER BY c.version LIMIT $3";

/// A row if there is the account. The roster's counters are for [`edit`].
const ENTRY: &str = "SELECT r.version AS now, r.items, r.requests, q.stanza AS request,
         i.contact, i.name, i.groups, i.subscription, i.pending_out, i.approved
     FROM roster r
     LEFT JOIN roster_item i ON i.account = r.account AND i.contact = $2
     LEFT JOIN roster_request q ON q.account = r.account AND q.contact = $2
     WHERE r.account = $1";

const REQUESTS: &str = "SELECT contact, stanza FROM roster_request WHERE account = $1 ORDER BY id";

const HOLDERS: &str = "SELECT id, localpart, domain FROM account WHERE id IN (
         SELECT account FROM roster_item WHERE contact = $1
         UNION SELECT account FROM roster_request WHERE contact = $1
     ) ORDER BY id";

#[async_trait]
impl Rosters for Postgres {
    async fn load(&self, account: AccountId) -> Result<Roster, StorageError> {
        self.readers.read(Load(account)).await
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
        let since = Since {
            account,
            version,
            limit,
        };
        self.readers.read(since).await
    }

    async fn entry(&self, account: AccountId, contact: &str) -> Result<RosterEntry, StorageError> {
        let contact = contact.to_owned();
        self.readers.read(ReadEntry { account, contact }).await
    }

    async fn requests(&self, account: AccountId) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        self.readers.read(Requests(account)).await
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
        self.readers.read(Holders(contact.to_owned())).await
    }
}

struct Load(AccountId);

impl Read for Load {
    type Output = Roster;

    async fn run(&self, connection: &mut PgConnection) -> Result<Roster, sqlx::Error> {
        let query = sqlx::query_as::<_, VersionedRow>(LOAD).bind(self.0.0);
        let rows = query.fetch_all(connection).await?;
        let version = rows.first().map_or(0, |row| row.version.unsigned_abs());
        let items = rows
            .into_iter()
            .filter_map(|row| row.item.item().transpose());
        Ok(Roster {
            version,
            items: items.collect::<Result<_, _>>()?,
        })
    }
}

struct Since {
    account: AccountId,
    version: i64,
    limit: u32,
}

impl Read for Since {
    type Output = Option<Vec<(u64, RosterChange)>>;

    async fn run(&self, connection: &mut PgConnection) -> Result<Self::Output, sqlx::Error> {
        let query = sqlx::query_as::<_, VersionedRow>(SINCE);
        let query = query.bind(self.account.0).bind(self.version);
        // One more than may be: whoever gets it knows that there are too many.
        let query = query.bind(i64::from(self.limit).saturating_add(1));
        let rows = query.fetch_all(connection).await?;
        changes_from(rows.into_iter().map(VersionedRow::change), self.limit)
    }
}

struct ReadEntry {
    account: AccountId,
    contact: String,
}

impl Read for ReadEntry {
    type Output = RosterEntry;

    async fn run(&self, connection: &mut PgConnection) -> Result<RosterEntry, sqlx::Error> {
        let query = sqlx::query_as::<_, EntryRow>(ENTRY);
        let query = query.bind(self.account.0).bind(self.contact.as_bytes());
        let row = query.fetch_optional(connection).await?;
        let entry = row.map(EntryRow::entry).transpose()?;
        Ok(entry.unwrap_or_default())
    }
}

struct Requests(AccountId);

impl Read for Requests {
    type Output = Vec<(String, Vec<u8>)>;

    async fn run(&self, connection: &mut PgConnection) -> Result<Self::Output, sqlx::Error> {
        let query = sqlx::query_as::<_, (Vec<u8>, Vec<u8>)>(REQUESTS).bind(self.0.0);
        let rows = query.fetch_all(connection).await?.into_iter();
        rows.map(|(contact, stanza)| Ok((text(contact)?, stanza)))
            .collect()
    }
}

struct Holders(String);

impl Read for Holders {
    type Output = Vec<Holder>;

    async fn run(&self, connection: &mut PgConnection) -> Result<Vec<Holder>, sqlx::Error> {
        let query = sqlx::query_as::<_, HolderRow>(HOLDERS).bind(self.0.as_bytes());
        let rows = query.fetch_all(connection).await?;
        Ok(rows.into_iter().map(Holder::from).collect())
    }
}
