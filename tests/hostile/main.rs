//! The matrix of hostile guests, seen from outside: each row a test with its own guests in the one running server, beside the
//! same background load: 200 sessions that send each other 200 messages a second.
//!
//! For every row the background must lose nothing, no session may end, the server may not panic and must live: strictly. Its
//! latency is measured and printed; what is asserted of it is generous, since these tests also run where other programs take
//! the processors. On a quiet machine `WAXWING_TEST_P99_MS=20` asserts what is promised.
//!
//! The same rows are seen from inside, where a fault's kind, a time or an amount is to be observed, in the tests of
//! `host/plugins`; docs/guide/hostile-guests.md lists both.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests, though without the attribute that says so: what panics here fails, and what is printed is to be read"
)]

mod background;
mod matrix;
mod rows;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

use matrix::Shared;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One server, one load: what a row does must not be measured in another's.
    arguments.test_threads = Some(1);
    let runtime = Arc::new(Runtime::new().unwrap());
    let shared = Arc::new(Shared::default());
    let trials = rows::ALL.iter().map(|row| {
        let (runtime, shared) = (Arc::clone(&runtime), Arc::clone(&shared));
        Trial::test(row.name, move || {
            let seen = runtime.block_on(matrix::run(&shared, row));
            seen.map_err(|error| format!("{error:#}").into())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // Not a row's, but everybody's: it ends by SIGTERM with 0 and has not panicked.
    let ended = runtime.block_on(matrix::end(&shared));
    if let Err(error) = &ended {
        println!("the server did not end well: {error:#}");
    }
    if conclusion.has_failed() || ended.is_err() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
