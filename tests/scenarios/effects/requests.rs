//! Requests that plugins send, and answers that they give later.

use anyhow::{Context, Result};

use super::{act, heard, server, step};

const NAMESPACE: &str = "urn:example:actor";

fn ask(to: &str, seconds: u32) -> String {
    format!(
        "<ask seconds='{seconds}'>&lt;iq type='get' from='localhost' to='{to}'>&lt;ping xmlns='urn:xmpp:ping'/>&lt;/iq></ask>"
    )
}

// seeds: P12
/// The answer comes under the token, from the address that was asked and from no other, once.
#[tokio::test]
async fn the_answer_to_a_request_comes_from_the_asked_address_alone() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let (mut nurse, _) = server.session("nurse").await?;
    let token = step(&mut romeo, &ask(&juliet_jid, 30)).await?;
    let request = juliet
        .wait_for("the plugin's request", |element| {
            element.name == "iq" && element.attr("type") == Some("get")
        })
        .await?;
    assert_eq!(request.attr("from"), Some("localhost"));
    let id = request.attr("id").context("a request without id")?;
    // Somebody else's answer under the very same id is nobody's.
    nurse
        .send(&format!("<iq type='result' id='{id}' to='localhost'/>"))
        .await?;
    // An error of hers that is not to the asking address neither.
    juliet
        .send(&format!("<iq type='result' id='{id}'/>"))
        .await?;
    nurse
        .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    let answer = format!("<iq type='result' id='{id}' to='localhost'/>");
    juliet.send(&answer).await?;
    juliet.send(&answer).await?;
    juliet
        .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
        .await?;
    let lines = heard(&mut romeo, "actor", &format!("reply {token}")).await?;
    let replies: Vec<&String> = lines
        .iter()
        .filter(|line| line.starts_with("reply"))
        .collect();
    assert_eq!(replies, [&format!("reply {token} result {juliet_jid}")]);
    server.stop().await
}

// seeds: P12
#[tokio::test]
async fn a_request_that_nobody_answers_ends_all_the_same() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (juliet, juliet_jid) = server.session("juliet").await?;
    let steps = [
        ask(&juliet_jid, 1),
        ask("juliet@localhost/nowhere", 30),
        ask("localhost", 30),
        ask("juliet@localhost", 30),
        ask("elsewhere.example", 30),
    ];
    let tokens = act(&mut romeo, &steps.concat()).await?;
    heard(&mut romeo, "actor", &format!("timed out {}", tokens[0])).await?;
    for (token, from) in tokens[1..].iter().zip([
        "juliet@localhost/nowhere",
        "localhost",
        "juliet@localhost",
        "elsewhere.example",
    ]) {
        heard(&mut romeo, "actor", &format!("reply {token} error {from}")).await?;
    }
    drop(juliet);
    server.stop().await
}

// seeds: P9
/// A handler may answer later: once, by its token, within the time that it named.
#[tokio::test]
async fn a_request_is_answered_later_and_once() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let late = format!(
        "<iq type='set' id='late' to='localhost'><do xmlns='{NAMESPACE}' later='30'><put key='at' value='x'/></do></iq>"
    );
    juliet.send(&late).await?;
    // The stream goes on meanwhile.
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    assert_eq!(
        juliet.iq("get", "localhost", ping).await?.attr("type"),
        Some("result")
    );
    let token: u64 = step(&mut romeo, "<token/>").await?.parse()?;
    // Tokens are given one after the other: hers was among the last few.
    let tries: String = (token.saturating_sub(20)..token)
        .map(|token| format!("<answer_later token='{token}'/>"))
        .collect();
    let settled = act(&mut romeo, &tries).await?;
    assert_eq!(
        settled.iter().filter(|one| *one == "true").count(),
        1,
        "{settled:?}"
    );
    let answer = juliet
        .wait_for("the late answer", |element| {
            element.attr("id") == Some("late")
        })
        .await?;
    assert_eq!(answer.attr("type"), Some("result"));
    assert_eq!(answer.attr("from"), Some("localhost"));
    assert!(answer.child("settled", NAMESPACE).is_some(), "{answer}");
    let settled = act(&mut romeo, &tries).await?;
    assert!(
        settled.iter().all(|one| one == "false"),
        "not twice: {settled:?}"
    );

    // One that is never answered ends by itself.
    let never = format!(
        "<iq type='set' id='never' to='localhost'><do xmlns='{NAMESPACE}' later='1'/></iq>"
    );
    juliet.send(&never).await?;
    let answer = juliet
        .wait_for("the end of the wait", |element| {
            element.attr("id") == Some("never")
        })
        .await?;
    assert_eq!(
        answer.stanza_error().as_deref(),
        Some("wait/internal-server-error")
    );

    // One that the same call answers.
    let at_once = format!(
        "<iq type='set' id='once' to='localhost'><do xmlns='{NAMESPACE}' later='5'><answer_later/></do></iq>"
    );
    juliet.send(&at_once).await?;
    let answer = juliet
        .wait_for("the answer", |element| element.attr("id") == Some("once"))
        .await?;
    assert_eq!(answer.attr("type"), Some("result"));
    assert!(juliet.is_silent().await, "one answer each");
    server.stop().await
}
