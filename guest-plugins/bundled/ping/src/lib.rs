//! XEP-0199: XMPP Ping, for the server and for the sender's own account.
use waxwing_plugin::prelude::*;

const PING: &str = "urn:xmpp:ping";
struct Ping;

impl Plugin for Ping {
    fn manifest() -> Manifest {
        manifest!("answers pings to the server")
            .xep(199, "2.0.1")
            .feature(PING)
            .iq(IqFilter::get(PING, "ping").to_any_server().to_own_account())
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

#[cfg(test)]
mod tests;
