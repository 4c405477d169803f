//! The import `log`.

use crate::bindings::waxwing::plugin::log::{Host, Level};
use crate::state::State;

impl Host for State {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.charge()?;
        self.plugin
            .ledger
            .logs
            .write(&self.plugin.manifest.name, level, &message);
        Ok(())
    }
}
