//! Puts the bundled plugins' components into the binary: those that `cargo xtask` built last, or none. And what
//! `waxwing plugin new` writes: the SDK's source, the WIT and a template.

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
    fs::write(out.join("bundled.rs"), table(&guests)?)?;
    fs::write(out.join("template.rs"), template()?)
}

/// A Rust expression that embeds the files of a new plugin, with their places in it, but for those that
/// `cli/writing/template.rs` writes.
fn template() -> io::Result<String> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    let mut table = "&[\n".to_owned();
    for (from, to) in [
        ("guest-plugins/templates/rust/src", "src"),
        ("guest-plugins/sdk/rust", "waxwing/sdk/rust"),
        ("guest-plugins/sdk/rust-derive", "waxwing/sdk/rust-derive"),
        ("wit", "wit"),
    ] {
        let folder = root.join(from).canonicalize()?;
        println!("cargo::rerun-if-changed={}", folder.display());
        embed(&folder, to, &mut table)?;
    }
    table.push(']');
    Ok(table)
}

/// Adds the files of a folder and of those in it, but for what cargo or an editor leaves there.
fn embed(folder: &Path, to: &str, table: &mut String) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let to = format!("{to}/{name}");
        if path.is_dir() && name != "target" {
            embed(&path, &to, table)?;
        } else if name.ends_with(".rs") || name.ends_with(".wit") || name == "Cargo.toml" {
            let path = path.to_string_lossy();
            // Writing to a string cannot fail.
            let _ = writeln!(table, "    ({to:?}, include_bytes!({path:?})),");
        }
    }
    Ok(())
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
