//! Filters of hooks by the class of addressee.

use anyhow::Result;
use waxwing_tests::server::Settings;
use waxwing_tests::{Element, environment};

const NAME: &str = "bounces-to-accounts";

/// The manifest names one class, the host evaluates it: the hook, which refuses everything, is asked about no other stanza.
#[tokio::test]
async fn an_inbound_hook_judges_the_classes_of_addressee_that_it_names() -> Result<()> {
    let component = environment::guest(&format!("fixtures/{NAME}.wasm"))?;
    let config =
        format!("[plugin.{NAME}]\ngrants = [\"inbound\"]\n[[host]]\ndomain = \"other.localhost\"");
    let settings = Settings::new().plugin(&component, NAME).config(&config);
    let server = settings.start().await?;
    let (mut juliet, full) = server.session("juliet").await?;
    let (_romeo, romeo) = server.session("romeo").await?;
    for (to, is_judged) in [
        ("romeo@localhost", true),
        ("nobody@localhost", true),
        ("romeo@other.localhost", true),
        (romeo.as_str(), false),
        (full.as_str(), false),
        ("juliet@localhost", false),
        ("localhost", false),
        ("other.localhost", false),
        ("romeo@verona.example", false),
    ] {
        juliet
            .send(&format!(
                "<message to='{to}' type='chat' id='m'><body>hi</body></message>"
            ))
            .await?;
        juliet
            .send("<iq type='get' id='after' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
            .await?;
        let mut refusal = None;
        loop {
            let is_next = |one: &Element| matches!(one.attr("id"), Some("m" | "after"));
            let next = juliet
                .wait_for("the refusal or the answer", is_next)
                .await?;
            if next.attr("id") == Some("after") {
                break;
            }
            refusal = next.stanza_error();
        }
        let is_refused = refusal.as_deref() == Some("modify/policy-violation");
        assert_eq!(is_refused, is_judged, "{to}: {refusal:?}");
    }
    server.stop().await
}
