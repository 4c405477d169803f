//! Accounts from the command line, on a running and on a stopped server.

use anyhow::Result;
use waxwing_tests::{Login, Server};

#[tokio::test]
async fn an_account_made_beside_the_running_server_logs_in() -> Result<()> {
    let server = Server::new().await?;
    let (client, _) = server.session("juliet").await?;
    let listed = server.cli(&["user", "list", "--json"]).await?;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.stdout.contains("juliet@localhost"), "{listed:?}");
    client.close().await?;
    server.stop().await
}

// seeds: R20
#[tokio::test]
async fn a_disabled_account_is_out_until_it_is_enabled() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    assert_eq!(
        server
            .cli(&["user", "disable", "juliet@localhost"])
            .await?
            .code,
        Some(0)
    );
    assert!(
        server.log_in(&Login::new("juliet")).await.is_err(),
        "no new session"
    );
    client.until_end().await?;
    assert_eq!(
        server
            .cli(&["user", "enable", "juliet@localhost"])
            .await?
            .code,
        Some(0)
    );
    server.log_in(&Login::new("juliet")).await?;
    server.stop().await
}

#[tokio::test]
async fn a_removed_account_loses_its_sessions_and_its_name_inherits_nothing() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    assert_eq!(
        server
            .cli(&["user", "remove", "juliet@localhost"])
            .await?
            .code,
        Some(0)
    );
    assert_eq!(client.stream_error().await?, "not-authorized");
    assert!(server.log_in(&Login::new("juliet")).await.is_err());
    server.account("juliet").await?;
    server.log_in(&Login::new("juliet")).await?;
    server.stop().await
}

#[tokio::test]
async fn a_name_is_given_once() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    assert!(server.account("juliet").await.is_err());
    let printed = server.cli(&["user", "remove", "nobody@localhost"]).await?;
    assert_eq!(printed.code, Some(1));
    assert_eq!(
        printed.stderr.trim_end().lines().count(),
        1,
        "one clear line: {printed:?}"
    );
    server.stop().await
}
