//! What a shard of the server calls: its own instances of every plugin, so that a call takes no lock.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use waxwing_xml::Element;
use waxwing_xmpp::error::{Condition, ErrorType, StanzaError};
use waxwing_xmpp::stanza::{IqType, Stanza};

use crate::effects::{self, After};
use crate::exports::inbound::{self, Judgement};
use crate::exports::pre_auth::{self, PreAuthStream};
use crate::exports::{self, Reply, iq_handler};
use crate::fault::Fault;
use crate::filter::Recipient;
use crate::imports::stanzas::HostStanza;
use crate::instance::Instance;
use crate::meter::Meter;
use crate::plugin::Plugin;
use crate::run::{INIT_BUDGET, run};
use crate::services::ServiceError;
use crate::shared::Shared;
use crate::state::Call;

/// Instances of one plugin and scope that a shard may have at work at a time.
const MAX_BUSY: usize = 64;

/// Instances of one plugin and scope that a shard keeps for the next calls.
const MAX_IDLE: usize = 8;

/// The plugins as one shard sees them. Not for other threads.
pub struct Shard {
    shared: Arc<Shared>,
    pools: RefCell<HashMap<(u64, usize), Pool>>,
}

#[derive(Default)]
struct Pool {
    #[expect(
        clippy::vec_box,
        reason = "an instance moves into a call and back: as a pointer"
    )]
    idle: Vec<Box<Instance>>,
    busy: usize,
}

/// What becomes of a stanza after the inbound hooks.
#[must_use]
#[derive(Debug)]
pub enum Inbound {
    /// It goes on to the router, perhaps changed.
    Pass(Stanza),
    /// It ends here; an iq request is to be answered `service-unavailable`.
    Drop,
    /// It ends here, and the sender gets this error.
    Bounce(StanzaError),
    /// The request is answered with this payload.
    Answer(Option<Element>),
}

/// What a handler answers to a request.
#[must_use]
#[derive(Debug)]
pub enum IqAnswer {
    /// No plugin serves it.
    Unhandled,
    /// A result with this payload, committed; then the server does what stands in the list.
    Result(Option<Element>, Vec<After>),
    /// An error.
    Error(StanzaError),
}

impl Shard {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            pools: RefCell::default(),
        }
    }

    /// Whether any inbound hook wants the stanza. Cheap, and false for nearly all where no hook is installed.
    #[must_use]
    pub fn wants_inbound(&self, stanza: &Stanza, recipient: Recipient) -> bool {
        self.shared
            .registry
            .now()
            .next_hook(0, stanza, recipient)
            .is_some()
    }

    /// Takes a stanza of a local client through the inbound hooks. `from` is stamped already.
    pub async fn inbound(&self, stanza: Stanza, recipient: Recipient) -> Inbound {
        let snapshot = self.shared.registry.keep();
        let mut lent = HostStanza {
            host: self.host_of(&stanza, recipient),
            stanza,
        };
        let mut position = 0;
        while let Some((found, hook)) = snapshot.next_hook(position, &lent.stanza, recipient) {
            position = found.saturating_add(1);
            match self.judge(&hook.plugin, &lent).await {
                Ok(Judgement::Pass) => {}
                Ok(Judgement::Replace(stanza)) => lent.stanza = stanza,
                Ok(Judgement::Drop) => return Inbound::Drop,
                Ok(Judgement::Bounce(error)) => return Inbound::Bounce(error),
                Ok(Judgement::Answer(payload)) => return Inbound::Answer(payload),
                Err(_) if hook.fails_open() => {}
                Err(_) => return Inbound::Bounce(failure()),
            }
        }
        Inbound::Pass(lent.stanza)
    }

    /// Asks the plugin that serves this iq request, if there is one.
    pub async fn iq(&self, request: &Stanza, recipient: Recipient) -> IqAnswer {
        let Some(payload) = request.element().children().next() else {
            return IqAnswer::Unhandled;
        };
        let is_set = request.iq_type() == Some(IqType::Set);
        let handler = self
            .shared
            .registry
            .now()
            .iq_handler(payload, is_set, recipient)
            .cloned();
        let Some(plugin) = handler else {
            return IqAnswer::Unhandled;
        };
        let lent = HostStanza {
            stanza: request.clone(),
            host: self.host_of(request, recipient),
        };
        let scope = scope_of(&plugin, &lent.host);
        let call = self.call(&plugin, scope, iq_handler::Handle(lent));
        self.answer(&plugin, call.await).await
    }

    /// The stream features that plugins offer before authentication.
    pub async fn stream_features(&self, stream: &PreAuthStream) -> Vec<Element> {
        let mut features = Vec::new();
        for plugin in self.shared.registry.keep().pre_auth_plugins() {
            let on = pre_auth::record(stream, &plugin);
            let scope = scope_of(&plugin, &stream.host);
            let call = self.call(&plugin, scope, pre_auth::Features(on));
            if let Ok((offered, mut effects)) = call.await {
                effects.apply_memory(&plugin);
                features.extend(offered);
            }
        }
        features
    }

    /// Asks the plugin that serves this iq request before authentication, if there is one.
    pub async fn pre_auth_iq(&self, stream: &PreAuthStream, request: &Stanza) -> IqAnswer {
        let Some(payload) = request.element().children().next() else {
            return IqAnswer::Unhandled;
        };
        let handler = self.shared.registry.now().pre_auth(payload).cloned();
        let Some(plugin) = handler else {
            return IqAnswer::Unhandled;
        };
        let on = pre_auth::record(stream, &plugin);
        let lent = HostStanza {
            stanza: request.clone(),
            host: self.shared.host(&stream.host),
        };
        let scope = scope_of(&plugin, &stream.host);
        let call = self.call(&plugin, scope, pre_auth::Handle(on, lent));
        self.answer(&plugin, call.await).await
    }

    /// The served domain on whose behalf a stanza is handled.
    fn host_of(&self, stanza: &Stanza, recipient: Recipient) -> Arc<str> {
        let addressed = match recipient {
            Recipient::Server => stanza.to(),
            _ => stanza.from(),
        };
        let domain = addressed.map(|jid| jid.domain().as_str());
        self.shared.host(domain.unwrap_or_default())
    }

    async fn judge(&self, plugin: &Arc<Plugin>, stanza: &HostStanza) -> Result<Judgement, Fault> {
        let (scope, stanza) = (scope_of(plugin, &stanza.host), stanza.clone());
        let call = self.call(plugin, scope, inbound::Filter(stanza));
        let (judgement, effects) = call.await?;
        match self.commit(plugin, effects).await {
            Ok(_) => Ok(judgement),
            Err(error) => Err(Fault::Host(error.to_string())),
        }
    }

    /// Commits what a handler caused, then gives its answer.
    async fn answer(&self, plugin: &Plugin, outcome: Result<(Reply, Call), Fault>) -> IqAnswer {
        let Ok((reply, effects)) = outcome else {
            return IqAnswer::Error(failure());
        };
        match (self.commit(plugin, effects).await, reply) {
            (Ok(after), Ok(payload)) => IqAnswer::Result(payload, after),
            (Ok(_), Err(error)) => IqAnswer::Error(error),
            (Err(ServiceError::Taken), _) => IqAnswer::Error(StanzaError::new(Condition::Conflict)),
            (Err(ServiceError::NoSuchAccount), _) => {
                IqAnswer::Error(StanzaError::new(Condition::ItemNotFound))
            }
            (Err(ServiceError::Unavailable), _) => IqAnswer::Error(failure()),
        }
    }

    async fn commit(&self, plugin: &Plugin, mut effects: Call) -> Result<Vec<After>, ServiceError> {
        if effects.accounts.is_empty() {
            effects.apply_memory(plugin);
            return Ok(Vec::new());
        }
        match effects::commit(&mut effects, &*self.shared.services).await {
            Ok(after) => {
                effects.apply_memory(plugin);
                Ok(after)
            }
            Err(error) => {
                effects.roll_back(plugin);
                Err(error)
            }
        }
    }

    /// Makes one call in an instance of the plugin, and gives what it returned and caused. A fault costs the instance.
    async fn call<C: exports::Call>(
        &self,
        plugin: &Arc<Plugin>,
        scope: usize,
        call: C,
    ) -> Result<(C::Answer, Call), Fault> {
        let result = self.call_uncounted(plugin, scope, call).await;
        plugin.counters.calls.fetch_add(1, Ordering::Relaxed);
        if let Err(fault) = &result {
            plugin.counters.faults.fetch_add(1, Ordering::Relaxed);
            let name = plugin.manifest.name.as_str();
            if plugin.logs.admits(name, 256) {
                tracing::warn!(plugin = name, "a call {fault}");
            }
        }
        result
    }

    async fn call_uncounted<C: exports::Call>(
        &self,
        plugin: &Arc<Plugin>,
        scope: usize,
        call: C,
    ) -> Result<(C::Answer, Call), Fault> {
        let place = self.take_place(plugin, scope)?;
        let mut instance = match place.idle() {
            Some(instance) => instance,
            None => create(&self.shared, plugin, scope).await?,
        };
        let meter = Arc::clone(&instance.meter);
        let (instance, answer, effects) = run(&self.shared, plugin, meter, C::BUDGET, async move {
            let answer = call.make(&mut instance).await;
            let answer = answer.map_err(|fault| instance.explain(fault));
            let effects = instance.end_call();
            (instance, answer, effects)
        })
        .await?;
        match answer {
            Ok(answer) => {
                place.put_back(instance);
                Ok((answer, effects))
            }
            Err(fault) => {
                effects.roll_back(plugin);
                Err(fault)
            }
        }
    }

    fn take_place(&self, plugin: &Arc<Plugin>, scope: usize) -> Result<Place<'_>, Fault> {
        let key = (plugin.id, scope);
        let mut pools = self.pools.borrow_mut();
        let pool = pools.entry(key).or_default();
        if pool.busy >= MAX_BUSY {
            return Err(Fault::Busy);
        }
        pool.busy = pool.busy.saturating_add(1);
        Ok(Place { shard: self, key })
    }

    /// Lets go of the instances of versions that serve no more.
    fn prune(&self) {
        let snapshot = self.shared.registry.now();
        let serves = |id: u64| snapshot.plugins().any(|plugin| plugin.id == id);
        self.pools.borrow_mut().retain(|&(id, _), pool| {
            let current = serves(id);
            if !current {
                pool.idle.clear();
            }
            current || pool.busy > 0
        });
    }
}

/// Makes and initialises an instance, metered.
pub(crate) async fn create(
    shared: &Arc<Shared>,
    plugin: &Arc<Plugin>,
    scope: usize,
) -> Result<Box<Instance>, Fault> {
    let meter = Arc::new(Meter::default());
    let made = Instance::create(
        Arc::clone(shared),
        Arc::clone(plugin),
        scope,
        Arc::clone(&meter),
    );
    run(shared, plugin, meter, INIT_BUDGET, made).await?
}

/// One of the places that a pool has for calls under way; free again when dropped.
struct Place<'a> {
    shard: &'a Shard,
    key: (u64, usize),
}

impl Place<'_> {
    fn idle(&self) -> Option<Box<Instance>> {
        self.shard.pools.borrow_mut().get_mut(&self.key)?.idle.pop()
    }

    fn put_back(&self, instance: Box<Instance>) {
        let name = instance.plugin.manifest.name.as_str();
        let is_current = self
            .shard
            .shared
            .registry
            .now()
            .plugin(name)
            .is_some_and(|now| now.id == self.key.0);
        if !is_current {
            return self.shard.prune();
        }
        if let Some(pool) = self.shard.pools.borrow_mut().get_mut(&self.key)
            && pool.idle.len() < MAX_IDLE
        {
            pool.idle.push(instance);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(pool) = self.shard.pools.borrow_mut().get_mut(&self.key) {
            pool.busy = pool.busy.saturating_sub(1);
        }
    }
}

/// The answer where a plugin failed: `internal-server-error`, worth another try.
fn failure() -> StanzaError {
    let mut error = StanzaError::new(Condition::InternalServerError);
    error.kind = ErrorType::Wait;
    error
}

fn scope_of(plugin: &Plugin, host: &str) -> usize {
    plugin.scope_of.get(host).copied().unwrap_or(0)
}
