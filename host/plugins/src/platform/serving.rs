//! Letting plugins serve, and taking them out: one switch of the registry, with what has to be told.

use std::sync::Arc;

use crate::calls::announcements;
use crate::calls::context::Context;
use crate::instance::loaded::Loaded;
use crate::model::interfaces::Role;
use crate::registry::snapshot::Snapshot;

/// Lets plugins serve, each in place of the version of the same name if there is one, all in one switch.
pub(crate) fn put(context: &Context, plugins: Vec<Arc<Loaded>>) {
    let listens = |snapshot: &Snapshot, name: &str| {
        let mut listeners = snapshot.listeners.session_events.iter();
        listeners.any(|one| one.manifest.name == name)
    };
    let before = context.registry.keep();
    let hosts = &context.services.hosts;
    context.registry.replace(&[], plugins.clone(), hosts);
    announce_roster_providers(context, &before);
    for plugin in plugins {
        let name = plugin.manifest.name.as_str();
        if !listens(&before, name) && listens(&context.registry.now(), name) {
            announcements::existing_sessions(context, &plugin);
        }
    }
}

/// Takes plugins out in one switch, with all that is kept for them but their storage.
pub(crate) fn remove(context: &Context, names: &[String]) {
    let before = context.registry.keep();
    let services = &context.services;
    context.registry.replace(names, [], &services.hosts);
    announce_roster_providers(context, &before);
    for name in names {
        services.timers.forget(&services.timer_queue, name);
        context.events.forget(name);
    }
}

/// Tells the server at which hosts another plugin keeps the rosters than before, or none.
fn announce_roster_providers(context: &Context, before: &Snapshot) {
    let provider = |snapshot: &Snapshot, host: &str| {
        let provider = snapshot.providers.at(Role::Roster, host);
        provider.map(|plugin| plugin.manifest.name.clone())
    };
    let now = context.registry.now();
    let hosts = context.services.hosts.iter();
    let moved = hosts.filter(|host| provider(before, host) != provider(&now, host));
    let moved: Vec<String> = moved.map(ToString::to_string).collect();
    if !moved.is_empty() {
        context.server().rosters_moved(moved);
    }
}
