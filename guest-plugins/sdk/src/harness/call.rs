//! One call: atomic, as the host's are.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::native::world::{self, World};

/// Runs a call in that world. Its effects are carried out if it returned and forgotten if it panicked; the error is what
/// the panic said.
pub(super) fn guarded<R>(world: &mut World, f: impl FnOnce() -> R) -> Result<R, String> {
    world::swap(world);
    let result = catch_unwind(AssertUnwindSafe(f));
    world::swap(world);
    match result {
        Ok(value) => {
            world.commit();
            Ok(value)
        }
        Err(panic) => {
            world.roll_back();
            Err(words(panic.as_ref()))
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the plugin panicked").to_owned()
}
