//! Properties of the stream parser and the writer: see `checks/stream.rs`.
#![no_main]

#[expect(dead_code, reason = "the other target uses the rest")]
#[path = "../checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::stream::check(data));
