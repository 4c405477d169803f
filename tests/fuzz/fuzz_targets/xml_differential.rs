//! Our parser against rxml: see `checks/differential.rs`.
#![no_main]

#[expect(dead_code, reason = "the other target uses the rest")]
#[path = "../checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::differential::check(data));
