//! The time (interface `clock`).

use crate::native::world;

/// Milliseconds since 1970-01-01T00:00:00Z. May step when the machine's clock is set.
pub fn now() -> u64 {
    world::with(|world| world.began.saturating_add(world.elapsed))
}

/// Milliseconds since the server started. Never steps back.
pub fn monotonic() -> u64 {
    world::with(|world| world.elapsed)
}
