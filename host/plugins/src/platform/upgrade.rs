//! Upgrades: a new version restores what the old one saved, starts, and the old one shuts down.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::time::{Instant, sleep, timeout};

use crate::calls::commit::{commit, commit_lasting};
use crate::calls::context::Context;
use crate::calls::invoke::{create, invoke};
use crate::calls::shared_instances::{InstanceKey, InstanceLock};
use crate::exports::lifecycle::{Restore, Save, Shutdown, Started};
use crate::fault::Fault;
use crate::instance::loaded::Loaded;
use crate::instance::local_effects::{apply_local, roll_back};
use crate::instance::plugin::Plugin;
use crate::instance::store::PooledInstance;
use crate::model::effects::Effects;
use crate::model::interfaces::Level;
use crate::wit::bindings::waxwing::plugin::manifest::Placement;

/// How long an instance that calls wait for may take to come free before a reload is given up.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// How long calls under way may go on in a version that was replaced before it is shut down all the same.
const DRAIN: Duration = Duration::from_secs(5);

/// Pauses between checks for calls under way: the first, and the longest.
const LOOK: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// The instance of the first scope.
const FIRST: InstanceKey = InstanceKey {
    scope: 0,
    level: Level::Hook,
    group: 0,
};

/// A version that is initialised and does not serve yet.
pub(crate) struct Ready {
    pub(crate) plugin: Arc<Loaded>,
    /// Of the first scope.
    pub(crate) first: PooledInstance,
}

/// What `save` returned in one instance of the old version.
struct SavedState {
    /// A host of the instance's scope, which may be another scope in the new version.
    host: String,
    group: u64,
    bytes: Vec<u8>,
}

/// An instance of the old version. Where calls wait for it they go on waiting until this is dropped, so that nothing
/// changes in it between `save` and the switch.
pub(crate) struct Held {
    key: InstanceKey,
    lock: Option<InstanceLock>,
    instance: Option<PooledInstance>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let (Some(lock), Some(instance)) = (&mut self.lock, self.instance.take()) {
            lock.put(instance);
        }
    }
}

/// Saves the state of the old version, and restores it in the new one.
pub(crate) async fn upgrade(
    context: &Context,
    old: &Loaded,
    new: Ready,
) -> anyhow::Result<(Ready, Vec<Held>)> {
    let (saved, held) = save(context, old)
        .await
        .with_context(|| format!("version {} cannot save", old.manifest.version))?;
    let mut new = new;
    for left in saved.into_iter().filter(|left| !left.bytes.is_empty()) {
        let restore = Restore {
            version: old.manifest.version.clone(),
            state: left.bytes,
        };
        new = restore_into(context, new, &left.host, left.group, restore)
            .await
            .context("cannot restore what the version before it saved")?;
    }
    Ok((new, held))
}

async fn save(context: &Context, old: &Loaded) -> anyhow::Result<(Vec<SavedState>, Vec<Held>)> {
    let mut held = instances(context, old).await?;
    let mut saved = Vec::new();
    for one in &mut held {
        let Some(instance) = one.instance.take() else {
            continue;
        };
        let (instance, bytes, effects) = invoke(&context.runtime, old, instance, Save).await?;
        one.instance = Some(instance);
        follow(context, old, one.key.scope, effects).await?;
        let scope = old.scopes.get(one.key.scope);
        let host = scope.and_then(|scope| scope.hosts.first());
        saved.push(SavedState {
            host: host.cloned().unwrap_or_default(),
            group: one.key.group,
            bytes,
        });
    }
    Ok((saved, held))
}

/// The instances in which a version keeps what it has: those that calls wait for, or else a new one.
async fn instances(context: &Context, plugin: &Loaded) -> Result<Vec<Held>, Fault> {
    if !keeps(plugin) {
        return Ok(vec![Held {
            key: FIRST,
            lock: None,
            instance: Some(create(context, plugin, 0, Level::Hook).await?),
        }]);
    }
    let mut found = Vec::new();
    let slots = context.shared_instances.all(plugin.id).into_iter();
    for (key, slot) in slots.filter(|(key, _)| key.level == Level::Hook) {
        let lock = timeout(LOCK_TIMEOUT, slot.lock()).await;
        let mut lock = lock.map_err(|_| Fault::Busy)??;
        found.push(Held {
            key,
            instance: lock.take(),
            lock: Some(lock),
        });
    }
    Ok(found)
}

/// Whether a version's instances hold state to hand on: all calls of a kind are made in the same one.
fn keeps(plugin: &Plugin) -> bool {
    matches!(
        plugin.manifest.placement,
        Placement::Single | Placement::Keyed
    )
}

/// Restores saved state into the new version's instance for the same host and group.
async fn restore_into(
    context: &Context,
    new: Ready,
    host: &str,
    group: u64,
    restore: Restore,
) -> anyhow::Result<Ready> {
    let Ready { plugin, first } = new;
    let scope = plugin.scope_of.get(host).copied().unwrap_or(0);
    let is_first = match plugin.manifest.placement {
        Placement::Keyed => false,
        Placement::Single => scope == 0,
        Placement::Pooled | Placement::Isolated | Placement::PerShard => true,
    };
    if is_first {
        let (first, restored, effects) = invoke(&context.runtime, &plugin, first, restore).await?;
        settle(context, &plugin, scope, restored, effects).await?;
        return Ok(Ready { plugin, first });
    }
    let group = match plugin.manifest.placement {
        Placement::Keyed => group,
        Placement::Single | Placement::Pooled | Placement::Isolated | Placement::PerShard => 0,
    };
    let slot = context.shared_instances.get(
        plugin.id,
        InstanceKey {
            scope,
            level: Level::Hook,
            group,
        },
    );
    let mut lock = slot.lock().await?;
    let instance = match lock.take() {
        Some(instance) => instance,
        None => create(context, &plugin, scope, Level::Hook).await?,
    };
    let (instance, restored, effects) =
        invoke(&context.runtime, &plugin, instance, restore).await?;
    settle(context, &plugin, scope, restored, effects).await?;
    lock.put(instance);
    Ok(Ready { plugin, first })
}

/// Carries out what a call caused that answered with success; otherwise nothing has happened.
async fn settle(
    context: &Context,
    plugin: &Loaded,
    scope: usize,
    answer: Result<(), String>,
    effects: Effects,
) -> anyhow::Result<()> {
    if let Err(why) = answer {
        roll_back(effects, plugin);
        return Err(anyhow!("{}", why.escape_debug()));
    }
    follow(context, plugin, scope, effects).await
}

async fn follow(
    context: &Context,
    plugin: &Loaded,
    scope: usize,
    effects: Effects,
) -> anyhow::Result<()> {
    let follow_ups = commit(context, plugin, scope, effects).await?;
    context.server().apply_follow_ups(follow_ups);
    Ok(())
}

/// Plugins that have started, with the effects of that: committed for all of them or for none.
pub(crate) struct StartedGroup {
    pub(crate) ready: Vec<Ready>,
    effects: Vec<Option<Effects>>,
}

impl Drop for StartedGroup {
    fn drop(&mut self) {
        for (ready, effects) in self.ready.iter().zip(&mut self.effects) {
            if let Some(effects) = effects.take() {
                roll_back(effects, &ready.plugin);
            }
        }
    }
}

/// Calls `started` in each, in order.
pub(crate) async fn start(context: &Context, group: Vec<Ready>) -> anyhow::Result<StartedGroup> {
    let mut started = StartedGroup {
        ready: Vec::new(),
        effects: Vec::new(),
    };
    for Ready { plugin, first } in group {
        let name = plugin.manifest.name.clone();
        let called = invoke(&context.runtime, &plugin, first, Started).await;
        let (first, answer, effects) = called.with_context(|| format!("`{name}` cannot start"))?;
        started.ready.push(Ready { plugin, first });
        started.effects.push(Some(effects));
        answer.map_err(|why| anyhow!("`{name}` refuses to start: {}", why.escape_debug()))?;
    }
    Ok(started)
}

impl StartedGroup {
    /// Commits what starting caused. The instance that started is the one that serves where there is only one.
    pub(crate) async fn commit(mut self, context: &Context) -> anyhow::Result<Vec<Committed>> {
        let mut committed = Vec::new();
        while let Some(plugin) = self.ready.first().map(|ready| Arc::clone(&ready.plugin)) {
            if let Some(effects) = self.effects.first_mut().and_then(Option::as_mut) {
                commit_lasting(effects, context.server()).await?;
                apply_local(effects, &plugin);
            }
            let Ready { plugin, first } = self.ready.remove(0);
            let effects = self.effects.remove(0).unwrap_or_default();
            if plugin.manifest.placement == Placement::Single {
                let slot = context.shared_instances.get(plugin.id, FIRST);
                slot.lock().await?.put(first);
            }
            committed.push(Committed { plugin, effects });
        }
        Ok(committed)
    }
}

/// A plugin that is ready for the switch, with effects of its start that are released after it: stanzas and timers.
pub(crate) struct Committed {
    pub(crate) plugin: Arc<Loaded>,
    pub(crate) effects: Effects,
}

/// Ends versions that serve no more, one after the other: waits for the calls under way, calls `shutdown`, and lets go.
pub(crate) async fn shut_down_all(context: Arc<Context>, versions: Vec<Arc<Loaded>>) {
    for plugin in versions {
        drain(&context, &plugin).await;
        if let Err(error) = shut_down(&context, &plugin).await {
            let name = plugin.manifest.name.as_str();
            tracing::warn!(
                plugin = name,
                version = plugin.manifest.version,
                "shutdown failed: {error:#}"
            );
        }
        context.shared_instances.clear(plugin.id);
    }
}

async fn drain(context: &Context, plugin: &Plugin) {
    let until = Instant::now().checked_add(DRAIN);
    let mut pause = LOOK.0;
    while until.is_some_and(|until| Instant::now() < until) {
        sleep(pause).await;
        if plugin.under_way.is_none() && !context.registry.is_held(plugin.id) {
            return;
        }
        pause = pause.saturating_mul(2).min(LOOK.1);
    }
}

async fn shut_down(context: &Context, plugin: &Loaded) -> anyhow::Result<()> {
    for mut one in instances(context, plugin).await? {
        if let Some(instance) = one.instance.take() {
            let (_, (), effects) = invoke(&context.runtime, plugin, instance, Shutdown).await?;
            follow(context, plugin, one.key.scope, effects).await?;
        }
    }
    Ok(())
}
