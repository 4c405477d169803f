//! The administrators of each domain, as the operator names them in `[[host]]`.

use std::collections::{BTreeMap, BTreeSet};

use arc_swap::ArcSwap;
use waxwing_xmpp::jid::BareJid;

use crate::config::Host;

/// Prepared bare JIDs by prepared domain.
type ByDomain = BTreeMap<String, BTreeSet<String>>;

/// The administrators now. SIGHUP replaces them.
#[derive(Debug, Default)]
pub(crate) struct Administrators(ArcSwap<ByDomain>);

impl Administrators {
    /// Those that the checked configuration names.
    pub(crate) fn new(hosts: &[Host]) -> Self {
        Self(ArcSwap::from_pointee(by_domain(hosts)))
    }

    /// Replaces all of them.
    pub(crate) fn replace(&self, hosts: &[Host]) {
        self.0.store(by_domain(hosts).into());
    }

    /// Whether an account administers a prepared domain.
    pub(crate) fn has(&self, domain: &str, account: &BareJid) -> bool {
        let now = self.0.load();
        let admins = now.get(domain);
        admins.is_some_and(|admins| admins.contains(account.as_str()))
    }
}

fn by_domain(hosts: &[Host]) -> ByDomain {
    let of = |host: &Host| (host.domain.clone(), host.admins.iter().cloned().collect());
    hosts.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use waxwing_xmpp::jid;

    use super::*;

    fn host(domain: &str, admins: &[&str]) -> Host {
        Host {
            domain: domain.to_owned(),
            admins: admins.iter().map(ToString::to_string).collect(),
            ..Host::default()
        }
    }

    #[test]
    fn each_domain_has_its_own() {
        let hosts = [
            host("a.example", &["juliet@a.example", "romeo@b.example"]),
            host("b.example", &[]),
        ];
        let administrators = Administrators::new(&hosts);
        let has = |domain, account| administrators.has(domain, &jid::parse_bare(account).unwrap());
        assert!(has("a.example", "Juliet@A.example"));
        assert!(has("a.example", "romeo@b.example"));
        assert!(!has("b.example", "romeo@b.example"));
        assert!(!has("c.example", "juliet@a.example"));
        administrators.replace(&[host("b.example", &["romeo@b.example"])]);
        assert!(has("b.example", "romeo@b.example"));
        assert!(!has("a.example", "juliet@a.example"));
    }
}
