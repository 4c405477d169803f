//! Reading the configuration again while the server runs: what is taken over at once, and what waits for a restart.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::Config;

impl Config {
    /// Takes over from `new` what a running server follows: certificates, administrators, and the plugins' tables. A domain
    /// that `new` does not have keeps what it has, since it is served until the restart.
    pub(crate) fn take_over(&mut self, new: &Self) {
        self.tls.clone_from(&new.tls);
        self.plugin.clone_from(&new.plugin);
        for host in &mut self.host {
            let Some(new) = new.host.iter().find(|new| new.domain == host.domain) else {
                continue;
            };
            host.tls.clone_from(&new.tls);
            host.admins.clone_from(&new.admins);
            host.plugin.clone_from(&new.plugin);
        }
    }

    /// The keys in which `new` differs from this configuration, in their order: those that wait for a restart once the rest is
    /// taken over. Of a host's key the domain is added. Values are left out, since some are secret.
    pub(crate) fn differences(&self, new: &Self) -> Vec<String> {
        let mut keys = Vec::new();
        // A configuration that was read can be written.
        let (old_table, new_table) = (table(self), table(new));
        compare(&old_table, &new_table, "", "", &mut keys);
        // It is written without its password.
        let url = "storage.url".to_owned();
        if self.storage.url != new.storage.url && !keys.contains(&url) {
            keys.push(url);
        }
        if !self
            .host
            .iter()
            .map(|host| &host.domain)
            .eq(new.host.iter().map(|host| &host.domain))
        {
            keys.push("host.domain".to_owned());
        }
        for host in &self.host {
            if let Some(new) = new.host.iter().find(|new| new.domain == host.domain) {
                let (old_table, new_table) = (table(host), table(new));
                let of = format!(" of {}", host.domain);
                compare(&old_table, &new_table, "host.", &of, &mut keys);
            }
        }
        keys
    }
}

/// A section as it is written; without the list of hosts, which are compared by their domains.
fn table(section: &impl serde::Serialize) -> Table {
    let mut table = Table::try_from(section).unwrap_or_default();
    table.remove("host");
    table
}

/// Adds the keys whose values differ, each between `before` and `after`.
fn compare(old: &Table, new: &Table, before: &str, after: &str, keys: &mut Vec<String>) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) if old == new => {}
            (Some(Value::Table(old)), Some(Value::Table(new))) => {
                compare(old, new, &format!("{before}{name}."), after, keys);
            }
            _ => keys.push(format!("{before}{name}{after}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    const BEFORE: &str = "
        [[host]]
        domain = 'a.example'
        admins = ['one@a.example']
        [host.plugin.registration.config]
        open = true
        [[host]]
        domain = 'b.example'
        [storage]
        url = 'postgres://waxwing:old@db/waxwing'
        [plugin.ping]
        priority = 1
    ";

    #[test]
    fn takes_over_certificates_administrators_and_plugins() {
        let mut running = read(BEFORE);
        let new = read(
            "
            [[host]]
            domain = 'a.example'
            admins = ['two@a.example']
            [host.tls]
            certificate = 'a.pem'
            private_key = 'a.key'
            [host.plugin.registration.config]
            open = false
            [[host]]
            domain = 'b.example'
            [storage]
            url = 'postgres://waxwing:old@db/waxwing'
            [tls]
            certificate = 'all.pem'
            private_key = 'all.key'
            [plugin.ping]
            priority = 2
            ",
        );
        running.take_over(&new);
        assert_eq!(running, new);
        assert_eq!(running.differences(&new), Vec::<String>::new());
    }

    #[test]
    fn names_each_key_that_waits_and_no_value() {
        let mut running = read(BEFORE);
        let new = read(
            "
            data_dir = 'elsewhere'
            [[host]]
            domain = 'c.example'
            [[host]]
            domain = 'a.example'
            resource_conflict = 'refuse'
            [[listen]]
            kind = 'c2s-tls'
            [limits]
            stanza_bytes = 20000
            roster_items = 2
            [plugins]
            memory_mib = 2048
            [sasl]
            mechanisms = ['PLAIN']
            [storage]
            url = 'postgres://waxwing:new@db/waxwing'
            [cluster]
            nats = 'nats://127.0.0.1:4222'
            ",
        );
        let b = running.host[1].clone();
        running.take_over(&new);
        assert_eq!(
            running.differences(&new),
            [
                "cluster",
                "data_dir",
                "limits.roster_items",
                "limits.stanza_bytes",
                "listen",
                "plugins.memory_mib",
                "sasl.mechanisms",
                "storage.url",
                "host.domain",
                "host.resource_conflict of a.example",
            ]
        );
        assert_eq!(
            running.host[1], b,
            "a domain that is served until the restart"
        );
    }
}
