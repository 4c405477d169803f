//! The fuzz targets' corpus through the same checks, without a fuzzer.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "this is test code outside of test functions, which the lints' own exceptions do not cover"
)]

#[path = "../../../tests/fuzz/checks/xmpp/mod.rs"]
mod checks;

use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let input = std::fs::read(entry.unwrap().path()).unwrap();
        check(&input);
        // Every beginning and every input with one byte lost too.
        for at in 0..input.len() {
            check(&input[..at]);
            check(&[&input[..at], &input[at + 1..]].concat());
        }
        count += 1;
    }
    assert!(count >= 8, "{} holds {count} inputs", folder.display());
}

#[test]
fn addresses_hold_their_properties_on_the_corpus() {
    replay("jid", checks::jid::check);
}

#[test]
fn mechanisms_hold_their_properties_on_the_corpus() {
    replay("sasl", checks::sasl::check);
}

#[test]
fn the_negotiation_holds_its_properties_on_the_corpus() {
    replay("negotiation", checks::negotiation::check);
}
