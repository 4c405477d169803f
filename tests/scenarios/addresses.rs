//! A server that may not reserve the addresses that its pool of instances takes.

use anyhow::Result;
use waxwing_tests::server::Settings;

/// Enough for the server and some instances of 4 GiB of addresses each; the pool takes 8 TiB.
const GIB: u32 = 64;

#[tokio::test]
async fn plugins_serve_where_addresses_are_few() -> Result<()> {
    let server = Settings::new().address_space(GIB).start().await?;
    server
        .wait_for_log("making instances of plugins is slow here")
        .await?;
    let (mut client, _) = server.session("juliet").await?;
    for _ in 0..3 {
        let answer = client
            .iq("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
            .await?;
        assert_eq!(answer.attr("type"), Some("result"), "{answer}");
    }
    server.stop().await
}
