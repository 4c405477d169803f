//! The table of other servers' hooks: each has exactly one decision, and each decision says where or why.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const PAGE: &str = "hooks-elsewhere.md";

/// Names that a server's hooks are counted by, as the page itself states at the section's end.
const COUNTED: &str = "Hooks counted: ";

/// What the page may promise for later: the capabilities that it lists itself, one a line, in bold.
const LATER: &str = "- **";

/// What is wrong with the table.
pub(super) fn wrong(guide: &Path) -> Result<Vec<String>> {
    let path = guide.join(PAGE);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(faults(&text))
}

/// A row: `| server | hooks in backticks | decision | where or why |`.
struct Row<'a> {
    line: &'a str,
    server: &'a str,
    hooks: Vec<&'a str>,
    decision: &'a str,
    how: &'a str,
}

fn faults(text: &str) -> Vec<String> {
    let capabilities: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix(LATER)?.split("**").next())
        .collect();
    let mut faults = Vec::new();
    let mut hooks: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in text.lines().filter_map(row) {
        if let Some(fault) = row.fault(&capabilities) {
            faults.push(format!("{PAGE}: {fault}: {}", row.line));
        }
        let known = hooks.entry(row.server).or_default();
        for hook in row.hooks {
            if !known.insert(hook) {
                faults.push(format!("{PAGE}: `{hook}` of {} stands twice", row.server));
            }
        }
    }
    let counted = text.lines().filter_map(|line| line.strip_prefix(COUNTED));
    for (server, count) in counted.flat_map(|line| line.split(", ")).filter_map(count) {
        let found = hooks.get(server).map_or(0, BTreeSet::len);
        if found != count {
            faults.push(format!("{PAGE}: {found} hooks of {server}, not {count}"));
        }
    }
    if hooks.is_empty() {
        faults.push(format!("{PAGE} has no rows"));
    }
    faults
}

/// `ejabberd 183` or `ejabberd 183.`
fn count(text: &str) -> Option<(&str, usize)> {
    let (server, count) = text.trim_end_matches('.').rsplit_once(' ')?;
    Some((server, count.parse().ok()?))
}

fn row(line: &str) -> Option<Row<'_>> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.split(" | ").collect();
    let [server, hooks, decision, how] = *cells.as_slice() else {
        return None;
    };
    if server == "server" {
        return None;
    }
    Some(Row {
        line,
        server,
        hooks: hooks.split('`').skip(1).step_by(2).collect(),
        decision,
        how: how.trim_end_matches('|').trim(),
    })
}

impl Row<'_> {
    fn fault(&self, capabilities: &BTreeSet<&str>) -> Option<&'static str> {
        if self.hooks.is_empty() {
            return Some("no hook");
        }
        match self.decision {
            "now" if self.how.contains(".md") => None,
            "now" => Some("nothing says where it is"),
            "left out" if self.how.len() > 10 => None,
            "left out" => Some("nothing says why"),
            later => match later.strip_prefix("later: ") {
                Some(capability) if capabilities.contains(capability) => None,
                Some(_) => Some("no capability of that name"),
                None => Some("no decision"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "- **rooms**: XEP-0045\n\n| server | hooks | here | how |\n|---|---|---|---|\n\
        | ejabberd | `a` `b` | now | [inbound](reference/inbound.md) |\n\
        | ejabberd | `c` | later: rooms | |\n\
        | Prosody | `a` | left out | because it cannot be |\n\nHooks counted: ejabberd 3, Prosody 1.\n";

    #[test]
    fn a_table_in_which_all_is_decided_has_no_fault() {
        assert_eq!(faults(PAGE), Vec::<String>::new());
    }

    #[test]
    fn a_hook_without_a_decision_a_place_or_a_reason_is_found() {
        let cases = [
            ("later: rooms", "later: space", "no capability"),
            ("later: rooms", "perhaps", "no decision"),
            (
                "[inbound](reference/inbound.md)",
                "somewhere",
                "nothing says where",
            ),
            ("because it cannot be", "so", "nothing says why"),
            ("`c`", "`a`", "`a` of ejabberd stands twice"),
            ("`c`", "c", "no hook"),
            ("ejabberd 3", "ejabberd 4", "3 hooks of ejabberd, not 4"),
        ];
        for (there, instead, expected) in cases {
            let found = faults(&PAGE.replace(there, instead)).join("\n");
            assert!(found.contains(expected), "{found}");
        }
    }
}
