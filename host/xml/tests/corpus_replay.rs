//! The fuzz targets' corpus through the same checks, without a fuzzer.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by it"
)]

#[path = "../../../tests/fuzz/checks/mod.rs"]
mod checks;

use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 20, "{} holds {count} inputs", folder.display());
}

#[test]
fn holds_its_properties_on_the_corpus() {
    replay("xml", checks::stream::check);
}

#[test]
fn agrees_with_rxml_on_the_corpus() {
    replay("xml_differential", checks::differential::check);
}
