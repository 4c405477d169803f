//! Messages for accounts that nobody is logged in to (RFC 6121 §8.5.2.2.1, XEP-0160): kept in the spool, and given to the first
//! resource that becomes available.
//!
//! A message is in the spool before its sender's next stanza is looked at. It leaves the spool when the client has acknowledged it,
//! or when it is written to the connection of a client that acknowledges nothing: it is delivered at least once whatever happens in
//! between, and in the order in which it came.

mod expiry;
mod lanes;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::future::join_all;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use waxwing_storage::{AccountId, SpoolLimits, SpoolOutcome, Spooled, StorageError, StreamNote};
use waxwing_xml::Element;
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
        receipt::{Place, Promise},
        session_handle::Handle,
        spool_queue::{Keeper, Task, Waiting},
    },
    metrics::router::Limit,
    router::Router,
};

use lanes::Lanes;

/// Tasks that are done at once: they share a commit.
const AT_ONCE: usize = 128;
/// Messages read from the spool at once.
const PAGE: u32 = 100;

/// The messages that wait for accounts.
pub(crate) struct Offline {
    accounts: Accounts,
    router: Arc<Router>,
    limits: SpoolLimits,
    /// How long a message waits, if not for as long as it takes.
    days: Option<u32>,
    keeper: Keeper,
}

/// The account that a message is for, if there is one.
type Found = Result<Option<AccountId>, AccountError>;

/// Whoever waits for it hears when it is dropped.
type Done = Arc<oneshot::Sender<()>>;

/// A message before it is known for whose account it is, and what has to wait for those before it.
enum Coming {
    Keep(Stanza, Option<Waiting>),
    Secure(Arc<Promise>),
    Answer(Option<BareJid>, Done),
}

/// A message that goes into the spool, and what has to wait for those before it.
enum Adding {
    Keep(ToKeep),
    Secure(Stanza, Found, Arc<Promise>),
    Answer(Option<BareJid>, Done),
}

/// A message that nobody takes.
struct ToKeep {
    stanza: Stanza,
    id: Found,
    /// Not kept before the message is.
    promise: Option<Arc<Promise>>,
    /// It was put there while it was on its way.
    is_there: bool,
    /// Plugins made it another than the one that was put there.
    is_altered: bool,
    waiting: Option<Waiting>,
}

/// What was asked for besides adding to the spool.
#[derive(Default)]
struct Rest {
    removals: HashMap<i64, Vec<u64>>,
    notes: HashMap<String, StreamNote>,
    forgotten: Vec<String>,
}

impl Offline {
    pub(crate) fn new(
        accounts: Accounts,
        router: Arc<Router>,
        limits: &Limits,
        keeper: Keeper,
    ) -> Self {
        Self {
            accounts,
            router,
            limits: SpoolLimits {
                stanzas: limits.offline_messages,
                bytes: limits.offline_bytes,
            },
            days: (limits.offline_days > 0).then_some(limits.offline_days),
            keeper,
        }
    }

    /// The way to the spool.
    pub(crate) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// Does what comes by that way, for each account in the order in which it comes, as much at once as there is. From `last` on
    /// nothing more may come; what has come is still done.
    pub(crate) async fn keep_all(
        &self,
        mut tasks: mpsc::UnboundedReceiver<Task>,
        last: CancellationToken,
    ) {
        let mut lanes = Lanes::new(self);
        let mut is_over = false;
        while !is_over || lanes.are_busy() {
            let mut some = Vec::new();
            let mut free = Vec::new();
            tokio::select! {
                number = tasks.recv_many(&mut some, AT_ONCE), if !is_over => is_over = number == 0,
                judged = lanes.judged(), if lanes.are_busy() => free = lanes.go_on(judged),
                () = last.cancelled(), if !tasks.is_closed() => tasks.close(),
            }
            self.work(some, free, &mut lanes).await;
        }
    }

    /// Puts into the spool what is free to go there, then does what is asked for.
    async fn work(&self, tasks: Vec<Task>, mut free: Vec<Adding>, lanes: &mut Lanes<'_>) {
        let mut adding = Vec::new();
        let mut rest = Rest::default();
        for task in tasks {
            match task {
                // Together: with a database that is slow to answer each would wait for the one before.
                Task::Keep {
                    stanza,
                    waiting: Some(waiting),
                } if waiting.is_too_long() => adding.extend(self.refuse(stanza, waiting)),
                Task::Keep { stanza, waiting } => adding.push(Coming::Keep(stanza, waiting)),
                Task::Secure(promise) => adding.push(Coming::Secure(promise)),
                Task::Answer { account, done } => {
                    adding.push(Coming::Answer(account, Arc::new(done)));
                }
                Task::Remove { account, id } => {
                    rest.removals.entry(account.0).or_default().push(id);
                }
                Task::Note(note) => {
                    rest.notes.insert(note.id.clone(), note);
                }
                Task::Forget(id) => {
                    rest.notes.remove(&id);
                    rest.forgotten.push(id);
                }
            }
        }
        let adding = adding.into_iter().map(|coming| self.look_up(coming));
        let adding = join_all(adding).await.into_iter().flatten();
        free.extend(adding.filter_map(|adding| lanes.enter(adding)));
        tokio::join!(self.put_all(free), self.tidy(rest));
    }

    async fn look_up(&self, coming: Coming) -> Option<Adding> {
        match coming {
            Coming::Keep(stanza, waiting) => Some(self.to_keep(stanza, waiting).await),
            Coming::Secure(promise) => {
                let stanza = promise.begin()?;
                let id = self.account_of(&stanza).await;
                Some(Adding::Secure(stanza, id, promise))
            }
            Coming::Answer(account, done) => Some(Adding::Answer(account, done)),
        }
    }

    async fn to_keep(&self, stanza: Stanza, waiting: Option<Waiting>) -> Adding {
        let promise = stanza.companion::<Promise>();
        Adding::Keep(ToKeep {
            is_there: promise.as_ref().is_some_and(|promise| promise.rests()),
            id: self.account_of(&stanza).await,
            is_altered: false,
            stanza,
            promise,
            waiting,
        })
    }

    /// Refuses a message that has waited too long, behind nothing. One that is there already, or on its way there, comes back.
    fn refuse(&self, stanza: Stanza, waiting: Waiting) -> Option<Coming> {
        let promise = stanza.companion::<Promise>();
        if promise.is_some_and(|promise| promise.rests()) {
            return Some(Coming::Keep(stanza, Some(waiting)));
        }
        self.tell(&stanza, Err(StorageError::Late.into()));
        waiting.tell();
        None
    }

    /// As many at once as come at once.
    async fn put_all(&self, adding: Vec<Adding>) {
        let mut adding = adding.into_iter().peekable();
        while adding.peek().is_some() {
            let some = adding.by_ref().take(AT_ONCE);
            // Their order is that in which they are first polled.
            let answers = join_all(some.map(|adding| self.put(adding))).await;
            // Given when all that came before is done.
            drop(answers);
        }
    }

    /// Returns the answer that is to be given then, if it is one.
    async fn put(&self, adding: Adding) -> Option<Done> {
        match adding {
            Adding::Keep(keep) => self.keep(keep).await,
            Adding::Secure(stanza, id, promise) => self.secure(stanza, id, &promise).await,
            Adding::Answer(_, done) => return Some(done),
        }
        None
    }

    /// Keeps a message for its account. A sender hears if that cannot be, the same as if there were no such account.
    async fn keep(&self, keep: ToKeep) {
        if !keep.is_there {
            let outcome = match &keep.waiting {
                Some(waiting) if waiting.is_too_long() => Err(StorageError::Late.into()),
                _ => self.add(keep.id, &keep.stanza).await,
            };
            self.tell(&keep.stanza, outcome);
        } else if keep.is_altered
            && let Some((account, id)) = keep.promise.as_ref().and_then(|promise| promise.place())
        {
            // In its place, before what came after it.
            let xml = keep.stanza.element().to_xml().into_bytes();
            if let Err(error) = self.accounts.spool().replace(account, id, xml).await {
                tracing::error!(%error, "a message is kept as it was before plugins altered it");
            }
        }
        keep.waiting.into_iter().for_each(Waiting::tell);
    }

    /// Puts a message into the spool that is still on its way.
    async fn secure(&self, stanza: Stanza, id: Found, promise: &Promise) {
        let account = id.as_ref().ok().copied().flatten();
        match (self.add(id, &stanza).await, account) {
            (Ok(SpoolOutcome::Kept(id)), Some(account)) => promise.kept(Place {
                account,
                id,
                keeper: self.keeper.clone(),
            }),
            // Those who have it still have it. It is not acknowledged before it is delivered.
            (outcome, _) => {
                if let Some(stanza) = promise.not_kept() {
                    self.tell(&stanza, outcome);
                }
            }
        }
    }

    /// What is not done here is done again, or found out, after the next start: it is no promise to anybody.
    async fn tidy(&self, rest: Rest) {
        let (spool, streams) = (self.accounts.spool(), self.accounts.streams());
        let Rest {
            removals,
            notes,
            forgotten,
        } = rest;
        let removing = removals
            .into_iter()
            .map(async |(account, ids)| log(spool.remove(AccountId(account), &ids).await));
        let noting = async {
            if !notes.is_empty() {
                log(streams.note(notes.into_values().collect()).await);
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
        Ok(spool.add(id, now(), xml, self.limits).await?)
    }

    fn tell(&self, stanza: &Stanza, outcome: Result<SpoolOutcome, AccountError>) {
        match outcome {
            Ok(SpoolOutcome::Kept(_)) => {}
            Ok(outcome @ (SpoolOutcome::Full | SpoolOutcome::NoAccount)) => {
                if outcome == SpoolOutcome::Full {
                    self.router.reached(Limit::Spool);
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
    /// What the client does not take stays.
    pub(crate) async fn give(&self, handle: &Arc<Handle>) {
        let account = handle.jid.to_bare();
        handle.catch_up();
        let given = self.give_all(handle, &account).await;
        self.router.stop_catching_up(handle);
        if let Err(error) = given {
            tracing::error!(%error, %account, "cannot give an account its messages");
        }
    }

    async fn give_all(&self, handle: &Arc<Handle>, account: &BareJid) -> Result<(), AccountError> {
        let Some(id) = self.accounts.id(account).await? else {
            return Ok(());
        };
        loop {
            // What was sent here before, by way of the spool, is there from now on.
            self.keeper.catch_up(Some(account.clone())).await;
            loop {
                let page = self.accounts.spool().read(id, handle.given(), PAGE).await?;
                if page.is_empty() {
                    break;
                }
                if !self.give_page(handle, id, page).await {
                    return Ok(());
                }
            }
            if self.router.has_caught_up(handle) {
                return Ok(());
            }
        }
    }

    /// False: the client does not take more.
    async fn give_page(
        &self,
        handle: &Arc<Handle>,
        account: AccountId,
        page: Vec<Spooled>,
    ) -> bool {
        for spooled in page {
            let id = spooled.id;
            if handle.is_held_behind(id) {
                // It was on its way when it was put there.
            } else if let Some(mut stanza) = delayed(&spooled, handle) {
                if !backpressure::room(handle, stanza.element().heap_bytes()).await
                    || !handle.takes_messages()
                {
                    return false;
                }
                let keeper = self.keeper.clone();
                let place = Place {
                    account,
                    id,
                    keeper,
                };
                Promise::kept_at(place).go_with(&mut stanza);
                self.router.give_to(handle, stanza);
            } else {
                // Nothing is thrown away that somebody was promised; the operator may find out what it is.
                tracing::error!(id, "a spooled message is no stanza");
            }
            handle.note_given(id);
        }
        true
    }
}

fn log<T>(outcome: Result<T, StorageError>) {
    if let Err(error) = outcome {
        tracing::error!(%error, "cannot tidy up the spool");
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
pub(crate) fn now() -> i64 {
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
