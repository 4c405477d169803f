//! The import `events`, for plugins granted it.

use crate::instance::state::State;
use crate::model::effects::Published;
use crate::wit::bindings::waxwing::plugin::events::{Host, PublishError};

/// Events that a call may publish.
const MAX_PUBLISHED: usize = 64;
const MAX_NAME: usize = 128;
const MAX_DATA: usize = 64 << 10;
/// How far an event may lead to events.
const MAX_DEPTH: u8 = 8;

impl Host for State {
    fn publish(
        &mut self,
        name: String,
        version: u32,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<(), PublishError>> {
        self.charge()?;
        if !self.is_granted("events") {
            return Ok(Err(PublishError::NotGranted));
        }
        if name.is_empty() || name.len() > MAX_NAME || data.len() > MAX_DATA {
            return Ok(Err(PublishError::Invalid));
        }
        if self.call.published.len() >= MAX_PUBLISHED {
            return Ok(Err(PublishError::TooMany));
        }
        if self.depth >= MAX_DEPTH {
            return Ok(Err(PublishError::TooDeep));
        }
        self.call.published.push(Published {
            name,
            version,
            data,
        });
        Ok(Ok(()))
    }
}
