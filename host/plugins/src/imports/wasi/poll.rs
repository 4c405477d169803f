//! `wasi:io/poll`: a call cannot wait. What is due is due; waiting for anything else ends the call, since only reads,
//! compare-and-set and HTTP suspend one.

use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource};

use super::Nothing;
use crate::fault::Fault;
use crate::instance::state::State;

/// The number of a pollable that is due.
pub(super) const NOW: u32 = 0;
/// The number of one that is not.
pub(super) const LATER: u32 = 1;

/// Links a function of `poll`; false if it is none of those that do something.
pub(super) fn link(
    linker: &mut LinkerInstance<'_, State>,
    function: &str,
) -> wasmtime::Result<bool> {
    match function {
        "[method]pollable.ready" => linker.func_wrap(function, ready),
        "[method]pollable.block" => linker.func_wrap(function, block),
        "poll" => linker.func_wrap(function, poll),
        _ => return Ok(false),
    }?;
    Ok(true)
}

type This = (Resource<Nothing>,);

fn ready(mut store: StoreContextMut<'_, State>, (this,): This) -> wasmtime::Result<(bool,)> {
    store.data_mut().charge()?;
    Ok((this.rep() == NOW,))
}

fn block(mut store: StoreContextMut<'_, State>, (this,): This) -> wasmtime::Result<()> {
    store.data_mut().charge()?;
    if this.rep() == NOW {
        Ok(())
    } else {
        Err(waits())
    }
}

/// The indices of those that are due.
fn poll(
    mut store: StoreContextMut<'_, State>,
    (all,): (Vec<Resource<Nothing>>,),
) -> wasmtime::Result<(Vec<u32>,)> {
    store.data_mut().charge()?;
    let due: Vec<u32> = (0..)
        .zip(&all)
        .filter(|(_, pollable)| pollable.rep() == NOW)
        .map(|(index, _)| index)
        .collect();
    if due.is_empty() {
        Err(waits())
    } else {
        Ok((due,))
    }
}

fn waits() -> wasmtime::Error {
    Fault::Trap("it waits, for time to pass or for input, and a call cannot wait".to_owned()).into()
}
