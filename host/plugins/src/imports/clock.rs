//! The import `clock`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::instance::state::State;
use crate::wit::bindings::waxwing::plugin::clock::Host;

impl Host for State {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.charge()?;
        // A clock set before 1970 reads as 1970.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&mut self) -> wasmtime::Result<u64> {
        self.charge()?;
        Ok(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
