//! The import `disco`: what all plugins registered.

use crate::bindings::waxwing::plugin::disco::{Host, Identity};
use crate::state::State;

impl Host for State {
    fn identities(&mut self, host: String) -> wasmtime::Result<Vec<Identity>> {
        self.charge()?;
        if !self.shared.serves(&host) {
            return Ok(Vec::new());
        }
        let label = Some("Waxwing".to_owned());
        Ok(vec![Identity {
            category: "server".to_owned(),
            kind: "im".to_owned(),
            label,
        }])
    }

    fn features(&mut self, host: String) -> wasmtime::Result<Vec<String>> {
        self.charge()?;
        if !self.shared.serves(&host) {
            return Ok(Vec::new());
        }
        Ok(self.shared.registry.now().features().cloned().collect())
    }
}
