//! What a stanza goes through inside, as often as one likes: `waxwing-counts STEP TIMES`. Without arguments it names the steps.
//!
//! `cargo xtask counts` runs it under valgrind's callgrind, which counts instructions: unlike time these are the same on a busy
//! machine. So nothing here may depend on time, chance, or addresses.

mod judge;
#[path = "../../../host/plugins/benches/dispatch/host.rs"]
#[expect(clippy::expect_used, reason = "it ends where something is wrong")]
mod platform;
mod steps;

use std::io::Write as _;

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    if arguments
        .next_if(|first| first == platform::COMPILE)
        .is_some()
    {
        return waxwing_plugins::compile_child(arguments);
    }
    let arguments: Vec<_> = arguments
        .filter_map(|text| text.into_string().ok())
        .collect();
    let steps = steps::all();
    match arguments.as_slice() {
        [] => {
            for (name, _) in steps {
                writeln!(std::io::stdout(), "{name}")?;
            }
            Ok(())
        }
        [wanted, times] => {
            let mut steps = steps.into_iter();
            let step = steps.find(|(name, _)| name == wanted);
            let (_, step) = step.with_context(|| format!("there is no step {wanted}"))?;
            step(times.parse().context("TIMES is no number")?)
        }
        _ => bail!("usage: waxwing-counts [STEP TIMES]"),
    }
}
