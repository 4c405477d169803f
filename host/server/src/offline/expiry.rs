//! What has waited for too long is removed: messages as the operator has it, notes of streams that nobody came back for.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Offline, log};
use crate::wall_clock;

/// How often it is looked.
const EVERY: Duration = Duration::from_hours(1);
/// Days for which it is known how far a stream was whose client did not come back after the server was started again.
const STREAM_DAYS: u32 = 7;
/// In milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

impl Offline {
    /// Removes what is too old, now and from time to time until `last`.
    pub(crate) async fn expire_all(&self, last: CancellationToken) {
        loop {
            self.expire(wall_clock::millis()).await;
            tokio::select! {
                () = last.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn expire(&self, now: i64) {
        if let Some(days) = self.days {
            match self.accounts.spool().expire(before(now, days)).await {
                Ok(0) => {}
                Ok(messages) => tracing::info!(
                    messages,
                    "messages were removed that had waited for `limits.offline_days`"
                ),
                failed => log(failed),
            }
        }
        log(self
            .accounts
            .streams()
            .expire(before(now, STREAM_DAYS))
            .await);
    }
}

/// So many days ago.
fn before(now: i64, days: u32) -> i64 {
    now.saturating_sub(i64::from(days).saturating_mul(DAY))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tempfile::TempDir;
    use waxwing_storage::{AccountId, Creation, Storage, StreamNote};

    use super::*;
    use crate::{
        accounts::{Accounts, password_hashing::HashPool},
        config::Limits,
        delivery::spool_queue::SpoolQueue,
        router::Router,
    };

    async fn offline(folder: &TempDir, days: u32) -> (Offline, Arc<dyn Storage>, AccountId) {
        let storage = waxwing_storage::open("sqlite:test.db", folder.path());
        let storage: Arc<dyn Storage> = storage.await.unwrap();
        let created = storage.accounts().create_external("juliet", "localhost");
        let Ok(Creation::Created(account)) = created.await else {
            panic!("no account")
        };
        let accounts = Accounts::new(Arc::clone(&storage), HashPool::start(1).unwrap());
        let limits = Limits {
            offline_days: days,
            ..Limits::default()
        };
        let router = Arc::new(Router::new(
            ["localhost".to_owned()],
            &limits,
            SpoolQueue::new().0,
        ));
        let offline = Offline::new(accounts, router, &limits, SpoolQueue::new().0);
        (offline, storage, account)
    }

    #[tokio::test]
    async fn what_has_waited_for_longer_than_the_limit_is_removed() {
        for (days, left) in [(0, 3), (1, 1), (2, 2), (365, 3)] {
            let folder = TempDir::new().unwrap();
            let (offline, storage, account) = offline(&folder, days).await;
            let now = wall_clock::millis();
            for ago in [2 * DAY + 1, DAY + 1, DAY - 1000] {
                let added =
                    storage
                        .spool()
                        .add(account, now - ago, b"<m/>".to_vec(), offline.limits);
                let _ = added.await.unwrap();
            }
            offline.expire(now).await;
            let found = storage.spool().read(account, 0, 10).await.unwrap();
            assert_eq!(found.len(), left, "{days} days");
            storage.close().await;
        }
    }

    #[tokio::test]
    async fn notes_of_streams_that_nobody_came_back_for_are_forgotten_after_a_week() {
        let folder = TempDir::new().unwrap();
        let (offline, storage, account) = offline(&folder, 0).await;
        let now = wall_clock::millis();
        let note = |id: &str, ago: i64| StreamNote {
            account,
            id: id.to_owned(),
            handled: 3,
            at: now - ago,
        };
        let notes = vec![note("old", 7 * DAY + 1), note("new", 7 * DAY - 1000)];
        storage.streams().note(notes).await.unwrap();
        offline.expire(now).await;
        let handled = async |id| storage.streams().handled(account, id).await.unwrap();
        assert_eq!(
            (handled("old").await, handled("new").await),
            (None, Some(3))
        );
        storage.close().await;
    }
}
