//! Ordered logs.

use super::*;

fn append(entries: &[&str]) -> Batch {
    let mut batch = batch();
    for entry in entries {
        batch.append(OWN, key("log"), value(entry)).unwrap();
    }
    batch
}

fn trim(before: u64) -> Batch {
    let mut batch = batch();
    batch.trim(OWN, key("log"), before).unwrap();
    batch
}

/// Sequence numbers and entries as text, and whether there are more.
async fn read(storage: &dyn Storage, range: LogRange) -> (Vec<(u64, String)>, bool) {
    let page = read_log(storage, &notes(), OWN, range).await;
    let entries = page.items.into_iter().map(|entry| {
        let text = String::from_utf8(entry.value.to_vec()).unwrap();
        (entry.sequence, text)
    });
    (entries.collect(), page.more)
}

async fn texts(storage: &dyn Storage, range: LogRange) -> String {
    let (entries, more) = read(storage, range).await;
    let texts: Vec<_> = entries.into_iter().map(|(_, text)| text).collect();
    format!("{}{}", texts.join(" "), if more { " …" } else { "" })
}

pub(crate) async fn keeps_entries_in_their_order_and_reads_ranges(database: &mut Database) {
    let storage = database.storage();
    assert_eq!(texts(&storage, LogRange::default()).await, "");
    let numbers = storage
        .plugin_data()
        .commit(append(&["a", "b", "c"]))
        .await
        .unwrap();
    let more = storage
        .plugin_data()
        .commit(append(&["d", "e"]))
        .await
        .unwrap();
    let all: Vec<_> = numbers.into_iter().chain(more).collect();
    assert!(all[0] > 0 && all.is_sorted_by(|one, next| one < next));
    let full = LogRange::default();
    let (after, before) = (Some(all[1]), Some(all[3]));
    for (range, wanted) in [
        (full, "a b c d e"),
        (LogRange { limit: 2, ..full }, "a b …"),
        (LogRange { limit: 5, ..full }, "a b c d e"),
        (LogRange { limit: 0, ..full }, " …"),
        (LogRange { after, ..full }, "c d e"),
        (LogRange { before, ..full }, "a b c"),
        (
            LogRange {
                after,
                before,
                ..full
            },
            "c",
        ),
        (
            LogRange {
                reverse: true,
                ..full
            },
            "e d c b a",
        ),
        (
            LogRange {
                reverse: true,
                limit: 2,
                before,
                ..full
            },
            "c b …",
        ),
        (
            LogRange {
                after: Some(u64::MAX),
                ..full
            },
            "",
        ),
        (
            LogRange {
                before: Some(u64::MAX),
                ..full
            },
            "a b c d e",
        ),
    ] {
        assert_eq!(texts(&storage, range).await, wanted, "{range:?}");
    }
}

pub(crate) async fn never_gives_a_number_twice(database: &mut Database) {
    let storage = database.storage();
    let first = storage
        .plugin_data()
        .commit(append(&["a", "b"]))
        .await
        .unwrap();
    storage.plugin_data().commit(trim(u64::MAX)).await.unwrap();
    assert_eq!(texts(&storage, LogRange::default()).await, "");
    let second = storage.plugin_data().commit(append(&["c"])).await.unwrap();
    storage.plugin_data().commit(trim(u64::MAX)).await.unwrap();
    let storage = database.reopen().await;
    let third = storage.plugin_data().commit(append(&["d"])).await.unwrap();
    assert!(first[1] < second[0] && second[0] < third[0]);
}

pub(crate) async fn trims_what_is_older_and_counts_it_out(database: &mut Database) {
    let storage = database.storage();
    let numbers = storage
        .plugin_data()
        .commit(append(&["aa", "bb", "cc"]))
        .await
        .unwrap();
    assert_eq!(usage(&storage).await, (15, 0, 3));
    let mut batch = trim(numbers[1]);
    batch.trim(OWN, key("log"), numbers[2]).unwrap();
    batch.trim(OWN, key("other"), u64::MAX).unwrap();
    storage.plugin_data().commit(batch).await.unwrap();
    assert_eq!(texts(&storage, LogRange::default()).await, "cc");
    assert_eq!(usage(&storage).await, (5, 0, 1));
    storage.plugin_data().commit(trim(u64::MAX)).await.unwrap();
    let storage = database.reopen().await;
    assert_eq!(usage(&storage).await, (0, 0, 0));
}

pub(crate) async fn spares_the_entries_of_the_batch_that_trims(database: &mut Database) {
    let storage = database.storage();
    storage.plugin_data().commit(append(&["a"])).await.unwrap();
    let mut batch = append(&["b"]);
    batch.trim(OWN, key("log"), u64::MAX).unwrap();
    batch.append(OWN, key("log"), value("c")).unwrap();
    storage.plugin_data().commit(batch).await.unwrap();
    assert_eq!(texts(&storage, LogRange::default()).await, "b c");
    assert_eq!(usage(&storage).await, (8, 0, 2));
}

pub(crate) async fn trims_what_the_same_group_has_appended_before(database: &mut Database) {
    let storage = database.storage();
    for _ in 0..20 {
        let (first, trimmed, last) = tokio::join!(
            storage.plugin_data().commit(append(&["a"])),
            storage.plugin_data().commit(trim(u64::MAX)),
            storage.plugin_data().commit(append(&["b"])),
        );
        first.and(trimmed).and(last).unwrap();
        assert_eq!(texts(&storage, LogRange::default()).await, "b");
        assert_eq!(usage(&storage).await, (4, 0, 1));
    }
}

pub(crate) async fn numbers_the_logs_of_each_namespace_by_themselves(database: &mut Database) {
    let storage = database.storage();
    storage
        .plugin_data()
        .commit(append(&["a", "b"]))
        .await
        .unwrap();
    let mut other = Batch::new(namespace("other"), Quota::default());
    other.append(OWN, key("log"), value("1")).unwrap();
    assert_eq!(storage.plugin_data().commit(other).await.unwrap(), [1]);
}
