//! The page of grants has a row for each that there is, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::reference;

const PAGE: &str = "grants.md";

/// What is wrong with the page.
pub(super) fn wrong(root: &Path) -> Result<Vec<String>> {
    let path = root.join("docs/guide").join(PAGE);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(faults(&text, &reference::grants(&root.join("wit"))?))
}

fn faults(page: &str, grants: &BTreeSet<String>) -> Vec<String> {
    let rows: BTreeSet<String> = page
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
        .collect();
    let missing = grants.difference(&rows);
    let missing = missing.map(|grant| format!("{PAGE} has no row for the grant `{grant}`"));
    let unknown = rows.difference(grants);
    let unknown = unknown.map(|row| format!("{PAGE} has `{row}`, which `wit/` does not know"));
    missing.chain(unknown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_without_a_row_and_a_row_without_a_grant_are_found() {
        let page = "| grant | |\n|---|---|\n| `inbound` | reads |\n| `sockets` | opens |\n";
        let grants = ["inbound", "router"].map(str::to_owned).into();
        assert_eq!(
            faults(page, &grants),
            [
                "grants.md has no row for the grant `router`",
                "grants.md has `sockets`, which `wit/` does not know",
            ]
        );
    }
}
