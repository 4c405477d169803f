//! `wasi:clocks`: the time, as the import `clock` gives it. Nobody waits for it: see `poll`.

use std::time::{SystemTime, UNIX_EPOCH};

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource};

use super::Nothing;
use super::poll::{LATER, NOW};
use crate::instance::state::State;

/// A point in time: seconds and nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// The clocks are given in milliseconds, as the import `clock` gives them.
const NANOS_A_MILLI: u64 = 1_000_000;

/// Links a function of the clocks; false if it is none of those that do something.
pub(super) fn link(
    linker: &mut LinkerInstance<'_, State>,
    interface: &str,
    function: &str,
) -> wasmtime::Result<bool> {
    match (interface, function) {
        ("wasi:clocks/wall-clock", "now") => linker.func_wrap(function, wall),
        ("wasi:clocks/wall-clock", "resolution") => linker.func_wrap(function, resolution),
        ("wasi:clocks/monotonic-clock", "now") => linker.func_wrap(function, monotonic),
        ("wasi:clocks/monotonic-clock", "resolution") => {
            linker.func_wrap(function, |mut store: StoreContextMut<'_, State>, (): ()| {
                store.data_mut().charge()?;
                Ok((NANOS_A_MILLI,))
            })
        }
        ("wasi:clocks/monotonic-clock", "subscribe-instant") => linker.func_wrap(
            function,
            |mut store: StoreContextMut<'_, State>, (when,): (u64,)| {
                store.data_mut().charge()?;
                Ok((pollable(when <= nanos(store.data())),))
            },
        ),
        ("wasi:clocks/monotonic-clock", "subscribe-duration") => linker.func_wrap(
            function,
            |mut store: StoreContextMut<'_, State>, (nanos,): (u64,)| {
                store.data_mut().charge()?;
                Ok((pollable(nanos == 0),))
            },
        ),
        _ => return Ok(false),
    }?;
    Ok(true)
}

fn pollable(is_due: bool) -> Resource<Nothing> {
    Resource::new_own(if is_due { NOW } else { LATER })
}

fn wall(mut store: StoreContextMut<'_, State>, (): ()) -> wasmtime::Result<(Datetime,)> {
    store.data_mut().charge()?;
    // A clock set before 1970 reads as 1970.
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok((Datetime {
        seconds: since.as_secs(),
        nanoseconds: since.subsec_millis().saturating_mul(1_000_000),
    },))
}

fn resolution(mut store: StoreContextMut<'_, State>, (): ()) -> wasmtime::Result<(Datetime,)> {
    store.data_mut().charge()?;
    Ok((Datetime {
        seconds: 0,
        nanoseconds: 1_000_000,
    },))
}

fn monotonic(mut store: StoreContextMut<'_, State>, (): ()) -> wasmtime::Result<(u64,)> {
    store.data_mut().charge()?;
    Ok((nanos(store.data()),))
}

/// Nanoseconds since the server started, in whole milliseconds.
fn nanos(state: &State) -> u64 {
    let millis = u64::try_from(state.started.elapsed().as_millis()).unwrap_or(u64::MAX);
    millis.saturating_mul(NANOS_A_MILLI)
}
