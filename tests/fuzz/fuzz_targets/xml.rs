//! Properties of the stream parser and the writer: see `checks/stream.rs`.
#![no_main]

#[path = "../checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::stream::check(data));
