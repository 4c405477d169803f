//! Many who want what needs the database, each of them all the time.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};
use waxwing_tests::{Client, Server, client::ns};

use super::{RECOVERY, plain};

const MEMBERS: usize = 60;
/// The longest that a change of a roster waits: the database is asked for several things, each of which has five seconds.
const CHANGE: Duration = Duration::from_secs(24);
/// The same for a message: five seconds for its turn and for its account, and five in which it is kept.
const MESSAGE: Duration = Duration::from_secs(12);
/// After a change that was refused at once.
const PAUSE: Duration = Duration::from_millis(50);

fn name(index: usize) -> String {
    format!("member{index}")
}

/// Users who are logged in and not available.
pub(crate) struct Crowd(Vec<Member>);

impl Crowd {
    pub(crate) async fn log_in(server: &Server) -> Result<Self> {
        let members = (0..MEMBERS).map(async |index| {
            server.account(&name(index)).await?;
            let (client, _) = server.log_in(&plain(&name(index))).await?;
            anyhow::Ok(Member {
                client,
                index,
                changes: 0,
                kept: Vec::new(),
            })
        });
        Ok(Self(try_join_all(members).await?))
    }

    /// Each has a change wait from now on, and the next when that is answered.
    pub(crate) fn begin(self) -> Waiting {
        let (over, told) = watch::channel(None);
        let members = self.0.into_iter();
        let members = members.map(|member| tokio::spawn(member.run(told.clone())));
        Waiting {
            over,
            members: members.collect(),
        }
    }
}

/// Users with changes that wait.
pub(crate) struct Waiting {
    over: watch::Sender<Option<Instant>>,
    members: Vec<JoinHandle<Result<()>>>,
}

impl Waiting {
    /// What made them wait is over: each has a change kept soon, and all that were said to be.
    pub(crate) async fn finish(self) -> Result<()> {
        self.over.send(Some(Instant::now()))?;
        let members = self.members.into_iter().map(async |member| member.await?);
        try_join_all(members).await?;
        Ok(())
    }
}

struct Member {
    client: Client,
    index: usize,
    changes: usize,
    kept: Vec<String>,
}

impl Member {
    async fn run(mut self, over: watch::Receiver<Option<Instant>>) -> Result<()> {
        loop {
            let kept = self.change().await?;
            let over = *over.borrow();
            if let Some(over) = over.filter(|_| kept) {
                ensure!(over.elapsed() < RECOVERY, "back after {:?}", over.elapsed());
                return self.check().await;
            }
            sleep(PAUSE).await;
        }
    }

    /// Adds a contact or leaves a message, by turns. Whether it is kept.
    async fn change(&mut self) -> Result<bool> {
        self.changes += 1;
        let asked = Instant::now();
        let (error, bound) = if (self.changes + self.index).is_multiple_of(2) {
            (self.add().await?, CHANGE)
        } else {
            (self.tell().await?, MESSAGE)
        };
        let waited = asked.elapsed();
        ensure!(waited < bound, "{error:?} after {waited:?}");
        if let Some(error) = &error {
            ensure!(error.starts_with("wait/"), "{error}");
        }
        Ok(error.is_none())
    }

    async fn add(&mut self) -> Result<Option<String>> {
        let contact = format!("contact{}@localhost", self.changes);
        let set = format!("<query xmlns='jabber:iq:roster'><item jid='{contact}'/></query>");
        let error = self.client.iq("set", "", &set).await?.stanza_error();
        if error.is_none() {
            self.kept.push(contact);
        }
        Ok(error)
    }

    /// Sends a message to the next one. What is asked after it is answered after it.
    async fn tell(&mut self) -> Result<Option<String>> {
        let to = name((self.index + 1) % MEMBERS);
        let message = format!("<message to='{to}@localhost' type='chat'><body>x</body></message>");
        let ping = "<iq type='get' id='last' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
        self.client.send(&(message + ping)).await?;
        let mut error = None;
        loop {
            let element = self.client.element().await?;
            if element.attr("id") == Some("last") {
                return Ok(error);
            }
            if element.is("message", ns::CLIENT) {
                error = element.stanza_error();
            }
        }
    }

    async fn check(&mut self) -> Result<()> {
        let get = "<query xmlns='jabber:iq:roster'/>";
        let roster = self.client.iq("get", "", get).await?;
        let items = roster.children.iter().flat_map(|query| &query.children);
        let items: Vec<_> = items.filter_map(|item| item.attr("jid")).collect();
        let mut kept = self.kept.iter();
        ensure!(
            kept.all(|contact| items.contains(&contact.as_str())),
            "kept were {:?}, and there are {items:?}",
            self.kept
        );
        Ok(())
    }
}
