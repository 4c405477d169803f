//! What was answered for is there after a kill; what failed is not there at all.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use super::*;
use crate::{StorageError, sqlite::tests::Pragma};

/// Set for the process that is to be killed: the folder to write to.
const FOLDER: &str = "WAXWING_TEST_KILLED_IN";
const THIS_TEST: &str =
    "sqlite::data::tests::durability::keeps_what_it_answered_for_through_kill_9";

/// Commits without end, printing each number once it is committed. Each batch is a key and a log entry of that number,
/// and a swap counts along.
async fn write_and_tell(folder: &Path) {
    let storage = open(folder).await;
    for n in 0_u64.. {
        let name = n.to_string();
        let mut batch = put(OWN, &name, &name);
        batch.append(OWN, key("log"), value(&name)).unwrap();
        storage.commit(batch).await.unwrap();
        let before = n.checked_sub(1).map(|before| before.to_string());
        let swap = swap(before.as_deref(), Some(&name));
        assert!(storage.compare_and_set(swap).await.unwrap());
        println!("committed {n}");
    }
}

/// Runs [`write_and_tell`] in a process of its own, kills it when it has told `enough`, and returns the last number told.
fn kill_after(enough: u64, folder: &Path) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", THIS_TEST, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = |line: String| line.strip_prefix("committed ")?.parse().ok();
    let mut told = lines.by_ref().map_while(Result::ok).filter_map(told);
    let mut last = told.find(|told| *told >= enough).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it told while it was killed counts too.
    last = told.last().unwrap_or(last);
    last
}

#[tokio::test]
async fn keeps_what_it_answered_for_through_kill_9() {
    if let Some(folder) = env::var_os(FOLDER) {
        return write_and_tell(Path::new(&folder)).await;
    }
    for enough in [0, 3, 50, 200] {
        let folder = TempDir::new().unwrap();
        let last = kill_after(enough, folder.path());
        let storage = open(folder.path()).await;
        let swapped: u64 = get(&storage, OWN, "a").await.unwrap().parse().unwrap();
        assert!(swapped >= last, "{swapped} is left of {last}");
        let keys = (0..=last + 2)
            .map(|n| key(&n.to_string()))
            .collect::<Vec<_>>();
        let keys = storage.get_many(&notes(), OWN, &keys).await.unwrap();
        let keys = keys.into_iter().flatten().collect::<Vec<_>>();
        let log = read_log(&storage, &notes(), OWN, LogRange::default()).await;
        let log = log.items.into_iter();
        assert_eq!(keys, log.map(|entry| entry.value).collect::<Vec<_>>());
        assert!(keys.len() as u64 > last);
        assert_eq!(usage(&storage).await.2, keys.len() as u64);
    }
}

async fn set_limit(storage: &Sqlite, pragma: &'static str) {
    storage.writer.write(Pragma(pragma)).await.unwrap();
}

#[tokio::test]
async fn refuses_batches_to_a_full_disk_and_recovers() {
    let (folder, storage) = fresh().await;
    storage.commit(put(OWN, "a", "old")).await.unwrap();
    assert_eq!(usage(&storage).await, (4, 1, 0));
    set_limit(&storage, "PRAGMA max_page_count = 1").await;
    let mut large = put(OWN, "a", "new");
    large
        .put(OWN, key("b"), Value::new(vec![1; 500_000]).unwrap())
        .unwrap();
    large.append(OWN, key("log"), value("1")).unwrap();
    let (small, large) = tokio::join!(
        storage.commit(put(OWN, "a", "small")),
        storage.commit(large)
    );
    small.unwrap();
    assert!(matches!(
        large,
        Err(CommitError::Storage(StorageError::Failed(_)))
    ));
    assert_eq!(get(&storage, OWN, "a").await.unwrap(), "small");
    assert_eq!(get(&storage, OWN, "b").await, None);
    assert_eq!(usage(&storage).await, (6, 1, 0));
    set_limit(&storage, "PRAGMA max_page_count = 100000").await;
    storage.commit(put(OWN, "b", "1")).await.unwrap();
    let storage = reopen(&storage, folder.path()).await;
    assert_eq!(get(&storage, OWN, "a").await.unwrap(), "small");
    assert_eq!(usage(&storage).await, (8, 2, 0));
}

/// Fails, and takes the transaction with it.
const ROLLED_BACK: &str = "INSERT OR ROLLBACK INTO plugin_namespace (name) VALUES ('x'), ('x')";

#[tokio::test]
async fn goes_on_after_sqlite_rolled_a_group_back_by_itself() {
    let (_folder, storage) = fresh().await;
    let (before, broken, after) = tokio::join!(
        storage.commit(put(OWN, "a", "1")),
        storage.writer.write(Pragma(ROLLED_BACK)),
        storage.commit(put(OWN, "b", "1")),
    );
    assert!(broken.is_err());
    before.unwrap();
    after.unwrap();
    assert_eq!(usage(&storage).await, (4, 2, 0));
    assert_eq!(get(&storage, OWN, "a").await.unwrap(), "1");
}

#[tokio::test]
async fn commits_what_was_queued_before_it_closes_and_nothing_after() {
    use crate::Storage as _;
    let (folder, storage) = fresh().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200 {
        let storage = Arc::clone(&storage);
        tasks.spawn(async move { storage.commit(put(OWN, &n.to_string(), "1")).await });
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    storage.close().await;
    let done = tasks.join_all().await;
    let done = done.into_iter().flatten().count();
    assert!(matches!(
        storage.commit(put(OWN, "late", "1")).await,
        Err(CommitError::Storage(StorageError::Closed))
    ));
    let uncached = storage.get(&notes(), OWN, &key("unseen")).await;
    assert!(matches!(uncached, Err(StorageError::Closed)));
    let storage = open(folder.path()).await;
    assert_eq!(usage(&storage).await.1, done as u64);
}
