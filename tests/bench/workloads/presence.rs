//! A user all of whose contacts are there comes and goes: each of them is told, and the user is told of each.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use waxwing_tests::PATIENCE;

use super::Tasks;
use crate::generator::{ARRIVE, Reader, Tally, Target};
use crate::metric::Values;

const MARK: &str = "<presence";
/// After the contacts have come, until none of them hears of another.
const QUIET: Duration = Duration::from_millis(500);

/// Presence that the contacts have heard.
#[derive(Default)]
struct Contacts {
    heard: Cell<u64>,
    more: Notify,
}

/// Measures presence that arrives while the first user comes and goes.
pub(super) async fn run(contacts: u32, target: &Target, span: Duration) -> Result<Values> {
    let (tally, mut tasks) = (Tally::new(), Tasks::new());
    let all = Rc::new(Contacts::default());
    for mut session in target.sessions(1..=contacts).await? {
        session.do_first(ARRIVE, &target.buffer).await?;
        let reader = Reader::new(session.link, MARK, &target.buffer);
        tasks.add(listen(reader, Rc::clone(&all), Rc::clone(&tally)));
    }
    sleep(QUIET).await;
    let session = target.session(0, "r").await?;
    let mut user = User {
        reader: Reader::new(session.link, MARK, &target.buffer),
        contacts: all,
        tally: Rc::clone(&tally),
    };
    let wave = u64::from(contacts);
    tasks.add(async move {
        loop {
            user.come_and_go(wave).await?;
        }
    });
    tasks.during(tally.measure(target.pid, span)).await
}

async fn listen(mut reader: Reader, all: Rc<Contacts>, tally: Rc<Tally>) -> Result<()> {
    loop {
        let units = reader.next().await?.units;
        all.heard.set(all.heard.get() + units);
        tally.add(units);
        all.more.notify_one();
    }
}

/// Who comes and goes.
struct User {
    reader: Reader,
    contacts: Rc<Contacts>,
    tally: Rc<Tally>,
}

impl User {
    async fn come_and_go(&mut self, wave: u64) -> Result<()> {
        let began = Instant::now();
        self.say("<presence/>", wave, wave).await?;
        self.say("<presence type='unavailable'/>", wave, 0).await?;
        self.tally.took(began.elapsed());
        Ok(())
    }

    /// Sends, and waits until the contacts have heard so much, and the user of so many.
    async fn say(&mut self, presence: &str, theirs: u64, own: u64) -> Result<()> {
        let wanted = self.contacts.heard.get() + theirs;
        let mut heard = 0;
        self.reader.link.send(presence.as_bytes()).await?;
        let waiting = async {
            while heard < own || self.contacts.heard.get() < wanted {
                tokio::select! {
                    received = self.reader.next() => heard += received?.units,
                    () = self.contacts.more.notified() => {}
                }
            }
            anyhow::Ok(())
        };
        let waited = timeout(PATIENCE, waiting).await;
        self.tally.add(heard);
        waited.context("presence did not arrive")?
    }
}
