//! What outlives the server: a session does not, what was acknowledged does.

use anyhow::{Result, ensure};
use rustix::process::Signal;
use waxwing_tests::Server;

use super::Managed;

/// After a kill a session cannot be resumed; its client hears what was handled, and the spool has what it had not acknowledged.
#[tokio::test]
async fn after_a_kill_the_client_hears_what_was_handled() -> Result<()> {
    let mut server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    romeo.chat("juliet", "one").await?;
    romeo.chat("juliet", "two").await?;
    assert_eq!(juliet.body().await?, "one");
    juliet.acknowledge().await?;
    romeo.has_handled(3).await?;
    juliet.has_handled(1).await?;
    let lost = juliet.lose();
    // Asleep when it happens.
    romeo.chat("juliet", "three").await?;
    romeo.has_handled(4).await?;
    server.kill().await?;
    server.wait().await?;
    server.start_again().await?;

    assert_eq!(lost.is_refused(&server).await?, Some(1));
    let handled = romeo.lose().is_refused(&server).await?;
    ensure!(
        matches!(handled, Some(1..=4)),
        "what it was told, or a little less: {handled:?}"
    );
    let mut juliet = Managed::again(&server, "juliet", "r").await?;
    assert_eq!(juliet.bodies(2).await?, ["two", "three"]);
    server.stop().await
}

/// The same where the server stops in good order: it says so, and what it says later is exact.
#[tokio::test]
async fn after_a_stop_the_client_hears_exactly_what_was_handled() -> Result<()> {
    let mut server = Server::new().await?;
    let mut romeo = Managed::new(&server, "romeo").await?;
    let mut juliet = Managed::new(&server, "juliet").await?;
    romeo.chat("juliet", "one").await?;
    assert_eq!(juliet.body().await?, "one");
    let asleep = Managed::again(&server, "romeo", "other").await?.lose();
    server.signal(Signal::TERM)?;
    let end = loop {
        let element = match romeo.client.event().await? {
            waxwing_tests::client::Event::Element(element) => element,
            other => anyhow::bail!("{other:?}"),
        };
        if element.name == "error" {
            break element;
        }
    };
    ensure!(end.to_string().contains("system-shutdown"), "{end}");
    let status = server.wait().await?;
    ensure!(status.success(), "{status}");
    server.start_again().await?;
    assert_eq!(romeo.lose().is_refused(&server).await?, Some(2));
    assert_eq!(asleep.is_refused(&server).await?, Some(1));
    let mut juliet = Managed::again(&server, "juliet", "r").await?;
    assert_eq!(juliet.body().await?, "one", "it was not acknowledged");
    server.stop().await
}
