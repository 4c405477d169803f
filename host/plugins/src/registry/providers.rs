//! Which plugin provides what at a host, in place of the server itself.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::instance::loaded::Loaded;
use crate::instance::plugin::Plugin;
use crate::model::interfaces::Role;

/// The plugins that offer to provide, for each role.
#[derive(Default)]
pub(crate) struct Providers([Vec<Arc<Loaded>>; Role::ALL.len()]);

impl Providers {
    /// Adds what a plugin offers; plugins come in the order of their names.
    pub(crate) fn add(&mut self, plugin: &Arc<Loaded>) {
        for (role, offers) in Role::ALL.into_iter().zip(&mut self.0) {
            if plugin.priority_as(role).is_some() {
                offers.push(Arc::clone(plugin));
            }
        }
    }

    /// Puts the highest priorities first, when all are there; ties stay in order.
    pub(crate) fn sort(&mut self) {
        for (role, offers) in Role::ALL.into_iter().zip(&mut self.0) {
            offers.sort_by_key(|plugin| Reverse(plugin.priority_as(role)));
        }
    }

    fn of(&self, role: Role) -> &[Arc<Loaded>] {
        let mut all = Role::ALL.into_iter().zip(&self.0);
        all.find(|(one, _)| *one == role)
            .map_or(&[], |(_, offers)| offers)
    }

    /// The plugin that provides at a host; none where the server itself does, whose priority is 0. One that the
    /// operator named for the host goes before all others.
    pub(crate) fn at(&self, role: Role, host: &str) -> Option<&Arc<Loaded>> {
        let offers = self.of(role);
        let named = |plugin: &&Arc<Loaded>| plugin.settings.provides_at(host) == Some(true);
        let anywhere = |plugin: &&Arc<Loaded>| {
            plugin.settings.provides_at(host).is_none() && plugin.priority_as(role) > Some(0)
        };
        let first = offers.iter().find(named);
        first.or_else(|| offers.iter().find(anywhere))
    }

    /// The names of plugins that provide somewhere what this one offers to provide there.
    pub(crate) fn in_the_way<'a>(
        &'a self,
        plugin: &'a Plugin,
    ) -> impl Iterator<Item = String> + 'a {
        let roles = Role::ALL.into_iter();
        let roles = roles.filter(|role| plugin.priority_as(*role).is_some());
        let places = roles.flat_map(|role| {
            let hosts = plugin.scopes.iter().flat_map(|scope| &scope.hosts);
            hosts.map(move |host| (role, host))
        });
        let wanted = places.filter(|(_, host)| plugin.settings.provides_at(host) != Some(false));
        let serving = wanted.filter_map(|(role, host)| self.at(role, host));
        let others = serving.filter(|other| other.id != plugin.id);
        others.map(|other| other.manifest.name.clone())
    }
}
