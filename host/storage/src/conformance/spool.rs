//! Spools.

use futures_util::future::join_all;

use super::{account, hostile_texts, remove as remove_account};
use crate::{
    AccountId, MAX_SPOOL_PAGE, SPOOL_PAGE_BYTES, SpoolLimits, SpoolOutcome, Spooled, Storage,
};

pub(crate) const ROOMY: SpoolLimits = SpoolLimits {
    stanzas: 100_000,
    bytes: 1 << 30,
};

async fn try_add(
    storage: &dyn Storage,
    account: AccountId,
    stanza: &[u8],
    limits: SpoolLimits,
) -> SpoolOutcome {
    let spool = storage.spool();
    let added = spool.add(account, 1000, stanza.to_vec(), limits);
    added.await.unwrap()
}

async fn add_at(storage: &dyn Storage, account: AccountId, at: i64, stanza: &[u8]) -> u64 {
    let added = storage.spool().add(account, at, stanza.to_vec(), ROOMY);
    match added.await.unwrap() {
        SpoolOutcome::Kept(id) => id,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn add(storage: &dyn Storage, account: AccountId, stanza: &[u8]) -> u64 {
    add_at(storage, account, 1000, stanza).await
}

pub(crate) async fn read(storage: &dyn Storage, account: AccountId) -> Vec<Spooled> {
    let spool = storage.spool();
    spool.read(account, 0, MAX_SPOOL_PAGE).await.unwrap()
}

async fn stanzas(storage: &dyn Storage, account: AccountId) -> Vec<Vec<u8>> {
    let read = read(storage, account).await.into_iter();
    read.map(|spooled| spooled.stanza).collect()
}

async fn usage(storage: &dyn Storage, account: AccountId) -> (u64, u64) {
    storage.spool().usage(account).await.unwrap()
}

async fn remove(storage: &dyn Storage, account: AccountId, ids: &[u64]) -> u64 {
    storage.spool().remove(account, ids).await.unwrap()
}

pub(crate) async fn gives_back_stanzas_oldest_first(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let bob = account(storage, "bob").await;
    let mut wanted = Vec::new();
    // The order is that of coming, also where a clock was set back.
    for (at, stanza) in [(3, "a"), (-1, ""), (2, "ccc")] {
        let id = add_at(storage, alice, at, stanza.as_bytes()).await;
        add(storage, bob, b"another's").await;
        let stanza = stanza.as_bytes().to_vec();
        wanted.push(Spooled { id, at, stanza });
    }
    assert_eq!(read(storage, alice).await, wanted);
    assert_eq!(usage(storage, alice).await, (3, 4));
    let nobody = AccountId(bob.0 + 1);
    assert_eq!(read(storage, nobody).await, []);
    assert_eq!(usage(storage, nobody).await, (0, 0));
    assert_eq!(
        try_add(storage, nobody, b"a", ROOMY).await,
        SpoolOutcome::NoAccount
    );
}

pub(crate) async fn reads_on_from_where_it_was(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let mut wanted = Vec::new();
    for n in 0..25 {
        wanted.push(add(storage, alice, &[n]).await);
    }
    let (mut after, mut found, mut pages) = (0, Vec::new(), Vec::new());
    loop {
        let page = storage.spool().read(alice, after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.id;
        pages.push(page.len());
        found.extend(page.iter().map(|spooled| spooled.id));
    }
    assert_eq!((found, pages), (wanted, vec![10, 10, 5]));
    assert_eq!(storage.spool().read(alice, 0, 0).await.unwrap(), []);
    let beyond = storage.spool().read(alice, u64::MAX, 10).await;
    assert_eq!(beyond.unwrap(), []);
}

pub(crate) async fn a_page_holds_a_mebibyte_or_one_stanza(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let half = SPOOL_PAGE_BYTES / 2;
    let sizes = [half, half, 1, 3 * half, 1, half, half];
    for size in sizes {
        add(storage, alice, &vec![b'x'; size]).await;
    }
    let (mut after, mut pages) = (0, Vec::new());
    loop {
        let page = storage.spool().read(alice, after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.id;
        let sizes = page.iter().map(|spooled| spooled.stanza.len());
        pages.push(sizes.collect::<Vec<_>>());
    }
    let wanted = [
        vec![half, half],
        vec![1],
        vec![3 * half],
        vec![1, half],
        vec![half],
    ];
    assert_eq!(pages, wanted);
}

pub(crate) async fn a_page_holds_a_thousand_stanzas(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    join_all((0..=MAX_SPOOL_PAGE).map(|_| add(storage, alice, b"x"))).await;
    let page = storage.spool().read(alice, 0, u32::MAX).await.unwrap();
    assert_eq!(page.len(), MAX_SPOOL_PAGE as usize);
}

pub(crate) async fn replaces_a_stanza_in_its_place(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let bob = account(storage, "bob").await;
    add(storage, alice, b"a").await;
    let second = add_at(storage, alice, 7, b"bb").await;
    add(storage, alice, b"c").await;
    let others = add(storage, bob, b"b").await;
    let replace = async |account, id, stanza: &[u8]| {
        let replaced = storage.spool().replace(account, id, stanza.to_vec());
        replaced.await.unwrap()
    };
    assert!(replace(alice, second, b"longer").await);
    assert_eq!(
        stanzas(storage, alice).await,
        [b"a".to_vec(), b"longer".to_vec(), b"c".to_vec()]
    );
    let there = &read(storage, alice).await[1];
    assert_eq!((there.id, there.at), (second, 7));
    assert_eq!(usage(storage, alice).await, (3, 8));
    assert!(replace(alice, second, b"").await);
    assert_eq!(usage(storage, alice).await, (3, 2));
    // Nothing of another's, nor what is gone.
    assert!(!replace(alice, others, b"mine").await);
    assert_eq!(remove(storage, alice, &[second]).await, 1);
    for gone in [second, 0, u64::MAX] {
        assert!(!replace(alice, gone, b"back").await);
    }
    assert_eq!(usage(storage, alice).await, (2, 2));
    assert_eq!(stanzas(storage, bob).await, [b"b".to_vec()]);
    assert_eq!(usage(storage, bob).await, (1, 1));
}

pub(crate) async fn removes_what_is_named_and_the_accounts_own(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let bob = account(storage, "bob").await;
    let first = add(storage, alice, b"a").await;
    let others = add(storage, bob, b"bb").await;
    let second = add(storage, alice, b"ccc").await;
    let third = add(storage, alice, b"dddd").await;
    assert_eq!(remove(storage, alice, &[]).await, 0);
    let ids = [first, others, third, third, 0, third + 1, u64::MAX];
    assert_eq!(remove(storage, alice, &ids).await, 2);
    assert_eq!(remove(storage, alice, &ids).await, 0);
    assert_eq!(read(storage, alice).await[0].id, second);
    assert_eq!(usage(storage, alice).await, (1, 3));
    assert_eq!(stanzas(storage, bob).await, [b"bb"]);
    assert_eq!(usage(storage, bob).await, (1, 2));
}

pub(crate) async fn ids_never_recur(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let first = add(storage, alice, b"a").await;
    assert_eq!(remove(storage, alice, &[first]).await, 1);
    let second = add(storage, alice, b"b").await;
    assert!(second > first);
    remove_account(storage, alice).await;
    let again = account(storage, "alice").await;
    assert!(add(storage, again, b"c").await > second);
}

pub(crate) async fn keeps_to_the_limit_of_stanzas(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let limits = SpoolLimits {
        stanzas: 2,
        ..ROOMY
    };
    let first = add(storage, alice, b"a").await;
    assert!(matches!(
        try_add(storage, alice, b"b", limits).await,
        SpoolOutcome::Kept(_)
    ));
    assert_eq!(
        try_add(storage, alice, b"", limits).await,
        SpoolOutcome::Full
    );
    let none = SpoolLimits {
        stanzas: 0,
        ..ROOMY
    };
    let bob = account(storage, "bob").await;
    assert_eq!(try_add(storage, bob, b"", none).await, SpoolOutcome::Full);
    assert_eq!(usage(storage, alice).await, (2, 2));
    assert_eq!(remove(storage, alice, &[first]).await, 1);
    assert!(matches!(
        try_add(storage, alice, b"c", limits).await,
        SpoolOutcome::Kept(_)
    ));
    assert_eq!(stanzas(storage, alice).await, [b"b", b"c"]);
}

pub(crate) async fn keeps_to_the_limit_of_bytes(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let limits = SpoolLimits { bytes: 10, ..ROOMY };
    assert_eq!(
        try_add(storage, alice, &[0; 11], limits).await,
        SpoolOutcome::Full
    );
    let first = add(storage, alice, &[0; 6]).await;
    assert_eq!(
        try_add(storage, alice, &[0; 5], limits).await,
        SpoolOutcome::Full
    );
    for stanza in [&[0; 4][..], &[]] {
        assert!(matches!(
            try_add(storage, alice, stanza, limits).await,
            SpoolOutcome::Kept(_)
        ));
    }
    assert_eq!(
        try_add(storage, alice, &[0], limits).await,
        SpoolOutcome::Full
    );
    assert_eq!(usage(storage, alice).await, (3, 10));
    assert_eq!(remove(storage, alice, &[first]).await, 1);
    assert_eq!(usage(storage, alice).await, (2, 4));
}

pub(crate) async fn parallel_adds_keep_to_the_limit(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let limits = SpoolLimits {
        stanzas: 50,
        bytes: 120,
    };
    let adds = (0..100).map(|_| try_add(storage, alice, b"xyz", limits));
    let full = join_all(adds).await.into_iter();
    let full = full.filter(|outcome| *outcome == SpoolOutcome::Full);
    assert_eq!(full.count(), 60);
    assert_eq!(usage(storage, alice).await, (40, 120));
    assert_eq!(read(storage, alice).await.len(), 40);
}

pub(crate) async fn keeps_the_order_of_parallel_adds_in_few_commits(storage: &dyn Storage) {
    let accounts = [
        account(storage, "alice").await,
        account(storage, "bob").await,
    ];
    let commits = storage.commits();
    let adds = (0..200_u8).map(|n| {
        let account = accounts[usize::from(n % 2)];
        async move { add(storage, account, &[n]).await }
    });
    let ids = join_all(adds).await;
    assert!(ids.is_sorted(), "{ids:?}");
    for (first, account) in (0..).zip(accounts) {
        let wanted: Vec<_> = (first..200).step_by(2).map(|n| vec![n]).collect();
        assert_eq!(stanzas(storage, account).await, wanted);
    }
    let commits = storage.commits() - commits;
    assert!(commits <= 20, "{commits} commits");
}

pub(crate) async fn expires_what_is_old_from_all_spools(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let bob = account(storage, "bob").await;
    for (account, at) in [(alice, 10), (bob, 11), (alice, 12), (bob, 9), (alice, 11)] {
        add_at(storage, account, at, at.to_string().as_bytes()).await;
    }
    // More than one statement of any engine takes.
    join_all((0..3000).map(|n| add_at(storage, bob, -n, b"old"))).await;
    assert_eq!(storage.spool().expire(i64::MIN).await.unwrap(), 0);
    assert_eq!(storage.spool().expire(11).await.unwrap(), 3002);
    assert_eq!(stanzas(storage, alice).await, [b"12", b"11"]);
    assert_eq!(stanzas(storage, bob).await, [b"11"]);
    assert_eq!(usage(storage, alice).await, (2, 4));
    assert_eq!(usage(storage, bob).await, (1, 2));
    assert_eq!(storage.spool().expire(i64::MAX).await.unwrap(), 3);
    assert_eq!(usage(storage, alice).await, (0, 0));
}

pub(crate) async fn goes_with_the_account(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let bob = account(storage, "bob").await;
    for account in [alice, bob] {
        add(storage, account, b"a").await;
    }
    remove_account(storage, alice).await;
    assert_eq!(read(storage, alice).await, []);
    assert_eq!(usage(storage, alice).await, (0, 0));
    assert_eq!(
        try_add(storage, alice, b"b", ROOMY).await,
        SpoolOutcome::NoAccount
    );
    assert_eq!(usage(storage, bob).await, (1, 1));
    assert_eq!(storage.spool().expire(i64::MAX).await.unwrap(), 1);
}

pub(crate) async fn a_name_registered_again_has_an_empty_spool(storage: &dyn Storage) {
    let first = account(storage, "alice").await;
    add(storage, first, b"a").await;
    remove_account(storage, first).await;
    let second = account(storage, "alice").await;
    assert_eq!(read(storage, second).await, []);
    assert_eq!(usage(storage, second).await, (0, 0));
    let one = SpoolLimits {
        stanzas: 1,
        bytes: 1,
    };
    assert!(matches!(
        try_add(storage, second, b"b", one).await,
        SpoolOutcome::Kept(_)
    ));
}

pub(crate) async fn keeps_hostile_bytes_as_they_are(storage: &dyn Storage) {
    let alice = account(storage, "alice").await;
    let texts = hostile_texts().into_iter().map(String::into_bytes);
    let mut wanted: Vec<_> = texts.collect();
    wanted.push((0..=255).collect());
    for stanza in &wanted {
        add(storage, alice, stanza).await;
    }
    assert_eq!(stanzas(storage, alice).await, wanted);
    let octets: usize = wanted.iter().map(Vec::len).sum();
    let stanzas = wanted.len() as u64;
    assert_eq!(usage(storage, alice).await, (stanzas, octets as u64));
}
