//! The binary `waxwing`.

use std::{env, ffi::OsString, process::ExitCode};

use waxwing_server::{cli, plugins, server};

/// Sessions allocate and free small things all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|first| first == plugins::COMPILE)
    {
        return compile(arguments);
    }
    cli::main(server::run)
}

/// Compiles one component, for the server that started this process.
#[expect(
    clippy::print_stderr,
    reason = "standard error is where the server reads the reason"
)]
fn compile(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match plugins::compile(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
