//! What storage does in a second, with `synchronous=FULL` throughout: writes of plugins by 64 callers at once, accounts,
//! spools, rosters, reads with and without the cache, and for comparison one write at a time with a commit each.
//!
//! The callers share a thread, as those of a shard do; the storage has its own. Each figure is the middle one of five
//! rounds, with the slowest and the fastest behind it.

#![expect(clippy::print_stdout, reason = "the figures are the product")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench that cannot write has to stop"
)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "figures for people"
)]

use std::{
    cell::Cell,
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use waxwing_storage::{
    AccountId, Batch, Creation, Edited, Key, Namespace, NewAccount, Quota, RosterEntry,
    RosterLimits, Scope, ScramKeys, SpoolLimits, SpoolOutcome, Storage, Value,
};
use waxwing_test_cluster::Cluster;

const ROUNDS: usize = 5;
const CALLERS: u64 = 64;
/// Octets of a value: a roster item, a small setting.
const VALUE: usize = 200;
/// Keys that writes are spread over.
const WRITTEN: u64 = 100_000;
/// Keys that reads are spread over: more than the cache holds.
const STORED: u64 = 500_000;
/// Items of a large roster.
const CONTACTS: u64 = 500;
const ROOMY: Quota = Quota {
    bytes: 1 << 40,
    keys: 1 << 40,
    entries: 1 << 40,
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let full = std::env::args().any(|argument| argument == "--bench");
    // `-- --postgresql`: the same there, but for reads, which are the cache's matter.
    let on_postgresql = std::env::args().any(|argument| argument == "--postgresql");
    let cluster = on_postgresql.then(|| Cluster::durable().unwrap());
    let bench = Bench {
        cluster,
        round: Duration::from_millis(if full { 1000 } else { 1 }),
        stored: if full { STORED } else { 1000 },
        done: Cell::new(0),
    };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    println!(
        "values of {VALUE} octets; a second's work, of {ROUNDS} rounds: middle (least to most)"
    );
    bench.flushes(folder.path());
    bench.writes(folder.path()).await;
    bench.accounts(folder.path()).await;
    bench.spools(folder.path()).await;
    bench.rosters(folder.path()).await;
    if bench.cluster.is_none() {
        bench.reads(folder.path()).await;
    }
}

struct Bench {
    /// `None`: SQLite.
    cluster: Option<Cluster>,
    round: Duration,
    stored: u64,
    /// Calls so far, so that each has a number of its own.
    done: Cell<u64>,
}

impl Bench {
    async fn open(&self, folder: &Path, file: &str) -> Arc<dyn Storage> {
        let url = match &self.cluster {
            Some(cluster) => cluster.database().unwrap(),
            None => format!("sqlite:{file}"),
        };
        waxwing_storage::open(&url, folder).await.unwrap()
    }

    /// What the disk itself can do: nothing that waits for it by itself is faster.
    fn flushes(&self, folder: &Path) {
        let file = File::create(folder.join("flushes")).unwrap();
        let (start, mut flushes) = (Instant::now(), 0_u32);
        while start.elapsed() < self.round {
            file.write_all_at(&[1; 4096], 0).unwrap();
            file.sync_data().unwrap();
            flushes += 1;
        }
        let flushes = f64::from(flushes) / start.elapsed().as_secs_f64();
        println!("{:<40} {flushes:>9.0}", "flushes of one block, no database");
    }

    async fn writes(&self, folder: &Path) {
        let storage = self.open(folder, "writes.db").await;
        for (name, callers, size) in [
            ("puts, 1 caller, a commit each", 1, 1),
            ("puts, 64 callers, batches of 1", CALLERS, 1),
            ("puts, 64 callers, batches of 10", CALLERS, 10),
            ("puts, 256 callers, batches of 1", 4 * CALLERS, 1),
        ] {
            let put = async |n: u64| {
                let mut batch = Batch::new(namespace(), ROOMY);
                for change in 0..size {
                    let key = key(scatter(n * size + change) % WRITTEN);
                    batch.put(Scope::Plugin, key, value()).unwrap();
                }
                storage.plugin_data().commit(batch).await.unwrap();
            };
            self.report(name, callers, size, put).await;
        }
        let append = async |n: u64| {
            let mut batch = Batch::new(namespace(), ROOMY);
            batch.append(Scope::Plugin, key(n % 100), value()).unwrap();
            storage.plugin_data().commit(batch).await.unwrap();
        };
        let name = "log appends, 64 callers, batches of 1";
        self.report(name, CALLERS, 1, append).await;
        storage.close().await;
    }

    async fn accounts(&self, folder: &Path) {
        let storage = self.open(folder, "accounts.db").await;
        let create = async |n: u64| {
            let created = storage.accounts().create(account(n)).await.unwrap();
            assert!(matches!(created, Creation::Created(_)));
        };
        self.report("accounts created, 64 callers", CALLERS, 1, create)
            .await;
        storage.close().await;
    }

    /// With 10,000 stanzas there before, as whoever was away for long has them.
    async fn spools(&self, folder: &Path) {
        let storage = self.open(folder, "spools.db").await;
        let account = new_account(&*storage, 0).await;
        let limits = SpoolLimits {
            stanzas: 1 << 40,
            bytes: 1 << 40,
        };
        let spool = storage.spool();
        let add = async |_: u64| {
            let kept = spool.add(account, 0, vec![b'x'; VALUE], limits);
            assert!(matches!(kept.await.unwrap(), SpoolOutcome::Kept(_)));
        };
        join_all((0..self.stored / 50).map(add)).await;
        self.report("stanzas spooled, 64 callers", CALLERS, 1, add)
            .await;
        let read = async |n: u64| {
            let page = spool.read(account, n % 5000, 100).await.unwrap();
            assert!(!page.is_empty());
        };
        self.report("pages of 100 stanzas read, 64 callers", CALLERS, 1, read)
            .await;
        storage.close().await;
    }

    async fn rosters(&self, folder: &Path) {
        let storage = self.open(folder, "rosters.db").await;
        let account = new_account(&*storage, 0).await;
        let limits = RosterLimits {
            items: 1 << 40,
            requests: 1 << 40,
        };
        let rosters = storage.rosters();
        let edit = async |n: u64| {
            let edit = Arc::new(move |before: &RosterEntry| {
                let mut after = before.clone();
                after.item.get_or_insert_default().name = Some(n.to_string());
                Some(after)
            });
            let contact = format!("contact{}@bench.example", n % CONTACTS);
            let edited = rosters.edit(account, &contact, limits, edit).await;
            assert!(matches!(edited.unwrap(), Edited::Done { .. }));
        };
        join_all((0..CONTACTS).map(&edit)).await;
        let change = async |n: u64| edit(n + CONTACTS).await;
        self.report("roster items changed, 64 callers", CALLERS, 1, change)
            .await;
        let load = async |_: u64| {
            let roster = rosters.load(account).await.unwrap();
            assert_eq!(roster.items.len() as u64, CONTACTS);
        };
        self.report("rosters of 500 loaded, 64 callers", CALLERS, 1, load)
            .await;
        storage.close().await;
    }

    async fn reads(&self, folder: &Path) {
        let storage = self.open(folder, "reads.db").await;
        for first in (0..self.stored).step_by(1000) {
            let mut batch = Batch::new(namespace(), ROOMY);
            for n in first..first + 1000 {
                batch.put(Scope::Plugin, key(n), value()).unwrap();
            }
            storage.plugin_data().commit(batch).await.unwrap();
        }
        for (name, callers, keys) in [
            ("reads, 1,000 keys, all in the cache", CALLERS, 1000),
            (
                "reads, 500,000 keys, few in the cache",
                CALLERS,
                self.stored,
            ),
            ("the same, 1 caller", 1, self.stored),
        ] {
            let get = async |n: u64| {
                let key = key(scatter(n) % keys);
                let data = storage.plugin_data();
                let found = data.get(&namespace(), Scope::Plugin, &key).await.unwrap();
                assert!(found.is_some());
            };
            self.report(name, callers, 1, get).await;
        }
        storage.close().await;
    }

    /// Has `callers` at once call `work`, which does `each` pieces of it, and prints how many were done in a second.
    async fn report(&self, name: &str, callers: u64, each: u64, work: impl AsyncFn(u64)) {
        self.round(callers, &work).await;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(self.round(callers, &work).await * each as f64);
        }
        rounds.sort_by(f64::total_cmp);
        let (least, middle, most) = (rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
        println!("{name:<40} {middle:>9.0} ({least:.0} to {most:.0})");
    }

    /// Calls in a second.
    async fn round(&self, callers: u64, work: &impl AsyncFn(u64)) -> f64 {
        let start = Instant::now();
        let before = self.done.get();
        join_all((0..callers).map(async |_| {
            while start.elapsed() < self.round {
                let number = self.done.replace(self.done.get() + 1);
                work(number).await;
                // A read from the cache never waits; the others want their turn.
                tokio::task::consume_budget().await;
            }
        }))
        .await;
        (self.done.get() - before) as f64 / start.elapsed().as_secs_f64()
    }
}

async fn new_account(storage: &dyn Storage, n: u64) -> AccountId {
    match storage.accounts().create(account(n)).await.unwrap() {
        Creation::Created(id) => id,
        Creation::Taken => panic!("a new database has accounts"),
    }
}

fn namespace() -> Namespace {
    Namespace::new("bench").unwrap()
}

fn key(n: u64) -> Key {
    Key::new(&format!("item/{n:08}")).unwrap()
}

fn value() -> Value {
    Value::new(vec![b'x'; VALUE]).unwrap()
}

/// Sends neighbouring numbers far apart.
fn scatter(n: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
}

fn account(n: u64) -> NewAccount {
    let keys = || ScramKeys {
        salt: vec![1; 16],
        iterations: 10_000,
        stored_key: vec![2; 32],
        server_key: vec![3; 32],
    };
    NewAccount {
        localpart: format!("user{n}"),
        domain: "bench.example".to_owned(),
        keys: ["SHA-1", "SHA-256"]
            .map(|hash| (hash.to_owned(), keys()))
            .into(),
    }
}
