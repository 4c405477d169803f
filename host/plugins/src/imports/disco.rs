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
        if !self.services.serves(&host) {
            return Ok(None);
        }
        let directory = &self.services.directory;
        let mut is_known = node.is_none();
        let mut items = Vec::new();
        directory.each_node(&mut |one| {
            if one.parent == node {
                items.push(item(&host, one));
            }
            is_known |= node.as_ref() == Some(&one.node);
        });
        if node.is_none() {
            let component = |jid| Item {
                jid,
                node: None,
                label: None,
            };
            items.extend(directory.components_of(&host).into_iter().map(component));
        }
        Ok((is_known || !items.is_empty()).then_some(items))
    }

    fn info(&mut self, host: String, node: String) -> wasmtime::Result<Option<NodeInfo>> {
        self.charge()?;
        if !self.services.serves(&host) {
            return Ok(None);
        }
        let (mut found, mut has_commands) = (None, false);
        self.services.directory.each_node(&mut |one| {
            if one.node == node && found.is_none() {
                found = Some(info(one));
            }
            has_commands |= one.parent.as_deref() == Some(COMMANDS);
        });
        let commands = || (node == COMMANDS && has_commands).then(command_list);
        Ok(found.or_else(commands))
    }

    fn identities(&mut self, host: String) -> wasmtime::Result<Vec<Identity>> {
        self.charge()?;
        if !self.services.serves(&host) {
            return Ok(Vec::new());
        }
        Ok(vec![identity("server", "im", Some("Waxwing"))])
    }

    fn features(&mut self, host: String) -> wasmtime::Result<Vec<String>> {
        self.charge()?;
        if !self.services.serves(&host) {
            return Ok(Vec::new());
        }
        let own = self.services.server.features().iter();
        let mut features: BTreeSet<String> = own.map(|&feature| feature.to_owned()).collect();
        features.extend(self.services.directory.features());
        Ok(features.into_iter().collect())
    }

    fn account_features(&mut self, host: String) -> wasmtime::Result<Vec<String>> {
        self.charge()?;
        if !self.services.serves(&host) {
            return Ok(Vec::new());
        }
        Ok(self.services.directory.account_features())
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
