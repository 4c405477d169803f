//! The provider of logins as a stream sees it: which plugin it is, the resource that the plugin keeps for the stream,
//! and what happens when that is lost.
//!
//! An instance keeps the resources of many streams and takes one call at a time. A stream without a resource does not
//! wait for a busy instance: it gets another, up to a limit. So a slow answer (of a web site, say) holds up only the
//! streams that share its instance.

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
use crate::calls::caller::Caller;
use crate::calls::context::Context;
use crate::calls::invoke::{create, invoke};
use crate::engine::limits::STREAMS;
use crate::exports::auth_provider::{
    self, Ask, Bind, BindReason, Check, Map, Proof, Question, Scram, Unbind, ValidContact,
};
use crate::fault::Fault;
use crate::instance::loaded::Loaded;
use crate::instance::plugin::Plugin;
use crate::instance::store::PooledInstance;
use crate::model::interfaces::Level;
use crate::model::interfaces::Role;
use crate::model::pre_auth_stream::PreAuthStream;
use crate::model::provided::Unavailable;
use crate::registry::Registry;

/// AuthInstances of one plugin and scope that a shard may have.
const MAX_INSTANCES: usize = 64;

/// AuthInstances without a stream that are kept for the next ones.
const MAX_EMPTY: usize = 8;

/// Before a token in PLAIN's password, and before a cookie.
const TOKEN: &str = "//jid/";
const COOKIE: &str = "//cookie/";

/// A stream whose host has a provider of logins: it keeps to that plugin until it ends. Nothing of the plugin runs
/// before the first question. To be ended by [`crate::Shard::end_auth`].
pub struct AuthStream {
    /// In the version that was asked last.
    provider: Arc<Loaded>,
    facts: PreAuthStream,
    abilities: Abilities,
    /// Once it has logged in.
    account: Option<String>,
    held: Option<StreamResource>,
    /// The reason that a resource made from now on gets.
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
            // It was unloaded: streams that it knows finish with it.
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

/// A stream's resource, with its place in an instance.
struct StreamResource {
    place: StreamSlot,
    resource: Option<ResourceAny>,
}

impl Drop for StreamResource {
    /// A resource that is still there is dropped with the next call in its instance.
    fn drop(&mut self) {
        let abandoned = &self.place.instance.abandoned;
        abandoned.borrow_mut().extend(self.resource.take());
    }
}

/// A stream's place in an instance, from before its resource is made.
struct StreamSlot {
    instance: Rc<AuthInstance>,
}

impl StreamSlot {
    fn new(instance: Rc<AuthInstance>) -> Self {
        instance
            .streams
            .set(instance.streams.get().saturating_add(1));
        Self { instance }
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let streams = &self.instance.streams;
        streams.set(streams.get().saturating_sub(1));
    }
}

#[derive(Default)]
struct AuthInstance {
    state: Mutex<InstanceState>,
    streams: Cell<usize>,
    abandoned: RefCell<Vec<ResourceAny>>,
}

#[derive(Default)]
enum InstanceState {
    /// It is not made yet.
    #[default]
    Fresh,
    There(PooledInstance),
    /// A call is under way, or ended in a fault: then whatever was in the instance is lost.
    Lost,
}

impl AuthInstance {
    /// Whether a stream without a resource may get one here at once.
    fn is_free(&self) -> bool {
        let free = self.state.try_lock();
        self.streams.get() < STREAMS && free.is_ok_and(|slot| !matches!(*slot, InstanceState::Lost))
    }

    fn is_lost(&self) -> bool {
        let free = self.state.try_lock();
        free.is_ok_and(|slot| matches!(*slot, InstanceState::Lost))
    }
}

/// The instances of all providers on one thread, by version and scope.
#[derive(Default)]
pub(crate) struct AuthInstances(RefCell<HashMap<(u64, usize), InstancesOfOne>>);

type InstancesOfOne = Vec<Rc<AuthInstance>>;

impl AuthInstances {
    /// An instance for a stream: a free one, else a new one, else the one with the fewest streams.
    fn place(&self, plugin: &Plugin, scope: usize) -> Result<Rc<AuthInstance>, Fault> {
        let mut all = self.0.borrow_mut();
        all.retain(|(id, _), instances| {
            *id == plugin.id || instances.iter().any(|instance| instance.streams.get() > 0)
        });
        let instances = all.entry((plugin.id, scope)).or_default();
        let mut empty = 0_usize;
        instances.retain(|instance| {
            let has_streams = instance.streams.get() > 0;
            empty = empty.saturating_add(usize::from(!has_streams));
            !instance.is_lost() && (has_streams || empty <= MAX_EMPTY)
        });
        if let Some(free) = instances.iter().find(|instance| instance.is_free()) {
            return Ok(Rc::clone(free));
        }
        if instances.len() < MAX_INSTANCES {
            let instance = Rc::<AuthInstance>::default();
            instances.push(Rc::clone(&instance));
            return Ok(instance);
        }
        let least = instances
            .iter()
            .min_by_key(|instance| instance.streams.get());
        let least = least.filter(|instance| instance.streams.get() < STREAMS);
        least.map(Rc::clone).ok_or(Fault::Busy)
    }
}

/// Makes the calls about streams to their provider.
#[derive(Clone, Copy)]
pub(crate) struct AuthProviderClient<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) instances: &'a AuthInstances,
}

impl AuthProviderClient<'_> {
    /// A stream that begins at a host with a provider; none where the server's own accounts serve.
    pub(crate) fn stream(&self, facts: &PreAuthStream) -> Option<AuthStream> {
        let now = self.caller.context.registry.now();
        let provider = now.providers.at(Role::Auth, &facts.host)?;
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

    /// The stream has ended. A resource that was bound is unbound, if it is still there.
    pub(crate) async fn end(&self, mut stream: AuthStream) {
        let Some(mut held) = stream.held.take().filter(|_| stream.account.is_some()) else {
            return;
        };
        let now = self.caller.context.registry.keep();
        let current = now.plugin(&stream.provider.manifest.name);
        if current.is_some_and(|current| current.auth_offer().is_none()) {
            return;
        }
        // A call that fails costs the instance, and one that succeeds has dropped the resource.
        if let Some(resource) = held.resource.take() {
            let instance = Rc::clone(&held.place.instance);
            let _ = self
                .call_in(&stream, &instance, Some(resource), Unbind)
                .await;
        }
    }

    /// Asks. The stream's resource is made where it is not there, or where what was there is lost.
    async fn ask<Q: Question>(
        &self,
        stream: &mut AuthStream,
        question: Q,
    ) -> Result<Q::Answer, Fault> {
        stream.follow(&self.caller.context.registry)?;
        let Some(held) = stream.held.take() else {
            return self.ask_new(stream, question).await;
        };
        let instance = Rc::clone(&held.place.instance);
        match self
            .call_in(stream, &instance, held.resource, question)
            .await
        {
            CallOutcome::Answered(_, answer) => {
                stream.held = Some(held);
                Ok(answer)
            }
            CallOutcome::Failed(fault) => Err(fault),
            CallOutcome::Lost(question) => self.ask_new(stream, question).await,
        }
    }

    /// Asks a new resource.
    async fn ask_new<Q: Question>(
        &self,
        stream: &mut AuthStream,
        question: Q,
    ) -> Result<Q::Answer, Fault> {
        let scope = stream.provider.scope(&stream.facts.host);
        let place = StreamSlot::new(self.instances.place(&stream.provider, scope)?);
        let instance = Rc::clone(&place.instance);
        match self.call_in(stream, &instance, None, question).await {
            CallOutcome::Answered(resource, answer) => {
                stream.held = Some(StreamResource {
                    place,
                    resource: Some(resource),
                });
                stream.reason = BindReason::Recovered;
                Ok(answer)
            }
            CallOutcome::Failed(fault) => Err(fault),
            // Another stream's call cost the instance while this one waited for it.
            CallOutcome::Lost(_) => Err(Fault::Busy),
        }
    }

    /// Makes one call in an instance. A call that does not end normally costs the instance.
    async fn call_in<Q: Question>(
        &self,
        stream: &AuthStream,
        auth: &AuthInstance,
        resource: Option<ResourceAny>,
        question: Q,
    ) -> CallOutcome<Q> {
        let plugin = &stream.provider;
        let mut slot = auth.state.lock().await;
        let instance = match std::mem::replace(&mut *slot, InstanceState::Lost) {
            InstanceState::There(instance) => Some(instance),
            InstanceState::Lost => return CallOutcome::Lost(question),
            InstanceState::Fresh => None,
        };
        let bound = stream
            .account
            .clone()
            .map(|account| (account, stream.reason));
        let ask = Ask {
            resource,
            on: auth_provider::record(&stream.facts, plugin),
            bound,
            abandoned: auth.abandoned.take(),
            question,
        };
        let scope = plugin.scope(&stream.facts.host);
        let about = match &stream.account {
            Some(account) => About::Account(account),
            None => About::Stream(&stream.facts, None),
        };
        let call = self
            .caller
            .call_with_instance(plugin, scope, about, instance, ask);
        match call.await {
            Err(fault) => CallOutcome::Failed(fault),
            Ok((instance, (resource, answer), effects)) => {
                *slot = InstanceState::There(instance);
                drop(slot);
                match self.caller.commit(plugin, scope, effects).await {
                    Ok(follow_ups) => {
                        self.caller.context.server().apply_follow_ups(follow_ups);
                        CallOutcome::Answered(resource, answer)
                    }
                    Err(error) => CallOutcome::Failed(Fault::Host(error.to_string())),
                }
            }
        }
    }
}

/// The outcome of a question.
enum CallOutcome<Q: Question> {
    Answered(ResourceAny, Q::Answer),
    Failed(Fault),
    /// It was not asked, since the instance is lost.
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

/// The external id of an account, or the account of an external id, from the provider of its host; none where there is
/// none, or the server keeps the accounts itself. Called apart from all streams, in an instance of its own.
pub(crate) async fn map(context: &Context, host: &str, map: Map) -> Result<Option<String>, Fault> {
    let now = context.registry.keep();
    let Some(provider) = now.providers.at(Role::Auth, host).cloned() else {
        return Ok(None);
    };
    let instance = create(context, &provider, provider.scope(host), Level::Provider).await?;
    let (_, found, _) = invoke(&context.runtime, &provider, instance, map).await?;
    found.map_err(|Unavailable| Fault::Host("the provider cannot tell just now".to_owned()))
}
