//! Timers (interface `timers`).

use crate::native::world::{self, TimerChange};

pub use crate::bindings::lifecycle::waxwing::plugin::timers::TimerError;

/// Sets a timer by a name when the call has returned, due after so many milliseconds (100 to 30 days).
pub fn set(name: &str, milliseconds: u64, repeat: bool) -> Result<(), TimerError> {
    if name.is_empty() || name.len() > 128 {
        return Err(TimerError::InvalidName);
    }
    let milliseconds = milliseconds.clamp(100, 2_592_000_000);
    world::with(|world| {
        if world.timers.len().saturating_add(world.call.timers.len()) >= 1_000 {
            return Err(TimerError::Full);
        }
        let set = TimerChange::Set(name.to_owned(), milliseconds, repeat);
        world.call.timers.push(set);
        Ok(())
    })
}

/// Cancels the timer of that name when the call has returned.
pub fn cancel(name: &str) {
    world::with(|world| world.call.timers.push(TimerChange::Cancel(name.to_owned())));
}
