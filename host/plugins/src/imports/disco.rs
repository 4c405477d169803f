//! The import `disco`: what all plugins registered.

use std::collections::BTreeSet;

use crate::instance::state::State;
use crate::wit::bindings::waxwing::plugin::disco::{Host, Identity, Item, NodeInfo};
use crate::wit::bindings::waxwing::plugin::manifest::DiscoNode;

/// The node of ad-hoc commands (XEP-0050 §2.1).
const COMMANDS: &str = "http://jabber.org/protocol/commands";

impl Host for State {
    fn items(&mut self, host: String, node: Option<String>) -> wasmtime::Result<Option<Vec<Item>>> {
        self.charge()?;
        if !self.shared.serves(&host) {
            return Ok(None);
        }
        let snapshot = self.shared.registry.now();
        let here = snapshot.nodes().filter(|one| one.parent == node);
        let mut items: Vec<Item> = here.map(|node| item(&host, node)).collect();
        let is_known = match &node {
            None => {
                items.extend(snapshot.components_of(&host).map(|domain| Item {
                    jid: domain.clone(),
                    node: None,
                    label: None,
                }));
                true
            }
            Some(name) => snapshot.nodes().any(|one| one.node == *name),
        };
        Ok((is_known || !items.is_empty()).then_some(items))
    }

    fn info(&mut self, host: String, node: String) -> wasmtime::Result<Option<NodeInfo>> {
        self.charge()?;
        if !self.shared.serves(&host) {
            return Ok(None);
        }
        let snapshot = self.shared.registry.now();
        let found = snapshot.nodes().find(|one| one.node == node);
        let has_commands = || {
            let mut nodes = snapshot.nodes();
            nodes.any(|node| node.parent.as_deref() == Some(COMMANDS))
        };
        Ok(match found {
            Some(found) => Some(info(found)),
            None if node == COMMANDS && has_commands() => Some(command_list()),
            None => None,
        })
    }

    fn identities(&mut self, host: String) -> wasmtime::Result<Vec<Identity>> {
        self.charge()?;
        if !self.shared.serves(&host) {
            return Ok(Vec::new());
        }
        Ok(vec![identity("server", "im", Some("Waxwing"))])
    }

    fn features(&mut self, host: String) -> wasmtime::Result<Vec<String>> {
        self.charge()?;
        if !self.shared.serves(&host) {
            return Ok(Vec::new());
        }
        let own = self.shared.services.features().iter();
        let mut features: BTreeSet<String> = own.map(|&feature| feature.to_owned()).collect();
        features.extend(self.shared.registry.now().features().cloned());
        Ok(features.into_iter().collect())
    }

    fn account_features(&mut self, host: String) -> wasmtime::Result<Vec<String>> {
        self.charge()?;
        if !self.shared.serves(&host) {
            return Ok(Vec::new());
        }
        let snapshot = self.shared.registry.now();
        Ok(snapshot.account_features().cloned().collect())
    }
}

fn item(host: &str, node: &DiscoNode) -> Item {
    Item {
        jid: host.to_owned(),
        node: Some(node.node.clone()),
        label: node.label.clone(),
    }
}

fn info(node: &DiscoNode) -> NodeInfo {
    let mut features = node.features.clone();
    features.sort();
    features.dedup();
    NodeInfo {
        identity: identity(&node.category, &node.kind, node.label.as_deref()),
        features,
    }
}

fn command_list() -> NodeInfo {
    NodeInfo {
        identity: identity("automation", "command-list", None),
        features: vec![COMMANDS.to_owned()],
    }
}

fn identity(category: &str, kind: &str, label: Option<&str>) -> Identity {
    Identity {
        category: category.to_owned(),
        kind: kind.to_owned(),
        label: label.map(str::to_owned),
    }
}
