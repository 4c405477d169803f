use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
};

use super::{Bounds, End, Flow, Mailbox, Push, Weigh};
use crate::delivery::wakeup::CrossShardWaker;

const MAX_BYTES: usize = 1 << 20;
const MAX_ITEMS: usize = 100;

/// A name and a weight.
type Item = (u8, usize);

impl Weigh for Item {
    fn weight(&self) -> usize {
        self.1
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn mailbox() -> Mailbox<Item> {
    Mailbox::new(Bounds::new(1 << 20, 100))
}

fn names(items: impl IntoIterator<Item = Item>) -> Vec<u8> {
    items.into_iter().map(|item| item.0).collect()
}

fn quiet() -> Waker {
    Waker::from(Arc::new(Count::default()))
}

#[test]
fn gives_items_in_the_order_of_pushing() {
    let mailbox = mailbox();
    for item in 0..5 {
        assert_eq!(mailbox.push((item, 10)), Push::Queued(Flow::Free));
    }
    let taken = mailbox.take(usize::MAX, &quiet());
    assert_eq!(names(taken.items), [0, 1, 2, 3, 4]);
    assert!(!taken.more);
    assert_eq!(mailbox.bytes(), 0);
}

#[test]
fn takes_no_more_than_a_quota_and_says_that_more_is_left() {
    let mailbox = mailbox();
    for item in 0..5 {
        assert_eq!(mailbox.push((item, 10)), Push::Queued(Flow::Free));
    }
    let taken = mailbox.take(15, &quiet());
    assert_eq!(names(taken.items), [0, 1]);
    assert!(taken.more);
    assert_eq!(mailbox.bytes(), 30);
}

#[test]
fn wakes_the_owner_once_for_many_pushes() {
    let count = Arc::new(Count::default());
    let mailbox = mailbox();
    assert!(
        mailbox
            .take(100, &Waker::from(Arc::clone(&count)))
            .items
            .is_empty()
    );
    for item in 0..3 {
        assert_eq!(mailbox.push((item, 1)), Push::Queued(Flow::Free));
    }
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
}

#[test]
fn ends_the_session_when_there_are_too_many_bytes() {
    let mailbox = mailbox();
    assert_eq!(mailbox.push((b'a', MAX_BYTES)), Push::Queued(Flow::Pressed));
    assert_eq!(mailbox.push((b'b', 1)), Push::Refused((b'b', 1)));
    assert_eq!(
        mailbox.push((b'c', 0)),
        Push::Refused((b'c', 0)),
        "nothing may overtake what was refused"
    );
    let taken = mailbox.take(usize::MAX, &quiet());
    assert_eq!(taken.end, Some(End::Overflow));
    assert!(taken.items.is_empty());
    assert_eq!(names(mailbox.close()), *b"a");
}

#[test]
fn ends_the_session_when_there_are_too_many_items() {
    let mailbox = mailbox();
    for _ in 0..MAX_ITEMS {
        assert_eq!(mailbox.push((0, 0)), Push::Queued(Flow::Free));
    }
    assert_eq!(mailbox.push((0, 0)), Push::Refused((0, 0)));
}

#[test]
fn takes_one_item_heavier_than_the_limit() {
    let mailbox = mailbox();
    assert_eq!(
        mailbox.push((b'a', MAX_BYTES + 1)),
        Push::Queued(Flow::Pressed)
    );
    assert_eq!(names(mailbox.take(1, &quiet()).items), *b"a");
}

#[test]
fn hands_over_what_was_queued_before_the_end() {
    let mailbox = mailbox();
    assert_eq!(mailbox.push((b'a', 1)), Push::Queued(Flow::Free));
    mailbox.end(End::AccountGone);
    mailbox.end(End::Shutdown);
    assert_eq!(mailbox.push((b'b', 1)), Push::Refused((b'b', 1)));
    let taken = mailbox.take(100, &quiet());
    assert_eq!(
        (names(taken.items).as_slice(), taken.end),
        (b"a".as_slice(), None)
    );
    assert_eq!(mailbox.take(100, &quiet()).end, Some(End::AccountGone));
}

#[test]
fn gives_back_what_was_not_taken_when_it_closes() {
    let mailbox = mailbox();
    assert_eq!(mailbox.push((b'a', 1)), Push::Queued(Flow::Free));
    assert_eq!(names(mailbox.close()), *b"a");
    assert_eq!(mailbox.push((b'b', 1)), Push::Refused((b'b', 1)));
}

/// Two sessions of one shard, for which another thread has something: the shard is rung once, and wakes them itself.
#[test]
fn an_owner_on_another_shard_is_woken_by_its_bell() {
    let (shard, owner) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let (as_shard, as_owner) = (
        Waker::from(Arc::clone(&shard)),
        Waker::from(Arc::clone(&owner)),
    );
    let mut bell = Box::pin(CrossShardWaker::serve());
    let mut context = Context::from_waker(&as_shard);
    assert!(bell.as_mut().poll(&mut context).is_pending());
    let mailboxes = [mailbox(), mailbox()];
    for mailbox in &mailboxes {
        assert!(mailbox.take(usize::MAX, &as_owner).items.is_empty());
    }
    let push = |mailbox: &Mailbox<Item>| {
        assert_eq!(mailbox.push((1, 10)), Push::Queued(Flow::Free));
    };
    std::thread::scope(|scope| {
        scope.spawn(|| mailboxes.iter().for_each(push));
    });
    let woken = || {
        (
            shard.0.load(Ordering::Relaxed),
            owner.0.load(Ordering::Relaxed),
        )
    };
    assert_eq!(woken(), (1, 0));
    assert!(bell.as_mut().poll(&mut context).is_pending());
    assert_eq!(woken(), (1, 2));
}
