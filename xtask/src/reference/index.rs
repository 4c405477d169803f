//! The page that lists all interfaces.

use std::fmt::Write as _;

use super::catalogue::{Catalogue, Entry, Way};
use super::page::MADE;
use super::words::{Grant, cell, linked};

/// The page as Markdown.
pub(super) fn page(catalogue: &Catalogue) -> String {
    let entries = catalogue.entries();
    let package = catalogue.package();
    let mut out = format!(
        "{MADE}
# Interfaces

The package `{package}`, one page an interface. A plugin exports what it serves, and imports what it calls. The
[grants](../grants.md) are given by the operator; [what a call causes](../calls.md) holds for all of them; what may change
in them, and when, is said in [compatibility](../compatibility.md). An item came with its interface where it says no
version of its own.
"
    );
    let sections = [
        (Way::Export, "Exports: what the server calls"),
        (Way::Import, "Imports: what a plugin calls"),
    ];
    for (way, title) in sections {
        out.push_str("\n## ");
        out.push_str(title);
        out.push_str("\n\n| interface | grant | what it does | for |\n|---|---|---|---|\n");
        for entry in entries.iter().filter(|entry| entry.way == way) {
            out.push_str(&row(catalogue, entry));
        }
    }
    out.push_str("\n## Types that they share\n\n| interface | |\n|---|---|\n");
    for entry in entries.iter().filter(|entry| entry.way == Way::Types) {
        let summary = linked(catalogue, "index", entry.doc.summary());
        let _ = writeln!(out, "| {} | {} |", link(entry), cell(&summary));
    }
    out
}

fn row(catalogue: &Catalogue, entry: &Entry<'_>) -> String {
    let grant = match &entry.doc.grant {
        Grant::Named(grant) => format!("`{grant}`"),
        Grant::Nothing | Grant::Unsaid => "none".to_owned(),
    };
    // No page is named like the index: nothing is taken for a link within it.
    let summary = linked(catalogue, "index", entry.doc.summary());
    let audience = linked(catalogue, "index", entry.doc.audience().unwrap_or_default());
    format!(
        "| {} | {grant} | {} | {} |\n",
        link(entry),
        cell(&summary),
        cell(&audience)
    )
}

fn link(entry: &Entry<'_>) -> String {
    format!("[{name}]({name}.md)", name = entry.name)
}
