//! The import `metrics`.

use crate::instance::state::State;
use crate::model::metric_change::MetricChange;
use crate::model::metric_change::MetricRefusal;
use crate::wit::bindings::waxwing::plugin::metrics::{Host, MetricError};

impl Host for State {
    fn count(&mut self, name: String, by: u64) -> wasmtime::Result<Result<(), MetricError>> {
        self.charge()?;
        Ok(self.note(MetricChange::Count(name, by)))
    }

    fn set(&mut self, name: String, value: i64) -> wasmtime::Result<Result<(), MetricError>> {
        self.charge()?;
        Ok(self.note(MetricChange::Set(name, value)))
    }
}

impl State {
    /// Keeps a change until the call has returned.
    fn note(&mut self, figure: MetricChange) -> Result<(), MetricError> {
        self.plugin
            .counters
            .own
            .admit(&figure)
            .map_err(|error| match error {
                MetricRefusal::InvalidName => MetricError::InvalidName,
                MetricRefusal::OtherKind => MetricError::OtherKind,
                MetricRefusal::TooMany => MetricError::TooMany,
            })?;
        self.call.metrics.push(figure);
        Ok(())
    }
}
