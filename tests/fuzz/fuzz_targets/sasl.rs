//! See `checks/xmpp/sasl.rs`.
#![no_main]

#[path = "../checks/xmpp/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::sasl::check(data));
