//! The effects of a call that reach no further than its plugin's own memory: applied or undone without a wait.

use std::time::Instant;

use crate::instance::plugin::Plugin;
use crate::model::effects::Effects;

/// Undoes what was not put off: the counters.
pub(crate) fn roll_back(effects: Effects, plugin: &Plugin) {
    for (key, delta) in effects.into_added() {
        plugin.memory.take_back(&key, delta);
    }
}

/// Applies what needs no waiting: the table, and what the plugin counts.
pub(crate) fn apply_local(effects: &mut Effects, plugin: &Plugin) {
    let Some(caused) = effects.caused_mut() else {
        return;
    };
    if !caused.memory.is_empty() {
        let memory = std::mem::take(&mut caused.memory);
        plugin.memory.apply(memory, Instant::now());
    }
    caused.added.clear();
    for metric in caused.metrics.drain(..) {
        plugin.counters.own.take(metric);
    }
}
