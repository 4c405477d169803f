//! How a shard calls a guest: an instance taken, the call made, its effects committed.

use std::collections::HashSet;
use std::sync::Arc;

use waxwing_xml::Element;
use waxwing_xmpp::error::{Condition, StanzaError};
use waxwing_xmpp::jid::BareJid;
use waxwing_xmpp::stanza::Stanza;

use crate::accounting::count;
use crate::accounting::trace::About;
use crate::calls::context::Shared;
use crate::calls::pool::Pools;
use crate::calls::record::Record;
use crate::engine::cpu_clock::{Meter, Spent};
use crate::engine::executor::{INIT_BUDGET, can_run_now, run, run_now};
use crate::exports::auth_provider::{Change, ChangeFailure};
use crate::exports::vetoes::{Ask, Question};
use crate::exports::{self, Level, Now};
use crate::fault::Fault;
use crate::instance::plugin::Plugin;
use crate::instance::{Idle, Instance};
use crate::model::effects::{
    AccountEffect, After, Effects, LaterAnswer, Outgoing, Refusal, failure,
};
use crate::model::services::SentStanza;
use crate::registry::providers::Role;

/// Calls guests from one thread. Not for other threads.
pub(crate) struct Caller {
    pub(crate) shared: Arc<Shared>,
    pools: Pools,
}

impl Caller {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            pools: Pools::default(),
        }
    }

    /// Makes one call in an instance of the plugin, and gives what it returned and caused. A fault costs the instance. The
    /// call is counted, and is not made in a quarantine.
    pub(crate) async fn call<C: exports::Call>(
        &self,
        plugin: &Arc<Plugin>,
        scope: usize,
        about: About<'_>,
        call: C,
    ) -> Result<(C::Answer, Effects), Fault> {
        if let Some(made) = self.now(plugin, scope, about, &call) {
            return made;
        }
        let mut record = Record::begin(plugin, call.export(), self.shared.ticker.tick())?;
        let result = self.call_unseen(plugin, scope, &mut record, call).await;
        record.end::<C>(&result, about);
        result
    }

    /// The same at once, where nothing has to be waited for: an instance is free, and the call cannot wait. None where it is to be
    /// made by [`Self::call`], also after it was begun here and ran long: then it was counted, and what it caused is forgotten.
    pub(crate) fn now<C: exports::Call>(
        &self,
        plugin: &Plugin,
        scope: usize,
        about: About<'_>,
        call: &C,
    ) -> Option<Result<(C::Answer, Effects), Fault>> {
        let shared = &*self.shared;
        let now = C::NOW.filter(|_| can_run_now(shared, plugin))?;
        let (place, idle) = self
            .pools
            .free(plugin, (scope, C::LEVEL), &shared.registry)?;
        let mut record = match Record::begin(plugin, call.export(), shared.ticker.tick()) {
            Ok(record) => record,
            Err(fault) => {
                place.keep(idle, shared);
                return Some(Err(fault));
            }
        };
        record.prepare(&idle.meter);
        let counted = |spent| record.spent(spent);
        let made = make_now(shared, plugin, idle, call, now, counted);
        let result = made.map(|(idle, answer, effects)| {
            place.keep(idle, shared);
            (answer, effects)
        });
        record.end::<C>(&result, about);
        if matches!(result, Err(Fault::RanLong)) {
            plugin.mark_slow(shared.started);
            return None;
        }
        Some(result)
    }

    /// The same in an instance that the caller keeps, made now if there is none; it comes back with the answer.
    pub(crate) async fn call_in<C: exports::Call>(
        &self,
        plugin: &Arc<Plugin>,
        scope: usize,
        about: About<'_>,
        instance: Option<Idle>,
        call: C,
    ) -> Result<Made<C>, Fault> {
        let mut record = Record::begin(plugin, call.export(), self.shared.ticker.tick())?;
        let made = async {
            let instance = match instance {
                Some(instance) => instance,
                None => self.create(plugin, scope, C::LEVEL, &mut record).await?,
            };
            record.prepare(&instance.meter);
            let counted = |spent| record.spent(spent);
            make_counted(&self.shared, plugin, instance, call, counted).await
        };
        let (instance, result) = match made.await {
            Ok((instance, answer, effects)) => (Some(instance), Ok((answer, effects))),
            Err(fault) => (None, Err(fault)),
        };
        record.end::<C>(&result, about);
        let (answer, effects) = result?;
        let instance = instance.ok_or(Fault::Busy)?;
        Ok((instance, answer, effects))
    }

    async fn call_unseen<C: exports::Call>(
        &self,
        plugin: &Arc<Plugin>,
        scope: usize,
        record: &mut Record<'_>,
        call: C,
    ) -> Result<(C::Answer, Effects), Fault> {
        let registry = &self.shared.registry;
        let place = self.pools.take(plugin, (scope, C::LEVEL), registry);
        let mut seat = place?.seat(plugin, &call).await?;
        let instance = match seat.instance() {
            Some(instance) => instance,
            None => self.create(plugin, scope, C::LEVEL, record).await?,
        };
        record.prepare(&instance.meter);
        let counted = |spent| record.spent(spent);
        let made = make_counted(&self.shared, plugin, instance, call, counted);
        let (instance, answer, effects) = made.await?;
        seat.put_back(instance, &self.shared);
        Ok((answer, effects))
    }

    /// Makes an instance for a call.
    async fn create(
        &self,
        plugin: &Arc<Plugin>,
        scope: usize,
        level: Level,
        record: &mut Record<'_>,
    ) -> Result<Idle, Fault> {
        let made = create(&self.shared, plugin, scope, level).await;
        made.map_err(|fault| record.no_instance(fault))
    }

    /// Has the provider of an account's host change it; none where the server keeps the accounts itself.
    pub(crate) async fn change(
        &self,
        account: &BareJid,
        change: Change,
    ) -> Option<Result<(), Refusal>> {
        let host = account.domain().as_str();
        let provider = {
            let now = self.shared.registry.now();
            now.providers.at(Role::Logins, host).cloned()?
        };
        let scope = provider.scope(host);
        let about = About::Account(account.as_str());
        let Ok((changed, effects)) = self.call(&provider, scope, about, change).await else {
            return Some(Err(Refusal::Denied(failure())));
        };
        // What a provider causes changes no account, so that this ends here.
        match self.shared.commit(&provider, scope, effects).await {
            Ok(after) => self.shared.services.follow(after),
            Err(refusal) => return Some(Err(refusal)),
        }
        let denied = |condition| Refusal::Denied(StanzaError::new(condition));
        Some(changed.map_err(|failed| match failed {
            ChangeFailure::Taken => denied(Condition::Conflict),
            ChangeFailure::NoSuchAccount => denied(Condition::ItemNotFound),
            ChangeFailure::Unavailable => Refusal::Denied(failure()),
            ChangeFailure::Refused(error) => Refusal::Denied(error),
        }))
    }

    /// Commits what a call caused, and carries it out. Gives what the server is to do after the call was answered.
    pub(crate) async fn commit(
        &self,
        plugin: &Arc<Plugin>,
        scope: usize,
        mut effects: Effects,
    ) -> Result<Vec<After>, Refusal> {
        if effects.is_local() {
            effects.apply_memory(plugin);
            return Ok(Vec::new());
        }
        for effect in &effects.accounts {
            if let Err(denial) = self.ask(plugin, effect).await {
                effects.roll_back(plugin);
                return Err(denial);
            }
        }
        let mut provided = HashSet::new();
        for (index, effect) in effects.accounts.iter().enumerate() {
            match self.change(effect.account(), effect.for_provider()).await {
                None => {}
                Some(Ok(())) => {
                    provided.insert(index);
                }
                Some(Err(refusal)) => {
                    effects.roll_back(plugin);
                    return Err(refusal);
                }
            }
        }
        if !provided.is_empty() {
            effects.provided = provided;
        }
        self.shared.commit(plugin, scope, effects).await
    }

    /// Asks those who may deny a change to an account.
    async fn ask(&self, plugin: &Plugin, effect: &AccountEffect) -> Result<(), Refusal> {
        let account = effect.account();
        let question = Question::about(effect);
        for judge in self.shared.registry.keep().vetoes(question) {
            let ask = Ask {
                question,
                account: account.to_string(),
                plugin: plugin.manifest.name.clone(),
            };
            let scope = judge.scope(account.domain().as_str());
            let about = About::Account(account.as_str());
            let Ok((verdict, effects)) = self.call(judge, scope, about, ask).await else {
                return Err(Refusal::Denied(failure()));
            };
            let after = self.shared.commit(judge, scope, effects).await?;
            self.shared.services.follow(after);
            verdict.map_err(Refusal::Denied)?;
        }
        Ok(())
    }
}

impl Shared {
    /// Commits what a call caused, whose changes to accounts nobody is asked about, and carries it out.
    pub(crate) async fn commit(
        &self,
        plugin: &Arc<Plugin>,
        scope: usize,
        mut effects: Effects,
    ) -> Result<Vec<After>, Refusal> {
        if effects.is_local() {
            effects.apply_memory(plugin);
            return Ok(Vec::new());
        }
        if let Err(refusal) = effects.commit(&*self.services).await {
            effects.roll_back(plugin);
            return Err(refusal);
        }
        effects.apply_memory(plugin);
        Ok(self.release(plugin, scope, effects))
    }

    /// Carries out what a call caused, once all of it that lasts is committed.
    pub(crate) fn release(
        &self,
        plugin: &Arc<Plugin>,
        scope: usize,
        effects: Effects,
    ) -> Vec<After> {
        let effects = effects.into_caused();
        let (name, depth) = (
            plugin.manifest.name.as_str(),
            effects.depth.saturating_add(1),
        );
        let host = plugin
            .scopes
            .get(scope)
            .and_then(|scope| scope.hosts.first());
        let host = self.host(host.map_or("", String::as_str));
        for effect in &effects.accounts {
            self.tell_account(effect.event(), &effect.account().to_string(), depth);
        }
        for event in &effects.published {
            self.tell_published(plugin, event, &host, depth);
        }
        self.timers.apply(&self.agenda, name, &host, effects.timers);
        plugin.ledger.sent.add(count(effects.sends.len()));
        for outgoing in effects.sends {
            let Outgoing {
                stanza,
                bypasses_hooks,
                asked,
            } = outgoing;
            if let (Some(asked), Some(id)) = (&asked, stanza.id()) {
                self.sent.add(&self.agenda, id, asked, name);
            }
            self.services.route(SentStanza {
                stanza,
                bypasses_hooks,
            });
        }
        for LaterAnswer { token, reply } in effects.answers {
            if let Some(debt) = self.owed.settled(&self.agenda, token, name) {
                self.settle(&debt.request, reply);
            }
        }
        effects.after
    }

    /// Answers a request that was put off.
    pub(crate) fn settle(&self, request: &Stanza, reply: Result<Option<Element>, StanzaError>) {
        let reply = match reply {
            Ok(payload) => Some(request.result_reply(payload)),
            Err(error) => request.error_reply(&error),
        };
        if let (Some(reply), Some(asker)) = (reply, request.from()) {
            self.services.answer(asker, reply);
        }
    }
}

/// What is left of a call: its instance, what it returned, and what it caused.
type Made<C> = (Idle, <C as exports::Call>::Answer, Effects);

/// Makes one call in that instance, and gives the instance back with what it returned and caused. A fault costs the instance.
pub(crate) async fn make<C: exports::Call>(
    shared: &Arc<Shared>,
    plugin: &Plugin,
    instance: Idle,
    call: C,
) -> Result<Made<C>, Fault> {
    make_counted(shared, plugin, instance, call, |_| ()).await
}

/// The same; `counted` is told what the call cost.
async fn make_counted<C: exports::Call>(
    shared: &Arc<Shared>,
    plugin: &Plugin,
    Idle {
        mut instance,
        meter,
    }: Idle,
    call: C,
    counted: impl FnOnce(Spent),
) -> Result<Made<C>, Fault> {
    let budget = plugin.limits.cpu(C::BUDGET);
    let call = Box::pin(async move {
        let answer = call.make(&mut instance).await;
        (instance, answer)
    });
    let (ended, meter) = run(shared, plugin, meter, budget, call).await;
    counted(meter.spent());
    let (instance, answer) = ended?;
    end::<C>(plugin, Idle { instance, meter }, answer)
}

/// The same of a call that [`can_run_now`].
fn make_now<C: exports::Call>(
    shared: &Shared,
    plugin: &Plugin,
    mut idle: Idle,
    call: &C,
    now: Now<C>,
    counted: impl FnOnce(Spent),
) -> Result<Made<C>, Fault> {
    let budget = plugin.limits.cpu(C::BUDGET);
    let Idle { instance, meter } = &mut idle;
    let answer = run_now(shared, meter, budget, || now(call, instance));
    counted(meter.spent());
    end::<C>(plugin, idle, answer?)
}

/// Ends a call that came to this answer: what it caused is the caller's now, or forgotten.
fn end<C: exports::Call>(
    plugin: &Plugin,
    mut idle: Idle,
    answer: Result<C::Answer, Fault>,
) -> Result<Made<C>, Fault> {
    let answer = answer.map_err(|fault| idle.instance.explain(fault));
    let mut effects = idle.instance.end_call();
    if C::SENDS_BYPASS_HOOKS {
        effects.bypass_hooks();
    }
    match answer {
        Ok(answer) => Ok((idle, answer, effects)),
        Err(fault) => {
            effects.roll_back(plugin);
            Err(fault)
        }
    }
}

/// Makes and initialises an instance, metered.
pub(crate) async fn create(
    shared: &Arc<Shared>,
    plugin: &Arc<Plugin>,
    scope: usize,
    level: Level,
) -> Result<Idle, Fault> {
    let meter = Arc::new(Meter::default());
    meter.measure(true);
    let made = Instance::create(
        Arc::clone(shared),
        Arc::clone(plugin),
        scope,
        level,
        Arc::clone(&meter),
    );
    let (made, meter) = run(shared, plugin, meter, INIT_BUDGET, Box::pin(made)).await;
    let made = made?;
    plugin.ledger.instance_made(meter.spent());
    made.map(|instance| Idle { instance, meter })
}
