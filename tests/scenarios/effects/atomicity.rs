//! A call is atomic, and nothing that it causes happens before it has returned.

use anyhow::Result;

use super::{act, failing, server, step};

/// A guest that traps after ten writes and three sends has done nothing.
#[tokio::test]
async fn a_call_that_traps_has_stored_and_sent_nothing() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let writes: String = (0..10)
        .map(|n| format!("<put key='k{n}' value='v'/>"))
        .collect();
    let send = |body: &str| {
        format!(
            "<send>&lt;message from='localhost' to='{juliet_jid}'>&lt;body>{body}&lt;/body>&lt;/message></send>"
        )
    };
    let sends: String = (0..3).map(|n| send(&format!("trapped {n}"))).collect();
    let all = format!(
        "{writes}<append log='l' value='v'/><remember key='m' value='v'/><count key='c'/>\
         <timer name='t' ms='100'/><publish name='told' value='v'/>{sends}<trap/>"
    );
    assert_eq!(
        failing(&mut romeo, &all).await?,
        "wait/internal-server-error"
    );

    let after = "<scan prefix=''/><log log='l'/><recall key='m'/><recall key='c'/>";
    let after = act(&mut romeo, after).await?;
    assert_eq!(after, ["", "", "(none)", "0"], "nothing is left of it");
    act(&mut romeo, &send("the next")).await?;
    assert_eq!(
        juliet.message().await?.1,
        "the next",
        "nothing was sent before"
    );
    assert!(
        !step(&mut romeo, "<log log='heard'/>")
            .await?
            .contains("timer t")
    );
    server.stop().await
}

/// The call sees its own changes; others see them all or none.
#[tokio::test]
async fn a_call_sees_its_own_changes_before_they_are_committed() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let steps = "<put key='a1' value='one'/><put key='a2' value='two'/><get key='a1'/><delete key='a2'/><get key='a2'/>\
                 <put key='a3' value='three'/><scan prefix='a'/><scan prefix='a' after='a1'/><scan prefix='a' limit='1'/>";
    let answers = act(&mut romeo, steps).await?;
    let expected = [
        "",
        "",
        "one",
        "",
        "(none)",
        "",
        "a1=one a3=three",
        "a3=three",
        "a1=one more",
    ];
    assert_eq!(answers, expected);
    let again = act(
        &mut romeo,
        "<delete key='a1'/><scan prefix='a'/><get key='a1'/>",
    )
    .await?;
    assert_eq!(again, ["", "a3=three", "(none)"]);
    server.stop().await
}

/// Each of fifty clients adds one hundred times; no addition is lost, and each hook call stays in its stream's order.
#[tokio::test]
async fn counters_of_concurrent_calls_add_up() -> Result<()> {
    let server = server().await?;
    let mut adding = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (mut client, _) = server.session(&format!("user{n}")).await?;
        adding.spawn(async move {
            for _ in 0..25 {
                act(&mut client, "<count key='sum'/>").await?;
            }
            anyhow::Ok(client)
        });
    }
    let mut clients = Vec::new();
    while let Some(added) = adding.join_next().await {
        clients.push(added??);
    }
    assert_eq!(step(&mut clients[0], "<recall key='sum'/>").await?, "500");
    server.stop().await
}

// seeds: P10
/// A hook that takes long over one message keeps the order of its stream.
#[tokio::test]
async fn a_slow_hook_keeps_the_order_of_its_stream() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let mut stanzas = String::new();
    for n in 0..60 {
        let slow = if n % 10 == 5 {
            "<do xmlns='urn:example:actor'><spin ms='5'/></do>"
        } else {
            ""
        };
        stanzas +=
            &format!("<message to='{juliet_jid}' type='chat'><body>{n}</body>{slow}</message>");
    }
    romeo.send(&stanzas).await?;
    for n in 0..60 {
        assert_eq!(
            juliet.message().await?.1,
            n.to_string(),
            "in the order sent"
        );
    }
    server.stop().await
}
