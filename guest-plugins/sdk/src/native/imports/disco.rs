//! What service discovery should announce (interface `disco`).

use crate::native::world;

pub use crate::bindings::lifecycle::waxwing::plugin::disco::Identity;

/// The identities of a served domain.
pub fn identities(host: &str) -> Vec<Identity> {
    world::with(|world| {
        let served = world.serves(host).then(|| world.identities.clone());
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
