//! `wasi:random`: bytes from the operating system, as the import `random` gives them. The insecure kinds are secure,
//! too.

use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use crate::imports::random;
use crate::instance::state::State;

/// Links a function of the kinds of random; false if it is none that does something.
pub(super) fn link(
    linker: &mut LinkerInstance<'_, State>,
    function: &str,
) -> wasmtime::Result<bool> {
    match function {
        "get-random-bytes" | "get-insecure-random-bytes" => linker.func_wrap(function, bytes),
        "get-random-u64" | "get-insecure-random-u64" => linker.func_wrap(function, number),
        "insecure-seed" | "get-insecure-seed" => linker.func_wrap(function, seed),
        _ => return Ok(false),
    }?;
    Ok(true)
}

fn bytes(mut store: StoreContextMut<'_, State>, (count,): (u64,)) -> wasmtime::Result<(Vec<u8>,)> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Ok((random::bytes(store.data_mut(), count)?,))
}

fn number(mut store: StoreContextMut<'_, State>, (): ()) -> wasmtime::Result<(u64,)> {
    Ok((word(store.data_mut())?,))
}

fn seed(mut store: StoreContextMut<'_, State>, (): ()) -> wasmtime::Result<((u64, u64),)> {
    let state = store.data_mut();
    Ok(((word(state)?, word(state)?),))
}

fn word(state: &mut State) -> wasmtime::Result<u64> {
    let bytes = random::bytes(state, 8)?;
    Ok(u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
}
