//! How a shard calls a guest: an instance taken, the call made, its effects committed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::effects::{self, After};
use crate::exports::{self, Level};
use crate::fault::Fault;
use crate::instance::Instance;
use crate::meter::Meter;
use crate::plugin::Plugin;
use crate::pool::{PoolKey, Pools};
use crate::run::{INIT_BUDGET, run};
use crate::services::ServiceError;
use crate::shared::Shared;
use crate::state::Call;

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

    /// Makes one call in an instance of the plugin, and gives what it returned and caused. A fault costs the instance.
    pub(crate) async fn call<C: exports::Call>(
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
        let key = PoolKey {
            plugin: plugin.id,
            scope,
            level: C::LEVEL,
        };
        let place = self.pools.take(key).ok_or(Fault::Busy)?;
        let mut instance = match place.idle() {
            Some(instance) => instance,
            None => create(&self.shared, plugin, scope, C::LEVEL).await?,
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
                place.put_back(instance, &self.shared.registry);
                Ok((answer, effects))
            }
            Err(fault) => {
                effects.roll_back(plugin);
                Err(fault)
            }
        }
    }

    /// Commits what a call caused, and says what the server is to do afterwards.
    pub(crate) async fn commit(
        &self,
        plugin: &Plugin,
        mut effects: Call,
    ) -> Result<Vec<After>, ServiceError> {
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
}

/// Makes and initialises an instance, metered.
pub(crate) async fn create(
    shared: &Arc<Shared>,
    plugin: &Arc<Plugin>,
    scope: usize,
    level: Level,
) -> Result<Box<Instance>, Fault> {
    let meter = Arc::new(Meter::default());
    let made = Instance::create(
        Arc::clone(shared),
        Arc::clone(plugin),
        scope,
        level,
        Arc::clone(&meter),
    );
    run(shared, plugin, meter, INIT_BUDGET, made).await?
}
