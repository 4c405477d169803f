//! The interface `lifecycle`, which every plugin has.

use crate::{Element, Manifest, Scope, StanzaError};

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
    fn restore(&self, from: &str, state: &[u8]) -> Result<(), String> {
        let _ = (from, state);
        Ok(())
    }

    /// The last call to this version.
    fn shutdown(&self) {}
}
