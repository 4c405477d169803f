//! `wasi:io/streams`: standard output and error, each whole line of which goes to the plugin's log, and standard input,
//! which is at its end.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource};

use super::Nothing;
use super::poll::NOW;
use crate::instance::printed::{ROOM, Stream};
use crate::instance::state::State;

/// The number of standard input, which is always at its end.
const INPUT: u32 = 0;
/// The number of standard output.
const OUTPUT: u32 = 1;
/// The number of standard error.
const ERROR: u32 = 2;

/// Why a stream takes or gives nothing.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    Failed(Resource<Nothing>),
    #[component(name = "closed")]
    Closed,
}

/// Links a function of the streams; false if it is none of those that do something.
pub(super) fn link(
    linker: &mut LinkerInstance<'_, State>,
    function: &str,
) -> wasmtime::Result<bool> {
    match function {
        "get-stdin" => standard(linker, function, INPUT),
        "get-stdout" => standard(linker, function, OUTPUT),
        "get-stderr" => standard(linker, function, ERROR),
        "[method]output-stream.check-write" => linker.func_wrap(function, check_write),
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            linker.func_wrap(function, write)
        }
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            linker.func_wrap(function, flush)
        }
        "[method]output-stream.subscribe" | "[method]input-stream.subscribe" => {
            linker.func_wrap(function, subscribe)
        }
        _ => return Ok(false),
    }?;
    Ok(true)
}

fn standard(
    linker: &mut LinkerInstance<'_, State>,
    function: &str,
    number: u32,
) -> wasmtime::Result<()> {
    linker.func_wrap(
        function,
        move |mut store: StoreContextMut<'_, State>, (): ()| {
            store.data_mut().charge()?;
            Ok((Resource::<Nothing>::new_own(number),))
        },
    )
}

type This = (Resource<Nothing>,);

fn check_write(
    mut store: StoreContextMut<'_, State>,
    (this,): This,
) -> wasmtime::Result<(Result<u64, StreamError>,)> {
    store.data_mut().charge()?;
    Ok((match this.rep() {
        OUTPUT | ERROR => Ok(ROOM as u64),
        _ => Err(StreamError::Closed),
    },))
}

fn write(
    mut store: StoreContextMut<'_, State>,
    (this, bytes): (Resource<Nothing>, Vec<u8>),
) -> wasmtime::Result<(Result<(), StreamError>,)> {
    let state = store.data_mut();
    state.charge()?;
    let stream = match this.rep() {
        OUTPUT => Stream::Output,
        ERROR => Stream::Error,
        _ => return Ok((Err(StreamError::Closed),)),
    };
    let (log, plugin) = (&state.plugin.counters.logs, &state.plugin.manifest.name);
    state.printed.print(stream, &bytes, log, plugin);
    Ok((Ok(()),))
}

fn flush(
    mut store: StoreContextMut<'_, State>,
    (_,): This,
) -> wasmtime::Result<(Result<(), StreamError>,)> {
    store.data_mut().charge()?;
    Ok((Ok(()),))
}

fn subscribe(
    mut store: StoreContextMut<'_, State>,
    (_,): This,
) -> wasmtime::Result<(Resource<Nothing>,)> {
    store.data_mut().charge()?;
    Ok((Resource::new_own(NOW),))
}
