//! One call in one instance: begun, metered, and ended with the instance kept or lost.

use std::sync::Arc;

use crate::calls::context::Context;
use crate::engine::cpu_clock::CpuClock;
use crate::engine::executor::{INIT_BUDGET, run, run_sync};
use crate::engine::runtime::Runtime;
use crate::exports::{Call, SyncCall};
use crate::fault::Fault;
use crate::instance::loaded::Loaded;
use crate::instance::local_effects::roll_back;
use crate::instance::plugin::Plugin;
use crate::instance::store::{Instance, PooledInstance};
use crate::model::call_cost::CallCost;
use crate::model::effects::Effects;
use crate::model::interfaces::Level;

/// What is left of a call: its instance, what it returned, and what it caused.
pub(crate) type CallResult<C> = (PooledInstance, <C as Call>::Answer, Effects);

/// Makes one call in that instance, and gives the instance back with what it returned and caused. A fault costs the
/// instance.
pub(crate) async fn invoke<C: Call>(
    runtime: &Runtime,
    plugin: &Plugin,
    instance: PooledInstance,
    call: C,
) -> Result<CallResult<C>, Fault> {
    invoke_counted(runtime, plugin, instance, call, |_| ()).await
}

/// Like [`invoke`]; `counted` is told what the call cost.
pub(crate) async fn invoke_counted<C: Call>(
    runtime: &Runtime,
    plugin: &Plugin,
    PooledInstance {
        mut instance,
        clock,
    }: PooledInstance,
    call: C,
    counted: impl FnOnce(CallCost),
) -> Result<CallResult<C>, Fault> {
    let budget = plugin.limits.cpu(C::BUDGET);
    let call = Box::pin(async move {
        let answer = call.make(&mut instance).await;
        (instance, answer)
    });
    let (ended, clock) = run(runtime, &plugin.pace, clock, budget, call).await;
    counted(clock.cost());
    let (instance, answer) = ended?;
    end::<C>(plugin, PooledInstance { instance, clock }, answer)
}

/// Like [`invoke_counted`], of a call that can be made on the caller's own stack.
pub(crate) fn invoke_sync<C: Call>(
    runtime: &Runtime,
    plugin: &Plugin,
    mut pooled: PooledInstance,
    call: &C,
    sync: SyncCall<C>,
    counted: impl FnOnce(CallCost),
) -> Result<CallResult<C>, Fault> {
    let budget = plugin.limits.cpu(C::BUDGET);
    let PooledInstance { instance, clock } = &mut pooled;
    let answer = run_sync(runtime, clock, budget, || sync(call, instance));
    counted(clock.cost());
    end::<C>(plugin, pooled, answer?)
}

/// Ends a call that came to this answer: what it caused is the caller's now, or forgotten.
fn end<C: Call>(
    plugin: &Plugin,
    mut pooled: PooledInstance,
    answer: Result<C::Answer, Fault>,
) -> Result<CallResult<C>, Fault> {
    let answer = answer.map_err(|fault| pooled.instance.explain(fault));
    let mut effects = pooled.instance.end_call();
    if C::SENDS_BYPASS_HOOKS {
        effects.bypass_hooks();
    }
    match answer {
        Ok(answer) => Ok((pooled, answer, effects)),
        Err(fault) => {
            roll_back(effects, plugin);
            Err(fault)
        }
    }
}

/// Makes and initialises an instance, metered.
pub(crate) async fn create(
    context: &Context,
    plugin: &Loaded,
    scope: usize,
    level: Level,
) -> Result<PooledInstance, Fault> {
    let clock = Arc::new(CpuClock::default());
    clock.measure_exactly(true);
    let (runtime, services) = (&context.runtime, &context.services);
    let made = Instance::create(runtime, services, plugin, (scope, level), &clock);
    let (made, clock) = run(runtime, &plugin.pace, clock, INIT_BUDGET, Box::pin(made)).await;
    let made = made?;
    plugin.counters.instance_made(clock.cost());
    made.map(|instance| PooledInstance { instance, clock })
}
