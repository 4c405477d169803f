//! The import `random`.

use crate::fault::Fault;
use crate::instance::state::State;
use crate::wit::bindings::waxwing::plugin::random::Host;

const MAX_BYTES: u32 = 4_096;

impl Host for State {
    fn bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        bytes(self, count)
    }
}

/// So many bytes for a guest; counts as one call into the host.
pub(crate) fn bytes(state: &mut State, count: u32) -> wasmtime::Result<Vec<u8>> {
    state.charge()?;
    if count > MAX_BYTES {
        return Err(Fault::Answer(format!(
            "asked for {count} random bytes, more than {MAX_BYTES}"
        ))
        .into());
    }
    let mut bytes = vec![0; usize::try_from(count).unwrap_or(0)];
    getrandom::fill(&mut bytes).map_err(|error| Fault::Host(error.to_string()))?;
    Ok(bytes)
}
