//! Telling other plugins something (interface `events`).

use crate::native::world::{self, Published};

pub use crate::bindings::lifecycle::waxwing::plugin::events::PublishError;

/// Tells all plugins that listen, when the call has returned.
pub fn publish(name: &str, version: u32, data: &[u8]) -> Result<(), PublishError> {
    world::with(|world| {
        if !world.grants.contains("events") {
            return Err(PublishError::NotGranted);
        }
        if name.is_empty() || name.len() > 128 || data.len() > 64 << 10 {
            return Err(PublishError::Invalid);
        }
        if world.call.published.len() >= 64 {
            return Err(PublishError::TooMany);
        }
        world.call.published.push(Published {
            name: name.to_owned(),
            version,
            data: data.to_vec(),
        });
        Ok(())
    })
}
