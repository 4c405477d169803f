//! The binary `waxwing`.

use std::process::ExitCode;

/// Sessions allocate and free small things all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    waxwing_server::cli::main(|config, _sources| waxwing_server::server::run(config))
}
