//! Messages for accounts that nobody is logged in to (RFC 6121 §8.5.2.2.1, XEP-0160): kept in the spool, and given to the first
//! resource that becomes available.
//!
//! A message is in the spool before its sender's next stanza is looked at. It leaves the spool when the client has acknowledged it,
//! or when it is written to the connection of a client that acknowledges nothing: it is delivered at least once whatever happens in
//! between, and in the order in which it came.

mod expiry;
mod lanes;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures_util::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use waxwing_storage::{AccountId, SpoolLimits, SpoolOutcome, Spooled, StorageError, StreamNote};
use waxwing_xml::Element;
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::{
    error::{Condition, StanzaError},
    jid::{BareJid, Jid},
    ns,
    stanza::Stanza,
};

use crate::{
    accounts::{AccountError, Accounts},
    config::Limits,
    delivery::{
        backpressure,
        envelope::Envelope,
        receipt::{DeliveryReceipt, SpoolPosition},
        session_handle::SessionHandle,
        spool_queue::{SpoolQueue, SpoolTask, Waiting},
    },
    metrics::router::Limit,
    router::Router,
    wall_clock,
};

use lanes::Lanes;

/// Tasks that are done at once: they share a commit.
const AT_ONCE: usize = 128;
/// Messages read from the spool at once.
const PAGE: u32 = 100;

/// Streams of an account of which it is noted how far they were, beside those that end: the oldest are forgotten. Twice as many as an account
/// has devices, and no client can fill the database by breaking off.
const STREAMS_PER_ACCOUNT: u32 = 64;

/// The messages that wait for accounts.
pub(crate) struct Offline {
    accounts: Accounts,
    router: Arc<Router>,
    limits: SpoolLimits,
    /// How long a message waits, if not for as long as it takes.
    days: Option<u32>,
    spool: SpoolQueue,
}

/// The account that a message is for, if there is one.
type Found = Result<Option<AccountId>, AccountError>;

/// Whoever waits for it hears when it is dropped.
type Done = Arc<oneshot::Sender<()>>;

/// A message before it is known for whose account it is, and what has to wait for those before it.
enum Incoming {
    Store(Envelope, Option<Waiting>),
    SpoolCopy(Arc<DeliveryReceipt>),
    Barrier(Option<BareJid>, Done),
}

/// A message that goes into the spool, and what has to wait for those before it.
enum Resolved {
    Store(ToStore),
    SpoolCopy(Stanza, Found, Arc<DeliveryReceipt>),
    Barrier(Option<BareJid>, Done),
}

/// A message that nobody takes.
struct ToStore {
    /// Its receipt ends when the message is stored.
    stanza: Envelope,
    id: Found,
    /// It was put there while it was on its way.
    is_there: bool,
    /// Plugins made it another than the one that was put there.
    is_altered: bool,
    waiting: Option<Waiting>,
}

/// The tasks that write no message.
#[derive(Default)]
struct Rest {
    removals: HashMap<i64, Vec<u64>>,
    notes: HashMap<String, StreamNote>,
    /// The accounts of those notes whose streams are over.
    retired: HashSet<AccountId>,
    /// Accounts of which a session may take what waits.
    idle: HashSet<BareJid>,
    forgotten: Vec<String>,
}

impl Offline {
    pub(crate) fn new(
        accounts: Accounts,
        router: Arc<Router>,
        limits: &Limits,
        spool: SpoolQueue,
    ) -> Self {
        Self {
            accounts,
            router,
            limits: SpoolLimits {
                stanzas: limits.offline_messages,
                bytes: limits.offline_bytes,
            },
            days: (limits.offline_days > 0).then_some(limits.offline_days),
            spool,
        }
    }

    /// The way to the spool.
    pub(crate) fn spool_queue(&self) -> &SpoolQueue {
        &self.spool
    }

    /// Does what comes by that way, for each account in the order in which it comes, as much at once as there is. From `last` on
    /// nothing more may come; what has come is still done.
    pub(crate) async fn run(&self, mut tasks: mpsc::Receiver<SpoolTask>, last: CancellationToken) {
        let mut lanes = Lanes::new(self);
        let mut giving = FuturesUnordered::new();
        let mut is_over = false;
        while !is_over || lanes.are_busy() {
            let mut some = Vec::new();
            let mut free = Vec::new();
            tokio::select! {
                number = tasks.recv_many(&mut some, AT_ONCE), if !is_over => is_over = number == 0,
                judged = lanes.judged(), if lanes.are_busy() => free = lanes.go_on(judged),
                Some(()) = giving.next(), if !giving.is_empty() => continue,
                () = last.cancelled(), if !tasks.is_closed() => tasks.close(),
            }
            let idle = self.work(some, free, &mut lanes).await;
            // What is not given when the server stops waits.
            giving.extend(idle.into_iter().map(|account| self.give_to_idle(account)));
        }
    }

    /// Puts into the spool what is free to go there, then does what is asked for. Returns the accounts for which something waits that a
    /// session of theirs might take.
    async fn work(
        &self,
        tasks: Vec<SpoolTask>,
        mut free: Vec<Resolved>,
        lanes: &mut Lanes<'_>,
    ) -> HashSet<BareJid> {
        let mut resolved = Vec::new();
        let mut rest = Rest::default();
        for task in tasks {
            match task {
                // Together: with a database that is slow to answer each would wait for the one before.
                SpoolTask::Store {
                    message,
                    waiting: Some(waiting),
                } if waiting.is_too_long() => resolved.extend(self.refuse(message, waiting)),
                SpoolTask::Store { message, waiting } => {
                    resolved.push(Incoming::Store(message, waiting));
                }
                SpoolTask::SpoolCopy(receipt) => resolved.push(Incoming::SpoolCopy(receipt)),
                SpoolTask::Barrier { account, done } => {
                    resolved.push(Incoming::Barrier(account, Arc::new(done)));
                }
                SpoolTask::Remove { account, id } => {
                    rest.removals.entry(account.0).or_default().push(id);
                }
                SpoolTask::SaveStreamPosition(note) => {
                    rest.notes.insert(note.id.clone(), note);
                }
                SpoolTask::Give(account) => {
                    rest.idle.insert(account);
                }
                SpoolTask::SaveLastStreamPosition(note) => {
                    rest.retired.insert(note.account);
                    rest.notes.insert(note.id.clone(), note);
                }
                SpoolTask::ForgetStream(id) => {
                    rest.notes.remove(&id);
                    rest.forgotten.push(id);
                }
            }
        }
        let resolved = resolved.into_iter().map(|coming| self.look_up(coming));
        let resolved = join_all(resolved).await.into_iter().flatten();
        free.extend(resolved.filter_map(|resolved| lanes.enter(resolved)));
        let idle = std::mem::take(&mut rest.idle);
        let (answers, ()) = tokio::join!(self.put_all(free), self.tidy(rest));
        // Given when all that came before is done, removals too.
        drop(answers);
        idle
    }

    async fn look_up(&self, coming: Incoming) -> Option<Resolved> {
        match coming {
            Incoming::Store(stanza, waiting) => Some(self.to_store(stanza, waiting).await),
            Incoming::SpoolCopy(receipt) => {
                let stanza = receipt.take_for_spooling()?;
                let id = self.account_of(&stanza).await;
                Some(Resolved::SpoolCopy(stanza, id, receipt))
            }
            Incoming::Barrier(account, done) => Some(Resolved::Barrier(account, done)),
        }
    }

    async fn to_store(&self, stanza: Envelope, waiting: Option<Waiting>) -> Resolved {
        Resolved::Store(ToStore {
            is_there: stanza
                .receipt()
                .is_some_and(|receipt| receipt.claim_for_spool()),
            id: self.account_of(&stanza).await,
            is_altered: false,
            stanza,
            waiting,
        })
    }

    /// Refuses a message that has waited too long, behind nothing. One that is there already, or on its way there, comes back.
    fn refuse(&self, stanza: Envelope, waiting: Waiting) -> Option<Incoming> {
        let receipt = stanza.receipt();
        if receipt.is_some_and(|receipt| receipt.claim_for_spool()) {
            return Some(Incoming::Store(stanza, Some(waiting)));
        }
        self.tell(&stanza, Err(StorageError::Late.into()));
        waiting.tell();
        None
    }

    /// As many at once as come at once. Returns the answers that are to be given then.
    async fn put_all(&self, resolved: Vec<Resolved>) -> Vec<Done> {
        let mut answers = Vec::new();
        let mut resolved = resolved.into_iter().peekable();
        while resolved.peek().is_some() {
            let some = resolved.by_ref().take(AT_ONCE);
            // Their order is that in which they are first polled.
            let put = join_all(some.map(|resolved| self.put(resolved))).await;
            answers.extend(put.into_iter().flatten());
        }
        answers
    }

    /// Returns the answer that is to be given then, if it is one.
    async fn put(&self, resolved: Resolved) -> Option<Done> {
        match resolved {
            Resolved::Store(message) => self.store(message).await,
            Resolved::SpoolCopy(stanza, id, receipt) => self.spool_copy(stanza, id, &receipt).await,
            Resolved::Barrier(_, done) => return Some(done),
        }
        None
    }

    /// Keeps a message for its account. A sender hears if that cannot be, the same as if there were no such account.
    async fn store(&self, message: ToStore) {
        if !message.is_there {
            let outcome = match &message.waiting {
                Some(waiting) if waiting.is_too_long() => Err(StorageError::Late.into()),
                _ => self.add(message.id, &message.stanza).await,
            };
            self.tell(&message.stanza, outcome);
        } else if message.is_altered
            && let Some((account, id)) = message
                .stanza
                .receipt()
                .and_then(|receipt| receipt.position())
        {
            // In its place, before what came after it.
            let xml = message.stanza.element().to_xml().into_bytes();
            if let Err(error) = self.accounts.spool().replace(account, id, xml).await {
                tracing::error!(%error, "a message is kept as it was before plugins altered it");
            }
        }
        message.waiting.into_iter().for_each(Waiting::tell);
        self.look_for_takers(&message.stanza);
    }

    /// A session may have become available since it was found that nobody takes a message, and be done with the spool. It gets it all the same.
    fn look_for_takers(&self, stanza: &Stanza) {
        let Some(account) = stanza.to().map(Jid::to_bare) else {
            return;
        };
        // Where priorities are a provider's it has decided by these.
        if !self.router.has_recorded_priorities(stanza)
            && self.router.idle_taker(&account).is_some()
        {
            self.spool.send(SpoolTask::Give(account));
        }
    }

    /// Gives what waits for an account to a session that takes messages and is not being given what waits.
    async fn give_to_idle(&self, account: BareJid) {
        if let Some(handle) = self.router.idle_taker(&account) {
            self.give(&handle).await;
        }
    }

    /// Puts a message into the spool that is still on its way.
    async fn spool_copy(&self, stanza: Stanza, id: Found, receipt: &DeliveryReceipt) {
        let account = id.as_ref().ok().copied().flatten();
        match (self.add(id, &stanza).await, account) {
            (Ok(SpoolOutcome::Kept(id)), Some(account)) => {
                receipt.mark_spooled(SpoolPosition::claim(&self.spool, account, id));
            }
            // Those who have it still have it. It is not acknowledged before it is delivered.
            (outcome, _) => {
                if let Some(stanza) = receipt.spool_failed() {
                    self.tell(&stanza, outcome);
                }
            }
        }
    }

    /// What is not done here is done again, or found out, after the next start: nobody is promised it.
    async fn tidy(&self, rest: Rest) {
        let (spool, streams) = (self.accounts.spool(), self.accounts.streams());
        let Rest {
            removals,
            notes,
            retired,
            forgotten,
            ..
        } = rest;
        let removing = removals
            .into_iter()
            .map(async |(account, ids)| log(spool.remove(AccountId(account), &ids).await));
        let noting = async {
            if !notes.is_empty() {
                log(streams.note(notes.into_values().collect()).await);
            }
            for account in retired {
                log(streams.keep_latest(account, STREAMS_PER_ACCOUNT).await);
            }
        };
        let forgetting = async {
            if !forgotten.is_empty() {
                log(streams.forget(forgotten).await);
            }
        };
        tokio::join!(join_all(removing), noting, forgetting);
    }

    async fn account_of(&self, stanza: &Stanza) -> Found {
        match stanza.to().map(Jid::to_bare) {
            Some(account) => self.accounts.id(&account).await,
            None => Ok(None),
        }
    }

    async fn add(&self, id: Found, stanza: &Stanza) -> Result<SpoolOutcome, AccountError> {
        let Some(id) = id? else {
            return Ok(SpoolOutcome::NoAccount);
        };
        let xml = stanza.element().to_xml().into_bytes();
        let spool = self.accounts.spool();
        Ok(spool
            .add(id, wall_clock::millis(), xml, self.limits)
            .await?)
    }

    fn tell(&self, stanza: &Stanza, outcome: Result<SpoolOutcome, AccountError>) {
        match outcome {
            Ok(SpoolOutcome::Kept(_)) => {}
            Ok(outcome @ (SpoolOutcome::Full | SpoolOutcome::NoAccount)) => {
                if outcome == SpoolOutcome::Full {
                    self.router.limit_reached(Limit::Spool);
                }
                self.router.bounce(stanza, Condition::ServiceUnavailable);
            }
            Err(error) => {
                error.log("cannot keep a message");
                self.router.refuse(stanza, &StanzaError::temporary());
            }
        }
    }

    /// Gives a session what waits for its account, oldest first, until nothing more waits: what comes meanwhile is kept behind it.
    /// What the client does not take stays, and so does what another session has.
    pub(crate) async fn give(&self, handle: &Arc<SessionHandle>) {
        let account = handle.jid.to_bare();
        handle.replay_offline();
        let given = self.give_all(handle, &account).await;
        self.router.end_replay(handle);
        match given {
            Ok(true) => {}
            // Another session may have passed by what this one was to be given.
            Ok(false) => self.spool.send(SpoolTask::Give(account)),
            Err(error) => {
                tracing::error!(%error, %account, "cannot give an account its messages");
            }
        }
    }

    /// True: nothing waits any more. False: the client does not take more.
    async fn give_all(
        &self,
        handle: &Arc<SessionHandle>,
        account: &BareJid,
    ) -> Result<bool, AccountError> {
        let Some(id) = self.accounts.id(account).await? else {
            return Ok(true);
        };
        let _reader = self.spool.read(id);
        let mut progress = Progress::default();
        loop {
            // What was sent here before, by way of the spool, is there from now on.
            self.spool.barrier(Some(account.clone())).await;
            progress.begin_again();
            loop {
                let spool = self.accounts.spool();
                let page = spool.read(id, progress.after, PAGE).await?;
                if page.is_empty() {
                    break;
                }
                // What was put there for a session that has it is claimed for that session by now.
                self.spool.barrier(Some(account.clone())).await;
                let page = self.claim_page(id, page, &mut progress);
                if !self.give_page(handle, page).await {
                    return Ok(false);
                }
            }
            if self.router.is_replay_complete(handle) {
                return Ok(true);
            }
        }
    }

    /// Claims what no session has of a page.
    fn claim_page(
        &self,
        account: AccountId,
        page: Vec<Spooled>,
        progress: &mut Progress,
    ) -> Vec<(SpoolPosition, Spooled)> {
        let claim = |spooled: Spooled| {
            progress.after = spooled.id;
            let position = SpoolPosition::claim(&self.spool, account, spooled.id);
            if position.is_none() {
                progress.passed_by.get_or_insert(spooled.id);
            }
            Some((position?, spooled))
        };
        page.into_iter().filter_map(claim).collect()
    }

    /// False: the client does not take more.
    async fn give_page(
        &self,
        handle: &Arc<SessionHandle>,
        page: Vec<(SpoolPosition, Spooled)>,
    ) -> bool {
        for (position, spooled) in page {
            let Some(stanza) = delayed(&spooled, handle) else {
                // Nothing is thrown away that somebody was promised; the operator may find out what it is.
                tracing::error!(id = spooled.id, "a spooled message is no stanza");
                continue;
            };
            if !backpressure::wait_for_room(handle, stanza.element().heap_bytes()).await
                || !handle.takes_messages()
            {
                return false;
            }
            let mut stanza = Envelope::from(stanza);
            stanza.attach(DeliveryReceipt::spooled_at(position));
            self.router.give_to(handle, stanza);
        }
        true
    }
}

/// How far the spool was read for a session.
#[derive(Debug, Default)]
struct Progress {
    /// The last message that was looked at.
    after: u64,
    /// The first that others had. They may have given it up meanwhile.
    passed_by: Option<u64>,
}

impl Progress {
    /// Looks again at what was passed by.
    fn begin_again(&mut self) {
        if let Some(passed_by) = self.passed_by.take() {
            self.after = passed_by.saturating_sub(1);
        }
    }
}

fn log<T>(outcome: Result<T, StorageError>) {
    if let Err(error) = outcome {
        tracing::error!(%error, "cannot tidy up the spool");
    }
}

/// The message as it is delivered: it says when it came (XEP-0203).
fn delayed(spooled: &Spooled, handle: &SessionHandle) -> Option<Stanza> {
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
    Stanza::parse(element, ContentNamespace::Client).ok()
}
