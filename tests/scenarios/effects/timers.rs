//! Timers: due once or again and again, over traps and reloads, until cancelled or unloaded.

use anyhow::Result;

use super::{act, heard, server, step};

fn times(log: &str, name: &str) -> usize {
    let due = format!("timer {name}");
    log.split('|').filter(|line| *line == due).count()
}

// seeds: P13
#[tokio::test]
async fn a_timer_is_due_once_or_repeats_until_cancelled() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let set = "<timer name='once' ms='1'/><timer name='again' ms='150' repeat='yes'/><timer name='never' ms='300'/>\
               <timer name='last' ms='1200'/><timer name='trap' ms='200' repeat='yes'/>";
    act(&mut romeo, set).await?;
    act(&mut romeo, "<cancel name='never'/>").await?;
    heard(&mut romeo, "actor", "timer last").await?;
    act(&mut romeo, "<cancel name='again'/><cancel name='trap'/>").await?;
    let log = step(&mut romeo, "<log log='heard'/>").await?;
    assert_eq!((times(&log, "once"), times(&log, "never")), (1, 0), "{log}");
    assert!(times(&log, "again") >= 3, "{log}");
    // One that traps has written nothing, and the others go on.
    assert_eq!(times(&log, "trap"), 0, "{log}");
    let before = times(&log, "again");
    act(&mut romeo, "<timer name='end' ms='600'/>").await?;
    heard(&mut romeo, "actor", "timer end").await?;
    let log = step(&mut romeo, "<log log='heard'/>").await?;
    assert!(
        times(&log, "again") <= before + 1,
        "it was cancelled: {log}"
    );
    server.stop().await
}

// seeds: P13
#[tokio::test]
async fn timers_survive_a_reload_and_go_when_the_plugin_does() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    act(&mut romeo, "<timer name='kept' ms='1500'/>").await?;
    let reloaded = server.cli(&["plugin", "reload", "actor"]).await?;
    assert_eq!(reloaded.code, Some(0), "{}", reloaded.stderr);
    heard(&mut romeo, "actor", "timer kept").await?;

    act(&mut romeo, "<timer name='lost' ms='600'/>").await?;
    let file = server.plugins().join("actor.wasm");
    let aside = server.plugins().join("actor.aside");
    std::fs::rename(&file, &aside)?;
    server.wait_for_log("unloaded").await?;
    std::fs::rename(&aside, &file)?;
    for _ in 0..400 {
        let answer = romeo
            .iq(
                "set",
                "localhost",
                "<do xmlns='urn:example:actor'><timer name='new' ms='900'/></do>",
            )
            .await?;
        if answer.attr("type") == Some("result") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    heard(&mut romeo, "actor", "timer new").await?;
    let log = step(&mut romeo, "<log log='heard'/>").await?;
    assert_eq!(times(&log, "lost"), 0, "unloading cancels: {log}");
    server.stop().await
}

// seeds: P5, P13
/// Checklist P5: disabled, a plugin has no timers, and enabled again it has none of the old ones.
#[tokio::test]
async fn disabling_a_plugin_ends_its_timers() -> Result<()> {
    let server = server().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let set = "<timer name='lost' ms='700'/><timer name='again' ms='300' repeat='yes'/>";
    act(&mut romeo, set).await?;
    heard(&mut romeo, "actor", "timer again").await?;
    for command in ["disable", "enable"] {
        let done = server.cli(&["plugin", command, "actor"]).await?;
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    }
    let before = step(&mut romeo, "<log log='heard'/>").await?;
    // Longer than either was to take, by a timer of the same clock.
    act(&mut romeo, "<timer name='new' ms='1500'/>").await?;
    heard(&mut romeo, "actor", "timer new").await?;
    let after = step(&mut romeo, "<log log='heard'/>").await?;
    for name in ["lost", "again"] {
        assert_eq!(times(&after, name), times(&before, name), "{name}: {after}");
    }
    server.stop().await
}
