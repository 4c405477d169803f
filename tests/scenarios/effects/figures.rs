//! What a plugin counts itself.

use anyhow::Result;
use waxwing_tests::server::Settings;

use super::{act, failing, with_actor};

/// A call that returned is counted, one that trapped is not; names are few and of one kind; all of it outlives a reload.
#[tokio::test]
async fn a_plugin_counts_what_it_does_and_a_call_that_traps_counts_nothing() -> Result<()> {
    let listen = "[[listen]]\nkind = \"metrics\"\naddress = \"127.0.0.1:0\"";
    let server = with_actor(Settings::new().config(listen), "actor")?
        .start()
        .await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let steps = "<metric name='filtered' by='3'/><metric name='filtered'/><gauge name='open' value='7'/>\
        <gauge name='filtered' value='1'/><metric name='Filtered'/>";
    let answers = act(&mut juliet, steps).await?;
    assert_eq!(answers[..3], ["", "", ""]);
    assert!(answers[3].contains("other-kind"), "{answers:?}");
    assert!(answers[4].contains("invalid-name"), "{answers:?}");
    failing(&mut juliet, "<metric name='filtered' by='100'/><trap/>").await?;
    let many: String = (0..63)
        .map(|number| format!("<metric name='m{number}'/>"))
        .collect();
    let answers = act(&mut juliet, &many).await?;
    assert_eq!(
        answers.iter().filter(|answer| answer.is_empty()).count(),
        62
    );
    assert!(answers[62].contains("too-many"), "{answers:?}");
    let reloaded = server.cli(&["plugin", "reload", "actor"]).await?;
    assert_eq!(reloaded.code, Some(0), "{}", reloaded.stderr);

    let stats = server.cli(&["plugin", "stats", "actor"]).await?.stdout;
    let shows = |name: &str, value: &str| {
        let mut lines = stats.lines();
        lines.any(|line| line.contains(name) && line.ends_with(value))
    };
    assert!(
        shows("its own filtered", " 4") && shows("its own open", " 7"),
        "{stats}"
    );
    let scraped = crate::watching::scrape(&server).await?;
    for line in [
        "waxwing_plugin_own_total{plugin=\"actor\",name=\"filtered\"} 4",
        "waxwing_plugin_own_gauge{plugin=\"actor\",name=\"open\"} 7",
    ] {
        assert!(scraped.lines().any(|found| found == line), "{scraped}");
    }
    server.stop().await
}
