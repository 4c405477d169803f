//! One trait for each interface that a plugin can serve.

use crate::{Draft, Element, Manifest, PreAuthStream, Scope, Stanza, StanzaError};

/// The payload of an iq result (or none), or the error to answer with.
pub type Answer = Result<Option<Element>, StanzaError>;

/// What every plugin is (interface `lifecycle`).
pub trait Plugin: Sized + 'static {
    /// Describes the plugin. Must be the same each time; no import but `log` works here.
    fn manifest() -> Manifest;

    /// Makes an instance for the hosts in `scope`, whose configuration `config` reads. The error goes to the operator.
    fn init(scope: Scope) -> Result<Self, String>;

    /// Called once, in one instance, when this plugin and all that it depends on are initialised and about to serve. An
    /// error refuses the plugin, and those that were loaded with it.
    fn started(&self) -> Result<(), String> {
        Ok(())
    }

    /// What the version that is about to take over should know, at most 1 MiB; empty: nothing.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes over what version `from` saved. An error leaves the old version serving.
    fn restore(&self, from: &str, leftovers: &[u8]) -> Result<(), String> {
        let _ = (from, leftovers);
        Ok(())
    }

    /// The last call to this version.
    fn shutdown(&self) {}
}

/// Judges stanzas of local clients before they are routed (interface `inbound`, granted as `inbound`).
pub trait Inbound: Plugin {
    /// Judges a stanza that matched one of the manifest's inbound filters. At most 10 ms of CPU time.
    fn filter(&self, stanza: &Stanza) -> Verdict;
}

/// Serves iq requests (interface `iq-handler`, granted as `iq-handler`).
pub trait IqHandler: Plugin {
    /// Answers a request that matched one of the manifest's iq filters. At most 50 ms of CPU time.
    fn handle(&self, request: &Stanza) -> Answer;
}

/// Serves streams before authentication (interface `pre-auth`, granted as `pre-auth`).
pub trait PreAuth: Plugin {
    /// Stream features to offer on this stream.
    fn features(&self, on: &PreAuthStream) -> Vec<Element>;

    /// Answers an iq request that matched one of the manifest's pre-auth subscriptions.
    fn handle(&self, on: &PreAuthStream, request: &Stanza) -> Answer;
}

/// What becomes of a stanza that an inbound hook judged.
#[must_use = "a verdict decides only when it is returned"]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// The draft goes on instead.
    Replace(Draft),
    /// It ends here without a word (an iq request is answered `service-unavailable`).
    Drop,
    /// Its sender gets this error.
    Bounce(StanzaError),
    /// An iq request is answered with this payload.
    Answer(Option<Element>),
}
