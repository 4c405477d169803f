//! Puts the bundled plugins' components into the binary: those that `cargo xtask` built last, or none.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    println!("cargo::rerun-if-env-changed=WAXWING_GUESTS");
    let guests = env::var_os("WAXWING_GUESTS").map_or_else(|| beside(&out), PathBuf::from);
    // Watched from the first build on, also where nothing has been built yet.
    fs::create_dir_all(&guests)?;
    println!("cargo::rerun-if-changed={}", guests.display());
    fs::write(out.join("bundled.rs"), table(&guests)?)
}

/// The folder that xtask writes to: `guests` in the target folder, of which `OUT_DIR` is `PROFILE/build/NAME/out`.
fn beside(out: &Path) -> PathBuf {
    out.ancestors().nth(4).unwrap_or(out).join("guests")
}

/// A Rust expression that embeds every component of the folder.
fn table(guests: &Path) -> io::Result<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(guests)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "wasm")
    });
    files.sort();
    let mut table = "&[\n".to_owned();
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let path = file.to_string_lossy();
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "    BundledPlugin {{ name: {name:?}, component: include_bytes!({path:?}) }},"
        );
    }
    table.push(']');
    Ok(table)
}
