//! Whose an address is: the one place that tells the server's own addresses from components and from other servers.

use std::collections::HashSet;

use waxwing_plugins::PluginEvents;
use waxwing_xmpp::jid::Jid;

/// What an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressKind {
    /// A domain of this server itself.
    Server,
    /// An account of a domain of this server, by its bare JID.
    Account,
    /// A resource of such an account.
    Resource,
    /// A domain that a plugin serves as a component, or an address below it.
    Component,
    /// A domain that this server does not serve. The way there, if there is one, is the router's [`Egress`](super::egress::Egress).
    Remote,
}

/// The domains of this server, and those of its plugins' components.
#[derive(Debug)]
pub(crate) struct Directory {
    hosts: HashSet<String>,
    components: PluginEvents,
}

impl Directory {
    /// The directory of a server with these domains, in prepared form.
    pub(crate) fn new(hosts: impl IntoIterator<Item = String>, components: PluginEvents) -> Self {
        Self {
            hosts: hosts.into_iter().collect(),
            components,
        }
    }

    /// What an address names.
    pub(crate) fn of(&self, address: &Jid) -> AddressKind {
        let domain = address.domain().as_str();
        if !self.hosts.contains(domain) {
            if self.components.is_component(domain) {
                AddressKind::Component
            } else {
                AddressKind::Remote
            }
        } else if address.node().is_none() {
            AddressKind::Server
        } else if address.is_bare() {
            AddressKind::Account
        } else {
            AddressKind::Resource
        }
    }
}
