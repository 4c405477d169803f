//! What breaks a plugin that was built before a change of the interfaces, and what does not: `xtask/src/compatibility` makes
//! components of the interfaces as they were before such changes, and the server is asked whether it would serve them. The
//! guide's page on compatibility says the same as a table.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use waxwing_tests::environment;
use waxwing_tests::server::{self, Printed};

/// They load.
const GOOD: [&str; 9] = [
    "manifest-had-fewer-fields",
    "manifest-has-more-fields",
    "there-were-fewer-flags",
    "nothing-was-other",
    "import-had-fewer-functions",
    "there-were-fewer-interfaces",
    "unused-interface-was-other",
    "unused-error-had-fewer-cases",
    "docs-order-and-names-were-other",
];

/// They are refused, for a reason that names the interface.
const BROKEN: [(&str, &str); 16] = [
    (
        "export-had-fewer-functions",
        "waxwing:plugin/reply-handler@0.2.0",
    ),
    ("verdict-had-fewer-cases", "waxwing:plugin/inbound@0.2.0"),
    ("verdict-had-another-order", "waxwing:plugin/inbound@0.2.0"),
    ("case-had-another-name", "waxwing:plugin/inbound@0.2.0"),
    ("error-had-fewer-cases", "waxwing:plugin/memory@0.2.0"),
    (
        "given-record-had-fewer-fields",
        "waxwing:plugin/session-events@0.2.0",
    ),
    (
        "taken-record-had-fewer-fields",
        "waxwing:plugin/sessions@0.2.0",
    ),
    (
        "function-had-fewer-parameters",
        "waxwing:plugin/memory@0.2.0",
    ),
    ("result-had-another-type", "waxwing:plugin/clock@0.2.0"),
    ("used-function-is-gone", "waxwing:plugin/memory@0.2.0"),
    ("used-interface-is-gone", "waxwing:plugin/weather@0.2.0"),
    ("exported-interface-is-gone", "waxwing:plugin/weather@0.2.0"),
    (
        "filter-has-more-fields",
        "`manifest.subscriptions.iq.weekday`",
    ),
    (
        "subscription-has-more-cases",
        "`manifest.subscriptions.weather`",
    ),
    ("version-was-0-1-0", "@0.1.0"),
    ("version-was-0-3-0", "@0.3.0"),
];

async fn checked(name: &str) -> Result<Printed> {
    let file = environment::guest(&format!("compatibility/{name}.wasm"))?;
    server::run(&["plugin", "check", &file.display().to_string()], "").await
}

/// New interfaces, new functions in imports, and whatever a component does not use.
#[tokio::test]
async fn an_old_plugin_loads_where_nothing_that_it_uses_has_changed() -> Result<()> {
    for name in GOOD {
        let printed = checked(name).await?;
        assert_eq!(printed.code, Some(0), "{name}: {printed:?}");
        assert!(
            printed.stdout.contains(name),
            "it has told its name: {printed:?}"
        );
    }
    Ok(())
}

/// It is told before anything of the plugin runs, by the name of the interface, and what can be done.
#[tokio::test]
async fn an_old_plugin_is_refused_where_what_it_uses_or_exports_has_changed() -> Result<()> {
    for (name, interface) in BROKEN {
        let printed = checked(name).await?;
        assert_eq!(printed.code, Some(1), "{name}: {printed:?}");
        let told = printed.stderr.trim();
        assert!(told.contains(interface), "{name}: {told}");
        assert!(
            ["build it", "build the plugin against"]
                .iter()
                .any(|mend| told.contains(mend)),
            "the mend is told: {name}: {told}"
        );
        assert_eq!(told.lines().count(), 1, "{name}: {told}");
    }
    Ok(())
}

/// The manifest is read by name: what a newer plugin says of itself besides is told to the operator, and the plugin serves.
#[tokio::test]
async fn a_manifest_from_the_future_is_served_and_its_unknown_field_named() -> Result<()> {
    let printed = checked("manifest-has-more-fields").await?;
    let said = "says what this server does not know: manifest.homepage";
    assert!(printed.stdout.contains(said), "{printed:?}");
    Ok(())
}

/// A change that somebody adds to xtask's list has to be judged here.
#[test]
fn every_old_plugin_that_was_made_is_judged() -> Result<()> {
    let one = environment::guest("compatibility/nothing-was-other.wasm")?;
    let folder = one.parent().context("a file lies in a folder")?;
    let mut made = BTreeSet::new();
    for entry in folder.read_dir()? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        made.insert(name.trim_end_matches(".wasm").to_owned());
    }
    let judged = GOOD.into_iter().chain(BROKEN.map(|(name, _)| name));
    assert_eq!(made, judged.map(str::to_owned).collect());
    Ok(())
}
