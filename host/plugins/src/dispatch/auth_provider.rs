//! The provider of logins as a stream sees it: which plugin it is, the resource that the plugin keeps for the stream, and
//! what happens when that is lost.
//!
//! A resource lives in a *seat*: an instance that keeps the resources of many streams and takes one call at a time. A seat
//! that is busy is not waited for by a stream that has no resource yet: it gets another, up to a limit. So a slow answer
//! (of a web site, say) holds up only the streams that share its seat.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Mutex;
use wasmtime::component::ResourceAny;
use waxwing_xmpp::jid::BareJid;
use waxwing_xmpp::sasl::{Failure, Hash, ScramKeys};
use waxwing_xmpp::stream::Abilities;

use crate::accounting::trace::About;
use crate::calls::caller::{Caller, create, make};
use crate::calls::context::Shared;
use crate::engine::limits::STREAMS;
use crate::exports::Level;
use crate::exports::auth_provider::{
    self, Ask, Bind, BindReason, Check, Map, Proof, Question, Scram, Unavailable, Unbind,
    ValidContact,
};
use crate::exports::pre_auth::PreAuthStream;
use crate::fault::Fault;
use crate::instance::Idle;
use crate::instance::plugin::Plugin;
use crate::registry::Registry;
use crate::registry::providers::Role;

/// Seats of one plugin and scope that a shard may have.
const MAX_SEATS: usize = 64;

/// Seats without a stream that are kept for the next ones.
const MAX_EMPTY: usize = 8;

/// Before a token in PLAIN's password, and before a cookie.
const TOKEN: &str = "//jid/";
const COOKIE: &str = "//cookie/";

/// A stream whose host has a provider of logins: it keeps to that plugin until it ends. Nothing of the plugin runs before
/// the first question. To be ended by [`crate::Shard::end_auth`].
pub struct AuthStream {
    /// In the version that was asked last.
    provider: Arc<Plugin>,
    facts: PreAuthStream,
    abilities: Abilities,
    /// Once it has logged in.
    account: Option<String>,
    held: Option<Held>,
    /// What a resource made from now on is told.
    reason: BindReason,
}

impl AuthStream {
    /// What the provider can do.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// The host whose accounts the provider knows.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.facts.host
    }

    /// The bare JID of the account that it is logged in as.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Goes over to the plugin's newest version, if it was loaded anew. An error where it may decide no longer.
    fn follow(&mut self, registry: &Registry) -> Result<(), Fault> {
        let now = registry.now();
        let Some(current) = now.plugin(&self.provider.manifest.name) else {
            // It was unloaded: those whom it knows finish with it.
            return Ok(());
        };
        if current.id != self.provider.id {
            self.provider = Arc::clone(current);
            if self.held.take().is_some() {
                self.reason = BindReason::Reloaded;
            }
        }
        if current.auth_offer().is_none() {
            return Err(Fault::Host(
                "the plugin provides logins no longer".to_owned(),
            ));
        }
        Ok(())
    }
}

impl std::fmt::Debug for AuthStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthStream")
            .field("provider", &self.provider.manifest.name)
            .finish_non_exhaustive()
    }
}

/// A stream's resource, in its seat.
struct Held {
    place: Place,
    resource: Option<ResourceAny>,
}

impl Drop for Held {
    /// A resource that nobody dropped is dropped with the next call in its seat.
    fn drop(&mut self) {
        let abandoned = &self.place.seat.abandoned;
        abandoned.borrow_mut().extend(self.resource.take());
    }
}

/// A stream's place in a seat, from before its resource is made.
struct Place {
    seat: Rc<Seat>,
}

impl Place {
    fn new(seat: Rc<Seat>) -> Self {
        seat.streams.set(seat.streams.get().saturating_add(1));
        Self { seat }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let streams = &self.seat.streams;
        streams.set(streams.get().saturating_sub(1));
    }
}

#[derive(Default)]
struct Seat {
    instance: Mutex<Slot>,
    streams: Cell<usize>,
    abandoned: RefCell<Vec<ResourceAny>>,
}

#[derive(Default)]
enum Slot {
    /// Nobody has sat here yet.
    #[default]
    Fresh,
    There(Idle),
    /// A call is under way, or ended in a fault: then whatever was in the instance is lost.
    Lost,
}

impl Seat {
    /// Whether a stream without a resource may have one here at once.
    fn is_free(&self) -> bool {
        let free = self.instance.try_lock();
        self.streams.get() < STREAMS && free.is_ok_and(|slot| !matches!(*slot, Slot::Lost))
    }

    fn is_lost(&self) -> bool {
        let free = self.instance.try_lock();
        free.is_ok_and(|slot| matches!(*slot, Slot::Lost))
    }
}

/// The seats of all providers on one thread, by version and scope.
#[derive(Default)]
pub(crate) struct Seats(RefCell<HashMap<(u64, usize), SeatsOfOne>>);

type SeatsOfOne = Vec<Rc<Seat>>;

impl Seats {
    /// A seat for a stream: a free one, else a new one, else the one with the fewest streams.
    fn place(&self, plugin: &Plugin, scope: usize) -> Result<Rc<Seat>, Fault> {
        let mut all = self.0.borrow_mut();
        all.retain(|(id, _), seats| {
            *id == plugin.id || seats.iter().any(|seat| seat.streams.get() > 0)
        });
        let seats = all.entry((plugin.id, scope)).or_default();
        let mut empty = 0_usize;
        seats.retain(|seat| {
            let has_streams = seat.streams.get() > 0;
            empty = empty.saturating_add(usize::from(!has_streams));
            !seat.is_lost() && (has_streams || empty <= MAX_EMPTY)
        });
        if let Some(free) = seats.iter().find(|seat| seat.is_free()) {
            return Ok(Rc::clone(free));
        }
        if seats.len() < MAX_SEATS {
            let seat = Rc::<Seat>::default();
            seats.push(Rc::clone(&seat));
            return Ok(seat);
        }
        let least = seats.iter().min_by_key(|seat| seat.streams.get());
        let least = least.filter(|seat| seat.streams.get() < STREAMS);
        least.map(Rc::clone).ok_or(Fault::Busy)
    }
}

/// Puts questions about streams to their provider.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) seats: &'a Seats,
}

impl Asker<'_> {
    /// A stream that begins at a host with a provider; none where the server's own accounts serve.
    pub(crate) fn stream(&self, facts: &PreAuthStream) -> Option<AuthStream> {
        let now = self.caller.shared.registry.now();
        let provider = now.providers.at(Role::Logins, &facts.host)?;
        Some(AuthStream {
            abilities: provider.auth_offer()?.abilities(),
            provider: Arc::clone(provider),
            facts: facts.clone(),
            account: None,
            held: None,
            reason: BindReason::New,
        })
    }

    /// Who the client is, by what PLAIN brought.
    pub(crate) async fn check(
        &self,
        stream: &mut AuthStream,
        username: String,
        password: String,
    ) -> Result<BareJid, Failure> {
        let Some(proof) = proof(&stream.provider, password) else {
            return Err(Failure::NotAuthorized);
        };
        let check = Check {
            host: stream.facts.host.clone(),
            username,
            proof,
        };
        let answer = self.ask(stream, check).await;
        answer.unwrap_or(Err(Failure::TemporaryAuthFailure))
    }

    pub(crate) async fn scram(
        &self,
        stream: &mut AuthStream,
        username: String,
        hash: Hash,
    ) -> Result<Option<(BareJid, ScramKeys)>, Unavailable> {
        let scram = Scram {
            host: stream.facts.host.clone(),
            username,
            hash,
        };
        self.ask(stream, scram).await.unwrap_or(Err(Unavailable))
    }

    /// The stream is this account's from now on.
    pub(crate) async fn bind(
        &self,
        stream: &mut AuthStream,
        account: &BareJid,
    ) -> Result<(), Unavailable> {
        let account = account.to_string();
        let bound = self.ask(stream, Bind(account.clone())).await;
        bound.map_err(|_| Unavailable)?;
        stream.account = Some(account);
        Ok(())
    }

    pub(crate) async fn valid_contact(
        &self,
        stream: &mut AuthStream,
        contact: &BareJid,
    ) -> Result<bool, Unavailable> {
        let question = ValidContact(contact.to_string());
        self.ask(stream, question).await.unwrap_or(Err(Unavailable))
    }

    /// The stream has ended. A resource that was told of its login is told of that, if it is still there.
    pub(crate) async fn end(&self, mut stream: AuthStream) {
        let Some(mut held) = stream.held.take().filter(|_| stream.account.is_some()) else {
            return;
        };
        let now = self.caller.shared.registry.keep();
        let current = now.plugin(&stream.provider.manifest.name);
        if current.is_some_and(|current| current.auth_offer().is_none()) {
            return;
        }
        // A call that fails costs the seat, and one that does not has dropped the resource.
        if let Some(resource) = held.resource.take() {
            let seat = Rc::clone(&held.place.seat);
            let _ = self.sit(&stream, &seat, Some(resource), Unbind).await;
        }
    }

    /// Asks. The stream's resource is made where it is not there, or where what was there is lost.
    async fn ask<Q: Question>(
        &self,
        stream: &mut AuthStream,
        question: Q,
    ) -> Result<Q::Answer, Fault> {
        stream.follow(&self.caller.shared.registry)?;
        let Some(held) = stream.held.take() else {
            return self.ask_new(stream, question).await;
        };
        let seat = Rc::clone(&held.place.seat);
        match self.sit(stream, &seat, held.resource, question).await {
            Sat::Answered(_, answer) => {
                stream.held = Some(held);
                Ok(answer)
            }
            Sat::Failed(fault) => Err(fault),
            Sat::Lost(question) => self.ask_new(stream, question).await,
        }
    }

    /// Asks a new resource.
    async fn ask_new<Q: Question>(
        &self,
        stream: &mut AuthStream,
        question: Q,
    ) -> Result<Q::Answer, Fault> {
        let scope = stream.provider.scope(&stream.facts.host);
        let place = Place::new(self.seats.place(&stream.provider, scope)?);
        let seat = Rc::clone(&place.seat);
        match self.sit(stream, &seat, None, question).await {
            Sat::Answered(resource, answer) => {
                stream.held = Some(Held {
                    place,
                    resource: Some(resource),
                });
                stream.reason = BindReason::Recovered;
                Ok(answer)
            }
            Sat::Failed(fault) => Err(fault),
            // It was lost to another stream while this one waited for it.
            Sat::Lost(_) => Err(Fault::Busy),
        }
    }

    /// Makes one call in a seat. If it does not come to its end, the seat is lost.
    async fn sit<Q: Question>(
        &self,
        stream: &AuthStream,
        seat: &Seat,
        resource: Option<ResourceAny>,
        question: Q,
    ) -> Sat<Q> {
        let plugin = &stream.provider;
        let mut slot = seat.instance.lock().await;
        let instance = match std::mem::replace(&mut *slot, Slot::Lost) {
            Slot::There(instance) => Some(instance),
            Slot::Lost => return Sat::Lost(question),
            Slot::Fresh => None,
        };
        let bound = stream
            .account
            .clone()
            .map(|account| (account, stream.reason));
        let ask = Ask {
            resource,
            on: auth_provider::record(&stream.facts, plugin),
            bound,
            abandoned: seat.abandoned.take(),
            question,
        };
        // In the version that made the instance: a stream that ends may have outlived it.
        let plugin = Arc::clone(instance.as_ref().map_or(plugin, Idle::plugin));
        let scope = plugin.scope(&stream.facts.host);
        let about = match &stream.account {
            Some(account) => About::Account(account),
            None => About::Stream(&stream.facts, None),
        };
        let call = self.caller.call_in(&plugin, scope, about, instance, ask);
        match call.await {
            Err(fault) => Sat::Failed(fault),
            Ok((instance, (resource, answer), effects)) => {
                *slot = Slot::There(instance);
                drop(slot);
                match self.caller.commit(&plugin, scope, effects).await {
                    Ok(after) => {
                        self.caller.shared.services.follow(after);
                        Sat::Answered(resource, answer)
                    }
                    Err(error) => Sat::Failed(Fault::Host(error.to_string())),
                }
            }
        }
    }
}

/// What became of a question.
enum Sat<Q: Question> {
    Answered(ResourceAny, Q::Answer),
    Failed(Fault),
    /// It was not asked, since the seat is lost.
    Lost(Q),
}

/// What the password of PLAIN is; none where the provider does not offer that.
fn proof(provider: &Plugin, password: String) -> Option<Proof> {
    let offer = provider.auth_offer()?;
    if let Some(token) = password.strip_prefix(TOKEN).filter(|_| offer.token) {
        return Some(Proof::Token(token.to_owned()));
    }
    if let Some(cookie) = password.strip_prefix(COOKIE).filter(|_| offer.cookie) {
        return Some(Proof::Cookie(cookie.to_owned()));
    }
    offer.password.then_some(Proof::Password(password))
}

/// Who an account is to the provider of its host, or which account one of its users has; none where it is nobody, or the
/// server keeps the accounts itself. Asked apart from all streams, in an instance of its own.
pub(crate) async fn map(
    shared: &Arc<Shared>,
    host: &str,
    map: Map,
) -> Result<Option<String>, Fault> {
    let now = shared.registry.keep();
    let Some(provider) = now.providers.at(Role::Logins, host).cloned() else {
        return Ok(None);
    };
    let instance = create(shared, &provider, provider.scope(host), Level::Provider).await?;
    let (_, found, _) = make(shared, &provider, instance, map).await?;
    found.map_err(|Unavailable| Fault::Host("the provider cannot tell just now".to_owned()))
}
