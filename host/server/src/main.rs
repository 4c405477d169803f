//! The binary `waxwing`.

use std::{
    env,
    ffi::OsString,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use rustix::process::{Resource, getrlimit};
use waxwing_server::{cli, plugins, server};

/// Sessions allocate and free small things all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A limit of addresses, in bytes, from which on the allocators' reservations do not matter.
const MANY_ADDRESSES: u64 = 16 << 30;

/// What the allocators read when a process starts: KiB of addresses that mimalloc reserves at a time, a GiB by default;
/// and the arenas of the C library, of 64 MiB each, by default one for each thread.
const SMALL_RESERVATIONS: [(&str, &str); 2] = [
    ("MIMALLOC_ARENA_RESERVE", "65536"),
    ("MALLOC_ARENA_MAX", "2"),
];

fn main() -> ExitCode {
    reserve_few_addresses();
    let mut arguments = env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|first| first == plugins::COMPILE)
    {
        return compile(arguments);
    }
    cli::main(server::run)
}

/// Under a limit of addresses (`ulimit -v`) starts this program again, in this process, with small reservations of the
/// allocators: the usual ones would leave few addresses to plugins. Returns where that is not needed or not possible.
fn reserve_few_addresses() {
    let limit = getrlimit(Resource::As).current;
    let chosen = SMALL_RESERVATIONS
        .iter()
        .any(|(name, _)| env::var_os(name).is_some());
    if chosen || limit.is_none_or(|limit| limit >= MANY_ADDRESSES) {
        return;
    }
    let mut arguments = env::args_os();
    let mut again = Command::new("/proc/self/exe");
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // It comes back with an error alone, and then the usual reservations have to do.
    let _ = again.args(arguments).envs(SMALL_RESERVATIONS).exec();
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
