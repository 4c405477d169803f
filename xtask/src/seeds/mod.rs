//! `cargo xtask seeds`: docs/seeds.md, the promises of the two documents that the project grew from, each beside the tests
//! that show it.
//!
//! The rows stand in docs/seeds.toml. A test claims rows by a comment above it: `// seeds: R1, R8`. So a row cannot name a
//! test that is gone, and `cargo xtask lint` fails where the page is not what rows and comments make.

mod claims;
mod page;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::layout::{self, Layout};
use crate::progress::Progress;
use claims::Claims;

const ROWS: &str = "docs/seeds.toml";
const PAGE: &str = "docs/seeds.md";

/// The rows of docs/seeds.toml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    row: Vec<Row>,
}

/// One promise.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// A letter and a number: `R1`.
    id: String,
    feature: String,
    /// What a test must show.
    promise: String,
    state: State,
    /// What is not there yet; stands unless the row is done.
    missing: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum State {
    Done,
    Partly,
    Open,
}

/// Writes the page anew.
pub(crate) fn run(layout: &Layout, progress: &Progress) -> Result<()> {
    let text = made(&layout.root)?;
    let changed = layout::write_if_changed(&layout.root.join(PAGE), text.as_bytes())?;
    progress.done(if changed {
        "docs/seeds.md is written"
    } else {
        "docs/seeds.md has not changed"
    });
    Ok(())
}

/// Fails unless every row and every claim is right and the page is what they make.
pub(crate) fn check(root: &Path) -> Result<()> {
    let text = made(root)?;
    let found =
        fs::read_to_string(root.join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    if found != text {
        bail!("{PAGE} is not what {ROWS} and the tests make; `cargo xtask seeds` writes it anew");
    }
    Ok(())
}

fn made(root: &Path) -> Result<String> {
    let text =
        fs::read_to_string(root.join(ROWS)).with_context(|| format!("cannot read {ROWS}"))?;
    let rows: Rows = toml::from_str(&text).with_context(|| format!("in {ROWS}"))?;
    let claims = Claims::find(root)?;
    let wrong = wrong(&rows.row, &claims);
    if !wrong.is_empty() {
        bail!("{ROWS} and the tests disagree:\n  {}", wrong.join("\n  "));
    }
    Ok(page::write(&rows.row, &claims))
}

/// What contradicts: claims of rows that are not there, rows that are done without a test, or open with one.
fn wrong(rows: &[Row], claims: &Claims) -> Vec<String> {
    let mut wrong = claims.unknown(|id| rows.iter().any(|row| row.id == id));
    let mut seen: Vec<&str> = Vec::new();
    for row in rows {
        if seen.contains(&row.id.as_str()) {
            wrong.push(format!("row {} stands twice", row.id));
        }
        seen.push(&row.id);
        let has_tests = !claims.of(&row.id).is_empty();
        match (row.state, has_tests) {
            (State::Done, false) => {
                wrong.push(format!("row {} is done and no test claims it", row.id));
            }
            (State::Open, true) => {
                wrong.push(format!("row {} is open and a test claims it", row.id));
            }
            _ => {}
        }
        if row.missing.is_none() != (row.state == State::Done) {
            wrong.push(format!(
                "row {}: `missing` must stand where the row is not done, and only there",
                row.id
            ));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, state: State) -> Row {
        Row {
            id: id.to_owned(),
            feature: String::new(),
            promise: String::new(),
            state,
            missing: (state != State::Done).then(String::new),
        }
    }

    fn claims(text: &str) -> Claims {
        let mut claims = Claims::default();
        claims.read("tests/a.rs", text);
        claims
    }

    const TEST: &str = "// seeds: R1\n/// Doc.\n#[tokio::test]\nasync fn registers() {}\n";

    #[test]
    fn accepts_rows_whose_tests_stand() {
        let rows = [row("R1", State::Done), row("R2", State::Open)];
        assert_eq!(wrong(&rows, &claims(TEST)), Vec::<String>::new());
    }

    #[test]
    fn a_row_that_is_done_needs_a_test() {
        let rows = [row("R1", State::Done), row("R2", State::Done)];
        let wrong = wrong(&rows, &claims(TEST));
        assert_eq!(wrong, ["row R2 is done and no test claims it"]);
    }

    #[test]
    fn a_claim_needs_a_row_and_a_test_below_it() {
        let unknown = wrong(&[], &claims(TEST));
        assert_eq!(
            unknown,
            ["tests/a.rs line 1 claims row R1, which is not there"]
        );
        let no_test = wrong(
            &[row("R1", State::Partly)],
            &claims("// seeds: R1\nfn helper() {}\n"),
        );
        assert_eq!(no_test, ["tests/a.rs line 1 claims rows above no test"]);
    }

    #[test]
    fn the_page_is_up_to_date() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        check(root).unwrap();
    }
}
