//! What plugins' calls cause: nothing before they return, all of it afterwards, none of it after a trap. By a fixture that
//! does what a request says, step by step.

mod atomicity;
mod components;
mod events;
mod figures;
mod requests;
mod rosters;
mod sending;
mod storage;
mod timers;
mod vetoes;

use anyhow::{Context, Result, ensure};
use waxwing_tests::server::Settings;
use waxwing_tests::{Client, Server, environment};

/// All that the fixture exports and asks for.
const GRANTS: &str = r#"["iq-handler", "inbound", "reply-handler", "timer-handler", "plugin-events", "account-events",
    "session-events", "registration-veto", "password-veto", "removal-veto",
    "accounts", "storage", "router", "events", "sessions", "roster"]"#;

/// Settings with the fixture of that name, granted everything.
fn with_actor(settings: Settings, name: &str) -> Result<Settings> {
    let component = environment::guest(&format!("fixtures/{name}.wasm"))?;
    let grants = format!("[plugin.{name}]\ngrants = {GRANTS}");
    Ok(settings.plugin(&component, name).config(&grants))
}

/// A server with the fixture, granted everything.
async fn server() -> Result<Server> {
    with_actor(Settings::new(), "actor")?.start().await
}

/// Has the fixture of that name do these steps, and gives what each answered: its result, or its error after a `!`.
async fn act_as(client: &mut Client, name: &str, steps: &str) -> Result<Vec<String>> {
    let script = format!("<do xmlns='urn:example:{name}'>{steps}</do>");
    let answer = client.iq("set", "localhost", &script).await?;
    ensure!(answer.attr("type") == Some("result"), "{steps}: {answer}");
    let done = answer.children.first().context("no answer to the steps")?;
    let said = |step: &waxwing_tests::Element| match (step.attr("result"), step.attr("error")) {
        (Some(result), _) => result.to_owned(),
        (None, error) => format!("!{}", error.unwrap_or_default()),
    };
    Ok(done.children.iter().map(said).collect())
}

/// The same for the fixture `actor`.
async fn act(client: &mut Client, steps: &str) -> Result<Vec<String>> {
    act_as(client, "actor", steps).await
}

/// One step, and what it answered.
async fn step(client: &mut Client, step: &str) -> Result<String> {
    let mut answers = act(client, step).await?;
    answers.pop().context("no answer to the step")
}

/// The error that a script ends with.
async fn failing(client: &mut Client, steps: &str) -> Result<String> {
    let script = format!("<do xmlns='urn:example:actor'>{steps}</do>");
    let answer = client.iq("set", "localhost", &script).await?;
    answer
        .stanza_error()
        .with_context(|| format!("{steps} did not fail: {answer}"))
}

/// What the fixture has heard, once it holds such a line.
async fn heard(client: &mut Client, name: &str, line: &str) -> Result<Vec<String>> {
    let mut last = Vec::new();
    let give_up = tokio::time::Instant::now() + waxwing_tests::PATIENCE;
    while tokio::time::Instant::now() < give_up {
        let log = act_as(client, name, "<log log='heard'/>").await?;
        let lines: Vec<String> = log
            .iter()
            .flat_map(|lines| lines.split('|'))
            .map(str::to_owned)
            .collect();
        if lines.iter().any(|heard| heard.starts_with(line)) {
            return Ok(lines);
        }
        last = lines;
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    anyhow::bail!("`{line}` was not heard, but {last:?}")
}
