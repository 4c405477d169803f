//! The import `config`.

use waxwing_xmpp::jid;

use crate::instance::state::State;
use crate::model::settings::Scalar;
use crate::wit::bindings::waxwing::plugin::config::Host;

impl Host for State {
    fn boolean(&mut self, key: String) -> wasmtime::Result<Option<bool>> {
        self.charge()?;
        Ok(match self.config.get(&key) {
            Some(Scalar::Boolean(value)) => Some(*value),
            _ => None,
        })
    }

    fn integer(&mut self, key: String) -> wasmtime::Result<Option<i64>> {
        self.charge()?;
        Ok(match self.config.get(&key) {
            Some(Scalar::Integer(value)) => Some(*value),
            _ => None,
        })
    }

    fn text(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.charge()?;
        Ok(match self.config.get(&key) {
            Some(Scalar::Text(value)) => Some(value.clone()),
            _ => None,
        })
    }

    fn texts(&mut self, key: String) -> wasmtime::Result<Option<Vec<String>>> {
        self.charge()?;
        Ok(match self.config.get(&key) {
            Some(Scalar::Texts(value)) => Some(value.clone()),
            _ => None,
        })
    }

    fn is_admin(&mut self, host: String, address: String) -> wasmtime::Result<bool> {
        self.charge()?;
        let (Ok(host), Ok(address)) = (jid::prepare_domain(&host), jid::parse(&address)) else {
            return Ok(false);
        };
        Ok(self.services.server.is_admin(&host, &address.into_bare()))
    }
}
