//! The server's log (interface `log`).

use crate::native::world;

pub use crate::bindings::lifecycle::waxwing::plugin::log::Level;

/// Writes one line, at most 4,096 bytes; longer is cut.
pub fn write(level: Level, message: &str) {
    let end = message.floor_char_boundary(4_096);
    let message = message.get(..end).unwrap_or_default().to_owned();
    world::with(|world| world.logged.push((level, message)));
}
