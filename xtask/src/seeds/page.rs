//! The page: a table for each group of rows, and in front of them how many are done.

use std::fmt::Write as _;

use super::claims::{Claims, Test};
use super::{Row, State};

const HEAD: &str = "\
# Promises

Waxwing grew from two documents: the hooks of django-xmpp-server and the plugin tutorial of SleekXMPP. Each row is one
promise of theirs, or one that follows from them, with the tests that show it.

`cargo xtask seeds` makes this page of `seeds.toml` and of the comments `// seeds: ID` above tests; `cargo xtask lint`
fails where they disagree.
";

const GROUPS: [(char, &str); 6] = [
    ('T', "Transports"),
    ('A', "Authentication"),
    ('H', "Hooks"),
    ('N', "Negative cases"),
    ('P', "Plugins"),
    ('R', "Registration"),
];

/// The whole page.
pub(super) fn write(rows: &[Row], claims: &Claims) -> String {
    let mut page = HEAD.to_owned();
    let count = |state| rows.iter().filter(|row| row.state == state).count();
    let _ = writeln!(
        page,
        "\n{} rows: {} done, {} partly, {} open.",
        rows.len(),
        count(State::Done),
        count(State::Partly),
        count(State::Open)
    );
    for (letter, heading) in GROUPS {
        let _ = writeln!(
            page,
            "\n## {heading}\n\n| row | promise | state | tests |\n|---|---|---|---|"
        );
        for row in rows.iter().filter(|row| row.id.starts_with(letter)) {
            line(&mut page, row, claims.of(&row.id));
        }
    }
    page
}

fn line(page: &mut String, row: &Row, tests: &[Test]) {
    let state = match row.state {
        State::Done => "done",
        State::Partly => "**partly**",
        State::Open => "**open**",
    };
    let missing = row
        .missing
        .as_ref()
        .map_or_else(String::new, |missing| format!(". Missing: {missing}"));
    let tests: Vec<String> = tests
        .iter()
        .map(|test| format!("[`{}`](../{})", test.name, test.file))
        .collect();
    let _ = writeln!(
        page,
        "| {} | **{}.** {} | {state}{missing} | {} |",
        row.id,
        row.feature,
        row.promise,
        tests.join("<br>")
    );
}
