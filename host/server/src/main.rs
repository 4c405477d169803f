//! The binary `waxwing`.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

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
        let mut paths = arguments.map(PathBuf::from);
        let (input, output) = (paths.next(), paths.next());
        return compile(&input.unwrap_or_default(), &output.unwrap_or_default());
    }
    cli::main(server::run)
}

/// Compiles one component, for the server that started this process.
#[expect(
    clippy::print_stderr,
    reason = "standard error is where the server reads the reason"
)]
fn compile(input: &Path, output: &Path) -> ExitCode {
    match plugins::compile(input, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
