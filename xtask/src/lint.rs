//! `cargo xtask lint`: formatting, layers, lints, the guide and documentation; a warning is an error.

use anyhow::Result;

use crate::guide;
use crate::host;
use crate::layers;
use crate::layout::Layout;
use crate::process;
use crate::progress::Progress;
use crate::reference;
use crate::seeds;

/// Checks the server's workspace, then the plugins'.
pub(crate) fn run(layout: &Layout, progress: &Progress) -> Result<()> {
    let guests = layout.guest_workspace();
    let has_guests = guests.join("Cargo.toml").is_file();

    progress.phase("formatting");
    process::run(
        host::cargo(layout).args(["fmt", "--all", "--check"]),
        "the formatting check (`cargo fmt --all` mends it)",
    )?;
    if has_guests {
        let mut cargo = process::cargo();
        cargo.current_dir(&guests).args(["fmt", "--all", "--check"]);
        process::run(
            &mut cargo,
            "the formatting check of the plugins (`cargo fmt --all` in guest-plugins mends it)",
        )?;
    }

    progress.phase("the guide");
    reference::check(&layout.root)?;
    guide::check(&layout.root)?;
    seeds::check(&layout.root)?;

    progress.phase("the layers");
    layers::check(&layout.root)?;

    progress.phase("lints of the server");
    let mut clippy = host::cargo(layout);
    clippy.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]);
    process::run(&mut clippy, "clippy")?;

    if has_guests {
        lint_guests(layout, progress)?;
    }

    progress.phase("documentation");
    let mut doc = host::cargo(layout);
    doc.args(["doc", "--workspace", "--no-deps", "--quiet"])
        .env("RUSTDOCFLAGS", "--deny warnings");
    process::run(&mut doc, "the documentation")?;
    progress.done("no warnings");
    Ok(())
}

/// The plugins are looked at as native code: their own compiler may be one that has no clippy, and what is generated from the
/// interfaces compiles natively too.
fn lint_guests(layout: &Layout, progress: &Progress) -> Result<()> {
    progress.phase("lints of the plugins");
    let mut clippy = process::cargo();
    clippy
        .current_dir(layout.guest_workspace())
        .env("CARGO_TARGET_DIR", layout.guest_native())
        .args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]);
    process::run(&mut clippy, "clippy on the plugins")
}
