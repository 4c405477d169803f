//! XEP-0199: XMPP Ping, for the server and for the sender's own account.
use waxwing_plugin::prelude::*;

struct Ping;

impl Plugin for Ping {
    fn manifest() -> Manifest {
        Manifest::new(
            "ping",
            env!("CARGO_PKG_VERSION"),
            "answers pings to the server",
        )
        .xep(199, "2.0.1")
        .feature("urn:xmpp:ping")
        .iq(IqFilter::get("urn:xmpp:ping", "ping")
            .to_server()
            .to_own_account())
    }
    fn init(_: Scope) -> Result<Self, String> {
        Ok(Self)
    }
}
impl IqHandler for Ping {
    fn handle(&self, _: &Stanza) -> Answer {
        Ok(None)
    }
}
waxwing_plugin::plugin!(Ping: IqHandler);
