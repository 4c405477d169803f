//! Rebuilds the crate when a migration is added: they are embedded, and cargo does not watch their folder by itself.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
