#!/usr/bin/env bash
# The Rust crate stringprep 0.1.5 decides "right-to-left" by the Unicode of today, not by table D.1 of RFC 3454.
#
# RFC 3454 freezes its tables at Unicode 3.2. A letter that is younger (U+1E922, Adlam, of Unicode 9) is unassigned
# there: it is in no bidirectional table, and a query string may hold it beside Latin letters (section 7). The crate's
# `tables::bidi_r_or_al` calls it right-to-left all the same, while `tables::unassigned_code_point` knows that 3.2 has
# no such letter. A password profile that lets unassigned characters through on the crate's tables therefore refuses
# "a" followed by that letter for its direction, though no table of the RFC does. (Letters that 3.2 has are judged alike.)
#
# Seen: unassigned true, right-to-left true; U+0627, which 3.2 has: unassigned false, right-to-left true.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat >"$folder/Cargo.toml" <<'TOML'
[package]
name = "seen"
version = "0.1.0"
edition = "2021"
[dependencies]
stringprep = "=0.1.5"
[workspace]
TOML
cat >"$folder/src/main.rs" <<'RUST'
use stringprep::tables;

fn main() {
    for letter in ['\u{1e922}', '\u{627}'] {
        println!(
            "U+{:04X} unassigned {} right-to-left {}",
            letter as u32,
            tables::unassigned_code_point(letter),
            tables::bidi_r_or_al(letter)
        );
    }
}
RUST
seen=$(cargo run --quiet --manifest-path "$folder/Cargo.toml")
expected='U+1E922 unassigned true right-to-left true
U+0627 unassigned false right-to-left true'
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
    echo "stringprep 0.1.5 behaves otherwise than it did" >&2
    exit 1
fi
