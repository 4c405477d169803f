//! What service discovery should announce (interface `disco`).

use crate::native::world;

pub use crate::bindings::lifecycle::waxwing::plugin::disco::{Identity, Item, NodeInfo};

/// The items of a served domain or of a node; none if there is no such node.
pub fn items(host: &str, node: Option<&str>) -> Option<Vec<Item>> {
    world::with(|world| {
        let here = world.nodes.iter();
        let here = here.filter(|one| one.parent.as_deref() == node);
        let item = |one: &crate::DiscoNode| Item {
            jid: host.to_owned(),
            node: Some(one.node.clone()),
            label: one.label.clone(),
        };
        let items: Vec<Item> = here.map(item).collect();
        let named = |name: &str| world.nodes.iter().any(|one| one.node == name);
        let known = !items.is_empty() || node.is_none_or(named);
        (world.serves(host) && known).then_some(items)
    })
}

/// What a node of a served domain is; none if there is no such node.
pub fn info(host: &str, node: &str) -> Option<NodeInfo> {
    world::with(|world| {
        let found = world.nodes.iter().find(|one| one.node == node)?;
        world.serves(host).then(|| NodeInfo {
            identity: Identity {
                category: found.category.clone(),
                kind: found.kind.clone(),
                label: found.label.clone(),
            },
            features: found.features.clone(),
        })
    })
}

/// The identities of a served domain.
pub fn identities(host: &str) -> Vec<Identity> {
    world::with(|world| {
        let served = world.serves(host).then(|| world.identities.clone());
        served.unwrap_or_default()
    })
}

/// The features of the accounts of a served domain, sorted, each once.
pub fn account_features(host: &str) -> Vec<String> {
    world::with(|world| {
        let served = world.serves(host).then(|| world.account_features.clone());
        served.unwrap_or_default()
    })
}

/// The features of a served domain: the host's own and those of all enabled plugins, sorted, each once.
pub fn features(host: &str) -> Vec<String> {
    world::with(|world| {
        let served = world.serves(host).then(|| world.features.clone());
        served.unwrap_or_default()
    })
}
