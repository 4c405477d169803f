//! Sessions that somebody else ends: nothing that they say afterwards is heard.

use anyhow::{Result, ensure};
use waxwing_tests::Server;

use super::Online;

/// Says something to juliet and changes the roster, on a stream that the server has ended; hears why it has.
async fn speak_too_late(mut ended: Online, condition: &str) -> Result<()> {
    let late = "<message to='juliet@localhost' type='chat'><body>late</body></message>\
                <iq type='set' id='late'><query xmlns='jabber:iq:roster'><item jid='late@localhost'/></query></iq>\
                <presence type='subscribe' to='juliet@localhost'/>";
    ended.client.send_if_open(late.as_bytes()).await;
    let said = ended.client.stream_error().await?;
    ensure!(said == condition, "{said}");
    Ok(())
}

/// Another session of the account takes its resource.
#[tokio::test]
async fn a_session_whose_resource_was_taken_is_not_heard() -> Result<()> {
    let server = Server::new().await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    let mut romeo = Online::new(&server, "romeo").await?;
    juliet.heard().await?;
    for _ in 0..3 {
        let next = Online::again(&server, "romeo", "r").await?;
        speak_too_late(std::mem::replace(&mut romeo, next), "conflict").await?;
        ensure!(juliet.heard().await?.is_empty());
        ensure!(romeo.roster().await?.is_empty());
    }
    server.stop().await
}

// seeds: H23
/// The operator forbids the account to log in, or removes it.
#[tokio::test]
async fn a_session_of_an_account_that_may_not_log_in_is_not_heard() -> Result<()> {
    let server = Server::new().await?;
    let mut juliet = Online::new(&server, "juliet").await?;
    juliet.heard().await?;
    for (user, word) in [("romeo", "disable"), ("tybalt", "remove")] {
        let online = Online::new(&server, user).await?;
        let jid = format!("{user}@localhost");
        let printed = server.cli(&["user", word, &jid]).await?;
        ensure!(printed.code == Some(0), "{printed:?}");
        speak_too_late(online, "not-authorized").await?;
        ensure!(juliet.heard().await?.is_empty(), "{word}");
        if word == "remove" {
            server.account(user).await?;
        } else {
            server.cli(&["user", "enable", &jid]).await?;
        }
        let mut online = Online::again(&server, user, "r").await?;
        ensure!(online.roster().await?.is_empty(), "{word}");
    }
    server.stop().await
}
