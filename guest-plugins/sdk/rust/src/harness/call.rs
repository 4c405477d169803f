//! One call: atomic, as the host's are.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::native::world::{self, World};

/// Runs a call in that world. Its effects are carried out if it returned and forgotten if it panicked; the error is what
/// the panic said.
pub(super) fn guarded<R>(world: &mut World, f: impl FnOnce() -> R) -> Result<R, String> {
    tried(world, || Ok(f()))
}

/// The same with a call whose own error also means that nothing has happened.
pub(super) fn tried<R>(
    world: &mut World,
    f: impl FnOnce() -> Result<R, String>,
) -> Result<R, String> {
    world::swap(world);
    let result = catch_unwind(AssertUnwindSafe(f));
    world::swap(world);
    let result = result.unwrap_or_else(|panic| Err(words(panic.as_ref())));
    match result {
        Ok(_) => world.commit(),
        Err(_) => world.roll_back(),
    }
    result
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the plugin panicked").to_owned()
}
