//! The import `metrics`.

use crate::accounting::{Figure, FigureError};
use crate::instance::state::State;
use crate::wit::bindings::waxwing::plugin::metrics::{Host, MetricError};

impl Host for State {
    fn count(&mut self, name: String, by: u64) -> wasmtime::Result<Result<(), MetricError>> {
        self.charge()?;
        Ok(self.note(Figure::Count(name, by)))
    }

    fn set(&mut self, name: String, value: i64) -> wasmtime::Result<Result<(), MetricError>> {
        self.charge()?;
        Ok(self.note(Figure::Set(name, value)))
    }
}

impl State {
    /// Keeps a change until the call has returned.
    fn note(&mut self, figure: Figure) -> Result<(), MetricError> {
        self.plugin
            .ledger
            .own
            .admit(&figure)
            .map_err(|error| match error {
                FigureError::InvalidName => MetricError::InvalidName,
                FigureError::OtherKind => MetricError::OtherKind,
                FigureError::TooMany => MetricError::TooMany,
            })?;
        self.call.figures.push(figure);
        Ok(())
    }
}
