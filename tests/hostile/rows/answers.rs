//! Rows 6, 8, 14 and 15, and what of the matrix is also written in JavaScript and Python.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{each_fails, time};
use crate::matrix::{Matrix, guest};

pub(super) async fn row_6_traps_cost_only_their_call(matrix: &mut Matrix) -> Result<Value> {
    for name in ["trap-describe", "trap-init", "trap-start"] {
        matrix.put(name, &std::fs::read(guest(name)?)?)?;
        let why = matrix.refusal(name).await?;
        ensure!(why.contains("unreachable"), "{name}: {why}");
        matrix.remove(name).await?;
    }
    let handlers = [
        "trap-handle",
        "trap-after-return",
        "trap-allocator",
        "trap-destructor",
    ];
    let seen = each_fails(matrix, 20, &handlers, &["trap-filter"]).await?;
    time::in_rust(matrix, "traps").await?;
    Ok(seen)
}

pub(super) async fn row_8_long_answers_are_refused(matrix: &mut Matrix) -> Result<Value> {
    let before = matrix.server.resident_kib()?;
    let handlers = [
        "oversized-value-text",
        "oversized-value-past-the-end",
        "oversized-value-argument",
    ];
    each_fails(matrix, 20, &handlers, &[]).await?;
    let grown = matrix.server.resident_kib()?.saturating_sub(before);
    ensure!(grown <= 16 << 10, "{grown} KiB more");
    Ok(json!({ "KiB more afterwards": grown }))
}

pub(super) async fn row_14_answers_that_are_no_values_are_faults(
    matrix: &mut Matrix,
) -> Result<Value> {
    let handlers = [
        "utf8",
        "surrogate",
        "option",
        "unaligned",
        "outside",
        "borrowed",
    ];
    let handlers = handlers.map(|kind| format!("invalid-value-{kind}"));
    let handlers: Vec<&str> = handlers.iter().map(String::as_str).collect();
    let seen = each_fails(
        matrix,
        5,
        &handlers,
        &["invalid-value-case", "invalid-value-handle"],
    )
    .await?;
    ensure!(seen["faults"] == 40, "each is counted: {seen}");
    Ok(seen)
}

/// What a guest answers passes the same strict builder as what a client sends, and `from` is not the guest's to choose.
pub(super) async fn row_15_what_is_no_good_xml_or_not_ones_own_reaches_no_wire(
    matrix: &mut Matrix,
) -> Result<Value> {
    const KINDS: [&str; 16] = [
        "unclosed",
        "two",
        "prefix",
        "entity",
        "comment",
        "stream",
        "escape",
        "empty",
        "sasl",
        "tls",
        "doctype",
        "instruction",
        "control",
        "deep",
        "large",
        "nested-stream",
    ];
    matrix.install("malformed").await?;
    for kind in KINDS {
        let answer = matrix.ask("malformed", kind).await?;
        let error = answer.stanza_error().unwrap_or_default();
        ensure!(
            error.ends_with("/internal-server-error"),
            "{kind}: {answer}"
        );
        ensure!(answer.attr("from") == Some("localhost"), "{kind}: {answer}");
    }
    // The stream is as it was, and an answer that is well-formed passes.
    let answer = matrix.ask("malformed", "good").await?;
    ensure!(
        answer.child("a", "urn:example:malformed").is_some(),
        "{answer}"
    );
    ensure!(
        matrix.faults("malformed").await? >= KINDS.len() as u64,
        "each is counted"
    );
    matrix.remove("malformed").await?;
    time::in_rust(matrix, "forges-from").await?;
    Ok(json!({ "kinds": KINDS.len() }))
}

/// Rows 1, 3, 6 and 14 by a guest whose language has an engine of its own inside.
pub(super) async fn rows_1_3_6_14_in_javascript(matrix: &mut Matrix) -> Result<Value> {
    let kinds = [
        "loop",
        "allocate",
        "trap",
        "recurse",
        "case",
        "discriminant",
        "type",
    ];
    language(matrix, "hostile-javascript", &kinds).await?;
    matrix.server.wait_for_log("asked for good").await?;
    matrix.remove("hostile-javascript").await?;
    Ok(json!({ "kinds": kinds }))
}
/// The same in Python, which also sleeps, and looks for anything outside: there is nothing.
pub(super) async fn rows_1_3_6_13_14_21_in_python(matrix: &mut Matrix) -> Result<Value> {
    let kinds = [
        "loop",
        "allocate",
        "trap",
        "sleep",
        "discriminant",
        "surrogate",
        "type",
    ];
    language(matrix, "hostile-python", &kinds).await?;
    let answer = matrix.ask("hostile-python", "probe").await?;
    let found = answer.child("found", "urn:example:hostile-python");
    let found = found.ok_or_else(|| anyhow::anyhow!("no answer to the probe: {answer}"))?;
    for nothing in ["environment", "arguments"] {
        ensure!(found.attr(nothing) == Some("0"), "{nothing}: {found}");
    }
    for refused in ["root", "passwd", "write", "connect", "resolve"] {
        let what = found.attr(refused).unwrap_or_default();
        ensure!(what.to_lowercase().ends_with("error"), "{refused}: {found}");
    }
    let year = found.attr("year").unwrap_or_default().parse::<u32>()?;
    ensure!(year >= 2026, "{found}");
    matrix.server.wait_for_log("probed").await?;
    matrix.remove("hostile-python").await?;
    Ok(json!({ "kinds": kinds, "probe": found.to_string() }))
}

/// Each kind fails, and the call after it does not.
async fn language(matrix: &mut Matrix, name: &str, kinds: &[&str]) -> Result<()> {
    matrix.install(name).await?;
    for kind in kinds {
        matrix.ask_in_vain(name, kind).await?;
        let answer = matrix.ask(name, "good").await?;
        let good = answer.child("good", &format!("urn:example:{name}"));
        ensure!(good.is_some(), "after {kind}: {answer}");
    }
    Ok(())
}
