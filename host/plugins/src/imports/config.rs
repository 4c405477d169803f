//! The import `config`.

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
}
