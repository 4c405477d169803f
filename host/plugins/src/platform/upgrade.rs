//! The calls of a plugin's life: a new version takes over from the old, starts, and the old one ends.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::time::{Instant, sleep, timeout};

use crate::calls::caller::{create, make};
use crate::calls::context::Shared;
use crate::calls::shared_instances::{SlotKey, Turn};
use crate::exports::Level;
use crate::exports::lifecycle::{Restore, Save, Shutdown, Started};
use crate::fault::Fault;
use crate::instance::Idle;
use crate::instance::plugin::Plugin;
use crate::model::effects::Effects;
use crate::wit::bindings::waxwing::plugin::manifest::Placement;

/// How long an instance that calls wait for may take to come free before a reload is given up.
const TURN: Duration = Duration::from_secs(10);

/// How long calls under way may go on in a version that was replaced before it is shut down all the same.
const DRAIN: Duration = Duration::from_secs(5);

/// Pauses between looks at the calls under way: the first, and the longest.
const LOOK: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// A version that is initialised and does not serve yet.
pub(crate) struct Ready {
    pub(crate) plugin: Arc<Plugin>,
    /// Of the first scope.
    pub(crate) first: Idle,
}

/// What one instance of the old version left.
struct Leftovers {
    /// A host of the instance's scope, which may be another scope in the new version.
    host: String,
    group: u64,
    bytes: Vec<u8>,
}

/// An instance of the old version. Where calls wait for it they go on waiting until this is dropped, so that nothing changes
/// in it between `save` and the switch.
pub(crate) struct Held {
    key: SlotKey,
    turn: Option<Turn>,
    instance: Option<Idle>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let (Some(turn), Some(instance)) = (&mut self.turn, self.instance.take()) {
            turn.put(instance);
        }
    }
}

/// Lets the new version take over what the old one left.
pub(crate) async fn hand_over(
    shared: &Arc<Shared>,
    old: &Arc<Plugin>,
    new: Ready,
) -> anyhow::Result<(Ready, Vec<Held>)> {
    let (leftovers, held) = save(shared, old)
        .await
        .with_context(|| format!("version {} cannot save", old.manifest.version))?;
    let mut new = new;
    for left in leftovers.into_iter().filter(|left| !left.bytes.is_empty()) {
        let restore = Restore {
            version: old.manifest.version.clone(),
            state: left.bytes,
        };
        new = restore_into(shared, new, &left.host, left.group, restore)
            .await
            .context("cannot restore what the version before it saved")?;
    }
    Ok((new, held))
}

async fn save(
    shared: &Arc<Shared>,
    old: &Arc<Plugin>,
) -> anyhow::Result<(Vec<Leftovers>, Vec<Held>)> {
    let mut held = instances(shared, old).await?;
    let mut leftovers = Vec::new();
    for one in &mut held {
        let Some(instance) = one.instance.take() else {
            continue;
        };
        let (instance, bytes, effects) = make(shared, old, instance, Save).await?;
        one.instance = Some(instance);
        follow(shared, old, one.key.scope, effects).await?;
        let scope = old.scopes.get(one.key.scope);
        let host = scope.and_then(|scope| scope.hosts.first());
        leftovers.push(Leftovers {
            host: host.cloned().unwrap_or_default(),
            group: one.key.group,
            bytes,
        });
    }
    Ok((leftovers, held))
}

/// The instances in which a version keeps what it has: those that calls wait for, or else a new one.
async fn instances(shared: &Arc<Shared>, plugin: &Arc<Plugin>) -> Result<Vec<Held>, Fault> {
    if !keeps(plugin) {
        return Ok(vec![Held {
            key: SlotKey {
                scope: 0,
                level: Level::Hook,
                group: 0,
            },
            turn: None,
            instance: Some(create(shared, plugin, 0, Level::Hook).await?),
        }]);
    }
    let mut found = Vec::new();
    let slots = plugin.slots.all().into_iter();
    for (key, slot) in slots.filter(|(key, _)| key.level == Level::Hook) {
        let turn = timeout(TURN, slot.turn()).await;
        let mut turn = turn.map_err(|_| Fault::Busy)??;
        found.push(Held {
            key,
            instance: turn.take(),
            turn: Some(turn),
        });
    }
    Ok(found)
}

/// Whether a version's instances are worth handing on: all calls of a kind meet the same.
fn keeps(plugin: &Plugin) -> bool {
    matches!(
        plugin.manifest.placement,
        Placement::Single | Placement::Keyed
    )
}

/// Restores into the new version's instance for the same host and group.
async fn restore_into(
    shared: &Arc<Shared>,
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
        _ => true,
    };
    if is_first {
        let (first, restored, effects) = make(shared, &plugin, first, restore).await?;
        settle(shared, &plugin, scope, restored, effects).await?;
        return Ok(Ready { plugin, first });
    }
    let group = match plugin.manifest.placement {
        Placement::Keyed => group,
        _ => 0,
    };
    let slot = plugin.slots.slot(SlotKey {
        scope,
        level: Level::Hook,
        group,
    });
    let mut turn = slot.turn().await?;
    let instance = match turn.take() {
        Some(instance) => instance,
        None => create(shared, &plugin, scope, Level::Hook).await?,
    };
    let (instance, restored, effects) = make(shared, &plugin, instance, restore).await?;
    settle(shared, &plugin, scope, restored, effects).await?;
    turn.put(instance);
    Ok(Ready { plugin, first })
}

/// Carries out what a call caused that answered with success; otherwise nothing has happened.
async fn settle(
    shared: &Arc<Shared>,
    plugin: &Arc<Plugin>,
    scope: usize,
    answer: Result<(), String>,
    effects: Effects,
) -> anyhow::Result<()> {
    if let Err(why) = answer {
        effects.roll_back(plugin);
        return Err(anyhow!("{}", why.escape_debug()));
    }
    follow(shared, plugin, scope, effects).await
}

async fn follow(
    shared: &Arc<Shared>,
    plugin: &Arc<Plugin>,
    scope: usize,
    effects: Effects,
) -> anyhow::Result<()> {
    let after = shared.commit(plugin, scope, effects).await?;
    shared.services.follow(after);
    Ok(())
}

/// Plugins that have started, and what that caused: carried out for all of them or for none.
pub(crate) struct StartedGroup {
    pub(crate) ready: Vec<Ready>,
    effects: Vec<Option<Effects>>,
}

impl Drop for StartedGroup {
    fn drop(&mut self) {
        for (ready, effects) in self.ready.iter().zip(&mut self.effects) {
            if let Some(effects) = effects.take() {
                effects.roll_back(&ready.plugin);
            }
        }
    }
}

/// Calls `started` in each, in order.
pub(crate) async fn start(shared: &Arc<Shared>, group: Vec<Ready>) -> anyhow::Result<StartedGroup> {
    let mut started = StartedGroup {
        ready: Vec::new(),
        effects: Vec::new(),
    };
    for Ready { plugin, first } in group {
        let name = plugin.manifest.name.clone();
        let called = make(shared, &plugin, first, Started).await;
        let (first, answer, effects) = called.with_context(|| format!("`{name}` cannot start"))?;
        started.ready.push(Ready { plugin, first });
        started.effects.push(Some(effects));
        answer.map_err(|why| anyhow!("`{name}` refuses to start: {}", why.escape_debug()))?;
    }
    Ok(started)
}

impl StartedGroup {
    /// Commits what starting caused. The instance that started is the one that serves where there is only one.
    pub(crate) async fn commit(mut self, shared: &Arc<Shared>) -> anyhow::Result<Vec<Committed>> {
        let mut committed = Vec::new();
        while let Some(plugin) = self.ready.first().map(|ready| Arc::clone(&ready.plugin)) {
            if let Some(effects) = self.effects.first_mut().and_then(Option::as_mut) {
                effects.commit(&*shared.services).await?;
                effects.apply_memory(&plugin);
            }
            let Ready { plugin, first } = self.ready.remove(0);
            let effects = self.effects.remove(0).unwrap_or_default();
            if plugin.manifest.placement == Placement::Single {
                let slot = plugin.slots.slot(SlotKey {
                    scope: 0,
                    level: Level::Hook,
                    group: 0,
                });
                slot.turn().await?.put(first);
            }
            committed.push(Committed { plugin, effects });
        }
        Ok(committed)
    }
}

/// A plugin that is ready for the switch, and what follows from its start after that: what it sends and sets.
pub(crate) struct Committed {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) effects: Effects,
}

/// Ends versions that serve no more, one after the other: waits for the calls under way, calls `shutdown`, and lets go.
pub(crate) async fn retire(shared: Arc<Shared>, versions: Vec<Arc<Plugin>>) {
    for plugin in versions {
        drain(&shared, &plugin).await;
        if let Err(error) = shut_down(&shared, &plugin).await {
            let name = plugin.manifest.name.as_str();
            tracing::warn!(
                plugin = name,
                version = plugin.manifest.version,
                "shutting down failed: {error:#}"
            );
        }
        plugin.slots.clear();
    }
}

async fn drain(shared: &Shared, plugin: &Plugin) {
    let until = Instant::now().checked_add(DRAIN);
    let mut pause = LOOK.0;
    while until.is_some_and(|until| Instant::now() < until) {
        sleep(pause).await;
        if plugin.under_way.is_none() && !shared.registry.is_held(plugin.id) {
            return;
        }
        pause = pause.saturating_mul(2).min(LOOK.1);
    }
}

async fn shut_down(shared: &Arc<Shared>, plugin: &Arc<Plugin>) -> anyhow::Result<()> {
    for mut one in instances(shared, plugin).await? {
        if let Some(instance) = one.instance.take() {
            let (_, (), effects) = make(shared, plugin, instance, Shutdown).await?;
            follow(shared, plugin, one.key.scope, effects).await?;
        }
    }
    Ok(())
}
