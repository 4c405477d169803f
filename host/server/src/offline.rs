//! Messages for accounts that nobody is logged in to (RFC 6121 §8.5.2.2.1, XEP-0160): kept in the spool, and given to the first
//! resource that becomes available.
//!
//! A message is in the spool before its sender's next stanza is looked at. It leaves the spool when it is written to the
//! client's connection, so that it is delivered at least once whatever happens in between, and in the order in which it came.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use waxwing_plugins::Judged;
use waxwing_storage::{AccountId, SpoolLimits, SpoolOutcome, Spooled};
use waxwing_xml::Element;
use waxwing_xmpp::{
    error::Condition,
    jid::{BareJid, Jid},
    ns,
    stanza::Stanza,
};

use crate::{
    accounts::{AccountError, Accounts},
    config::Limits,
    pacing::{self, LOOK, PATIENCE},
    router::{Handle, Router},
    turns::Turns,
};

/// Messages that are kept at once: they share a commit.
const AT_ONCE: usize = 128;
/// Messages given to a session at once.
const PAGE: u32 = 100;
/// The messages that wait for accounts.
pub(crate) struct Offline {
    accounts: Accounts,
    router: Arc<Router>,
    limits: SpoolLimits,
    /// One session of an account at a time is given what waits.
    turns: Turns,
    /// One message for an account at a time is judged.
    judging: Turns,
}

/// A message that is to be kept, and who waits for it.
#[derive(Debug)]
pub(crate) struct ToKeep {
    pub(crate) stanza: Stanza,
    pub(crate) done: Option<oneshot::Sender<()>>,
}

/// Which of the messages that a session was given are written.
#[derive(Debug, Default)]
pub(crate) struct Receipts(Mutex<Vec<u64>>);

impl Receipts {
    /// Notes that a message was written.
    pub(crate) fn written(&self, id: u64) {
        self.0.lock().push(id);
    }
}

impl Offline {
    pub(crate) fn new(accounts: Accounts, router: Arc<Router>, limits: &Limits) -> Self {
        Self {
            accounts,
            router,
            limits: SpoolLimits {
                stanzas: limits.offline_messages,
                bytes: limits.offline_bytes,
            },
            turns: Turns::default(),
            judging: Turns::default(),
        }
    }

    /// Keeps what comes by that way, in the order in which it comes, as much at once as there is. From `last` on nothing more
    /// may come; what has come is still kept.
    pub(crate) async fn keep_all(
        &self,
        mut messages: mpsc::UnboundedReceiver<ToKeep>,
        last: CancellationToken,
    ) {
        loop {
            let mut some = Vec::new();
            tokio::select! {
                biased;
                number = messages.recv_many(&mut some, AT_ONCE) => if number == 0 {
                    return;
                },
                () = last.cancelled(), if !messages.is_closed() => messages.close(),
            }
            self.keep(some).await;
        }
    }

    /// Keeps messages for their accounts. A sender hears if that cannot be, the same as if there were no such account.
    async fn keep(&self, messages: Vec<ToKeep>) {
        let mut found = Vec::new();
        for message in messages {
            let id = self.account_of(&message.stanza).await;
            found.push((message, id));
        }
        let judged = found
            .into_iter()
            .map(|(message, id)| self.judge(message, id));
        let adding = futures_util::future::join_all(judged).await;
        let adding = adding.into_iter().flatten();
        let adding = adding.map(|(ToKeep { stanza, done }, id)| async move {
            let outcome = match id {
                Ok(Some(id)) => self.add(id, &stanza).await,
                Ok(None) => Ok(SpoolOutcome::NoAccount),
                Err(error) => Err(error),
            };
            self.tell(&stanza, outcome);
            tell_done(done);
        });
        // Their order is that in which they are first polled.
        futures_util::future::join_all(adding).await;
    }

    /// Has plugins judge a message for an account that is there, after those that came for it before. `None`: it ends here.
    async fn judge(
        &self,
        ToKeep { stanza, done }: ToKeep,
        id: Result<Option<AccountId>, AccountError>,
    ) -> Option<(ToKeep, Result<Option<AccountId>, AccountError>)> {
        let inlet = self.router.inlet();
        let account = stanza.to().map(Jid::to_bare);
        let (Ok(Some(_)), Some(account), false) = (&id, account, stanza.is_unshown()) else {
            return Some((ToKeep { stanza, done }, id));
        };
        let sender = self.router.sender(&stanza, &Jid::from(account.clone()));
        if !inlet.wants_offline(&stanza, sender) {
            return Some((ToKeep { stanza, done }, id));
        }
        let _turn = self.judging.of(&account).await;
        match inlet.offline(stanza.clone(), &account, sender).await {
            Judged::Pass(stanza) => return Some((ToKeep { stanza, done }, id)),
            Judged::Bounce(error) => self.router.refuse(&stanza, &error),
            Judged::Drop | Judged::Answer(_) => {}
        }
        tell_done(done);
        None
    }

    async fn account_of(&self, stanza: &Stanza) -> Result<Option<AccountId>, AccountError> {
        match stanza.to().map(Jid::to_bare) {
            Some(account) => self.accounts.id(&account).await,
            None => Ok(None),
        }
    }

    async fn add(&self, id: AccountId, stanza: &Stanza) -> Result<SpoolOutcome, AccountError> {
        let xml = stanza.element().to_xml().into_bytes();
        let spool = self.accounts.spool();
        Ok(spool.add(id, now(), xml, self.limits).await?)
    }

    fn tell(&self, stanza: &Stanza, outcome: Result<SpoolOutcome, AccountError>) {
        match outcome {
            Ok(SpoolOutcome::Kept(_)) => {}
            Ok(SpoolOutcome::Full | SpoolOutcome::NoAccount) => {
                self.router.bounce(stanza, Condition::ServiceUnavailable);
            }
            Err(error) => {
                tracing::error!(%error, "cannot keep a message");
                self.router.bounce(stanza, Condition::InternalServerError);
            }
        }
    }

    /// Gives a session what waits for its account, oldest first, and waits until it is written. What is not stays.
    pub(crate) async fn give(&self, handle: &Arc<Handle>) {
        let account = handle.jid.to_bare();
        let _turn = self.turns.of(&account).await;
        if let Err(error) = self.give_in_turn(handle, &account).await {
            tracing::error!(%error, %account, "cannot give an account its messages");
        }
    }

    async fn give_in_turn(
        &self,
        handle: &Arc<Handle>,
        account: &BareJid,
    ) -> Result<(), AccountError> {
        let Some(id) = self.accounts.id(account).await? else {
            return Ok(());
        };
        let mut after = 0;
        loop {
            let page = self.accounts.spool().read(id, after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.id;
            if !self.give_page(handle, id, page).await? {
                return Ok(());
            }
        }
    }

    /// False: the client did not take all of it.
    async fn give_page(
        &self,
        handle: &Arc<Handle>,
        id: AccountId,
        page: Vec<Spooled>,
    ) -> Result<bool, AccountError> {
        let receipts = Arc::new(Receipts::default());
        let mut left = 0_usize;
        for spooled in page {
            let Some(stanza) = delayed(&spooled, handle) else {
                // Nothing is thrown away that somebody was promised; the operator may find out what it is.
                tracing::error!(id = spooled.id, "a spooled message is no stanza");
                continue;
            };
            if !pacing::room(handle, stanza.element().heap_bytes()).await {
                return Ok(false);
            }
            left = left.saturating_add(1);
            self.router
                .give_spooled(handle, stanza, spooled.id, &receipts);
        }
        let mut progress = Instant::now();
        while left > 0 {
            let written = std::mem::take(&mut *receipts.0.lock());
            if !written.is_empty() {
                left = left.saturating_sub(written.len());
                progress = Instant::now();
                self.accounts.spool().remove(id, &written).await?;
            } else if handle.mailbox().is_ending() || progress.elapsed() > PATIENCE {
                return Ok(false);
            } else {
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(true)
    }
}

/// Whoever waited may be gone.
fn tell_done(done: Option<oneshot::Sender<()>>) {
    if let Some(done) = done {
        let _ = done.send(());
    }
}

/// The message as it is delivered: it says when it came (XEP-0203).
fn delayed(spooled: &Spooled, handle: &Handle) -> Option<Stanza> {
    let limits = waxwing_xml::Limits::own();
    let mut element = Element::parse(&spooled.stanza, ns::CLIENT, &limits).ok()?;
    let at = i128::from(spooled.at).checked_mul(1_000_000)?;
    let at = OffsetDateTime::from_unix_timestamp_nanos(at).ok()?;
    let host = handle.jid.domain().as_str();
    let delay = Element::builder("delay", ns::DELAY)
        .attr("from", host)
        .attr("stamp", &at.format(&Rfc3339).ok()?)
        .build();
    element.push_child(&delay);
    Stanza::parse(element).ok()
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// Whether a message is worth keeping: one that only says that somebody is typing is not (XEP-0085, XEP-0160 §3), nor one whose
/// sender does not want it (XEP-0334).
pub(crate) fn is_for_keeping(stanza: &Stanza) -> bool {
    let element = stanza.element();
    let hint = |name| element.child(name, ns::HINTS).is_some();
    if hint("no-store") || hint("no-permanent-store") {
        return false;
    }
    let of_the_moment = |ns: &str| ns == ns::CHAT_STATES || ns == ns::HINTS;
    let mut children = element.children();
    hint("store") || children.any(|child| !of_the_moment(child.ns()) && child.name() != "thread")
}
