//! The import `timers`.

use std::time::Duration;

use crate::instance::state::State;
use crate::model::timer_change::TimerChange;
use crate::schedule::timers::MAX_TIMERS;
use crate::wit::bindings::waxwing::plugin::timers::{Host, TimerError};

const MAX_NAME: usize = 128;

impl Host for State {
    fn set(
        &mut self,
        name: String,
        milliseconds: u64,
        repeat: bool,
    ) -> wasmtime::Result<Result<(), TimerError>> {
        self.charge()?;
        if name.is_empty() || name.len() > MAX_NAME {
            return Ok(Err(TimerError::InvalidName));
        }
        let there = self.services.timers.count(&self.plugin.manifest.name);
        if there.saturating_add(self.call.timers.len()) >= MAX_TIMERS {
            return Ok(Err(TimerError::Full));
        }
        self.call.timers.push(TimerChange::Set {
            name,
            after: Duration::from_millis(milliseconds),
            repeat,
        });
        Ok(Ok(()))
    }

    fn cancel(&mut self, name: String) -> wasmtime::Result<()> {
        self.charge()?;
        // Kept even where there is none yet: the call may have set it before.
        if self.call.timers.len() < MAX_TIMERS {
            self.call.timers.push(TimerChange::Cancel { name });
        }
        Ok(())
    }
}
