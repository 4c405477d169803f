//! How a thread calls guests: an instance taken, the call made, its effects committed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use waxwing_xmpp::error::{Condition, StanzaError};
use waxwing_xmpp::jid::BareJid;

use crate::accounting::trace::About;
use crate::calls::commit;
use crate::calls::context::Context;
use crate::calls::invoke::{CallResult, create, invoke_counted, invoke_sync};
use crate::calls::pool::Pools;
use crate::calls::record::Record;
use crate::engine::executor::can_run_sync;
use crate::exports::Call;
use crate::exports::auth_provider::{Change, ChangeFailure};
use crate::exports::vetoes::Ask;
use crate::fault::Fault;
use crate::instance::loaded::Loaded;
use crate::instance::local_effects::{apply_local, roll_back};
use crate::instance::store::PooledInstance;
use crate::model::effects::{AccountEffect, Effects, Refusal, failure};
use crate::model::follow_up::FollowUp;
use crate::model::interfaces::{Level, Role};

/// Calls guests from one thread. Not for other threads.
pub(crate) struct Caller {
    pub(crate) context: Arc<Context>,
    pools: Pools,
}

impl Caller {
    /// A caller without instances yet.
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            pools: Pools::default(),
        }
    }

    /// Makes one call in an instance of the plugin, and gives what it returned and caused. A fault costs the instance.
    /// The call is counted, and is not made in a quarantine.
    pub(crate) async fn call<C: Call>(
        &self,
        plugin: &Loaded,
        scope: usize,
        about: About<'_>,
        call: C,
    ) -> Result<(C::Answer, Effects), Fault> {
        if let Some(made) = self.try_call_sync(plugin, scope, about, &call) {
            return made;
        }
        let tick = self.context.runtime.ticker.tick();
        let mut record = Record::begin(plugin, call.export(), tick)?;
        let result = self.call_async(plugin, scope, &mut record, call).await;
        record.end::<C>(&result, about);
        result
    }

    /// Makes the call at once, where nothing has to be waited for: an instance is free, and the call cannot wait. None
    /// where it is to be made by [`Self::call`], also after it was begun here and ran long: then it was counted, and
    /// what it caused is forgotten.
    pub(crate) fn try_call_sync<C: Call>(
        &self,
        plugin: &Loaded,
        scope: usize,
        about: About<'_>,
        call: &C,
    ) -> Option<Result<(C::Answer, Effects), Fault>> {
        let context = &*self.context;
        let (plugin, runtime) = (&*plugin.plugin, &context.runtime);
        let can_run = |_: &_| plugin.never_waits && can_run_sync(runtime, &plugin.pace);
        let sync = C::SYNC.filter(can_run)?;
        let key = (scope, C::LEVEL);
        let (permit, pooled) = self.pools.free(plugin, key, &context.registry)?;
        let mut record = match Record::begin(plugin, call.export(), runtime.ticker.tick()) {
            Ok(record) => record,
            Err(fault) => {
                permit.keep(pooled, context);
                return Some(Err(fault));
            }
        };
        record.prepare(&pooled.clock);
        let counted = |cost| record.cost(cost);
        let made = invoke_sync(runtime, plugin, pooled, call, sync, counted);
        let result = made.map(|(pooled, answer, effects)| {
            permit.keep(pooled, context);
            (answer, effects)
        });
        record.end::<C>(&result, about);
        if matches!(result, Err(Fault::RanLong)) {
            plugin.pace.mark_slow(runtime.started);
            return None;
        }
        Some(result)
    }

    /// Makes the call in an instance that the caller keeps, made now if there is none; it comes back with the answer.
    pub(crate) async fn call_with_instance<C: Call>(
        &self,
        plugin: &Loaded,
        scope: usize,
        about: About<'_>,
        instance: Option<PooledInstance>,
        call: C,
    ) -> Result<CallResult<C>, Fault> {
        let tick = self.context.runtime.ticker.tick();
        let mut record = Record::begin(plugin, call.export(), tick)?;
        let made = async {
            let instance = match instance {
                Some(instance) => instance,
                None => self.create(plugin, scope, C::LEVEL, &mut record).await?,
            };
            record.prepare(&instance.clock);
            let counted = |cost| record.cost(cost);
            invoke_counted(&self.context.runtime, plugin, instance, call, counted).await
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

    async fn call_async<C: Call>(
        &self,
        plugin: &Loaded,
        scope: usize,
        record: &mut Record<'_>,
        call: C,
    ) -> Result<(C::Answer, Effects), Fault> {
        let context = &*self.context;
        let permit = self
            .pools
            .take(plugin, (scope, C::LEVEL), &context.registry);
        let shared = &context.shared_instances;
        let mut slot = permit?.instance_slot(plugin, shared, &call).await?;
        let instance = match slot.take() {
            Some(instance) => instance,
            None => self.create(plugin, scope, C::LEVEL, record).await?,
        };
        record.prepare(&instance.clock);
        let counted = |cost| record.cost(cost);
        let made = invoke_counted(&context.runtime, plugin, instance, call, counted);
        let (instance, answer, effects) = made.await?;
        slot.put_back(instance, context);
        Ok((answer, effects))
    }

    /// Makes an instance for a call.
    async fn create(
        &self,
        plugin: &Loaded,
        scope: usize,
        level: Level,
        record: &mut Record<'_>,
    ) -> Result<PooledInstance, Fault> {
        let made = create(&self.context, plugin, scope, level).await;
        made.map_err(|fault| record.no_instance(fault))
    }

    /// Makes a call at a host, and commits what it caused.
    pub(crate) async fn call_and_commit<C: Call>(
        &self,
        plugin: &Loaded,
        host: &str,
        about: About<'_>,
        call: C,
    ) -> Result<C::Answer, Fault> {
        let scope = plugin.scope(host);
        let made = self.call(plugin, scope, about, call).await;
        self.commit_result(plugin, scope, made).await
    }

    /// Like [`Self::call_and_commit`], within that time. Past it nothing of the call has happened.
    pub(crate) async fn call_within<C: Call>(
        &self,
        time: Duration,
        plugin: &Loaded,
        host: &str,
        about: About<'_>,
        call: C,
    ) -> Result<C::Answer, Fault> {
        let scope = plugin.scope(host);
        let Ok(made) = timeout(time, self.call(plugin, scope, about, call)).await else {
            let name = plugin.manifest.name.as_str();
            tracing::warn!(plugin = name, "a call timed out");
            return Err(Fault::Busy);
        };
        self.commit_result(plugin, scope, made).await
    }

    /// Commits what a call caused, and gives its answer.
    pub(crate) async fn commit_result<A>(
        &self,
        plugin: &Loaded,
        scope: usize,
        made: Result<(A, Effects), Fault>,
    ) -> Result<A, Fault> {
        let (answer, effects) = made?;
        match self.commit(plugin, scope, effects).await {
            Ok(follow_ups) => {
                self.context.server().apply_follow_ups(follow_ups);
                Ok(answer)
            }
            Err(refusal) => Err(Fault::Host(refusal.to_string())),
        }
    }

    /// Commits what a call caused, after the vetoes about it, and carries it out. Gives what the server is to do after
    /// the call was answered.
    pub(crate) async fn commit(
        &self,
        plugin: &Loaded,
        scope: usize,
        mut effects: Effects,
    ) -> Result<Vec<FollowUp>, Refusal> {
        if effects.is_local() {
            apply_local(&mut effects, plugin);
            return Ok(Vec::new());
        }
        for effect in &effects.accounts {
            if let Err(denial) = self.ask_vetoes(plugin, effect).await {
                roll_back(effects, plugin);
                return Err(denial);
            }
        }
        let mut provided = HashSet::new();
        for (index, effect) in effects.accounts.iter().enumerate() {
            match self.change(effect.account(), effect.into()).await {
                None => {}
                Some(Ok(())) => {
                    provided.insert(index);
                }
                Some(Err(refusal)) => {
                    roll_back(effects, plugin);
                    return Err(refusal);
                }
            }
        }
        if !provided.is_empty() {
            effects.provided = provided;
        }
        commit::commit(&self.context, plugin, scope, effects).await
    }

    /// Has the provider of an account's host change it; none where the server keeps the accounts itself.
    async fn change(&self, account: &BareJid, change: Change) -> Option<Result<(), Refusal>> {
        let host = account.domain().as_str();
        let provider = {
            let now = self.context.registry.now();
            now.providers.at(Role::Auth, host).cloned()?
        };
        let scope = provider.scope(host);
        let about = About::Account(account.as_str());
        let Ok((changed, effects)) = self.call(&provider, scope, about, change).await else {
            return Some(Err(Refusal::Denied(failure())));
        };
        // What a provider causes changes no account, so that this ends here.
        match commit::commit(&self.context, &provider, scope, effects).await {
            Ok(follow_ups) => self.context.server().apply_follow_ups(follow_ups),
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

    /// Asks the plugins that may veto a change to an account.
    async fn ask_vetoes(&self, plugin: &Loaded, effect: &AccountEffect) -> Result<(), Refusal> {
        let account = effect.account();
        let change = effect.change();
        for judge in self.context.registry.keep().vetoes(change) {
            let ask = Ask {
                change,
                account: account.to_string(),
                plugin: plugin.manifest.name.clone(),
            };
            let scope = judge.scope(account.domain().as_str());
            let about = About::Account(account.as_str());
            let Ok((verdict, effects)) = self.call(judge, scope, about, ask).await else {
                return Err(Refusal::Denied(failure()));
            };
            let follow_ups = commit::commit(&self.context, judge, scope, effects).await?;
            self.context.server().apply_follow_ups(follow_ups);
            verdict.map_err(Refusal::Denied)?;
        }
        Ok(())
    }
}
