//! What tests of the repositories look at and bring about behind their public face.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqliteConnection};
use tokio::sync::Notify;

use super::{Broken, Sqlite, Statement};
use crate::StorageError;

/// The rows of all tables that keep anything for accounts.
pub(in crate::sqlite) async fn rows_of_accounts(storage: &Sqlite) -> Vec<(String, i64)> {
    let mut rows = Vec::new();
    for table in [
        "roster",
        "roster_item",
        "roster_removal",
        "roster_request",
        "spool",
        "spooled",
    ] {
        let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let count = sqlx::query_scalar(count).fetch_one(&storage.readers).await;
        rows.push((table.to_owned(), count.unwrap()));
    }
    rows
}

/// How SQLite goes about a statement, a line for each table.
pub(in crate::sqlite) async fn plan(storage: &Sqlite, statement: &str) -> Vec<String> {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let lines = sqlx::query_as::<_, (i64, i64, i64, String)>(explain);
    let lines = lines.fetch_all(&storage.readers).await.unwrap();
    lines.into_iter().map(|(.., line)| line).collect()
}

/// Keeps the writer until it is let go, having said that it does.
struct Hold {
    held: Arc<Notify>,
    let_go: Arc<Notify>,
}

impl Statement<SqliteConnection> for Hold {
    type Output = ();

    async fn run(&self, _: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        self.held.notify_one();
        self.let_go.notified().await;
        Ok(())
    }
}

/// Has `work` written in a group with a statement that fails, so that the group is undone and all of it tried again.
pub(in crate::sqlite) async fn in_a_group_that_fails<T>(
    storage: &Sqlite,
    work: impl Future<Output = T>,
) -> T {
    let (held, let_go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let hold = Hold {
        held: Arc::clone(&held),
        let_go: Arc::clone(&let_go),
    };
    let queue = async {
        held.notified().await;
        tokio::join!(biased; work, storage.writer.write(Broken), async { let_go.notify_one() })
    };
    let (holding, (output, broken, ())) = tokio::join!(storage.writer.write(hold), queue);
    holding.unwrap();
    assert!(matches!(broken, Err(StorageError::Failed(_))));
    output
}
