//! Copying everything from one database to another, of whichever engines: table by table, and then read again on both sides.
//!
//! The copy is marked as unfinished until all of it is there and was compared. A database that is so marked is not opened.

mod catalogue;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{StorageError, error::without_login};
use catalogue::{Cell, SEQUENCES, TABLES, Table};

/// Rows that are read and written at once.
const PAGE: usize = 500;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of the two cannot be had.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Both are one.
    #[error("FROM and TO are the same database")]
    Same,
    /// There is nothing to copy.
    #[error("{database} is empty, so there is nothing to copy; is it the right one?")]
    Empty {
        /// Where from.
        database: String,
    },
    /// There is something already where the copy is to be.
    #[error("{database} is not empty; copy into a database that has never been used")]
    NotEmpty {
        /// Where to.
        database: String,
    },
    /// Reading or writing failed halfway.
    #[error(
        "cannot copy the table {table} from or to {database}: {reason}; remove what was copied, and copy again"
    )]
    Table {
        /// Its name.
        table: &'static str,
        /// On which side.
        database: String,
        /// What the engine says.
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was written is not what was read.
    #[error(
        "the table {table} in {database} is not what was copied; remove what was copied, and copy again"
    )]
    Differs {
        /// Its name.
        table: &'static str,
        /// Where to.
        database: String,
    },
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// So many of a table's rows are copied.
    Copying {
        /// The table.
        table: &'a str,
        /// Rows copied.
        done: u64,
        /// Rows in all.
        of: u64,
    },
    /// A table on both sides is the same.
    Compared {
        /// The table.
        table: &'a str,
        /// Rows in it.
        rows: u64,
        /// The SHA-256 of what is in them, whichever engine they are in.
        digest: [u8; 32],
    },
}

/// What a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sum {
    rows: u64,
    digest: [u8; 32],
}

/// Copies everything at `from` to `to`, urls as for [`open`](crate::open). Neither may be in use, and `to` must be empty.
///
/// If it fails, or is ended, after it began to write, `to` is marked: it cannot be opened, and neither copied to.
pub async fn copy(
    from: &str,
    to: &str,
    data_dir: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), CopyError> {
    if without_login(from) == without_login(to) {
        return Err(CopyError::Same);
    }
    let mut from = End::open(from, data_dir, true).await?;
    let mut to = End::open(to, data_dir, false).await?;
    if from.is_empty().await? {
        let database = from.name().to_owned();
        return Err(CopyError::Empty { database });
    }
    if !to.is_empty().await? {
        let database = to.name().to_owned();
        return Err(CopyError::NotEmpty { database });
    }
    from.hold_still().await?;
    to.mark().await?;
    let mut sums = Vec::new();
    for table in &TABLES {
        sums.push(copy_table(&mut from, &mut to, table, progress).await?);
    }
    for (table, sum) in TABLES.iter().zip(sums) {
        if sum_up(&mut to, table).await? != sum {
            let database = to.name().to_owned();
            let table = table.name;
            return Err(CopyError::Differs { table, database });
        }
        progress(Progress::Compared {
            table: table.name,
            rows: sum.rows,
            digest: sum.digest,
        });
    }
    for name in SEQUENCES {
        let last = from.sequence(name).await?;
        to.set_sequence(name, last).await?;
    }
    to.unmark().await
}

async fn copy_table(
    from: &mut End,
    to: &mut End,
    table: &'static Table,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Sum, CopyError> {
    let of = from.count(table).await?;
    let mut summing = Summing::default();
    to.clear(table).await?;
    let mut after = None;
    loop {
        let rows = from.read(table, after.as_deref()).await?;
        let Some(last) = rows.last() else {
            return Ok(summing.sum());
        };
        after = Some(table.key_of(last));
        summing.add(&rows);
        to.write(table, &rows).await?;
        progress(Progress::Copying {
            table: table.name,
            done: summing.rows,
            of,
        });
    }
}

/// Reads a table once more.
async fn sum_up(end: &mut End, table: &'static Table) -> Result<Sum, CopyError> {
    let mut summing = Summing::default();
    let mut after = None;
    loop {
        let rows = end.read(table, after.as_deref()).await?;
        let Some(last) = rows.last() else {
            return Ok(summing.sum());
        };
        after = Some(table.key_of(last));
        summing.add(&rows);
    }
}

/// A table that is being read, in the order of its key, which is the same on both sides.
#[derive(Default)]
struct Summing {
    rows: u64,
    hasher: Sha256,
}

impl Summing {
    fn add(&mut self, rows: &[Vec<Cell>]) {
        for row in rows {
            self.rows = self.rows.saturating_add(1);
            for cell in row {
                match cell {
                    Cell::Null => self.hasher.update([0]),
                    Cell::Number(number) => {
                        self.hasher.update([1]);
                        self.hasher.update(number.to_be_bytes());
                    }
                    Cell::Octets(octets) => {
                        self.hasher.update([2]);
                        self.hasher.update(octets.len().to_be_bytes());
                        self.hasher.update(octets);
                    }
                }
            }
        }
    }

    fn sum(self) -> Sum {
        Sum {
            rows: self.rows,
            digest: self.hasher.finalize().into(),
        }
    }
}

/// A database at one end of the copy.
enum End {
    Sqlite(sqlite::End),
    Postgres(Box<postgres::End>),
}

/// Calls the same of either engine, and says what it was about if that fails.
macro_rules! either {
    ($end:expr, $about:expr, $method:ident($($argument:expr),*)) => {{
        let result = match $end {
            End::Sqlite(end) => end.$method($($argument),*).await,
            End::Postgres(end) => end.$method($($argument),*).await,
        };
        match result {
            Ok(found) => Ok(found),
            Err(error) => Err(CopyError::Table {
                table: $about,
                database: $end.name().to_owned(),
                reason: error.into(),
            }),
        }
    }};
}

impl End {
    /// Opens a database, its schema up to date. One to copy from must be there.
    async fn open(url: &str, data_dir: &Path, is_source: bool) -> Result<Self, StorageError> {
        if crate::postgres::is_ours(url) {
            Ok(Self::Postgres(Box::new(postgres::End::open(url).await?)))
        } else {
            let end = sqlite::End::open(url, data_dir, is_source).await?;
            Ok(Self::Sqlite(end))
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Sqlite(end) => end.name(),
            Self::Postgres(end) => end.name(),
        }
    }

    async fn is_empty(&mut self) -> Result<bool, CopyError> {
        for table in &TABLES {
            if self.count(table).await? != 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What is read from here on is of one moment, and nobody else writes.
    async fn hold_still(&mut self) -> Result<(), CopyError> {
        either!(self, "account", hold_still())
    }

    async fn count(&mut self, table: &Table) -> Result<u64, CopyError> {
        let rows: i64 = either!(self, table.name, count(table))?;
        Ok(rows.unsigned_abs())
    }

    /// Rows after the one with that key, in the order of their keys.
    async fn read(
        &mut self,
        table: &Table,
        after: Option<&[Cell]>,
    ) -> Result<Vec<Vec<Cell>>, CopyError> {
        either!(self, table.name, read(table, after, PAGE))
    }

    async fn write(&mut self, table: &Table, rows: &[Vec<Cell>]) -> Result<(), CopyError> {
        either!(self, table.name, write(table, rows))
    }

    /// Removes the rows that others brought along: an account is given a roster and a spool.
    async fn clear(&mut self, table: &Table) -> Result<(), CopyError> {
        either!(self, table.name, clear(table))
    }

    /// The greatest id that was ever given to a row of that table.
    async fn sequence(&mut self, table: &'static str) -> Result<i64, CopyError> {
        either!(self, table, sequence(table))
    }

    async fn set_sequence(&mut self, table: &'static str, last: i64) -> Result<(), CopyError> {
        either!(self, table, set_sequence(table, last))
    }

    /// Marks what is here as not finished.
    async fn mark(&mut self) -> Result<(), CopyError> {
        either!(self, "unfinished_copy", mark())
    }

    async fn unmark(&mut self) -> Result<(), CopyError> {
        either!(self, "unfinished_copy", unmark())
    }
}
