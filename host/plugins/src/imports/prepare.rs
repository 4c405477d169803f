//! The import `prepare`: stringprep as the server does it.

use waxwing_xmpp::{jid, sasl};

use crate::instance::state::State;
use crate::wit::bindings::waxwing::plugin::prepare::Host;

impl Host for State {
    fn address(&mut self, text: String) -> wasmtime::Result<Option<String>> {
        self.charge()?;
        Ok(jid::parse(&text).ok().map(|address| address.to_string()))
    }

    fn localpart(&mut self, text: String) -> wasmtime::Result<Option<String>> {
        self.charge()?;
        Ok(jid::prepare_localpart(&text).ok())
    }

    fn domainpart(&mut self, text: String) -> wasmtime::Result<Option<String>> {
        self.charge()?;
        Ok(jid::prepare_domain(&text).ok())
    }

    fn resourcepart(&mut self, text: String) -> wasmtime::Result<Option<String>> {
        self.charge()?;
        Ok(jid::prepare_resource(&text).ok())
    }

    fn password(&mut self, text: String) -> wasmtime::Result<Option<String>> {
        self.charge()?;
        Ok(sasl::prepare_password(&text).ok())
    }
}
