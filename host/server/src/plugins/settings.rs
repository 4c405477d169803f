//! The operator's configuration of plugins, in the platform's terms.

use std::collections::BTreeMap;

use waxwing_plugins::PluginSettings;

use crate::config::{Config, Plugin};

/// The operator's tables, by plugin.
pub(crate) fn settings(config: &Config) -> BTreeMap<String, PluginSettings> {
    let on_hosts = config.host.iter().flat_map(|host| host.plugin.keys());
    let names = config.plugin.keys().chain(on_hosts);
    let of = |name: &String| (name.clone(), of_plugin(config, name));
    names.map(of).collect()
}

fn of_plugin(config: &Config, name: &str) -> PluginSettings {
    let table = config
        .plugin
        .get(name)
        .cloned()
        .unwrap_or_else(Plugin::default);
    let on_hosts = || {
        let tables = config.host.iter();
        tables.filter_map(|host| Some((host.domain.clone(), host.plugin.get(name)?)))
    };
    PluginSettings {
        enabled: table.enabled,
        priority: table.priority,
        grants: table.grants,
        sha256: table.sha256,
        config: table.config,
        host_config: on_hosts()
            .map(|(domain, own)| (domain, own.config.clone()))
            .collect(),
        host_provider: on_hosts()
            .filter_map(|(domain, own)| Some((domain, own.provider?)))
            .collect(),
        http_hosts: table.http_hosts,
    }
}
