//! The import `log`.

use crate::instance::state::State;
use crate::wit::bindings::waxwing::plugin::log::{Host, Level};

impl Host for State {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.charge()?;
        self.plugin
            .counters
            .logs
            .write(&self.plugin.manifest.name, level, &message);
        Ok(())
    }
}
